"""Sections 4.4 and 4.5: what augmentation and capacity do to translation equivariance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from equivar.claims.components import Component, difference, doubling, judge, mean
from equivar.claims.runs import Runs, Sample
from equivar.claims.verdict import Verdict

AUGMENTATIONS = {
    "none": "no augmentation",
    "crop": "random crops",
    "flip": "horizontal flips",
    "cutmix": "CutMix",
    "randaugment": "RandAugment",
}
PARTS = ("early", "middle", "late", "pool", "final")
BEFORE_POOLING = PARTS[:3]
RAISED = ("middle", "late", "final")  # the parts that crops and RandAugment raise


def claim_4_4a(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """Random crops and RandAugment raise translation equivariance (4.4, figure 6a).

    In the middle, late and final parts. The effect is the mean equivariance with the augmentation
    less that without; a comparison for each of the two and part. `table` has a column `augment`.
    """
    runs = Runs(table, "augment", above_chance)
    raised = [
        _raise(runs, augment, part, above=0)
        for augment in ("crop", "randaugment")
        for part in RAISED
    ]
    return judge("4.4a", raised, above_chance)


def claim_4_4b(table: pd.DataFrame, margin: float = 0.05, above_chance: bool = False) -> Verdict:
    """Flips and CutMix do not raise it, and CutMix lowers it in the middle part (4.4, figure 6a).

    The effect is as in 4.4a, for the same parts. Up to `margin` it counts as none, and below zero
    is no raise either; CutMix in the middle part must be below zero. `table`: as in 4.4a.
    """
    runs = Runs(table, "augment", above_chance)
    components = [
        _raise(runs, augment, part, below=0 if (augment, part) == ("cutmix", "middle") else margin)
        for augment in ("flip", "cutmix")
        for part in RAISED
    ]
    return judge("4.4b", components, above_chance)


def claim_4_4c(table: pd.DataFrame, margin: float = 0.05, above_chance: bool = False) -> Verdict:
    """For translation, invariance and equivariance are equal (4.4, figure 6a).

    The effect is a run's mean equivariance less its mean invariance; within `margin` they count as
    equal. A comparison for each augmentation and part. `table`: as in 4.4a.
    """
    runs = Runs(table, "augment", above_chance)
    components = [
        mean(
            f"{part} equivariance less invariance with {words}",
            runs.sample(augment, {("equivariance", part): 1, ("invariance", part): -1}),
            above=-margin,
            below=margin,
        )
        for augment, words in AUGMENTATIONS.items()
        for part in PARTS
    ]
    return judge("4.4c", components, above_chance)


def claim_4_5a(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """Wider networks have less translation equivariance (4.5, figure 6b).

    The effect is the fall with each doubling of the width: the slope of a run's equivariance, its
    mean over the early, middle and late part, against log2 of the width, over all runs. `table`
    has a column `widening`; its `width` is that of the maps.
    """
    third = {("equivariance", part): 1 / len(BEFORE_POOLING) for part in BEFORE_POOLING}
    words = "the fall of equivariance before pooling with each doubling of the width"
    samples = _by_width(table, third, above_chance)
    return judge("4.5a", [doubling(words, samples, scale=-1, above=0)], above_chance)


def claim_4_5b(table: pd.DataFrame, margin: float = 0.05, above_chance: bool = False) -> Verdict:
    """The invariance of the final part is the same for all widths (4.5, figure 6b).

    The effect is the change from the narrowest to the widest network, by the slope of a run's
    final invariance against log2 of the width; within `margin` it counts as none. A difference
    that is no slope widens the interval. `table`: as in 4.5a.
    """
    words = "the change of final invariance from the narrowest to the widest network"
    samples = _by_width(table, {("invariance", "final"): 1}, above_chance)
    doublings = np.log2(max(samples) / min(samples)) if samples else 0
    change = doubling(words, samples, scale=doublings, above=-margin, below=margin)
    return judge("4.5b", [change], above_chance)


def _raise(runs: Runs, augment: str, part: str, **side: float) -> Component:
    return difference(
        f"{part} equivariance with {AUGMENTATIONS[augment]} less that without",
        runs.score(augment, "equivariance", part),
        runs.score("none", "equivariance", part),
        **side,
    )


def _by_width(
    table: pd.DataFrame, weights: dict[tuple[str, str], float], above_chance: bool
) -> dict[float, Sample]:
    runs = Runs(table, "widening", above_chance)
    return {width: runs.sample(width, weights) for width in runs.names}
