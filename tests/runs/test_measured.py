"""Runs that measure a network: trained in the run, or with weights from a file."""

from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch

from equivar import networks
from equivar.data import DataDamaged, DataMissing, registry
from equivar.runs.measured import Measurement, Pretrained, TrainedHere
from equivar.runs.results import run_all
from equivar.runs.trained import Training


def test_a_network_trained_here_is_measured(small_runs):
    training = Training(
        experiment="test", groups={}, network="cnn7", data="digits", seed=0, images=20,
        recipe={"epochs": 1}, transforms=["rotation-90"], train_images=64,
    )  # fmt: skip
    one = Measurement(
        experiment="measured", groups={"network": "own"}, network=TrainedHere(training),
        data="digits", images=20, transforms=["rotation-90"], activation=True,
    )  # fmt: skip
    found = run_all([one], small_runs)
    again = small_runs.find(training.spec).table("scores")
    layers = found.scores["score"].to_numpy()
    np.testing.assert_allclose(layers, again["score"], atol=1e-5)
    assert found.scores.groupby("layer")["mean_activation"].nunique().eq(1).all()


def test_what_changes_a_measurement_changes_its_key():
    """Where nothing is asked for, runs keep the keys that they had."""
    one = Measurement(
        experiment="measured", groups={"network": "toy"},
        network=Pretrained(network="equivar:toy-invariant"), data="shapes", images=20,
        transforms=["rotation-90"],
    )  # fmt: skip
    keys = [replace(one, **more).spec.key for more in (
        {}, {"order": 0}, {"order": 1}, {"removed_images": 4}, {"order": 0, "removed_images": 4},
    )]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert not {"order", "removed_images", "replicates"} & set(one.spec.parameters)
    assert replace(one, replicates=True).spec.key == one.spec.key


def test_tables_of_a_measurement_are_those_that_are_asked_for(small_runs):
    network = Pretrained(network="equivar:cnn7", weights="random", options={"num_classes": 10})
    one = Measurement(
        experiment="measured", groups={"network": "random"}, network=network, data="digits",
        images=20, transforms=["rotation-90", "shift-2"], order=0,
    )  # fmt: skip
    found = run_all([one], small_runs)
    assert set(found.tables) == {"scores", "parts"} and found.removed is None
    more = run_all([replace(one, removed_images=10, replicates=True)], small_runs)
    assert set(more.tables) == {"scores", "parts", "removed", "replicates"}
    np.testing.assert_allclose(more.scores["score"], found.scores["score"], atol=1e-6)
    place = ["transforms", "part", "kind"]
    assert more.removed[place].equals(found.tables["parts"][place])
    assert set(more.removed["images"]) == {10}
    # what all images have in common is what chance scores
    early = [
        table.query("part == 'early'").set_index(place)
        for table in (more.removed, found.tables["parts"])
    ]
    assert (early[0]["chance"] < early[1]["chance"]).all()
    # another order: other images, and other neighbours, by which chance is told
    other = run_all([replace(one, order=1)], small_runs)
    assert not np.allclose(other.scores["chance"], found.scores["chance"], atol=1e-4)


def _weights(tmp_path, monkeypatch, seed):
    path = tmp_path / "weights" / "known.safetensors"
    path.parent.mkdir()
    monkeypatch.setenv("EQUIVAR_DATA", str(tmp_path))
    model = networks.build("resnet8", num_classes=10, seed=seed)
    safetensors.torch.save_file(model.state_dict(), path)
    return path


def test_weights_on_record_are_verified(tmp_path, monkeypatch, small_runs):
    path = _weights(tmp_path, monkeypatch, 0)
    one = Pretrained(network="equivar:resnet8", weights="known")
    assert one.load(small_runs)[1].height == 32  # not on record: taken as they are
    file = registry.File("weights/known.safetensors", "0" * 64)
    monkeypatch.setitem(registry.WEIGHTS, "known", file)
    assert networks.fingerprint("equivar:resnet8", "known") == "0" * 64
    with pytest.raises(DataDamaged, match="damaged, or other weights"):
        one.load(small_runs)
    path.unlink()
    with pytest.raises(DataMissing, match="known"):
        one.load(small_runs)
    assert networks.fingerprint("equivar:resnet8", "known") == "0" * 64  # without the file
