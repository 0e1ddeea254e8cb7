"""Chapter 06, section 4.5: are small networks more equivariant than wide ones?

Tables have a column `widening`, the width of the network; their `width` is that of the maps.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from equivar.chapters.c05_augmentations import Shifts, beside_reported, under_shifts
from equivar.names import BEFORE_POOLING
from equivar.runs import Results, Store, Training, run_all
from equivar.runs.parameters import Count
from equivar.verdicts import Claim, Runs, Sample, Verdict, doubling, judge

CLAIMS = {
    "4.5a": Claim(
        "Wider networks have less translation equivariance.",
        "fig-capacity-parts",
    ),
    "4.5b": Claim(
        "Their invariance in the final part is the same.",
        "fig-capacity-parts",
    ),
}


class Parameters(Shifts):
    """What the chapter is made with.

    depth, widths: of the networks wrn-<depth>-<width>; augment: of `equivar.training`.
    """

    depth: Count
    widths: Annotated[tuple[Count, ...], Field(min_length=1)]
    augment: tuple[str, ...]


def runs(p: Parameters) -> list[Training]:
    """The networks of the chapter: each width with each seed."""
    return [
        under_shifts(
            p,
            experiment="capacity",
            groups={"widening": width},
            network=f"wrn-{p.depth}-{width}",
            augment=p.augment,
            seed=seed,
        )
        for seed in p.seeds  # so that a first seed of every width is there first
        for width in p.widths
    ]


def tables(p: Parameters, store: Store | None = None) -> Results:
    """Section 4.5: every width, under diagonal shifts."""
    networks = {width: f"wrn-{p.depth}-{width}" for width in p.widths}
    return beside_reported(run_all(runs(p), store), "widening", networks, p.data)


def claims(found: Results, p: Parameters, above_chance: bool = False) -> list[Verdict]:
    """The verdicts on section 4.5, on scores as they are or on what is above chance."""
    return [
        claim_4_5a(found.scores, above_chance),
        claim_4_5b(found.scores, p.margin, above_chance),
    ]


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


def _by_width(
    table: pd.DataFrame, weights: dict[tuple[str, str], float], above_chance: bool
) -> dict[float, Sample]:
    scores = Runs(table, "widening", above_chance)
    return {width: scores.sample(width, weights) for width in scores.names}
