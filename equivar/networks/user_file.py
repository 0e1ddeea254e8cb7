"""A network of the reader's own: a callable in a Python file."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

from torch import nn

from equivar.data.input import Input, per_channel
from equivar.names import unknown_name
from equivar.networks.errors import at_fault, first_line
from equivar.networks.sources import Built, Options, first_channels


def from_file(name: str, weights: str, options: Options, seed: int) -> Built:
    """The module that `path/to/file.py:make_model` gives: a callable's result, or a module itself.

    The code is the reader's own and is run; whatever it raises becomes a ValueError of one line
    with the file and line. Images are 224 x 224, with as many channels as the first convolution
    takes, scaled as for ImageNet; a network of timm inside keeps its own size and scale.
    """
    path, _, attribute = name.rpartition(":")
    if name.endswith(".py"):
        raise ValueError(f"{name}: name the callable that makes the network, {name}:make_model")
    if weights.partition(":")[0] == "hub":
        raise ValueError(f"{name} has no published weights: give a file, or let the code load them")
    path = Path(path).expanduser().resolve()
    if not path.is_file():
        raise FileNotFoundError(f"no file {path} with a network in it")
    made = _attribute(_imported(path), attribute, path)
    if not isinstance(made, nn.Module):
        made = _called(made, name, options, path)
    channels = first_channels(made)
    mean, std = (per_channel(values, channels) for values in (Input.mean, Input.std))
    return Built(made, Input(channels, mean=mean, std=std), "as its code makes them")


def _imported(path: Path) -> ModuleType:
    """The file as a module; files beside it can be imported from it."""
    spec = importlib.util.spec_from_file_location(f"_network_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise _own_error(error, path) from error
    return module


def _attribute(module: ModuleType, attribute: str, path: Path):
    if hasattr(module, attribute):
        return getattr(module, attribute)
    known = [
        key
        for key, value in vars(module).items()
        if key[0] != "_" and (isinstance(value, nn.Module) or callable(value))
        if getattr(value, "__module__", None) in (module.__name__, None)
    ]
    raise unknown_name(f"name in {path.name}", attribute, known)


def _called(maker, name: str, options: Options, path: Path) -> nn.Module:
    if not callable(maker):
        raise ValueError(f"{name} is {type(maker).__name__}: neither a callable nor a module")
    try:
        inspect.signature(maker).bind(**options)
    except TypeError as error:
        given = ", ".join(options) or "no options"
        raise ValueError(f"{name} can not be called with {given}: {error}") from None
    try:
        made = maker(**options)
    except (Exception, SystemExit) as error:
        raise _own_error(error, path) from error
    if not isinstance(made, nn.Module):
        raise ValueError(f"{name} returns {type(made).__name__}, not a torch.nn.Module")
    return made


def _own_error(error: BaseException, path: Path) -> ValueError:
    return ValueError(f"{at_fault(error, path)}: {type(error).__name__}: {first_line(error)}")
