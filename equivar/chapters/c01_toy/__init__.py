"""Chapter 01, section 4.1: networks whose in- and equivariance are built in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from pydantic import Field

from equivar import data as datasets
from equivar import networks
from equivar.chapters.c01_toy.concept import Idea, idea, idea_picture, idea_seen
from equivar.data import picture
from equivar.figures import (
    WIDTH,
    Words,
    bare,
    depth_profile,
    number,
    shared_legend,
    signed_image,
)
from equivar.measure import measure
from equivar.runs.parameters import ChapterParameters, Count, Images, Positive, Seed
from equivar.transforms import Rotation, rotations
from equivar.verdicts import (
    SE_95,
    Claim,
    Verdict,
    bound_words,
    directional,
    effect_words,
    within_margin,
)

__all__ = [
    "CLAIMS",
    "PAPER",
    "Idea",
    "Parameters",
    "ToyNetwork",
    "claim_4_1a",
    "claim_4_1b",
    "claims",
    "filters",
    "idea",
    "idea_picture",
    "idea_seen",
    "profiles",
    "runs",
    "seen",
    "tables",
    "turned_maps",
]

PAPER = {
    "network": "two networks of three layers, made by hand",
    "data": "not said",
    "epochs": "none",
    "reports": "exactly what was built in, in every layer",
}
CLAIMS = {
    "4.1a": Claim(
        "In a network of isotropic filters, invariance to quarter turns measures 1 in every layer.",
        "fig-toy-scores",
        smallest=0.01,
        why="a hundredth: what a figure shows; rounding is a thousand times smaller",
        unit="images",
        built_in=True,
    ),
    "4.1b": Claim(
        "In a network of filters that are turned copies of each other, equivariance measures 1 and "
        "invariance less.",
        "fig-toy-scores",
        smallest=0.01,
        why="a hundredth: what a figure shows; rounding is a thousand times smaller",
        unit="images",
        built_in=True,
    ),
}


class Parameters(ChapterParameters):
    """What the chapter is made with.

    data: a data set of `equivar.data`; images: how many are measured; shown: the number of the
    one that is drawn; channels: of the layers, in fours; kernel_size: odd; margin: how near to 1
    counts as exactly 1.
    """

    data: str
    images: Images
    shown: Annotated[int, Field(ge=0, strict=True)]
    channels: tuple[Count, ...]
    kernel_size: Count
    seed: Seed
    margin: Positive


@dataclass(frozen=True)
class ToyNetwork:
    """One of the two networks: its scores, and arrays to look at."""

    table: pd.DataFrame
    filters: list[np.ndarray]  # per layer (C', C, k, k)
    image: np.ndarray  # (H, W) or (H, W, 3), values 0..1
    maps: np.ndarray  # of the last layer, f(x): (C, H, W)
    turned_maps: np.ndarray  # of the turned image, f(T x): (C, H, W)


def runs(p: Parameters) -> list:
    """None: the networks are made by hand, and measured in a moment."""
    return []


def tables(p: Parameters) -> dict[str, ToyNetwork]:
    """Section 4.1: the invariant and the equivariant network, measured under quarter turns."""
    data = datasets.load(p.data, "test")
    if p.shown >= len(data):
        raise ValueError(f"image {p.shown} is to be shown, but {p.data} has {len(data)}")
    pixels = data.images.float() / 255  # the toy networks take plain pixels
    images, shown = pixels[: p.images], pixels[p.shown : p.shown + 1]
    found = {}
    for kind in ("invariant", "equivariant"):
        model = networks.build(
            f"toy-{kind}",
            in_channels=images.shape[1],
            channels=p.channels,
            kernel_size=p.kernel_size,
            seed=p.seed,
        )
        table = measure(model, images, rotations())
        with torch.no_grad():
            maps, turned = (model(x)[0].numpy() for x in (shown, Rotation(1).on_images(shown)))
        filters = [layer.conv.weight.detach().numpy() for layer in model.layers]
        found[kind] = ToyNetwork(
            table.assign(network=kind), filters, picture(shown[0]), maps, turned
        )
    return found


def seen(found: Mapping[str, ToyNetwork]) -> Words:
    """How high chance is on these images, and how much of a turned filter is left."""
    tables = pd.concat(one.table for one in found.values())
    chance = tables[tables["kind"] == "invariance"]["chance"]
    turned = found["equivariant"].table
    own = turned[turned["kind"] == "invariance"].groupby("transform")["score"].mean()
    return Words(
        f"Chance is high here: for invariance {number(chance.min())} to {number(chance.max())}, by "
        "layer and turn. "
        "These networks only blur, and a blurred picture with its object in the middle is a bright "
        "spot in the middle, whatever the object. Two such maps correlate by themselves. In the "
        f"equivariant network a channel's match with itself is {number(own['rotation-90'])} after "
        f"a quarter turn and {number(own['rotation-180'])} after a half turn. Each filter lacks "
        "one corner. A quarter turn moves the missing corner to a neighbouring corner, and a half "
        "turn to the opposite one, which is farther away by the square root of two. So the filter "
        "and its copy see parts of the image that lie farther apart, and have less in common."
    )


def claims(found: Mapping[str, ToyNetwork], p: Parameters) -> list[Verdict]:
    """The verdicts on section 4.1."""
    invariant, equivariant = (found[kind].table for kind in ("invariant", "equivariant"))
    return [claim_4_1a(invariant, p.margin), claim_4_1b(equivariant, p.margin)]


def claim_4_1a(table: pd.DataFrame, margin: float) -> Verdict:
    """The network of isotropic filters measures invariance 1 in every layer (figure 3).

    `table`: of that network, from `equivar.measure`. The effect is the lowest score minus 1, with
    the interval over images; it counts as 1 within `margin`.
    """
    row = table[table["kind"] == "invariance"].nsmallest(1, "score").iloc[0]
    effect, half = row["score"] - 1, SE_95 * row["se"]
    low, high = effect - half, effect + half
    return Verdict(
        "4.1a",
        float(effect),
        float(low),
        float(high),
        within_margin(low, high, margin),
        "The lowest invariance of any layer and turn is 1 within "
        f"{bound_words(abs(effect) + half)}, over {row['images']} images.",
        above=-margin,
        below=margin,
    )


def claim_4_1b(table: pd.DataFrame, margin: float) -> Verdict:
    """The network of turned filters measures equivariance 1 and invariance less (figure 3).

    `table`: of that network. The effect is the smallest gap between the two of any layer and turn;
    equivariance counts as 1 within `margin`.
    """
    wide = table.pivot(index=["layer", "transform"], columns="kind", values=["score", "se"])
    gap = wide["score", "equivariance"] - wide["score", "invariance"]
    half = SE_95 * np.hypot(wide["se", "equivariance"], wide["se", "invariance"])
    least = (gap - half).idxmin()
    low, high = gap[least] - half[least], gap[least] + half[least]
    off = (wide["score", "equivariance"] - 1).abs().max()
    return Verdict(
        "4.1b",
        float(gap[least]),
        float(low),
        float(high),
        directional(low, high, CLAIMS["4.1b"].smallest) if off <= margin else "contradicted",
        f"Equivariance is 1 within {bound_words(off)} in every layer, and invariance is lower by "
        f"at least {effect_words(gap[least], low, high)}, over {table['images'].min()} images.",
        above=0,
    )


def profiles(networks: Mapping[str, ToyNetwork]) -> Figure:
    """Scores of both toy networks by layer, side by side."""
    fig, axes = plt.subplots(1, len(networks), figsize=(WIDTH, 2.7), sharey=True)
    for ax, (name, network) in zip(axes, networks.items(), strict=True):
        depth_profile(network.table, ax)
        names = network.table.drop_duplicates("index")["index"]
        ax.set(title=f"{name} network", ylim=(-0.1, 1.08), xticks=names, xticklabels=names + 1)
    axes[1].set_ylabel("")
    shared_legend(fig, axes[0])
    return fig


def filters(networks: Mapping[str, ToyNetwork], channel: int = 0, shown: int = 8) -> Figure:
    """The filters of each layer that read one input channel, one row a layer."""
    fig, axes = plt.subplots(
        sum(len(n.filters) for n in networks.values()),
        shown,
        figsize=(WIDTH, 0.82 * sum(len(n.filters) for n in networks.values())),
    )
    row = 0
    for name, network in networks.items():
        for depth, weight in enumerate(network.filters):
            for ax, kernel in zip(axes[row], weight[:shown, channel], strict=True):
                signed_image(kernel, ax)
            title = f"{name} network, layer {depth + 1}"
            axes[row, 0].set_title(title, fontsize="small")
            row += 1
    return fig


def turned_maps(network: ToyNetwork, channels: int = 4, name: str = "") -> Figure:
    """One image and its quarter turn: T f(x) above f(T x), for the first channels.

    In an invariant network each column holds the same map twice. In an equivariant one the map
    below stands above in another column.
    """
    fig, axes = plt.subplots(2, channels + 1, figsize=(WIDTH, 3.2))
    turned = np.rot90(network.maps, axes=(-2, -1))
    for row, (image, maps, text) in enumerate(
        (
            (network.image, turned, "F = T f(x)"),
            (np.rot90(network.image), network.turned_maps, "G = f(T x)"),
        )
    ):
        axes[row, 0].imshow(image, vmin=0, vmax=1)
        axes[row, 0].set_ylabel(text)
        axes[row, 0].set_title("x" if row == 0 else "T x", fontsize="small")
        bare(axes[row, 0])
        for c in range(channels):
            ax = axes[row, c + 1]
            ax.imshow(maps[c], cmap="viridis", vmin=0)
            ax.set_title(f"{'F' if row == 0 else 'G'}, channel {c + 1}", fontsize="small")
            bare(ax)
    if name:
        fig.suptitle(f"{name} network, last layer", x=0.01, ha="left", fontsize="medium")
    return fig
