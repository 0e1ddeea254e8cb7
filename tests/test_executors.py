"""Sweeps: every run is made once, by whom it may be, and one that fails costs no other."""

import json
import os
import subprocess
import sys
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import sweep as sweep_tool

from equivar.data import DataMissing
from equivar.runs import Busy, Made, Spec, Store, executors
from equivar.runs.executors import InThisProcess, StoreNotShared, opened
from equivar.runs.results import run_all

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Sample:
    """A run of one number, which may fail, and counts how often it is made."""

    n: int
    error: Exception | None = None
    made: list[int] = field(default_factory=list, compare=False)

    @property
    def columns(self):
        return {"n": self.n}

    @property
    def spec(self):
        return Spec("sample", 1, {"n": self.n}, label=str(self))

    def __str__(self):
        return f"sample {self.n}"

    def make(self, work, store):
        self.made.append(self.n)
        if self.error:
            raise self.error
        return Made({"scores": pd.DataFrame({"score": [self.n / 8]})}, None, {"half": self.n / 2})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs", results=tmp_path / "results")


def test_a_run_that_fails_is_told_and_the_others_are_made(store, capsys):
    runs = [Sample(n, ArithmeticError(f"no {n}") if n in (1, 3) else None) for n in range(5)]
    with pytest.raises(ArithmeticError, match="no 1") as caught:
        run_all(runs, store)
    assert caught.value.__notes__ == [
        "2 of 5 runs failed; the others are in the store:",
        "  sample 1: ArithmeticError: no 1",
        "  sample 3: ArithmeticError: no 3",
    ]
    assert [store.find(one.spec) is not None for one in runs] == [True, False, True, False, True]
    said = capsys.readouterr().err
    assert "failed: sample 1: ArithmeticError: no 1" in said
    assert "runs: 1 done, 0 running, 3 waiting, 1 failed, about 0 s left" in said
    assert said.splitlines()[-1] == "runs: 3 done, 0 running, 0 waiting, 2 failed"
    found = run_all([one for one in runs if not one.error], store)
    assert found.scores["n"].tolist() == [0, 2, 4]
    assert all(one.made == [one.n] for one in runs)  # none of them twice


def test_any_executor_of_the_standard_library_will_do(store):
    runs = [Sample(n) for n in (3, 1, 2)]
    with ThreadPoolExecutor(2) as executor:
        found = run_all(runs, store, executor)
    assert found.scores["n"].tolist() == [3, 1, 2]
    assert found.summary["half"].tolist() == [1.5, 0.5, 1.0]


def test_equal_runs_are_made_once(store):
    one = Sample(1)
    assert len(run_all([one, one], store).summary) == 2 and one.made == [1]


def test_runs_that_others_are_making_are_waited_for_last(store):
    order = []

    class Busily(InThisProcess):
        """Tells the first time that run 0 is being made elsewhere."""

        def submit(self, function, one, store, wait, place):
            order.append((one.n, wait))
            if one.n == 0 and not wait:
                future = Future()
                future.set_exception(Busy("another process is making it"))
                return future
            return super().submit(function, one, store, wait, place)

    assert len(run_all([Sample(n) for n in range(3)], store, Busily()).summary) == 3
    assert order == [(0, False), (1, False), (2, False), (0, True)]


def test_a_store_that_workers_do_not_share_is_noticed(store, tmp_path):
    class Elsewhere(InThisProcess):
        def submit(self, function, one, _store, *arguments):
            other = Store(tmp_path / "other", results=tmp_path / "none")
            return super().submit(function, one, other, *arguments)

    with pytest.raises(StoreNotShared, match=r"sample 1 was made, but not into .*runs"):
        run_all([Sample(1)], store, Elsewhere())


