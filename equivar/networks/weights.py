"""Trained weights from a file, without running anything that the file may hold."""

from __future__ import annotations

import pickle
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from equivar.files import DataDamaged, DataMissing, data_root, first_existing

HOW_TO_GET = (
    "Put it there by hand: a state dict as .safetensors, or as .pt or .pth written by torch.save "
    "(make data says where it comes from)."
)


def weights_path(name: str, root: str | Path | None = None) -> Path:
    """The file of the weights `name`: <root>/weights/<name>.safetensors (or .pt, .pth).

    `name` may have folders ("imagenet/vit_tiny_patch16_224"); `root` as in `datasets.load`.
    DataMissing names the file, its place and how to get it.
    """
    folder = data_root(root) / "weights"
    endings = (".safetensors", ".pt", ".pth")
    return first_existing([folder / f"{name}{ending}" for ending in endings], HOW_TO_GET)


def load_weights(model: nn.Module, path: str | Path) -> nn.Module:
    """Load the state dict in `path` into `model`, strictly, and return the model.

    Floating-point tensors are cast to the model's type (float16 files are common). A counter
    `num_batches_tracked`, which no output depends on, may be absent. DataMissing: no such file.
    DataDamaged: it can not be read, or it holds more than tensors (such files could run code
    when loaded, so they are refused). ValueError: names or shapes that do not fit the model.
    """
    path = Path(path)
    if not path.is_file():
        default = data_root() / "weights"
        raise DataMissing(f"no weights at {path}: weights belong in {default}. {HOW_TO_GET}")
    state = _read(path)
    problems = _differences(model.state_dict(), state)
    if problems:
        raise ValueError(f"{path} does not fit {type(model).__name__}: {'; '.join(problems)}.")
    model.load_state_dict(state, strict=False)
    return model


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors in `path` by name."""
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataDamaged(
            f"{path} holds more than tensors, or is damaged. Loading it could run code, so it is "
            "refused; save its state dict as .safetensors where you trust it."
        ) from error
    except (safetensors.SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise DataDamaged(f"{path} can not be read as weights: {error}") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise DataDamaged(f"{path} is not a state dict (names and tensors)")
    # training scripts that wrap the network in DataParallel save every name with this prefix
    return {name.removeprefix("module."): value for name, value in state.items()}


def _differences(wanted: dict[str, Tensor], found: dict[str, Tensor]) -> list[str]:
    """What keeps `found` from being loaded, the first three names of each sort."""
    missing = [
        name for name in wanted if name not in found and not name.endswith("num_batches_tracked")
    ]
    unexpected = [name for name in found if name not in wanted]
    shapes = [
        f"{name} {tuple(found[name].shape)} in the file, {tuple(wanted[name].shape)} in the model"
        for name in wanted
        if name in found and wanted[name].shape != found[name].shape
    ]
    sorts = {"missing": missing, "unexpected": unexpected, "other shape": shapes}
    return [
        f"{len(names)} {sort} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for sort, names in sorts.items()
        if names
    ]
