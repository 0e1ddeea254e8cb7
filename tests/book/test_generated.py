"""The tables of the page on reproducing, made from what runs leave behind."""

import json

import generated


def left_behind(folder, name, seconds, threads, device="x86_64"):
    run = folder / name
    run.mkdir(parents=True)
    note = {"seconds": seconds, "threads": threads, "device": device}
    (run / "provenance.json").write_text(json.dumps(note))


def test_runs_are_counted_and_their_hours_added(tmp_path):
    chapter = tmp_path / "standard" / "04-a"
    left_behind(chapter, "one", 1800, 1)
    left_behind(chapter, "two", 3600, 8)
    (tmp_path / "standard" / "05-empty").mkdir()
    lines = generated.results_table(tmp_path).splitlines()
    assert lines[2:] == ["| 04-a | standard | 2 | 1.50 | x86_64, 1 thread, x86_64, 8 threads |"]


def test_without_results_the_page_says_so(tmp_path):
    assert generated.results_table(tmp_path / "none") == "No results are committed.\n"


def test_a_chapter_has_the_time_that_its_run_took(tmp_path):
    for name, noted in {"01-a": {"duration": 61.7}, "02-b": {}}.items():
        ran = {"cells": [], "metadata": {"papermill": noted}}
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(ran))
    lines = generated.chapters_table(sorted(tmp_path.glob("*.ipynb"))).splitlines()
    assert lines[2:] == [
        "| [](../notebooks/01-a.ipynb) | 62 |",
        "| [](../notebooks/02-b.ipynb) | not noted |",
    ]


def test_how_many_runs_would_settle_a_claim():
    """By hand: three runs with half an interval of .3 have a deviation of .3 sqrt(3) / 4.303."""
    assert generated.enough(3, 0.3, 0.1) == 9  # 2.306 x .1208 / 3 = .093, and .101 with eight
    assert generated.enough(5, 0.1, 0.1) == "close to the border"
    assert generated.enough(3, 100, 0.01) == "more than 1000"
