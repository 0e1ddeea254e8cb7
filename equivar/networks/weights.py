"""Trained weights from a file, without running anything that the file may hold."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from equivar.files import DataDamaged, DataMissing, data_root, first_existing

HOLDERS = (  # keys under which training scripts save a state dict
    *("state_dict", "model", "model_state_dict", "net", "network", "module"),
    *("model_ema", "state_dict_ema", "ema_state_dict", "ema"),
)
PREFIXES = ("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.")  # of wrappers
NO_WEIGHTS = {  # how files begin that only stand for weights
    b"version https://git-lfs": "a pointer of Git LFS; `git lfs pull` fetches the file itself",
    b"<!doctype html": "a web page, perhaps of a failed download",
    b"<html": "a web page, perhaps of a failed download",
}
HOW_TO_GET = (
    "Put it there by hand: a state dict as .safetensors, or as .pt or .pth written by torch.save "
    "(make data says where it comes from)."
)


def weights_path(name: str, root: str | Path | None = None) -> Path:
    """The file of the weights `name`: <root>/weights/<name>.safetensors (or .pt, .pth).

    `name` may have folders ("imagenet/vit_tiny_patch16_224"); `root` is as in `datasets.load`.
    Raises DataMissing, which names the file, its place and how to get it.
    """
    folder = data_root(root) / "weights"
    endings = (".safetensors", ".pt", ".pth")
    return first_existing([folder / f"{name}{ending}" for ending in endings], HOW_TO_GET)


def load_weights(model: nn.Module, path: str | Path) -> nn.Module:
    """Load the state dict in `path` into `model`, strictly, and return the model.

    Floating-point tensors are cast to the model's type (float16 files are common). A counter
    `num_batches_tracked`, on which no output depends, may be absent. Raises DataMissing for a file
    that does not exist. Raises DataDamaged for one that cannot be read, or that holds more than
    tensors: such files could run code when loaded, so they are refused. Raises ValueError for names
    or shapes that do not fit the model.
    """
    path = Path(path)
    if not path.is_file():
        default = data_root() / "weights"
        raise DataMissing(f"no weights at {path}: weights belong in {default}. {HOW_TO_GET}")
    state = _fitting(model, _read(path), path)
    model.load_state_dict(state, strict=False)
    return model


def _read(path: Path) -> dict:
    """What a file of weights holds, tensors and mappings of them."""
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
    for mark, what in NO_WEIGHTS.items():
        if start.startswith(mark):
            raise DataDamaged(f"{path} holds no weights: it is {what}")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataDamaged(
            f"{path} holds more than tensors, or is damaged. Loading it could run code, so it is "
            "refused; save its state dict as .safetensors where you trust it."
        ) from error
    except (safetensors.SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise DataDamaged(f"{path} can not be read as weights: {error}") from error
    if not isinstance(found, dict) or not list(_state_dicts(found)):
        keys = f"; it holds {', '.join(map(repr, found))}" if isinstance(found, dict) else ""
        raise DataDamaged(f"{path} is not a state dict (names and tensors){keys}")
    return found


def _fitting(model: nn.Module, found: dict, path: Path) -> dict[str, Tensor]:
    """The state dict in a file that fits the model. ValueError, with what the file has: none does.

    Names are taken as they are where they fit, else without the prefixes of wrappers. A checkpoint
    may hold several state dicts; the first in the order of `HOLDERS` that fits is taken.
    """
    wanted, problems = model.state_dict(), {}
    for key, state in _state_dicts(found):
        for prefix in _prefixes(state):
            named = {name.removeprefix(prefix): value for name, value in state.items()}
            problems[key, prefix] = _differences(wanted, named)
            if not problems[key, prefix]:
                _tell_of_others(found, key, path)
                return named
    fewest = min(problems.values(), key=lambda told: (len(told), str(told)))
    keys = [key for key, _ in problems if key]
    held = f" It holds {', '.join(map(repr, found))}." if keys else ""
    raise ValueError(f"{path} does not fit {type(model).__name__}: {'; '.join(fewest)}.{held}")


def _state_dicts(found: dict) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The state dicts in what was read, by the key that leads to them ("": all of it is one)."""
    if found and all(isinstance(value, Tensor) for value in found.values()):
        yield "", {str(name): value for name, value in found.items()}
    for key in [*HOLDERS, *(key for key in found if key not in HOLDERS)]:
        state = found.get(key)
        if isinstance(state, dict):
            tensors = {str(name): v for name, v in state.items() if isinstance(v, Tensor)}
            if tensors:
                yield key, tensors


def _prefixes(state: dict[str, Tensor]) -> list[str]:
    """What wrappers may have put before the names: nothing, "module." and all that all have."""
    found = ["", *(p for p in PREFIXES if any(name.startswith(p) for name in state))]
    common = ""
    while len(first := {name.removeprefix(common).partition(".")[0] for name in state}) == 1:
        common += f"{first.pop()}."
        if any(name == common[:-1] for name in state):
            break
        found.append(common)
    return found


def _tell_of_others(found: dict, taken: str, path: Path) -> None:
    """Say which of several state dicts is taken."""
    others = [key for key, _ in _state_dicts(found) if key and key != taken]
    if taken and others:
        warnings.warn(
            f"{path}: the weights under {taken!r} are taken, not those under {', '.join(others)}",
            stacklevel=4,
        )


def _differences(wanted: dict[str, Tensor], found: dict[str, Tensor]) -> list[str]:
    """What prevents `found` from being loaded, with the first three names of each sort."""
    missing = [
        name for name in wanted if name not in found and not name.endswith("num_batches_tracked")
    ]
    unexpected = [name for name in found if name not in wanted]
    shapes = [
        f"{name} {tuple(found[name].shape)} in the file, {tuple(wanted[name].shape)} in the model"
        for name in wanted
        if name in found and not is_lazy(wanted[name]) and wanted[name].shape != found[name].shape
    ]
    sorts = {"missing": missing, "unexpected": unexpected, "other shape": shapes}
    return [
        f"{len(names)} {sort} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for sort, names in sorts.items()
        if names
    ]
