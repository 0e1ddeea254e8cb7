"""A network of the reader's own: a callable in a Python file."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from equivar.data.input import Input, per_channel
from equivar.features import in_eval_mode
from equivar.names import unknown_name
from equivar.networks.errors import at_fault, first_line
from equivar.networks.sources import Built, Options, first_channels, input_of_timm


def from_file(name: str, weights: str, options: Options, seed: int) -> Built:
    """The module that `path/to/file.py:make_model` gives: a callable's result, or a module itself.

    The code is the reader's own and is run; whatever it raises becomes a ValueError of one line
    with the file and line. Images are 224 x 224, scaled as for ImageNet, with as many channels as
    the convolution takes that is called first; a network of timm keeps its own size and scale.
    Raises FileNotFoundError for a file that does not exist.
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
    if getattr(made, "pretrained_cfg", None):
        taken = input_of_timm(made, {})
        return Built(made, taken.changed(channels=channels_taken(made)), "as its code makes them")
    channels = channels_taken(made)
    mean, std = (per_channel(values, channels) for values in (Input.mean, Input.std))
    return Built(made, Input(channels, mean=mean, std=std), "as its code makes them")


class _Reached(Exception):
    """The first convolution of a trial was called; `channels` are those it takes."""

    def __init__(self, channels: int):
        self.channels = channels


def channels_taken(model: nn.Module) -> int:
    """The channels of the images a network takes, as the convolution says that is called first.

    It may be registered after others, such as a head; a lazy one takes any, and gets 3. Where no
    convolution can be reached, the first that is registered tells.
    """

    def stop(module: nn.Module, inputs: tuple):
        raise _Reached(module.in_channels or 3)

    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    handles = [m.register_forward_pre_hook(stop, prepend=True) for m in convolutions]
    try:
        with in_eval_mode(model), torch.no_grad():
            model(torch.zeros(1, 3, 224, 224))
    except _Reached as reached:
        return reached.channels
    except Exception:  # of the reader's own code, which `networks.check` will tell
        pass
    finally:
        for handle in handles:
            handle.remove()
    return first_channels(model)


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
