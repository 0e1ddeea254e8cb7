"""Runs that train a network and measure it: made once, found again, and named where data lack."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from schedules import TASKS

from equivar import data as datasets
from equivar import training
from equivar.chapters import c04_tasks
from equivar.runs import Store, folder
from equivar.runs.results import run_all
from equivar.runs.trained import trained_network


def test_what_was_trained_is_not_trained_again(tasks, small_runs, monkeypatch):
    monkeypatch.setattr(training, "train", None)
    again = c04_tasks.tables(c04_tasks.Parameters(**TASKS), small_runs)
    pd.testing.assert_frame_equal(again.scores, tasks.scores)
    pd.testing.assert_frame_equal(again.history, tasks.history)


def test_a_part_of_the_runs_asks_for_no_others(tasks, small_runs, monkeypatch):
    monkeypatch.setattr(training, "train", None)
    p = c04_tasks.Parameters(**TASKS | {"tasks": ("rot-eq",), "seeds": (1,)})
    fewer = c04_tasks.tables(p, small_runs)
    assert len(fewer.summary) == 1


def test_the_stored_network_is_the_trained_one(tasks, small_runs):
    one = c04_tasks.runs(c04_tasks.Parameters(**TASKS))[1]
    model = trained_network(one, small_runs)
    row = tasks.summary.query("task == 'rot-inv' and seed == 0").iloc[0]
    assert training.accuracy(model, one.load("test").subset(20)) == row["accuracy"]


def test_results_without_data_tell_which_runs_are_missing(tasks, small_runs, tmp_path, monkeypatch):
    """As with committed tables on a machine that has no data: one of six runs is not there."""
    runs = c04_tasks.runs(c04_tasks.Parameters(**TASKS))
    results = tmp_path / "results"
    for one in runs[:-1]:
        folder.copy_results(small_runs.find(one.spec), results / "standard" / "04")

    def absent(*_, **__):
        raise datasets.DataMissing("digits is missing: it belongs elsewhere")

    monkeypatch.setattr(datasets, "load", absent)
    found = run_all(runs, Store(tmp_path / "empty", results=results))
    assert len(found.summary) == 5
    assert found.missing == (
        "mnist6-tasks, rot-eq, seed 1: digits is missing: it belongs elsewhere",
    )
    pd.testing.assert_frame_equal(
        found.scores, tasks.scores[: len(found.scores)].reset_index(drop=True)
    )
    with pytest.raises(datasets.DataMissing, match="digits is missing"):
        run_all(runs, Store(tmp_path / "empty", results=tmp_path / "none"))


# Measured again


@pytest.fixture(scope="module")
def finished(few_images, tmp_path_factory):
    """A run with snapshots as the first edition left it: its tables lack what came later."""
    root = tmp_path_factory.mktemp("finished")
    store = Store(root / "runs", results=root / "results")
    p = c04_tasks.Parameters(**TASKS | {"tasks": ("plain",), "seeds": (0,)})
    [one] = c04_tasks.runs(p)
    run = store.make(one)
    old = run.table("scores").drop(columns=["corrected", "excess"])
    tables = {"scores": old, "history": run.table("history")}
    made = folder.Made(tables, run.weights(), run.facts, run.snapshot_files)
    facts = {name: value for name, value in run.provenance.items() if name != "facts"}
    shutil.rmtree(run.path)
    folder.write(run.path, made, facts)
    return store, one, run


def test_a_finished_run_is_measured_again_as_this_version_does(finished, tmp_path, monkeypatch):
    store, one, new = finished
    store = _copy(store, tmp_path)
    old = store.find(one.spec)
    assert "corrected" not in old.table("scores") and old.tables == ["history", "scores"]
    monkeypatch.setattr(training, "train", None)
    again = store.measure_again(one)
    assert again.path == old.path and again.provenance["key"] == one.spec.key
    assert again.tables == ["history", "parts", "removed", "scores"]
    for name in again.tables:  # as if it had been made today
        pd.testing.assert_frame_equal(again.table(name), new.table(name), atol=1e-5)
    assert {"corrected", "excess"} <= set(again.table("removed"))
    weights, before = again.weights(), old.weights()
    assert set(weights) == set(before)
    assert all(torch.equal(weights[name], before[name]) for name in before)
    assert again.snapshot_files == old.snapshot_files and len(again.snapshots()) > 1
    # what made it stays, and is told apart from what measured it
    kept = {name: value for name, value in again.provenance.items() if name != "measured_again"}
    assert kept == old.provenance and "measured_again" in again.provenance
    assert store.find(one.spec, weights=True).table("scores").equals(again.table("scores"))
    assert sorted(path.name for path in store.root.iterdir()) == [".locks", one.spec.name]
    twice = store.measure_again(one)
    pd.testing.assert_frame_equal(twice.table("scores"), again.table("scores"))


def test_what_is_not_there_is_not_measured_again(finished, tmp_path):
    store, one, _ = finished
    results = tmp_path / "results"
    folder.copy_results(store.find(one.spec), results / "standard" / "04")
    for empty in (Store(tmp_path / "a", results=results), Store(tmp_path / "b", results=tmp_path)):
        with pytest.raises(FileNotFoundError, match="plain, seed 0: no run with weights"):
            empty.measure_again(one)
    assert Store(tmp_path / "a", results=results).find(one.spec)  # its results stay as they are


def test_a_run_that_fails_to_be_measured_again_stays_as_it_was(finished, tmp_path, monkeypatch):
    store, one, _ = finished
    store = _copy(store, tmp_path)
    before = store.find(one.spec).table("scores")

    def fail(self, model, test):
        raise RuntimeError("out of luck")

    with monkeypatch.context() as patch:
        patch.setattr(type(one), "tables", fail)
        with pytest.raises(RuntimeError, match="out of luck"):
            store.measure_again(one)
    pd.testing.assert_frame_equal(store.find(one.spec).table("scores"), before)


def _copy(store, into):
    shutil.copytree(store.root, into / "runs")
    return Store(into / "runs", results=into / "results")


def test_replicates_are_kept_where_they_are_asked_for(small_runs):
    """They change no key: the run is the same."""
    one = c04_tasks.runs(c04_tasks.Parameters(**TASKS | {"tasks": ("plain",), "seeds": (0,)}))[0]
    asked = replace(one, replicates=True)
    assert asked.spec.key == one.spec.key
    work = small_runs.root / "asked"
    work.mkdir()
    made = asked.measured_again(small_runs.make(one, weights=True))
    found, parts = made.tables["replicates"], made.tables["parts"]
    assert list(found.columns) == [
        "transforms", "part", "kind", "group", "score", "chance", "corrected", "excess",
    ]  # fmt: skip
    counts = found.groupby(["transforms", "part", "kind"]).size()
    rows = parts.set_index(["transforms", "part", "kind"])
    assert (counts == rows["groups"].reindex(counts.index)).all()
    # the jackknife over them gives the errors of the parts
    for name in ("score", "corrected"):
        of = found.groupby(["transforms", "part", "kind"])[name]
        error = np.sqrt((of.size() - 1) * of.var(ddof=0))
        told = rows["se" if name == "score" else f"{name}_se"].reindex(error.index)
        np.testing.assert_allclose(error, told, rtol=1e-4, atol=1e-6)


def test_too_few_images_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"400 images asked for, mnist6\(digits\) test has 299"):
        c04_tasks.tables(c04_tasks.Parameters(**TASKS | {"images": 400}), Store(tmp_path))
