"""Chapter 07, section 4.6: how convolutional networks, vision transformers and mixers differ.

The networks are those of chapter 03, and so are its parameters, runs and tables.
"""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equivar.chapters.c03_accuracy import NEEDS, Compared, Parameters, marks, runs, tables
from equivar.figures import CHANCE, COLOURS, WIDTH, shared_legend
from equivar.names import BEFORE_POOLING, KINDS, PARTS, SORTS, WITHOUT_CELLS, sort_of
from equivar.verdicts import (
    FAMILIES,
    SE_95,
    Claim,
    Component,
    Networks,
    Verdict,
    contrast,
    judge,
    rank,
)

__all__ = ["CLAIMS", "Parameters", "claims", "runs", "tables"]

OTHERS = ("vit", "mixer")
FAMILY_NEEDS = "it takes a CNN and a ViT or Mixer"
CLAIMS = {
    "4.6a": Claim(
        "ViT and MLP-Mixer have less translation equivariance than CNNs in the early and middle "
        "parts.",
        "fig-architectures",
    ),
    "4.6b": Claim(
        "Across architectures, translation invariance equals translation equivariance.",
        "fig-architectures",
    ),
    "4.6c": Claim(
        "ViT and MLP-Mixer have less rotation equivariance in intermediate parts than CNNs.",
        "fig-architectures",
    ),
    "4.6d": Claim(
        "In the final part the ViT has the most rotation equivariance.", "fig-architectures"
    ),
    "4.6e": Claim(
        "Early parts have features that are equivariant to rotation and not invariant, more than "
        "late parts.",
        "fig-architectures",
    ),
    "4.6f": Claim(
        "Networks with much rotation equivariance inside have little in the final part.",
        "fig-architectures",
    ),
}


def claims(found: Compared, p: Parameters, above_chance: bool = False) -> list[Verdict]:
    """The verdicts on section 4.6, on scores as they are or on what is above chance."""
    table = found.parts
    return [
        claim_4_6a(table, above_chance),
        claim_4_6b(table, 0.05, above_chance),
        claim_4_6c(table, above_chance),
        claim_4_6d(table, above_chance),
        claim_4_6e(table, above_chance),
        claim_4_6f(table, above_chance),
    ]


