"""`python -m equivar measure` and `python -m equivar layers`."""

from __future__ import annotations

import argparse
import ast
import json
import sys
from pathlib import Path

import pandas as pd
import torch

from equivar import figures, networks, own
from equivar.features import Layers, default_layers
from equivar.features.defaults import UnknownStructure
from equivar.images_folder import open_images
from equivar.inputs import INTERPOLATIONS
from equivar.measure import CHOICES
from equivar.measure.summary import REPLICATES
from equivar.networks.places import first_line
from equivar.saving import all_or_nothing, check_target
from equivar.transforms import parse_transforms

EXAMPLES = """examples:
  python -m equivar measure timm:resnet18 --images photos --count 200 --out profile.csv
  python -m equivar measure torchvision:squeezenet1_1 --weights squeezenet1_1.safetensors \\
      --images photos --transforms shifts:1-16 --out profile.csv --plot profile.png
  python -m equivar measure net.py:make_model --size 64 --transforms rotation-90,shift-3 \\
      --layers body.0 body.1 head
  python -m equivar measure timm:mobilenetv2_100 --weights mobilenetv2.safetensors \\
      --option pad_type=same --option bn_eps=0.001
  python -m equivar layers timm:resnet18

networks:
  timm:NAME, torchvision:NAME     the libraries' names
  equivar:NAME                    the paper's: equivar:resnet44, equivar:wrn-40-4, equivar:cnn7
  path/to/file.py:make_model      a callable that returns a torch.nn.Module (its code is run)
"""
_PLOTS = (".png", ".pdf", ".svg")


def _measure(arguments: argparse.Namespace):
    targets = _targets(arguments)
    _check_device(arguments.device)
    transforms = parse_transforms(arguments.transforms)
    network = _network(arguments)
    images = open_images(
        arguments.images,
        network.input,
        arguments.count,
        arguments.batch_size,
        arguments.skip_unreadable,
    )
    if not arguments.quiet:
        _say_what(network, images)
    options = {name: getattr(arguments, name) for name in CHOICES}
    table = own.measured(
        network,
        images,
        transforms,
        layers=arguments.layers,
        batch_size=arguments.batch_size,
        device=arguments.device,
        progress=not arguments.quiet,
        **options,
    )
    _write(table, targets)
    if not arguments.quiet:
        print(own.by_part(table).to_string(float_format="%.3f", na_rep="-"))
    if images.skipped:
        shown = ", ".join(path.name for path in list(images.skipped)[:5])
        more = ", ..." if len(images.skipped) > 5 else ""
        print(f"skipped {len(images.skipped)} unreadable: {shown}{more}", file=sys.stderr)


def _targets(arguments: argparse.Namespace) -> dict[str, Path]:
    """The files to write, checked before the work: sort -> path."""
    targets = {}
    if arguments.out:
        check_target(arguments.out, (".csv",))
        targets = {"table": arguments.out, "settings": arguments.out.with_suffix(".json")}
    if arguments.plot:
        check_target(arguments.plot, _PLOTS)
        targets["plot"] = arguments.plot
    if arguments.quiet and not targets:
        raise ValueError("--quiet prints no table: say with --out or --plot where the result goes")
    return targets


def _check_device(device: str | None):
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device {device} can not be used: {first_line(error)}") from error


def _network(arguments: argparse.Namespace, weights: str | None = None) -> networks.Network:
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


def _say_what(network: networks.Network, images):
    taken = network.input
    mean, std = (" ".join(f"{value:g}" for value in x) for x in (taken.mean, taken.std))
    print(f"network  {network.name}; weights {network.weights}", file=sys.stderr)
    print(f"images   {len(images.dataset)} of {images.name}, as {taken}, {taken.interpolation}, "
          f"mean {mean}, std {std}", file=sys.stderr)  # fmt: skip


def _write(table: pd.DataFrame, targets: dict[str, Path]):
    """CSV, settings and picture, all or none of them."""
    with all_or_nothing(list(targets.values())) as parts:
        for sort, part in zip(targets, parts, strict=True):
            if sort == "table":
                table.to_csv(part, index=False)
            elif sort == "settings":
                settings = {k: v for k, v in table.attrs.items() if k != REPLICATES}
                part.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
            else:
                figures.style()
                figures.own_profile(table, table.attrs["network"]).savefig(part)


def _layers(arguments: argparse.Namespace):
    """The default layers of a network: index, part, name, shape, stride."""
    network = _network(arguments, "random" if arguments.weights == "" else None)
    networks.check(network)
    try:
        parts = default_layers(network.model)
    except UnknownStructure as error:
        print(error)
        raise ValueError(f"the layers of {network.name} must be named, see above") from None
    taken = network.input
    noise = torch.rand(1, taken.channels, taken.height, taken.width)
    with Layers(network.model, list(parts)) as hooked:
        hooked.probe(noise)
    rows = [
        {
            "index": i,
            "part": part,
            "layer": name or '"" (the whole network)',
            "channels x height x width": f"{s.channels} x {s.grid.height} x {s.grid.width}",
            "stride": f"{s.stride:g}" if s.spatial else "-",
        }
        for i, ((name, part), s) in enumerate(zip(parts.items(), hooked.shapes, strict=True))
    ]
    print(pd.DataFrame(rows).to_string(index=False))


def add_commands(commands: argparse._SubParsersAction):
    """`measure` and `layers`."""
    measure = commands.add_parser(
        "measure",
        help="measure a network on images",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _network_arguments(measure)
    _image_arguments(measure)
    _measure_arguments(measure)
    measure.set_defaults(run=_measure)
    layers = commands.add_parser("layers", help="list the layers that would be measured")
    _network_arguments(layers)
    layers.set_defaults(run=_layers)


def _network_arguments(parser: argparse.ArgumentParser):
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


def _image_arguments(parser: argparse.ArgumentParser):
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


def _measure_arguments(parser: argparse.ArgumentParser):
    add = parser.add_argument
    add(
        "--transforms",
        default="rotations",
        metavar="LIST",
        help="with commas: rotations, rotation-90, shift-3, shifts:1-16, shifts:4-16:4 "
        "(default rotations)",
    )
    add("--layers", nargs="+", metavar="NAME", help="default: the network's own blocks")
    for name, choices in CHOICES.items():
        add(f"--{name}", choices=choices, default=choices[0], help=f"default {choices[0]}")
    add("--out", type=Path, metavar="FILE.csv", help="the table; settings go to FILE.json")
    add("--plot", type=Path, metavar="FILE.png", help="the layer profile (.png, .pdf, .svg)")
    add("--quiet", action="store_true", help="neither progress nor table")  # fmt: skip


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
