"""The state of a training run in a file that is complete or absent, and checked when read.

One safetensors file holds the network, the optimiser and the progress of the run. Nothing is
pickled. Its header has a digest of everything else in the file, so that a flipped bit is noticed,
and the identity of the run, so that a file of another run is noticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from equivar.files import all_or_nothing


class CheckpointDamaged(ValueError):
    """A checkpoint that cannot be read, was changed, or belongs to another run."""


@dataclass
class Progress:
    """How far a run is: a row for each finished epoch, and the sums of the current epoch."""

    rows: list[dict[str, float]] = field(default_factory=list)
    steps: int = 0  # batches of the current epoch so far
    seen: int = 0  # images in these batches
    loss: float = 0.0  # the losses of these images, summed
    hits: float = 0  # how many of them were put into their class
    seconds: float = 0.0  # of the current epoch

    def end_epoch(self, **more: float) -> None:
        """Turn the sums into the row of a finished epoch, and begin the next.

        `more` holds further columns of the row.
        """
        row = {
            "epoch": len(self.rows) + 1,
            "loss": self.loss / self.seen,
            "accuracy": self.hits / self.seen,
            "images_per_second": self.seen / self.seconds,
        }
        self.rows.append(row | more)
        self.steps, self.seen, self.loss, self.hits, self.seconds = 0, 0, 0.0, 0, 0.0


@dataclass(frozen=True)
class Checkpoint:
    """The file at `path` (None: nothing is kept) of the run with this `identity`."""

    path: Path | None
    identity: str

    def save(self, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
        """Replace the file by the present state.

        Raises OSError where it cannot be written; the file with the last state is then kept.
        """
        if self.path is None:
            return
        tensors = {name: value.detach().cpu().contiguous() for name, value in
                   _named(model, optimizer)}  # fmt: skip
        header = {"identity": self.identity, "progress": json.dumps(asdict(progress))}
        header["digest"] = _digest(tensors, header)
        content = safetensors.torch.save(tensors, header)
        try:
            with all_or_nothing([self.path]) as (part,):
                part.write_bytes(content)
        except OSError as error:
            raise type(error)(
                error.errno,
                f"{error.strerror}: the checkpoint could not be written; the one of before is "
                "kept, and the run goes on from it once there is room",
                str(self.path),
            ) from error

    def load(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
        """Restore the model and the optimiser in place, and return the progress of the run.

        That is a new `Progress` if there is no file. Raises CheckpointDamaged for a file that this
        run did not write; model and optimiser are then left as they were.
        """
        if self.path is None or not self.path.exists():
            return Progress()
        header, tensors = self._read()
        wanted = {name: value.shape for name, value in model.state_dict().items()}
        found = {name: tensors[f"model/{name}"].shape for name in wanted
                 if f"model/{name}" in tensors}  # fmt: skip
        if found != wanted:
            raise CheckpointDamaged(f"{self.path} is not of this network")
        model.load_state_dict({name: tensors[f"model/{name}"] for name in wanted})
        _load_optimizer(optimizer, tensors)
        return Progress(**json.loads(header["progress"]))

    def _read(self) -> tuple[dict[str, str], dict[str, Tensor]]:
        try:
            content = self.path.read_bytes()
            tensors = safetensors.torch.load(content)
            header = _header(content)
            digest = header.pop("digest")
        except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
            raise CheckpointDamaged(f"{self.path} can not be read as a checkpoint") from error
        if digest != _digest(tensors, header):
            raise CheckpointDamaged(f"{self.path} was changed after it was written")
        if header["identity"] != self.identity:
            raise CheckpointDamaged(f"{self.path} belongs to another run")
        return header, tensors


def snapshot_epochs(epochs: int) -> tuple[int, ...]:
    """After which epochs a snapshot is kept: 0 (weights as drawn), 1, 2, 4, 8, ..., the last."""
    powers = [2**i for i in range(epochs.bit_length()) if 2**i < epochs]
    return (0, *powers, epochs)


def snapshot_name(epoch: int) -> str:
    """The name of the file with the snapshot after `epoch` epochs."""
    return f"snapshot-{epoch:04d}.safetensors"


def save_snapshot(model: nn.Module, folder: Path, epoch: int) -> None:
    """Write the weights of `model` to a file in `folder`, which is complete or absent.

    Matrices and kernels are kept as float16, which is enough for the measure. Vectors, such as the
    running statistics of batch norm, may be large and stay float32. Raises OSError where the file
    cannot be written.
    """
    tensors = {}
    for name, value in model.state_dict().items():
        half = value.ndim > 1 and value.is_floating_point()
        tensors[name] = value.detach().to("cpu", torch.float16 if half else None).contiguous()
    folder.mkdir(parents=True, exist_ok=True)
    with all_or_nothing([folder / snapshot_name(epoch)]) as (part,):
        part.write_bytes(safetensors.torch.save(tensors))


def progress_of(path: Path) -> Progress | None:
    """The progress of a checkpoint's run, unchecked; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
            header = _header(start + file.read(int.from_bytes(start, "little")))
        return Progress(**json.loads(header["progress"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError):
        return None


def _header(content: bytes) -> dict[str, str]:
    """The texts in the header of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length])["__metadata__"]


def _named(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    for name, value in model.state_dict().items():
        yield f"model/{name}", value
    for index, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            yield f"optimizer/{index}/{name}", value


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        sort, _, rest = key.partition("/")
        if sort == "optimizer":
            index, name = rest.split("/")
            like = parameters[int(index)]
            if value.shape == like.shape:  # fused updates need the strides of the parameter
                value = torch.empty_like(like, dtype=value.dtype).copy_(value)
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def _digest(tensors: dict[str, Tensor], header: dict[str, str]) -> str:
    """The sha256 of names, types, shapes and bytes of all tensors, and of the header's texts."""
    sha = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name]
        sha.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        sha.update(value.reshape(-1).view(torch.uint8).numpy())
    return sha.hexdigest()
