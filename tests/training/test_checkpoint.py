"""Checkpoints: going on to the same network; damaged ones and those of other runs refused."""

import json

import pandas as pd
import pytest
import torch

from equivar import data as datasets
from equivar import networks, training
from equivar.runs import Made, Spec, Store
from equivar.runs.store import CHECKPOINT

SPEC = Spec("trial", 1, {"epochs": 2, "augment": ["crop"]}, {"digits train": "ab12"})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs", results=tmp_path / "results")


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
