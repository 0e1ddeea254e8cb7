"""`python -m equivar measure` and `python -m equivar layers`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from matplotlib.figure import Figure

from equivar import figures, networks
from equivar.chapters import c09_own
from equivar.cli.arguments import (
    check_device,
    measuring_command,
    network_arguments,
    network_of,
    opened,
    say_what,
    targets_of,
    write,
)
from equivar.features import Layers, default_layers
from equivar.features.defaults import UnknownStructure
from equivar.measure import CHOICES, measure, parts_of
from equivar.names import WITHOUT_CELLS
from equivar.rulers import RULERS, check_rulers, compare
from equivar.transforms import parse_transforms

OF_RULERS = ("border", "subpixel")  # options that all rulers take
EXAMPLES = """examples:
  python -m equivar measure timm:resnet18 --images photos --count 200 --out profile.csv
  python -m equivar measure torchvision:squeezenet1_1 --weights squeezenet1_1.safetensors \\
      --images photos --transforms shifts:1-16 --out profile.csv --plot profile.png
  python -m equivar measure net.py:make_model --size 64 --transforms rotation-90,shift-3 \\
      --layers body.0 body.1 head
  python -m equivar measure timm:mobilenetv2_100 --weights mobilenetv2.safetensors \\
      --option pad_type=same --option bn_eps=0.001
  python -m equivar measure timm:resnet18 --images photos --ruler linear channel-dataset
  python -m equivar layers timm:resnet18

networks:
  timm:NAME, torchvision:NAME     the libraries' names
  equivar:NAME                    the paper's: equivar:resnet44, equivar:wrn-40-4, equivar:cnn7
  path/to/file.py:make_model      a callable that returns a torch.nn.Module (its code is run)
  untrained:NETWORK               any of these before training, with weights drawn from --seed
"""


def _measure(arguments: argparse.Namespace):
    targets = targets_of(arguments)
    check_device(arguments.device)
    _check_rulers(arguments)
    transforms = parse_transforms(arguments.transforms)
    network, images = opened(arguments)
    if not arguments.quiet:
        say_what(network, images)
    by, options, summed = measure, CHOICES, c09_own.by_part
    if arguments.ruler:
        by, options, summed = compare, OF_RULERS, c09_own.by_ruler
    options = {name: getattr(arguments, name) for name in options}
    table = c09_own.measured(
        by,
        network,
        images,
        transforms,
        layers=arguments.layers,
        batch_size=arguments.batch_size,
        device=arguments.device,
        progress=not arguments.quiet,
        **options,
        **({"rulers": arguments.ruler} if arguments.ruler else {}),
    )
    profile = partial(_profile, table, bool(arguments.ruler))
    write(table, targets, {"plot": profile})
    if not arguments.quiet:
        print(summed(table).to_string(float_format="%.3f", na_rep="-"))
    if images.skipped:
        shown = ", ".join(path.name for path in list(images.skipped)[:5])
        more = ", ..." if len(images.skipped) > 5 else ""
        print(f"skipped {len(images.skipped)} unreadable: {shown}{more}", file=sys.stderr)


def _check_rulers(arguments: argparse.Namespace):
    """ValueError: an option of the measure that the other rulers do not take, or no such ruler."""
    if not arguments.ruler:
        return
    check_rulers(arguments.ruler)
    for name, choices in CHOICES.items():
        if name not in OF_RULERS and getattr(arguments, name) != choices[0]:
            raise ValueError(f"--{name} is of the measure alone: leave it or --ruler out")


def _profile(table: pd.DataFrame, ruled: bool) -> Figure:
    if ruled:
        return figures.ruler_profile(table, RULERS, table.attrs["network"])
    return figures.network_profile(table, table.attrs["network"])


def _layers(arguments: argparse.Namespace):
    """The default layers of a network: index, part, name, shape, stride."""
    network = network_of(arguments, "random" if arguments.weights == "" else None)
    networks.check(network)
    try:
        parts = default_layers(network.model)
    except UnknownStructure as error:
        print(error)
        raise ValueError(f"the layers of {network.name} must be named, see above") from None
    taken = network.input
    noise = torch.rand(1, taken.channels, taken.height, taken.width)
    ends = [name for name, part in parts.items() if part in WITHOUT_CELLS]
    with Layers(network.model, list(parts), lenient=True, ends=ends) as hooked:
        hooked.probe(noise)
    rows = [
        {
            "index": i,
            "part": part,
            "layer": name or '"" (the whole network)',
            "channels x height x width": f"{s.channels} x {s.grid.height} x {s.grid.width}",
            "stride": f"{s.stride:g}" if s.spatial else "-",
        }
        for i, (name, part, s) in enumerate(
            zip(hooked.names, parts_of(parts, hooked), hooked.shapes, strict=True)
        )
    ]
    print(pd.DataFrame(rows).to_string(index=False))


def add_commands(commands: argparse._SubParsersAction):
    """`measure` and `layers`."""
    parser = measuring_command(commands, "measure", "measure a network on images", EXAMPLES)
    _measure_arguments(parser)
    parser.set_defaults(run=_measure)
    layers = commands.add_parser("layers", help="list the layers that would be measured")
    network_arguments(layers)
    layers.set_defaults(run=_layers)


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
    add(
        "--ruler",
        nargs="+",
        default=[],
        metavar="NAME",
        help=f"other rulers in place of the measure: {', '.join(RULERS)}",
    )
    add("--out", type=Path, metavar="FILE.csv", help="the table; settings go to FILE.json")
    add("--plot", type=Path, metavar="FILE.png", help="the layer profile (.png, .pdf, .svg)")
    add("--quiet", action="store_true", help="neither progress nor table")  # fmt: skip
