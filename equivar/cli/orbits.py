"""`python -m equivar orbits`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from equivar import networks
from equivar.chapters.c10_orbits.pictures import orbit_filters, orbit_shares
from equivar.cli.arguments import (
    PLOTS,
    check_device,
    measuring_command,
    opened,
    say_what,
    targets_of,
    write,
)
from equivar.files import check_target
from equivar.measure import CHOICES
from equivar.orbits import (
    FIRST,
    MATCHINGS,
    SHARES,
    filters_of,
    first_and_blocks,
    orbits,
    shares,
)

EXAMPLES = """examples:
  python -m equivar orbits torchvision:squeezenet1_0 --images photos --out orbits.csv \\
      --plot shares.png --filters filters.png
  python -m equivar orbits equivar:resnet44 --weights resnet44.safetensors --images photos
  python -m equivar orbits net.py:make_model --size 64 --layers body.0 body.1 \\
      --matching assignment

members are channel numbers from 0; each feature is the next one, turned by 90 degrees.
"""
_SHOWN = ["layer", "kind", "members", "weakest", "chance", "q", "law_180", "law_270", "stable"]


def add_command(commands: argparse._SubParsersAction):
    """`orbits`."""
    words = "find the groups of channels that turn into one another"
    parser = measuring_command(commands, "orbits", words, EXAMPLES)
    add = parser.add_argument
    add(
        "--layers",
        nargs="+",
        metavar="NAME",
        help="default: the first convolution and the network's own blocks",
    )
    for name in ("over", "similarity"):
        add(f"--{name}", choices=CHOICES[name], default=CHOICES[name][0],
            help=f"default {CHOICES[name][0]}")  # fmt: skip
    add("--matching", choices=MATCHINGS, default=MATCHINGS[0], help=f"default {MATCHINGS[0]}")
    add("--rate", type=float, default=0.05, help="of false ones among what is found (default 0.05)")
    add("--out", type=Path, metavar="FILE.csv", help="the table; settings go to FILE.json")
    add("--plot", type=Path, metavar="FILE.png", help="shares by depth (.png, .pdf, .svg)")
    add("--filters", type=Path, metavar="FILE.png", help="the first convolution, in found order")
    add("--quiet", action="store_true", help="neither progress nor table")
    parser.set_defaults(run=_orbits)


def _orbits(arguments: argparse.Namespace):
    targets = targets_of(arguments)
    if arguments.filters:
        check_target(arguments.filters, PLOTS)
        targets["filters"] = arguments.filters
    check_device(arguments.device)
    network, images = opened(arguments)
    if not arguments.quiet:
        say_what(network, images)
    table = orbits(
        network.model,
        images,
        arguments.layers or first_and_blocks(network.model, next(iter(images))[:1]),
        over=arguments.over,
        similarity=arguments.similarity,
        matching=arguments.matching,
        rate=arguments.rate,
        batch_size=arguments.batch_size,
        device=arguments.device,
        progress=not arguments.quiet,
    )
    table.attrs |= {"network": network.name, "weights": network.weights, "images": images.name}
    draw = {"plot": partial(_shares, table, network), "filters": partial(_filters, table, network)}
    write(table, targets, draw)
    if not arguments.quiet:
        _say_what_was_found(table)
    if images.skipped:
        print(f"skipped {len(images.skipped)} unreadable images", file=sys.stderr)


def _say_what_was_found(table: pd.DataFrame):
    """The shares of channels by layer, then the orbits and pairs."""
    wide = shares(table).pivot(index=["index", "layer", "channels"], columns="kind", values="share")
    wide = wide[list(SHARES)].reset_index(level=("layer", "channels"))
    print(wide.rename_axis(columns=None).to_string(index=False, float_format="%.2f"))
    groups = table[table["found"] & (table["length"] > 1)]
    text = groups[_SHOWN].to_string(index=False, float_format="%.3f")
    print(f"\n{text}" if len(groups) else "\nneither pairs nor orbits are more than chance")


def _shares(table: pd.DataFrame, network: networks.Network) -> Figure:
    return orbit_shares(shares(table).assign(network=network.name))


def _filters(table: pd.DataFrame, network: networks.Network) -> Figure:
    """The filters of the first convolution. ValueError: it was left out, or nothing was found."""
    first = table[(table["part"] == FIRST) & table["found"]]
    if first.empty:
        raise ValueError("--filters: no cycle of the first convolution is more than chance")
    kernels = filters_of(network.model, first["layer"].iloc[0])
    return orbit_filters(dict(enumerate(kernels)), first, network.name)
