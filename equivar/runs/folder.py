"""A finished run on the disk: tables, weights, where they came from, and their checksums.

scores.csv  history.csv ...   the tables
weights.safetensors           the trained network, where there is one
snapshot-0008.safetensors ... its weights after so many epochs
provenance.json               parameters, inputs, versions, commit, device, seconds
manifest.json                 sha256 of every other file
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd
import safetensors
import safetensors.torch
from torch import Tensor

from equivar.files import all_or_nothing

WEIGHTS, PROVENANCE, MANIFEST = "weights.safetensors", "provenance.json", "manifest.json"
TENSORS = ".safetensors"
SNAPSHOT = re.compile(r"snapshot-(\d+)\.safetensors")
DIGITS = "%.7g"  # what single precision resolves


class RunDamaged(ValueError):
    """A stored run is not what was written; the message names the file."""


@dataclass(frozen=True)
class Made:
    """What making a run gives: its tables, its weights, and numbers for the provenance.

    files: what else is kept with the run, as it is: {name: content}.
    """

    tables: Mapping[str, pd.DataFrame]
    weights: Mapping[str, Tensor] | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


class Run:
    """A finished run, its files checked. RunDamaged names the file that is not as written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._content = _checked(path)

    @cached_property
    def provenance(self) -> dict[str, object]:
        """What made the run: parameters, inputs, versions, commit, device, seconds and facts."""
        return json.loads(self._content[PROVENANCE])

    @property
    def facts(self) -> dict[str, object]:
        """Numbers of the run as a whole, such as its accuracy."""
        return self.provenance["facts"]

    @property
    def tables(self) -> list[str]:
        """The names of the run's tables."""
        return [file.removesuffix(".csv") for file in self._content if file.endswith(".csv")]

    def table(self, name: str) -> pd.DataFrame:
        """One of the run's tables. KeyError names those that there are."""
        if name not in self.tables:
            known = ", ".join(self.tables)
            raise KeyError(f"{self.path.name} has no table {name!r}; it has {known}")
        text = self._content[f"{name}.csv"].decode()
        return pd.read_csv(io.StringIO(text))

    def weights(self) -> dict[str, Tensor]:
        """The trained network's state dict. FileNotFoundError: results without weights."""
        if WEIGHTS not in self._content:
            raise FileNotFoundError(f"{self.path} holds results only, no weights")
        return self._tensors(WEIGHTS)

    @property
    def snapshot_files(self) -> dict[str, bytes]:
        """The files of `snapshots`, as they are."""
        return {file: data for file, data in self._content.items() if SNAPSHOT.fullmatch(file)}

    def snapshots(self) -> dict[int, dict[str, Tensor]]:
        """State dicts along training, {epoch: state dict} by epoch; matrices are float16.

        Empty for a run that kept none. One that went on from a checkpoint of an older version
        lacks the epochs before it.
        """
        found = {int(m[1]): m[0] for m in map(SNAPSHOT.fullmatch, sorted(self._content)) if m}
        return {epoch: self._tensors(file) for epoch, file in found.items()}

    def _tensors(self, file: str) -> dict[str, Tensor]:
        try:
            return safetensors.torch.load(self._content[file])
        except safetensors.SafetensorError as error:
            raise RunDamaged(f"{self.path / file} can not be read: {error}") from error


def write(path: Path, made: Made, provenance: Mapping[str, object]) -> None:
    """Write a run into the new folder `path`."""
    path.mkdir(parents=True)
    content = {
        f"{name}.csv": table.to_csv(index=False, float_format=DIGITS).encode()
        for name, table in made.tables.items()
    }
    if made.weights is not None:
        tensors = {name: value.detach().cpu().contiguous() for name, value in made.weights.items()}
        content[WEIGHTS] = safetensors.torch.save(tensors)
    content |= made.files
    facts = {"facts": dict(made.facts)}
    content[PROVENANCE] = (json.dumps(provenance | facts, indent=2) + "\n").encode()
    _write_all(path, content)


def copy_results(run: Run, into: Path) -> Path:
    """Copy a run without its tensors to `into`/<its name>; the new folder, whole or not at all."""
    target, part = into / run.path.name, into / f".{run.path.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    files = {f: content for f, content in run._content.items() if not f.endswith(TENSORS)}
    _write_all(part, files)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
    return target


def _write_all(path: Path, content: Mapping[str, bytes]) -> None:
    """The files and, after them, the manifest that makes them a run."""
    sums = {file: hashlib.sha256(data).hexdigest() for file, data in sorted(content.items())}
    manifest = (json.dumps({"sha256": sums}, indent=2) + "\n").encode()
    for file, data in [*content.items(), (MANIFEST, manifest)]:
        with all_or_nothing([path / file]) as (part,):
            part.write_bytes(data)


def _checked(path: Path) -> dict[str, bytes]:
    """The content of all files of a run, or RunDamaged."""
    try:
        sums = json.loads((path / MANIFEST).read_bytes())["sha256"]
        content = {file: (path / Path(file).name).read_bytes() for file in sums}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunDamaged(f"{path}: {MANIFEST} or a file that it lists can not be read") from error
    for file, data in content.items():
        if hashlib.sha256(data).hexdigest() != sums[file]:
            raise RunDamaged(f"{path / file} was changed after it was written")
    if PROVENANCE not in content:
        raise RunDamaged(f"{path}: {PROVENANCE} is not in {MANIFEST}")
    return content
