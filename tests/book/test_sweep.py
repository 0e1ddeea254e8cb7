"""tools/sweep.py: which runs it lists, makes, publishes and hands to a cluster."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sweep as sweep_tool
from places import ROOT
from sample_run import Sample
from schedules import TASKS

from equivar.chapters import c04_tasks
from equivar.data import Sheet
from equivar.runs import Store

CHAPTER = "notebooks/04-mnist6-tasks.ipynb"


def test_only_leaves_a_chapter_that_follows_it(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("EQUIVAR_RUNS", str(tmp_path))
    assert sweep_tool.main(["--list", "--only", "2", str(ROOT / CHAPTER)]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.split()[0] == "2" and "rot-inv, seed 0" in line
    assert sweep_tool.main(["--list", "--only", "0", str(ROOT / CHAPTER)]) == 1


def test_chapters_are_numbered_through_and_a_common_run_has_one_number(capsys, monkeypatch):
    monkeypatch.setattr(sweep_tool, "runs_of", lambda notebook, _: {
        "04": [Sample(0), Sample(1)], "05": [Sample(1), Sample(2)]}[notebook.stem])  # fmt: skip
    assert sweep_tool.main(["--list", "04", "05"]) == 0
    numbers = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert numbers == ["1", "2", "2", "3"]


def test_every_failed_run_is_named_by_the_tool(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("EQUIVAR_RUNS", str(tmp_path))
    runs = [Sample(n, ArithmeticError(f"no {n}")) for n in range(2)] + [Sample(2)]
    monkeypatch.setattr(sweep_tool, "runs_of", lambda *_: runs)
    assert sweep_tool.main(["any"]) == 1
    said = capsys.readouterr().err
    assert "sweep failed: no 0\n2 of 3 runs failed" in said and "sample 1: ArithmeticE" in said
    assert "Traceback" not in said and Store(tmp_path).find(runs[2].spec)


@pytest.mark.skipif(sys.platform == "win32", reason="a script for bash")
def test_the_job_array_asks_for_one_run_a_task(tmp_path, capsys):
    """The script is really run, with a program that tells its arguments in place of Python."""
    assert sweep_tool.main(["--sbatch", "--profile", "quick", CHAPTER]) == 0
    script = capsys.readouterr().out
    assert "#SBATCH --array=1-9\n" in script
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    env = {"PATH": os.environ["PATH"], "SLURM_SUBMIT_DIR": str(tmp_path)}
    env |= {"SLURM_ARRAY_TASK_ID": "7"}
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True)
    assert done.stdout.split() == [
        "tools/sweep.py", "--profile", "quick", CHAPTER, "--only", "7"]  # fmt: skip
    options = sweep_tool.arguments(done.stdout.split()[1:])
    assert options.only == [7] and options.chapters == [Path(CHAPTER)]


def test_the_sweep_tool_lists_and_refuses(capsys):
    chapter = str(ROOT / "notebooks" / "04-mnist6-tasks.ipynb")
    assert sweep_tool.main([chapter, "--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == 9 and "rot-eq, seed 2" in listed[-1]
    assert sweep_tool.main([chapter, "--list", "--only", "10"]) == 1
    assert "there are runs 1 to 9" in capsys.readouterr().err
    assert sweep_tool.main([str(ROOT / "notebooks" / "01-toy-gaussian-cnns.ipynb")]) == 1
    assert "no runs of the store are asked for by" in capsys.readouterr().err


def test_the_sweep_tool_makes_and_publishes_runs(few_images, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIVAR_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(sweep_tool, "ROOT", tmp_path)
    monkeypatch.setattr(sweep_tool, "RESULTS", tmp_path / "results")
    chapter = tmp_path / "04-mnist6-tasks.ipynb"
    runs = c04_tasks.runs(c04_tasks.Parameters(**TASKS))
    monkeypatch.setattr(sweep_tool, "runs_of", lambda *_: runs)
    monkeypatch.setattr(sweep_tool, "keep_pictures", lambda *_: None)  # of a chapter without cells
    chapter.write_text("{}")
    assert sweep_tool.main([str(chapter), "--only", "1", "2"]) == 0
    assert sweep_tool.main([str(chapter), "--publish"]) == 0
    published = sorted((tmp_path / "results" / "quick" / chapter.stem).iterdir())
    assert len(published) == 2
    assert sorted(path.name for path in published[0].iterdir()) == [
        "history.csv", "manifest.json", "parts.csv", "provenance.json", "removed.csv",
        "scores.csv"]  # fmt: skip
    assert capsys.readouterr().out.count("not made") == 4


@pytest.mark.parametrize("there", [True, False])
def test_pictures_of_data_at_hand_are_kept_with_the_results(there, monkeypatch, tmp_path):
    chapter = ROOT / "notebooks" / "04-mnist6-tasks.ipynb"
    target = tmp_path / "results" / "standard" / chapter.stem / "pictures.png"
    target.parent.mkdir(parents=True)
    monkeypatch.setattr(sweep_tool, "RESULTS", tmp_path / "results")
    pixels = [np.full((4, 4), value, np.uint8) for value in (0, 255)]
    made = Sheet("mnist" if there else "digits", {"plain": pixels}, {"plain": ["2", "3"]})
    monkeypatch.setattr(c04_tasks, "pictures", lambda p: made)
    monkeypatch.setattr(sweep_tool, "ROOT", tmp_path)
    monkeypatch.setattr(sweep_tool, "for_chapter", lambda *_: {"data": "mnist"})
    sweep_tool.keep_pictures(chapter, "standard")
    assert target.exists() == there
    if there:
        assert Sheet.read(target).labels == made.labels
