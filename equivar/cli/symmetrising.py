"""`python -m equivar symmetrise`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from equivar import networks
from equivar.chapters.c12_priors.pictures import kept_by_depth
from equivar.cli.arguments import (
    check_device,
    measuring_command,
    opened,
    say_what,
    targets_of,
    write,
)
from equivar.orbits import first_and_blocks
from equivar.priors import OPERATIONS, WAYS, symmetrise

EXAMPLES = """examples:
  python -m equivar symmetrise torchvision:resnet18 --images photos --out kept.csv --plot kept.png
  python -m equivar symmetrise equivar:resnet20 --weights resnet20.safetensors \\
      --images cifar10-train-head --labels --ways matched own random blank
  python -m equivar symmetrise net.py:make_model --size 64 --layers body.0 body.1

Without --labels the table tells how often the answer stays the same (agreement).
"""
_SHOWN = ["layer", "operation", "way", "channels_changed", "accuracy", "kept", "se", "agreement"]


def add_command(commands: argparse._SubParsersAction):
    """`symmetrise`."""
    words = "make one layer at a time equivariant, and see what is kept"
    parser = measuring_command(commands, "symmetrise", words, EXAMPLES)
    add = parser.add_argument
    add(
        "--layers",
        nargs="+",
        metavar="NAME",
        help="default: the first convolution and the network's own blocks",
    )
    add("--operations", nargs="+", choices=OPERATIONS, default=["turned", "averaged"],
        help="default: turned averaged")  # fmt: skip
    add("--ways", nargs="+", choices=WAYS, default=WAYS, help="of choosing channels; default: all")
    add("--labels", action="store_true", help="read accuracy too, by the labels of a data set")
    add("--rate", type=float, default=0.05, help="of false ones among orbits (default 0.05)")
    add("--out", type=Path, metavar="FILE.csv", help="the table; settings go to FILE.json")
    add("--plot", type=Path, metavar="FILE.png", help="what is kept by depth (.png, .pdf, .svg)")
    add("--quiet", action="store_true", help="neither progress nor table")
    parser.set_defaults(run=_symmetrise)


def _symmetrise(arguments: argparse.Namespace):
    targets = targets_of(arguments)
    check_device(arguments.device)
    network, images = opened(arguments)
    labels = getattr(images, "labels", None) if arguments.labels else None
    if arguments.labels and labels is None:
        raise ValueError(f"--labels: the images of {images.name} have no labels; leave it out")
    if not arguments.quiet:
        say_what(network, images)
    table = symmetrise(
        network.model,
        images,
        labels,
        arguments.layers or first_and_blocks(network.model, next(iter(images))[:1]),
        operations=arguments.operations,
        ways=arguments.ways,
        rate=arguments.rate,
        seed=arguments.seed,
        batch_size=arguments.batch_size,
        device=arguments.device,
        progress=not arguments.quiet,
    )
    table.attrs |= {"network": network.name, "weights": network.weights, "images": images.name}
    write(table, targets, {"plot": partial(_plot, table, network, labels is not None)})
    if not arguments.quiet:
        shown = [name for name in _SHOWN if table[name].notna().any()]
        print(table[shown].to_string(index=False, float_format="%.3f"))
    if images.skipped:
        print(f"skipped {len(images.skipped)} unreadable images", file=sys.stderr)


def _plot(table: pd.DataFrame, network: networks.Network, labelled: bool) -> Figure:
    operation = next(iter(table["operation"]))
    named = table.assign(network=network.name)
    return kept_by_depth(named, operation, "kept" if labelled else "agreement")
