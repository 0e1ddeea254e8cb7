"""The networks of timm, of torchvision and of this package, by their names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import timm
import torchvision
from timm.data import resolve_model_data_config
from timm.models import efficientnet
from torch import nn

from equivar.data.input import Input, per_channel
from equivar.names import did_you_mean, near_names, unknown_name
from equivar.networks.errors import first_line
from equivar.networks.hub import checked_by_name, fetching, on_the_hub
from equivar.networks.paper import MODELS, build

Options = Mapping[str, object]

_PLAIN = {"mean": (0.0,) * 3, "std": (1.0,) * 3}  # the toy networks take pixels as they are
_BY_URL = {"pretrained": True, "pretrained_cfg_overlay": {"source": "url", "hf_hub_id": None}}
_BY_MULTIPLIER = {
    "mobilenetv1_100": efficientnet._gen_mobilenet_v1,
    "mobilenetv2_100": efficientnet._gen_mobilenet_v2,
}
_TRANSFORMS_INPUT = ("googlenet", "inception_v3")  # published weights need `transform_input`


@dataclass(frozen=True, eq=False)
class Built:
    """A network, the images it was made for, and where its weights come from, in words."""

    model: nn.Module
    input: Input
    weights: str
    trained: bool = False


def from_timm(name: str, weights: str, options: Options, seed: int) -> Built:
    """Make a network of timm; its `pretrained_cfg` gives input size, normalisation and crop.

    Raises ValueError for an unknown name, weights or option, and DataMissing for weights that could
    not be fetched.
    """
    plain, _, tag = name.partition(".")
    if not timm.is_model(plain):
        raise _unknown("timm", plain, timm.list_models(), "timm.list_models()")
    if tag and not timm.is_model_pretrained(name):
        tags = [f"timm:{known}" for known in timm.list_pretrained(f"{plain}.*")]
        raise unknown_name("network", f"timm:{name}", tags)
    if weights == "" or weights.partition(":")[0] == "hub":
        where = _timm_place(name, weights)
        with fetching(f"timm:{name}", where):
            if weights == "hub:url":
                with checked_by_name():
                    return _timm(name, _BY_URL, options, f"hub: {where}")
            return _timm(name, {"pretrained": True}, options, f"hub: {where}")
    return _timm(name, {}, options, weights)


def _timm_place(name: str, weights: str) -> str:
    """Where the published weights of a network of timm lie; ValueError if it has none."""
    if not timm.is_model_pretrained(name):
        raise ValueError(f"timm:{name} has no published weights: give a file, or 'random'")
    if weights in ("", "hub"):
        return on_the_hub(name)
    url = timm.get_pretrained_cfg(name).url
    if weights != "hub:url" or not url:
        known = "'hub'" + (" and 'hub:url'" if url else "")
        raise ValueError(f"timm:{name} has no weights {weights!r}; it has {known}")
    return url


def _timm(name: str, pretrained: Options, options: Options, words: str) -> Built:
    with naming_options(f"timm:{name}", options):
        model = _create_timm(name, {**pretrained, **options})
    return Built(model, input_of_timm(model, options), words, bool(pretrained))


def input_of_timm(model: nn.Module, options: Options) -> Input:
    """The images that a network of timm takes, by its own `pretrained_cfg`."""
    config = resolve_model_data_config(model)
    channels, height, width = config["input_size"]
    channels = int(options.get("in_chans", channels))
    return Input(
        channels,
        height,
        width,
        tuple(math.floor(side / config["crop_pct"]) for side in (height, width)),
        config["crop_mode"] == "squash",
        config["interpolation"],
        per_channel(config["mean"], channels),
        per_channel(config["std"], channels),
    )


def _create_timm(name: str, options: Options) -> nn.Module:
    """Make a network of timm.

    The option `channel_multiplier` makes MobileNets of widths for which timm has no name.
    """
    multiplier = options.get("channel_multiplier")
    if multiplier is None or name not in _BY_MULTIPLIER:
        return timm.create_model(name, **options)
    others = {key: value for key, value in options.items() if key != "channel_multiplier"}
    return _BY_MULTIPLIER[name](name, multiplier, **others)


def from_torchvision(name: str, weights: str, options: Options, seed: int) -> Built:
    """Make a classifier of torchvision; the transforms of its published weights give the input.

    Raises ValueError for an unknown name, weights or option, and DataMissing for weights that could
    not be fetched.
    """
    names = torchvision.models.list_models(module=torchvision.models)
    if name not in names:
        raise _unknown("torchvision", name, names, "torchvision.models.list_models()")
    entry = _torchvision_entry(name, weights)
    if weights == "" or weights.partition(":")[0] == "hub":
        where = f"{entry.name}, {entry.url}"
        with fetching(f"torchvision:{name}", where):
            model = _torchvision(name, entry, options)
        return Built(model, _of_transforms(entry.transforms()), f"hub: {where}", True)
    options = dict(options)
    if name in _TRANSFORMS_INPUT:
        options.setdefault("init_weights", weights == "random")
        options.setdefault("transform_input", weights != "random")
    return Built(_torchvision(name, None, options), _of_transforms(entry.transforms()), weights)


def _torchvision_entry(name: str, weights: str):
    """The published weights that "hub:NAME" names; else the library's default."""
    published = torchvision.models.get_model_weights(name)
    _, _, which = weights.partition("hub:")
    if which and which not in published.__members__:
        raise unknown_name(f"weights of torchvision:{name}", which, published.__members__)
    return published[which] if which else published.DEFAULT


