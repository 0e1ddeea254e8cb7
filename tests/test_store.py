"""Stored runs: made once, found again, checked when read, and none the worse for being stopped."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch
import torch

from equivar import data as datasets
from equivar import networks, training
from equivar.runs import Busy, Made, RunDamaged, Spec, Store, folder
from equivar.runs.store import CHECKPOINT

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


def stopped_runs(mode, tmp_path):
    """What tests/stopped_runs.py found."""
    command = [sys.executable, Path(__file__).with_name("stopped_runs.py"), mode, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# The key


def test_the_key_depends_on_what_determines_the_result_alone():
    other_order = Spec("trial", 1, {"augment": ("crop",), "epochs": 2}, {"digits train": "ab12"})
    assert other_order.key == SPEC.key
    assert Spec(**vars(SPEC) | {"label": "other words"}).key == SPEC.key
    others = [
        {"experiment": "trail"},
        {"revision": 2},
        {"parameters": {"epochs": 3, "augment": ["crop"]}},
        {"parameters": {"epochs": 2, "augment": []}},
        {"inputs": {"digits train": "ab13"}},
        {"inputs": {}},
    ]
    keys = {Spec(**vars(SPEC) | other).key for other in others}
    assert len(keys) == len(others) and SPEC.key not in keys


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, Path("x")])
def test_parameters_that_json_has_not_are_refused(value):
    with pytest.raises((TypeError, ValueError)):
        Spec("trial", 1, {"x": value})


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


# Checkpoints


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits").subset(128)


def train(digits, path, epochs=2, **options):
    """A short training; the network and its history."""
    model = networks.build("cnn7", seed=1)
    defaults = {"lr": 0.01, "optimizer": "adam", "progress": False, "checkpoint": path}
    return model, training.train(model, digits, epochs=epochs, **{**defaults, **options})


@pytest.fixture
def checkpoint(digits, tmp_path):
    path = tmp_path / CHECKPOINT
    train(digits, path)
    return path


def test_a_finished_checkpoint_gives_the_same_network_without_a_step(digits, checkpoint):
    before = checkpoint.read_bytes()
    model, history = train(digits, checkpoint)
    fresh, same = train(digits, None)
    pairs = zip(model.state_dict().values(), fresh.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    columns = ["epoch", "loss", "accuracy"]
    pd.testing.assert_frame_equal(history[columns], same[columns])
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("damage", ["truncated", "flipped tensor", "flipped header", "empty"])
def test_a_damaged_checkpoint_is_refused(digits, checkpoint, damage):
    content = bytearray(checkpoint.read_bytes())
    if damage == "flipped tensor":
        content[-5] ^= 16
    elif damage == "flipped header":
        content[content.index(b"loss") + 12] ^= 1
    else:
        content = content[: 0 if damage == "empty" else len(content) - 9]
    checkpoint.write_bytes(content)
    with pytest.raises(training.CheckpointDamaged, match=CHECKPOINT):
        train(digits, checkpoint)


@pytest.mark.parametrize("other", [{"lr": 0.02}, {"seed": 5}, {"augment": ("crop",)}])
def test_the_checkpoint_of_another_run_is_refused(digits, checkpoint, other):
    with pytest.raises(training.CheckpointDamaged, match="belongs to another run"):
        train(digits, checkpoint, **other)


def test_a_damaged_checkpoint_is_named_and_the_run_begins_anew(digits, store):
    def make(work):
        model, history = train(digits, work / CHECKPOINT)
        history = history.drop(columns="images_per_second")
        return Made({"history": history}, model.state_dict())

    work = store.root / f"{SPEC.name}.work"
    work.mkdir(parents=True)
    (work / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.warns(UserWarning, match="can not be read as a checkpoint: the run begins anew"):
        run = store.get(SPEC, make)
    assert run.table("history")["epoch"].tolist() == [1, 2]


def test_a_run_that_diverges_keeps_its_last_good_state(digits, tmp_path):
    path = tmp_path / CHECKPOINT

    class Breaks(torch.nn.Module):
        """Gives NaN from its 30th batch on, that is, in its second epoch."""

        def __init__(self):
            super().__init__()
            self.net, self.calls = networks.build("cnn7", seed=1), 0

        def forward(self, images):
            self.calls += self.training
            return self.net(images) * (float("nan") if self.calls >= 30 else 1)

    with pytest.raises(training.TrainingDiverged, match="nan in epoch 2, step 14"):
        training.train(Breaks(), digits, epochs=3, batch_size=8, lr=0.01, optimizer="adam",
                       checkpoint=path, progress=False)  # fmt: skip
    saved = training.train(
        Breaks(), digits, epochs=1, batch_size=8, lr=0.01, optimizer="adam", progress=False
    )
    header = path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")]
    rows = json.loads(json.loads(header)["__metadata__"]["progress"])["rows"]
    assert len(rows) == 1 and rows[0]["loss"] == saved["loss"].iloc[0]


# Stopped from outside


def test_killed_at_random_moments_and_started_again_gives_the_same_bytes(tmp_path):
    found = stopped_runs("kill_at_random", tmp_path)
    assert found["equal"] and found["kills"] >= 20 and found["resumed"] >= 5


def test_killed_before_and_after_each_write_gives_the_same_bytes(tmp_path):
    found = stopped_runs("kill_at_writes", tmp_path)
    assert found == {"deaths": 20, "equal": True}


def test_processes_that_want_the_same_run_make_it_once(tmp_path):
    assert stopped_runs("two_at_once", tmp_path) == {"codes": [0, 0, 0], "made": 1}


def test_a_full_disk_keeps_the_last_good_state(tmp_path):
    found = stopped_runs("no_room", tmp_path)
    assert "the one of before is kept" in found["told"]
    assert found["kept"] == [CHECKPOINT, "snapshots"]
    assert found["equal"]
