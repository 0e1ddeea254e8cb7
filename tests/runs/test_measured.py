"""Runs that measure a network: trained in the run, or with weights from a file."""

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