def claim_4_6a(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """ViT and Mixer have less translation equivariance than CNNs in Early and Middle (figure 7).

    The effect is the CNNs' mean equivariance minus the family's; a comparison for each family that
    is there and part. `table`: rows of `Compared.parts`.
    """
    return _less_than_cnns("4.6a", table, "shift", ("early", "middle"), above_chance)


def claim_4_6b(table: pd.DataFrame, margin: float = 0.05, above_chance: bool = False) -> Verdict:
    """For translation, invariance equals equivariance, up to `margin` (figure 7).

    A comparison for each network and part.
    """
    networks = Networks(table, above_chance)
    components = [
        contrast(
            f"{part} equivariance less invariance of {name}",
            networks,
            _gap(name, "shift", part),
            above=-margin,
            below=margin,
        )
        for name in networks.names
        for part in PARTS
    ]
    return judge("4.6b", components, above_chance, "it takes scores of every part")


def claim_4_6c(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """ViT and Mixer have less rotation equivariance than CNNs before pooling (figure 7)."""
    return _less_than_cnns("4.6c", table, "rotation", BEFORE_POOLING, above_chance)


def claim_4_6d(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """In the final part the ViT has the most rotation equivariance (figure 7).

    The effect is a ViT's score minus another network's; a comparison for each pair.
    """
    networks = Networks(table, above_chance)
    place = ("rotation", "equivariance", "final")
    components = [
        contrast(
            f"final rotation equivariance of {name} less that of {other}",
            networks,
            [(1, name, *place), (-1, other, *place)],
            above=0,
        )
        for name in networks.of("vit")
        for other in networks.names
        if networks.family[other] != "vit"
    ]
    return judge("4.6d", components or [_nothing("no ViT")], above_chance, FAMILY_NEEDS)


def claim_4_6e(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """Early parts have equivariant features that are not invariant, more than late (figure 7).

    For rotation. The effect is equivariance minus invariance, averaged over networks: above 0 in
    the early part, and larger there than in the late part.
    """
    networks = Networks(table, above_chance)
    share = 1 / len(networks.names)
    early = [t for name in networks.names for t in _gap(name, "rotation", "early", share)]
    late = [t for name in networks.names for t in _gap(name, "rotation", "late", -share)]
    words = "early rotation equivariance less invariance"
    components = [
        contrast(words, networks, early, above=0),
        contrast(f"{words}, less the same in the late part,", networks, early + late, above=0),
    ]
    return judge("4.6e", components, above_chance, "it takes scores of both parts")


def claim_4_6f(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """High rotation equivariance before pooling goes with a low one at the end (figure 7).

    The effect is Spearman's correlation of the two over networks; the claim asks for below 0.
    """
    networks = Networks(table, above_chance)
    inside = [networks.scores("rotation", "equivariance", part) for part in BEFORE_POOLING]
    final = networks.scores("rotation", "equivariance", "final")
    words = "the rank correlation of rotation equivariance before pooling and in the final part"
    one = rank(words, np.mean(inside, axis=0), final, below=0)
    return judge("4.6f", [one], above_chance, NEEDS)


def _less_than_cnns(
    claim: str, table: pd.DataFrame, transforms: str, parts: tuple[str, ...], above_chance: bool
) -> Verdict:
    networks = Networks(table, above_chance)
    cnns, there = networks.of("cnn"), [one for one in OTHERS if networks.of(one)]
    components = [
        contrast(
            f"{part} {SORTS[transforms]} equivariance of the CNNs less that of the "
            f"{FAMILIES[family]}",
            networks,
            _mean(cnns, 1, transforms, part) + _mean(networks.of(family), -1, transforms, part),
            above=0,
        )
        for family in there
        for part in parts
        if cnns
    ]
    absent = [FAMILIES[family] for family in OTHERS if family not in there]
    lacking = _nothing(*(f"no {name}" for name in absent or ["CNN"]))
    verdict = judge(claim, components or [lacking], above_chance, FAMILY_NEEDS)
    if components and absent:
        without = f"without a {absent[0]} in the table: "
        verdict = replace(verdict, reason=without + verdict.reason)
    return verdict


def _mean(names: list[str], sign: int, transforms: str, part: str):
    return [(sign / len(names), name, transforms, "equivariance", part) for name in names]


def _gap(name: str, transforms: str, part: str, weight: float = 1):
    """Equivariance less invariance."""
    return [
        (weight, name, transforms, "equivariance", part),
        (-weight, name, transforms, "invariance", part),
    ]


def _nothing(*lacking: str) -> Component:
    """A component that can not be taken."""
    return Component("", np.nan, np.nan, np.nan, 0, lacking)


def architecture_profiles(parts: pd.DataFrame) -> Figure:
    """Score by part, a line for each network (figure 7); dotted: its family's mean chance."""
    mark = marks(parts)
    fig, axes = plt.subplots(2, 2, figsize=(WIDTH, 5.8), sharex=True, sharey="row")
    for row, (transforms, words) in zip(axes, SORTS.items(), strict=True):
        for ax, kind in zip(row, KINDS, strict=True):
            of = parts[(parts["transforms"] == transforms) & (parts["kind"] == kind)]
            for name, line in of.groupby("network", sort=False):
                line = line.set_index("part").reindex(PARTS)
                ax.errorbar(range(len(PARTS)), line["score"], yerr=SE_95 * line["se"], label=name,
                            lw=1, elinewidth=0.8, **mark[name])  # fmt: skip
            for family, lines in of.groupby("family", sort=False):
                chance = lines.groupby("part")["chance"].mean().reindex(PARTS)
                ax.plot(range(len(PARTS)), chance, color=COLOURS[family], **CHANCE)
            ax.set(title=f"{words} {kind}", xticks=range(len(PARTS)),
                   xticklabels=[part.capitalize() for part in PARTS])  # fmt: skip
        row[0].set_ylabel("score")
    _legend(fig, axes[0, 0])
    return fig


def relative_depth(scores: pd.DataFrame) -> Figure:
    """Equivariance by layer, from the first (0) to the last before pooling (1)."""
    mark = marks(scores)
    rows = scores.assign(transforms=scores["transform"].map(sort_of))[
        (scores["kind"] == "equivariance") & ~scores["part"].isin(WITHOUT_CELLS)
    ]
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.4), sharey=True)
    for ax, (transforms, words) in zip(axes, SORTS.items(), strict=True):
        of = rows[rows["transforms"] == transforms]
        for name, layers in of.groupby("network", sort=False):
            mean = layers.groupby("index")["score"].mean()
            depth = np.linspace(0, 1, len(mean))
            ax.plot(depth, mean, label=name, lw=1, **mark[name])
        ax.set(title=f"{words} equivariance", xlabel="relative depth")
    axes[0].set_ylabel("score")
    shared_legend(fig, axes[0], ncols=3)
    return fig


def _legend(fig: Figure, ax: Axes):
    ax.plot([], [], color="#555555", **CHANCE, label="chance, mean of a family")
    shared_legend(fig, ax, ncols=3)
