"""What the commands that measure a network have in common: its arguments, images and files."""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import torch
from matplotlib.figure import Figure

from equivar import figures, networks
from equivar.data.folder import open_images
from equivar.data.input import INTERPOLATIONS
from equivar.files import all_or_nothing, check_target
from equivar.measure.summary import REPLICATES
from equivar.networks.errors import first_line

PLOTS = (".png", ".pdf", ".svg")


def measuring_command(
    commands: argparse._SubParsersAction, name: str, words: str, examples: str
) -> argparse.ArgumentParser:
    """A command that takes a network and images; words: its help."""
    parser = commands.add_parser(
        name, help=words, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    network_arguments(parser)
    image_arguments(parser)
    return parser


def network_arguments(parser: argparse.ArgumentParser):
    """The arguments that name a network, its weights, and what differs from its own images."""
    add = parser.add_argument
    add("network", help="timm:NAME, torchvision:NAME, equivar:NAME or path/to/file.py:make_model")
    add(
        "--weights",
        default="",
        metavar="FILE|hub|random",
        help="a state dict (.safetensors, .pt), pretrained ones by the library (default), or none",
    )
    add(
        "--option",
        action="append",
        default=[],
        type=_option,
        metavar="NAME=VALUE",
        help="an argument for the network's maker, may be repeated",
    )
    add("--seed", type=int, default=0, help="of random weights (default 0)")
    add("--size", type=_count, metavar="PIXELS", help="a side of the images (default: its own)")
    add("--resize", type=_count, metavar="PIXELS", help="the shorter side before the crop")
    add("--interpolation", choices=INTERPOLATIONS)
    add("--mean", type=float, nargs="+", metavar="X", help="for pixels in 0..1")
    add("--std", type=float, nargs="+", metavar="X")
    add("--traceback", action="store_true", help="show where an error came from")  # fmt: skip


def image_arguments(parser: argparse.ArgumentParser):
    """The arguments that name images, and where and how many at once they are measured."""
    add = parser.add_argument
    add(
        "--images",
        default="",
        metavar="DIR",
        help="a folder of images, or a data set of this package (default: shapes, drawn by it)",
    )
    add("--count", type=_count, default=200, help="images at most (default 200)")
    add("--skip-unreadable", action="store_true", help="leave out images that can not be decoded")
    add("--batch-size", type=_count, default=32)
    add("--device", help="cpu, cuda, cuda:1, ... (default cpu)")  # fmt: skip


def targets_of(arguments: argparse.Namespace) -> dict[str, Path]:
    """The files to write, checked before the work: sort -> path."""
    targets = {}
    if arguments.out:
        check_target(arguments.out, (".csv",))
        targets = {"table": arguments.out, "settings": arguments.out.with_suffix(".json")}
    if arguments.plot:
        check_target(arguments.plot, PLOTS)
        targets["plot"] = arguments.plot
    if arguments.quiet and not targets:
        raise ValueError("--quiet prints no table: say with --out or --plot where the result goes")
    return targets


def check_device(device: str | None):
    """ValueError: PyTorch can not use the device."""
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device {device} can not be used: {first_line(error)}") from error


def network_of(arguments: argparse.Namespace, weights: str | None = None) -> networks.Network:
    """The network that the arguments name; `weights` goes before theirs."""
    weights = arguments.weights if weights is None else weights
    options = dict(arguments.option)
    network = networks.load(arguments.network, weights, options=options, seed=arguments.seed)
    return network.with_input(
        size=arguments.size,
        resize=arguments.resize,
        interpolation=arguments.interpolation,
        mean=arguments.mean,
        std=arguments.std,
    )


def images_of(arguments: argparse.Namespace, network: networks.Network):
    """The images that the arguments name, as the network takes them."""
    return open_images(
        arguments.images,
        network.input,
        arguments.count,
        arguments.batch_size,
        arguments.skip_unreadable,
        order=arguments.seed,
    )


def opened(arguments: argparse.Namespace):
    """The network that the arguments name, ready to be measured, and its images.

    An untrained twin has the statistics of these images.
    """
    network = network_of(arguments)
    images = images_of(arguments, network)
    networks.check(network)
    return network.on(images), images


def say_what(network: networks.Network, images):
    """Tell on standard error which network and images are measured."""
    taken = network.input
    mean, std = (" ".join(f"{value:g}" for value in x) for x in (taken.mean, taken.std))
    print(f"network  {network.name}; weights {network.weights}", file=sys.stderr)
    print(f"images   {len(images.dataset)} of {images.name}, as {taken}, {taken.interpolation}, "
          f"mean {mean}, std {std}", file=sys.stderr)  # fmt: skip


def write(
    table: pd.DataFrame, targets: Mapping[str, Path], draw: Mapping[str, Callable[[], Figure]]
):
    """CSV, settings and the pictures that `draw` makes, by sort; all or none of them."""
    with all_or_nothing(list(targets.values())) as parts:
        for sort, part in zip(targets, parts, strict=True):
            if sort == "table":
                table.to_csv(part, index=False)
            elif sort == "settings":
                settings = {k: v for k, v in table.attrs.items() if k != REPLICATES}
                part.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
            else:
                figures.style()
                draw[sort]().savefig(part)


def _option(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, ast.literal_eval({"true": "True", "false": "False"}.get(value, value))
    except (ValueError, SyntaxError):
        return name, value


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
