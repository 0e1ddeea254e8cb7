"""Stored runs: made once, found again, and checked when they are read."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch
import torch

from equivar.runs import Busy, Made, RunDamaged, Spec, Store, folder

SPEC = Spec("trial", 1, {"epochs": 2, "augment": ["crop"]}, {"digits train": "ab12"})
TABLE = pd.DataFrame({"layer": ["a", "b"], "score": [0.1, float("nan")]})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs", results=tmp_path / "results")


class Maker:
    """Makes a small run, and counts how often."""

    def __init__(self):
        self.times = 0

    def __call__(self, work):
        self.times += 1
        return Made({"scores": TABLE}, {"weight": torch.arange(6.0).view(2, 3)}, {"accuracy": 0.5})


# Made once, read again


def test_a_run_is_made_once_and_read_again(store):
    make = Maker()
    first, second = store.get(SPEC, make), store.get(SPEC, make)
    assert make.times == 1
    for run in (first, second, store.find(SPEC)):
        pd.testing.assert_frame_equal(run.table("scores"), TABLE)
        assert torch.equal(run.weights()["weight"], torch.arange(6.0).view(2, 3))
        assert run.facts == {"accuracy": 0.5}
    assert [path.name for path in store.root.iterdir() if path.name != ".locks"] == [SPEC.name]
    with pytest.raises(KeyError, match="no table 'history'; it has scores"):
        first.table("history")


def test_provenance_tells_what_made_the_run_and_nothing_of_the_person(store, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    run = store.get(SPEC, Maker())
    found = run.provenance
    assert (found["key"], found["parameters"], found["inputs"]) == (
        SPEC.key, SPEC.facts["parameters"], SPEC.inputs)  # fmt: skip
    assert {"seconds", "device", "threads", "versions", "commit"} <= set(found)
    text = (run.path / folder.PROVENANCE).read_text()
    assert "hunter2" not in text and str(Path.home()) not in text and str(store.root) not in text


def test_a_run_that_fails_leaves_nothing_that_counts_as_made(store):
    def fail(work):
        (work / "half").write_text("done")
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        store.get(SPEC, fail)
    assert store.find(SPEC) is None

    def go_on(work):
        assert (work / "half").read_text() == "done"
        return Maker()(work)

    store.get(SPEC, go_on)


def test_what_was_left_by_a_process_killed_at_the_very_end_is_cleared_up(store):
    run = store.get(SPEC, Maker())
    work = run.path.with_name(f"{SPEC.name}.work")
    work.mkdir()
    (work / "half").write_text("done")
    store.get(SPEC, Maker())
    assert not work.exists()


def test_a_run_that_another_is_making_is_busy(store):
    entered, leave = threading.Event(), threading.Event()

    def slow(work):
        entered.set()
        leave.wait(20)
        return Maker()(work)

    thread = threading.Thread(target=store.get, args=(SPEC, slow))
    thread.start()
    assert entered.wait(20)
    with pytest.raises(Busy, match="another process is making trial"):
        store.get(SPEC, Maker(), wait=False)
    leave.set()
    thread.join(20)
    assert store.find(SPEC)


def test_snapshots_are_kept_with_the_run_by_epoch(store):
    half = {"linear.weight": torch.ones(2, 3, dtype=torch.float16)}
    made = Made({"scores": TABLE}, files={
        f"snapshot-{epoch:04d}.safetensors": safetensors.torch.save(half) for epoch in (0, 16)
    })  # fmt: skip
    run = store.get(SPEC, lambda work: made)
    assert list(run.snapshots()) == [0, 16]
    assert torch.equal(run.snapshots()[16]["linear.weight"], half["linear.weight"])


def test_committed_results_are_found_but_hold_no_weights(store, tmp_path):
    snapshot = {"snapshot-0001.safetensors": safetensors.torch.save({"x": torch.ones(1)})}
    make = Maker()
    run = store.get(SPEC, lambda work: replace(make(work), files=snapshot))
    assert list(run.snapshots()) == [1]
    copied = folder.copy_results(run, tmp_path / "results" / "standard" / "04-tasks")
    assert {path.name for path in copied.iterdir()} == {
        "scores.csv", "provenance.json", "manifest.json"}  # fmt: skip
    elsewhere = Store(tmp_path / "empty", results=tmp_path / "results")
    make = Maker()
    found = elsewhere.get(SPEC, make)
    assert make.times == 0
    pd.testing.assert_frame_equal(found.table("scores"), TABLE)
    with pytest.raises(FileNotFoundError, match="results only, no weights"):
        found.weights()
    assert found.snapshots() == {}
    assert elsewhere.find(SPEC, weights=True) is None


# Damage


FILES = ("scores.csv", "weights.safetensors", "provenance.json", "manifest.json")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", ["truncated", "flipped", "absent"])
def test_a_damaged_run_is_named_put_aside_and_made_again(store, file, damage):
    make = Maker()
    path = store.get(SPEC, make).path / file
    content = path.read_bytes()
    if damage == "absent":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    with pytest.warns(UserWarning, match=rf"{SPEC.name}.*made again; put aside as .*damaged"):
        run = store.get(SPEC, make)
    assert make.times == 2
    pd.testing.assert_frame_equal(run.table("scores"), TABLE)
    assert (store.root / f"{SPEC.name}.damaged").is_dir()


def test_a_foreign_run_is_noticed(store):
    store.get(SPEC, Maker()).path.rename(store.root / "other")
    other = Spec("trial", 2, SPEC.parameters)
    (store.root / "other").rename(store.root / other.name)
    with pytest.warns(UserWarning, match="holds another run"):
        assert store.find(other) is None


def test_a_damaged_committed_result_is_left_where_it_is(store, tmp_path):
    copied = folder.copy_results(store.get(SPEC, Maker()), tmp_path / "results" / "quick" / "x")
    (copied / "scores.csv").write_text("layer,score\n")
    elsewhere = Store(tmp_path / "empty", results=tmp_path / "results")
    with pytest.warns(UserWarning, match=r"scores.csv was changed after it was written"):
        assert elsewhere.find(SPEC) is None
    assert copied.is_dir()


def test_a_manifest_can_not_reach_out_of_its_folder(store, tmp_path):
    run = store.get(SPEC, Maker())
    (tmp_path / "secret").write_text("x")
    manifest = run.path / folder.MANIFEST
    manifest.write_text(json.dumps({"sha256": {"../../secret": "0"}}))
    with pytest.raises(RunDamaged):
        folder.Run(run.path)


def test_a_store_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="EQUIVAR_RUNS names another folder"):
        Store(tmp_path / "file" / "runs").get(SPEC, Maker())
