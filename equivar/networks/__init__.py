"""Networks by name: those of timm and torchvision, of the paper, and the reader's own.

    network = networks.load("timm:resnet18", weights="hub")
    table = equivar.measure(network.model, images, equivar.rotations())

`timm:NAME` and `torchvision:NAME` take a name of these libraries, `equivar:NAME` one of
`equivar.networks.MODELS`, and `path/to/file.py:make_model` a callable that returns a module. With
`untrained:` before any of these, weights are drawn anew and nothing is loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from equivar.data.input import Input
from equivar.data.registry import WEIGHTS
from equivar.networks.errors import at_fault, first_line
from equivar.networks.paper import MODELS, build, initialise, parameter_count
from equivar.networks.untrained import PREFIX, check_drawn, with_statistics
from equivar.networks.weights import load_weights, weights_path

__all__ = [
    "MODELS",
    "Network",
    "build",
    "check",
    "fastest",
    "fingerprint",
    "initialise",
    "load",
    "load_weights",
    "on_record",
    "parameter_count",
    "weights_path",
    "with_statistics",
]

_ENDINGS = (".safetensors", ".pt", ".pth", ".bin")


@dataclass(frozen=True, eq=False)
class Network:
    """A network in eval mode, the images it takes, and where its weights come from.

    input: the images it takes, which the caller may change. native: those it was made for. weights:
    where they come from, in words. sha256: of the file of weights, or of the tensors where there is
    no file. trained: whether the weights are trained. needs_statistics: whether it is an
    untrained twin whose batch norms have not yet taken statistics from images.
    """

    name: str
    model: nn.Module
    input: Input
    native: Input
    weights: str
    sha256: str
    trained: bool
    needs_statistics: bool = False

    def with_input(self, **changes: object) -> Network:
        """The same network on other images; `changes` as in `Input.changed`."""
        return replace(self, input=self.input.changed(**changes))

    def on(self, images) -> Network:
        """The network as it is measured on these images: see `with_statistics`."""
        if not self.needs_statistics:
            return self
        return replace(self, model=with_statistics(self.model, images), needs_statistics=False)


def load(
    name: str,
    weights: str | Path = "",
    *,
    options: Mapping[str, object] | None = None,
    seed: int = 0,
) -> Network:
    """Make the network `name` (see the module) with the given weights.

    weights is one of these:

    - "hub": pretrained weights, fetched by timm or torchvision.
    - "hub:NAME": one of several pretrained weights of torchvision.
    - "hub:url": for timm, from the address that carries the beginning of the file's sha256, which
      is checked.
    - "random": drawn with `seed`.
    - The path of a state dict (.safetensors, .pt, .pth), or the name of one under the data root
      (`equivar.networks.weights_path`).
    - "": "hub" for timm and torchvision, "random" for the paper's networks, and for a callable the
      weights that it made.

    With `untrained:` before the name it is "" or "random".

    options: what the library or the callable takes, such as {"pad_type": "same"}.

    Raises ValueError for an unknown name (the message lists near ones) or option, for code in a
    file that fails (with its line), and for weights that do not fit. Raises DataMissing where the
    weights are missing or could not be fetched, and DataDamaged where they are broken.
    """
    if name.startswith(PREFIX):
        return _untrained(name, str(weights), options, seed)
    # imported late: timm and torchvision take two seconds
    from equivar.networks import sources, user_file

    source, _, rest = name.partition(":")
    options, asked = dict(options or {}), str(weights)
    given = _file(weights) if _is_file(asked) else None
    in_file = source not in sources.SOURCES and (".py:" in name or name.endswith(".py"))
    made_by = user_file.from_file if in_file else sources.SOURCES.get(source)
    if made_by is None or not (rest or in_file):
        raise sources.unknown_source(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = made_by(name if in_file else rest, "file" if given else asked, options, seed)
    model, words, trained = made.model.eval(), made.weights, made.trained
    if given:
        load_weights(model, given)
        words, trained = str(given), True
    words = f"{words}, seed {seed}" if words == "random" else words
    sha256 = _sha256_of_file(given) if given else _sha256_of_tensors(model)
    return Network(name, model, made.input, made.input, words, sha256, trained)


def _untrained(name: str, weights: str, options: Mapping[str, object] | None, seed: int) -> Network:
    """The twin of a network before training, whose statistics `Network.on` gives."""
    inner = name.removeprefix(PREFIX)
    if weights not in ("", "random"):
        raise ValueError(
            f"{name} draws its weights, so that {weights!r} can not be loaded: leave out the "
            f"weights, or {PREFIX!r}"
        )
    twin = load(inner, "random", options=options, seed=seed)
    if ".py:" in inner:  # code of the reader's own may load weights
        check_drawn(inner, twin.model, load(inner, "random", options=options, seed=seed + 1).model)
    return replace(
        twin, name=name, weights=f"drawn, seed {seed}", trained=False, needs_statistics=True
    )


def fastest() -> torch.device:
    """The device to compute on: the GPU where PyTorch has one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def on_record(weights: str | Path) -> bool:
    """Whether the registry knows the weights of this name, and so their sha256."""
    return str(weights) in WEIGHTS


def fingerprint(name: str, weights: str | Path = "") -> str:
    """A text that identifies the weights of a network, for the keys of stored runs.

    For weights in the registry it is their recorded sha256, and for published weights their place,
    which for torchvision and "hub:url" carries the beginning of a sha256; the weights need not be
    there. For other files it is the sha256 of the file, and otherwise "random". Raises ValueError
    and DataMissing as `load` does.
    """
    asked = str(weights)
    if on_record(asked):
        return WEIGHTS[asked].sha256
    if _is_file(asked):
        return _sha256_of_file(_file(weights))
    source, _, rest = name.partition(":")
    if asked == "random" or source not in ("timm", "torchvision"):
        return "random"
    from equivar.networks import sources  # imported late, as above

    return sources.published_place(source, rest, asked)


def check(network: Network):
    """Run one image of noise through the network, so that what cannot work fails at once.

    Lazy modules get their weights here, the same each time. Raises ValueError with the size of the
    images and the size that the network was made for.
    """
    size = (1, network.input.channels, network.input.height, network.input.width)
    noise = torch.rand(size, generator=torch.Generator().manual_seed(0))
    parameter = next(network.model.parameters(), noise)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network.model(noise.to(parameter))
    except Exception as error:
        hint = ""
        if (network.input.height, network.input.width) != (
            network.native.height,
            network.native.width,
        ):
            hint = f" (its own size is {network.native})"
        if isinstance(error, TypeError) and "argument" in str(error):
            hint += ", called with one batch of images as its only argument"
        raise ValueError(
            f"{network.name} fails on images of {network.input}{hint}: "
            f"{type(error).__name__}: {first_line(error)} ({at_fault(error)})"
        ) from error


def _is_file(weights: str) -> bool:
    return weights not in ("", "random") and weights.partition(":")[0] != "hub"


def _file(weights: str | Path) -> Path:
    """The file of local weights: a path, or a name under the data root."""
    path = Path(weights).expanduser()
    if path.suffix in _ENDINGS or path.is_file():
        return path
    return weights_path(str(weights))


def _sha256_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_of_tensors(model: nn.Module) -> str:
    """The sha256 of all names and tensors of the state dict, in order; lazy ones have no values."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        if is_lazy(tensor):
            digest.update(f"{name} lazy".encode())
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(raw.numpy().data)
    return digest.hexdigest()
