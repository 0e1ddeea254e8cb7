"""Runs that train a network and measure it: made once, found again, and named where data lack."""

import pandas as pd
import pytest
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


def test_too_few_images_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"400 images asked for, mnist6\(digits\) test has 299"):
        c04_tasks.tables(c04_tasks.Parameters(**TASKS | {"images": 400}), Store(tmp_path))