def published_place(source: str, name: str, weights: str) -> str:
    """The place of published weights; for torchvision an address with the beginning of a sha256.

    Raises ValueError where a network has no such weights.
    """
    if source == "timm":
        return _timm_place(name, weights)
    return _torchvision_entry(name, weights).url


def _torchvision(name: str, entry, options: Options) -> nn.Module:
    with naming_options(f"torchvision:{name}", options):
        return torchvision.models.get_model(name, weights=entry, **options)


def _of_transforms(preset) -> Input:
    size, resize = preset.crop_size[0], preset.resize_size[0]
    return Input(
        height=size,
        width=size,
        resize=(resize, resize),
        interpolation=preset.interpolation.value,
        mean=tuple(preset.mean),
        std=tuple(preset.std),
    )


def from_package(name: str, weights: str, options: Options, seed: int) -> Built:
    """Make one of the paper's networks, which takes the images of the paper's data.

    Raises ValueError for an unknown name or option, and for published weights.
    """
    if name not in MODELS:
        known = [f"equivar:{known}" for known in MODELS]
        raise unknown_name("network", f"equivar:{name}", known)
    if weights.partition(":")[0] == "hub":
        raise ValueError(f"equivar:{name} has no published weights: give a file, or 'random'")
    if name == "cnn7":
        options = {"in_channels": 1, **options}
    with naming_options(f"equivar:{name}", options):
        model = build(name, **{"seed": seed, **options})
    channels = first_channels(model)
    toy = name.startswith("toy-")
    scale = _PLAIN if toy else {"mean": Input.mean, "std": Input.std}
    scale = {key: per_channel(values, channels) for key, values in scale.items()}
    side = 28 if name == "cnn7" else 32
    taken = Input(channels, side, side, (side, side), **scale)
    return Built(model, taken, "built in" if toy else (weights or "random"), trained=toy)


def first_channels(model: nn.Module) -> int:
    """The number of channels of the first convolution's input; 3 without a convolution."""
    convolutions = (m for m in model.modules() if isinstance(m, nn.Conv2d))
    first = next(convolutions, None)
    return first.in_channels or 3 if first is not None else 3


@contextmanager
def naming_options(name: str, options: Options):
    """Turn a builder's error into a ValueError that names the options, where some were given."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if not options:
            raise
        given = ", ".join(f"{key}={value!r}" for key, value in options.items())
        raise ValueError(f"{name} can not be built with {given}: {first_line(error)}") from error


SOURCES = {"timm": from_timm, "torchvision": from_torchvision, "equivar": from_package}


def unknown_source(name: str) -> ValueError:
    """The ValueError for a name without a known prefix.

    It names the libraries that have such a network.
    """
    source, _, rest = name.rpartition(":")
    there = [f"{known}:{rest}" for known, names in _all_names().items() if rest in names]
    forms = "timm:NAME, torchvision:NAME, equivar:NAME or path/to/file.py:make_model"
    said = f"unknown source {source!r}" if source else f"{name!r} does not say where it comes from"
    hint = did_you_mean(there)
    return ValueError(f"{said}: a network is named {forms}.{hint}")


def _all_names() -> dict[str, Iterable[str]]:
    return {
        "timm": timm.list_models(),
        "torchvision": torchvision.models.list_models(module=torchvision.models),
        "equivar": MODELS,
    }


def _unknown(library: str, name: str, known: Iterable[str], listing: str) -> ValueError:
    hint = did_you_mean(f"{library}:{one}" for one in near_names(name, known))
    return ValueError(f"unknown network '{library}:{name}'.{hint} {listing} lists them all.")