def test_an_executor_that_loses_its_word_loses_no_run(store, monkeypatch):
    """dask does where its scheduler dies while a worker's answer is on its way."""

    class Silent(Executor):
        def submit(self, function, *arguments):
            function(*arguments)
            return Future()  # that never ends

    monkeypatch.setattr(executors, "LOOK_EVERY", 0.01)
    assert len(run_all([Sample(n) for n in range(2)], store, Silent()).summary) == 2


def test_runs_without_data_are_missing_not_failed(store, capsys):
    runs = [Sample(0), Sample(1, DataMissing("the data are not here"))]
    found = run_all(runs, store)
    assert found.missing == ("sample 1: the data are not here",) and len(found.summary) == 1
    assert "runs: 1 done, 0 running, 0 waiting, 0 failed, 1 without data" in capsys.readouterr().err
    with pytest.raises(DataMissing):
        run_all(runs[1:], store)


def test_ctrl_c_goes_through(store):
    one, after = Sample(0), Sample(1)
    one.__dict__["error"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run_all([one, after], store)
    assert not after.made


@pytest.mark.parametrize(
    "seconds, words", [(3, "3 s"), (99, "99 s"), (120, "2 min"), (9000, "2.5 h")]
)
def test_spans_of_time_in_words(seconds, words):
    assert executors.span(seconds) == words


# Schedulers


@pytest.mark.parametrize("name", ["slurm", "tcp://", "tcp:8786", "local:", "local:0", "local:two"])
def test_a_wrong_scheduler_is_refused(name, monkeypatch):
    monkeypatch.setenv(executors.VARIABLE, name)
    with pytest.raises(ValueError, match=f"scheduler '{name}': tcp://host:port, or local:N"):
        opened().__enter__()


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install -e '\.\[cluster\]'"):
        opened("local:2").__enter__()


def test_runs_that_are_there_need_no_scheduler(store, monkeypatch):
    runs = [Sample(0)]
    run_all(runs, store)
    monkeypatch.setenv(executors.VARIABLE, "nonsense")
    assert len(run_all(runs, store).summary) == 1
    with pytest.raises(ValueError, match="nonsense"):
        run_all([Sample(1)], store)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="dask is not installed")
    client = distributed.Client
    monkeypatch.setattr(
        distributed, "Client", lambda address, **more: client(address, **more | {"timeout": "1 s"})
    )
    with pytest.raises(OSError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9:"):
        opened("tcp://127.0.0.1:9").__enter__()


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """What tests/dask_sweeps.py found: a scheduler and two workers on this machine."""
    if not find_spec("distributed"):
        pytest.skip("dask is not installed: pip install -e '.[cluster]'")
    command = [sys.executable, ROOT / "tests" / "dask_sweeps.py", tmp_path_factory.mktemp("dask")]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_workers_give_the_same_tables_and_a_failing_run_stops_none(swept):
    found = swept["same_tables"]
    assert found["equal"] and found["rows"] == 3
    assert found["seeds"] == [0, 1, 2, 3]  # each once, also over the second sweep
    assert found["processes"] >= 1  # and not in the process that asks
    assert found["error"] == "seed 3 is out of luck"
    assert "  trial, 3, seed 3: ArithmeticError: seed 3 is out of luck" in found["notes"]


def test_two_sweeps_at_once_make_each_run_once(swept):
    assert swept["two_sweeps"] == {"found": [4, 4], "seeds": [0, 1, 2, 3]}


def test_a_killed_worker_is_replaced_and_its_run_goes_on(swept):
    found = swept["killed_worker"]
    assert found["equal"] and found["replaced"]
    assert found["began"] == 0 and found["stood"] >= 20  # steps: from its checkpoint


def test_a_restarted_scheduler_repeats_no_finished_run(swept):
    found = swept["restarted_scheduler"]
    assert not found["hung"] and found["seconds"] < 40
    assert found["done"] >= 2 and found["again"] == [] and found["rows"] == 6
    assert any("the scheduler is gone, or was started anew" in note for note in found["said"])


# The tool


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
