"""Chapter 01, section 4.1: networks whose in- and equivariance are built in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from equivar.chapters.c01_toy.maps import FRAMES, turned_maps
from equivar.data import picture
from equivar.figures import (
    WIDTH,
    Words,
    depth_profile,
    number,
    shared_legend,
    signed_image,
)
from equivar.measure import measure
from equivar.runs.parameters import ChapterParameters, Count, Images, Positive, Seed
from equivar.similarity import pairwise
from equivar.transforms import Rotation, rotations
from equivar.verdicts import (
    SE_95,
    Claim,
    Verdict,
    bound_words,
    directional,
    effect_words,
    standing,
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
    "equivariant_maps",
    "filters",
    "idea",
    "idea_picture",
    "idea_seen",
    "invariant_maps",
    "maps_seen",
    "meaning",
    "profiles",
    "runs",
    "seen",
    "tables",
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
    image: np.ndarray  # x: (H, W) or (H, W, 3), values 0..1
    maps: np.ndarray  # f(x) of the first layer: (C, H, W)
    answers: np.ndarray  # G = f(T x), of its quarter turn: (C, H, W)
    matches: np.ndarray  # S(G_c, F_c') of this image, with F = T f(x): (C, C)


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
        turn, first = Rotation(1), model.layers[0]
        with torch.no_grad():
            maps, answers = first(shown), first(turn.on_images(shown))
        matches = pairwise(answers, turn.on_images(maps))[0].numpy()
        filters = [layer.conv.weight.detach().numpy() for layer in model.layers]
        found[kind] = ToyNetwork(
            table.assign(network=kind), filters, picture(shown[0]),
            maps[0].numpy(), answers[0].numpy(), matches,
        )  # fmt: skip
    return found


def seen(found: Mapping[str, ToyNetwork]) -> Words:
    """How near to 1 the scores are, how high chance is, and how much of a turned filter is left."""
    tables = pd.concat(one.table for one in found.values())
    chance = tables[tables["kind"] == "invariance"]["chance"]
    off = (tables[tables["kind"] == "equivariance"]["score"] - 1).abs().max()
    turned = found["equivariant"].table
    own = turned[turned["kind"] == "invariance"].groupby("transform")["score"].mean()
    return Words(
        f"Equivariance is 1 within {bound_words(off)} in both networks. In the equivariant one a "
        f"channel's match with itself is {number(own['rotation-90'])} after a quarter turn and "
        f"{number(own['rotation-180'])} after a half turn. Each filter lacks one corner. A quarter "
        "turn moves the missing corner to a neighbouring corner, and a half turn to the opposite "
        "one, which is farther away. So after a half turn the filter has least in common with "
        f"itself. Chance is high here: for invariance {number(chance.min())} to "
        f"{number(chance.max())}, by network, layer and turn. These networks only blur, and a "
        "blurred picture with its object in the middle is a bright spot in the middle, whatever "
        "the object. Two such maps correlate by themselves. This is why every score of this book "
        "stands beside its chance."
    )


def meaning(verdicts: Sequence[Verdict]) -> Words:
    """What the chapter comes to, in plain words."""
    return Words(
        f"{standing(verdicts)} Both networks have their property by construction, so this is a "
        "check of the measure, and hardly one of the paper: the program finds what was built in, "
        "and it finds it in the right kind of score. It can not show how the measure behaves where "
        "a network has a property only in part, as a trained network does. Two points matter for "
        "what follows. A high invariance does not yet tell of a symmetric feature, since chance "
        "alone can be high. And equivariance is never below invariance, since a channel may be "
        "its own best match. How the scores change under other readings of the paper's equations "
        "is the subject of [chapter 08](08-readings.ipynb)."
    )


def maps_seen(found: Mapping[str, ToyNetwork], count: int = len(FRAMES)) -> Words:
    """Which channel answers for which in the pictures of maps, with the correlations."""
    still = found["invariant"].matches.diagonal()[:count]
    matches = found["equivariant"].matches[:count]
    partners = matches.argmax(axis=1)
    pairs = ", ".join(f"G{c + 1} is F{other + 1}" for c, other in enumerate(partners))
    best = matches.max(axis=1)
    own = matches.diagonal()[:count]
    return Words(
        f"In the invariant network each G is its own F: S is {number(still.min(), 3)} for each "
        f"of the four. In the equivariant network {pairs}: S is {number(best.min(), 3)} for these "
        f"pairs, and {number(own.max(), 3)} at most for a G and its own F. That is high too, since "
        "all maps show the same blurred digit. The figure therefore draws what each of the four "
        "has beyond their mean. A turn of the image moves every map to the next channel of its "
        "group, as the filters were made to do."
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


def invariant_maps(found: Mapping[str, ToyNetwork]) -> Figure:
    """One image and its quarter turn in the first layer of the invariant network."""
    one = found["invariant"]
    return turned_maps(one.image, one.maps, one.answers, one.matches.argmax(axis=1))


def equivariant_maps(found: Mapping[str, ToyNetwork]) -> Figure:
    """The same in the equivariant network: what each map has beyond the mean of the four."""
    one = found["equivariant"]
    return turned_maps(one.image, one.maps, one.answers, one.matches.argmax(axis=1), beyond=True)


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
