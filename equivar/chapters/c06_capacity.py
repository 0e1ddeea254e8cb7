"""Chapter 06, section 4.5: are small networks more equivariant than wide ones?

Tables have a column `widening`, the width of the network; their `width` is that of the maps.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from equivar.chapters.c05_augmentations import Shifts, beside_reported, under_shifts
from equivar.figures import LABELS, Words, by_part, means_by_part, number
from equivar.names import BEFORE_POOLING, amount_of
from equivar.runs import Results, Store, Training, run_all
from equivar.runs.parameters import Count
from equivar.verdicts import SCORE, Claim, Runs, Sample, Verdict, doubling, judge, judged

PAPER = {
    "network": "WRN-40 of widths 1, 2, 4, 8",
    "data": "CIFAR-10",
    "epochs": "200",
    "seeds": "3",
    "images": "2000",
    "reports": "the wider, the less translation equivariance, with the same invariance at the end",
}
CLAIMS = {
    "4.5a": Claim(
        "Wider networks have less translation equivariance.",
        "fig-capacity-parts",
        smallest=0.01,
        why="for each doubling of the width: .03 from the narrowest to the widest",
        unit="training runs",
    ),
    "4.5b": Claim(
        "Wide and narrow networks have the same invariance in the final part.",
        "fig-capacity-parts",
        smallest=0.05,
        why="a margin: not to be seen in the paper's figure",
        unit="training runs",
    ),
}
WIDTH_MATTERS = {  # what a verdict on 4.5a says of these networks
    "supported": "the wider a network, the lower its equivariance, as in the paper",
    "contradicted": "the wider a network, the higher its equivariance: the opposite of the paper",
    "negligible": "width changes equivariance by too little to matter, where the paper sees a fall",
    "inconclusive": "it stays open whether width changes equivariance",
    "not judged": "there are too few runs to tell whether width changes equivariance",
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


def learned(found: Results) -> Words:
    """How many images the narrowest and the widest networks recognise, new ones and their own."""
    columns = [name for name in ("accuracy", "train_accuracy") if name in found.summary]
    mean = found.summary.groupby("widening")[columns].mean().sort_index()
    narrow, wide = mean.index[[0, -1]]
    told = [
        f"On average a network of width {narrow} recognises "
        f"{number(mean.loc[narrow, 'accuracy'])} of the test images and one of width {wide} "
        f"{number(mean.loc[wide, 'accuracy'])}."
    ]
    if "train_accuracy" in mean:
        own = mean["train_accuracy"]
        told.append(
            f"Of the images that they were trained on it is {own[narrow]:.3f} and {own[wide]:.3f}."
        )
    return Words(" ".join(told))


def seen(found: Results) -> Words:
    """What the figure by part shows, with its numbers."""
    parts = list(BEFORE_POOLING)
    table = means_by_part(found.scores, "widening")
    chance = means_by_part(found.scores, "widening", column="chance")
    names = {width: f"width {width}" for width in table.index}
    final = means_by_part(found.scores, "widening", "invariance")
    apart, by_chance = (_from_narrow_to_wide(one) for one in (table, chance))
    return Words(
        f"Equivariance in the early, middle and late part: {by_part(table, names, parts)}. From "
        f"the narrowest to the widest network the late part changes by {apart:+z.2f}, and what "
        f"chance scores there by {by_chance:+z.2f}. Invariance in the final part: "
        f"{by_part(final, names, ['final'])}."
    )


def by_length(found: Results) -> Words:
    """What the figure by the length of the shift shows, with its numbers."""
    rows = found.scores[found.scores["kind"] == "equivariance"]
    rows = rows.assign(pixels=rows["transform"].map(amount_of))
    table = rows.groupby(["part", "pixels", "widening"])["score"].mean().unstack("widening")
    short, long = rows["pixels"].min(), rows["pixels"].max()
    ends = [
        f"{part} {number(table.loc[part, short].mean())} and {number(table.loc[part, long].mean())}"
        for part in BEFORE_POOLING
    ]
    widths = table.loc[list(BEFORE_POOLING)]
    apart = (widths.max(axis=1) - widths.min(axis=1)).max()
    return Words(
        f"Equivariance at shifts of {short} and {long} pixels, on average over the widths: "
        f"{'; '.join(ends)}. At no length do two widths differ by more than {number(apart)}."
    )


def by_whole_cells(found: Results) -> Words:
    """Shifts by whole cells of a map beside the others, in the narrowest and the widest networks.

    Of layers whose cells are more than a pixel apart, before pooling.
    """
    rows = found.scores[found.scores["kind"] == "equivariance"]
    rows = rows[rows["part"].isin(BEFORE_POOLING) & (rows["stride"] > 1)]
    whole = rows["transform"].map(amount_of) % rows["stride"] == 0
    table = rows.assign(whole=whole).groupby(["whole", "widening"])["score"].mean().unstack()
    if len(table) < 2:
        return Words("All shifts here move the maps of such layers by whole cells, or none does.")
    narrow, wide = table.columns.min(), table.columns.max()
    ends = {
        whole: f"{number(table.loc[whole, narrow])} at width {narrow} and "
        f"{number(table.loc[whole, wide])} at width {wide}"
        for whole in (True, False)
    }
    return Words(
        f"In layers with a stride, equivariance to shifts by whole cells is {ends[True]}; to the "
        f"other shifts it is {ends[False]}."
    )


def meaning(found: Results, p: Parameters) -> Words:
    """What the runs say of width, and how far they are from those of the paper."""
    worded, fair = (claims(found, p, corrected)[0].verdict for corrected in (False, True))
    told = f"In these networks {WIDTH_MATTERS[worded]}."
    if fair != worded:
        told += f" Corrected for chance, {WIDTH_MATTERS[fair]}."
    names = [LABELS[name] for name in p.augment]
    augmented = f"with {' and '.join(names)}" if names else "without augmentation"
    seen = f"{p.train_images:,}" if p.train_images else "all training"
    return Words(
        f"{told} These are WRN-{p.depth}, trained on {seen} images for {p.epochs} epochs, "
        f"{augmented}; the paper's are {PAPER['network'].partition(' ')[0]}, trained on all images "
        f"for {PAPER['epochs']} epochs."
    )


def _from_narrow_to_wide(table: pd.DataFrame) -> float:
    late = table["late"].sort_index()
    return late.iloc[-1] - late.iloc[0]


def claims(found: Results, p: Parameters, corrected: bool = False) -> list[Verdict]:
    """The verdicts on section 4.5, on scores as they are or corrected for chance."""
    every = (claim_4_5a, claim_4_5b)
    return judged(every, found.scores, found.removed, corrected, ["widening", "seed"])


def claim_4_5a(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """Wider networks have less translation equivariance (4.5, figure 6b).

    The effect is the change with each doubling of the width: the slope of a run's equivariance, its
    mean over the early, middle and late part, against log2 of the width, over all runs. `table`
    has a column `widening`; its `width` is that of the maps. column: what is judged.
    """
    third = {("equivariance", part): 1 / len(BEFORE_POOLING) for part in BEFORE_POOLING}
    scores = Runs(table, "widening", column)
    change = doubling(
        "the change",
        "the mean translation equivariance before pooling is {1} in the narrowest networks and {0} "
        "in the widest; its fitted change for each doubling of the width is",
        _by_width(scores, third),
        below=0,
        smallest=CLAIMS["4.5a"].smallest,
    )
    return judge("4.5a", [change], note=scores.note)


def claim_4_5b(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """The invariance of the final part is the same for all widths (4.5, figure 6b).

    The effect is the change from the narrowest to the widest network, by the slope of a run's
    final invariance against log2 of the width; within the margin it counts as none. A difference
    that is no slope widens the interval. `table`: as in 4.5a.
    """
    scores, margin = Runs(table, "widening", column), CLAIMS["4.5b"].smallest
    samples = _by_width(scores, {("invariance", "final"): 1})
    change = doubling(
        "the change",
        "from the narrowest to the widest networks final invariance changes from {1} to {0}",
        samples,
        scale=np.log2(max(samples) / min(samples)) if samples else 0,
        above=-margin,
        below=margin,
    )
    return judge("4.5b", [change], note=scores.note)


def _by_width(scores: Runs, weights: dict[tuple[str, str], float]) -> dict[float, Sample]:
    return {width: scores.sample(width, weights) for width in scores.names}
