"""Chapter 05, section 4.4: do augmentations make features equivariant to shifts?

Tables have a column `augment`: "none" and names of `equivar.training.AUGMENTATIONS`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.figure import Figure
from pydantic import Field
from torch.nn import functional as F

from equivar import data as datasets
from equivar import training
from equivar.chapters.c05_augmentations.seen import (
    AUGMENTATIONS,
    RAISED,
    meaning,
    parts_seen,
    training_seen,
    zigzag,
)
from equivar.data import picture
from equivar.figures import LABELS, WIDTH, Words, bare
from equivar.names import PARTS
from equivar.networks.reported import reported
from equivar.runs import RESULTS, Results, Store, Training, run_all
from equivar.runs.parameters import Count, Images, Schedule, Seeds
from equivar.verdicts import (
    EXCESS,
    NO_EXCESS,
    SCORE,
    Claim,
    Component,
    Runs,
    Verdict,
    difference,
    gap,
    judge,
    judged,
    not_judged,
)

__all__ = [
    "AUGMENTATIONS",
    "CLAIMS",
    "PAPER",
    "Parameters",
    "Shifts",
    "augmented_pictures",
    "beside_reported",
    "claim_4_4a",
    "claim_4_4b",
    "claim_4_4c",
    "claims",
    "meaning",
    "parts_seen",
    "pictures",
    "pictures_seen",
    "runs",
    "tables",
    "training_seen",
    "under_shifts",
    "zigzag",
]

PAPER = {
    "network": "ResNet-44",
    "data": "CIFAR-10",
    "epochs": "200",
    "seeds": "3",
    "images": "2000",
    "reports": "crops and RandAugment raise the middle, late and final parts; the others hardly "
    "matter, and CutMix lowers the middle part",
}
CLAIMS = {
    "4.4a": Claim(
        "Random crops and RandAugment raise translation equivariance in the middle, late and final "
        "parts.",
        "fig-augmentation-parts",
        smallest=0.02,
        why="a fiftieth of the scale: the paper's effects are some tenths",
        unit="training runs",
    ),
    "4.4b": Claim(
        "Flips and CutMix do not raise translation equivariance, and CutMix lowers it in the "
        "middle part.",
        "fig-augmentation-parts",
        smallest=0.05,
        why="a margin: a twentieth of the scale; the paper's effects are some tenths",
        unit="training runs",
    ),
    "4.4c": Claim(
        "For translation, invariance and equivariance are equal.",
        "fig-augmentation-parts",
        smallest=0.05,
        why="a margin: not to be seen in the paper's figure",
        unit="training runs",
    ),
}


class Shifts(Schedule):
    """What chapters 05 and 06 have in common.

    data: a data set of `equivar.data`, or a split of one; train_images: how many of its
    training images, 0 for all; seeds: one network each and group; images: how many test images
    are measured; shifts: in pixels, down and right; match: as in `equivar.measure`.
    """

    data: str
    train_images: Annotated[int, Field(ge=0, strict=True)]
    seeds: Seeds
    images: Images
    shifts: Annotated[tuple[Count, ...], Field(min_length=1)]
    match: str


class Parameters(Shifts):
    """What the chapter is made with.

    network: of `equivar.networks`; augmentations: of `equivar.training`, and "none".
    """

    network: str
    augmentations: Annotated[tuple[str, ...], Field(min_length=1)]


def runs(p: Parameters) -> list[Training]:
    """The networks of the chapter: each augmentation, alone, with each seed."""
    return [
        under_shifts(
            p,
            experiment="augmentations",
            groups={"augment": augment},
            network=p.network,
            augment=[] if augment == "none" else [augment],
            seed=seed,
        )
        for seed in p.seeds  # so that a first seed of every augmentation is there first
        for augment in p.augmentations
    ]


def under_shifts(
    p: Shifts,
    experiment: str,
    groups: Mapping[str, object],
    network: str,
    augment: Sequence[str],
    seed: int,
) -> Training:
    """One network of chapter 05 or 06: trained by the chapter's schedule, measured under shifts."""
    return Training(
        experiment=experiment,
        groups=groups,
        network=network,
        data=p.data,
        train_images=p.train_images,
        recipe={**p.recipe, "augment": list(augment)},
        seed=seed,
        images=p.images,
        transforms=[f"shift-{pixels}" for pixels in p.shifts],
        match=p.match,
    )


def tables(p: Parameters, store: Store | None = None) -> Results:
    """Section 4.4: every augmentation, under diagonal shifts."""
    networks = dict.fromkeys(p.augmentations, p.network)
    return beside_reported(run_all(runs(p), store), "augment", networks, p.data)


def beside_reported(
    results: Results, group: str, networks: Mapping[Hashable, str], data: str
) -> Results:
    """With a column `reported` in the summary: what the literature has for each group's network."""
    known = {name: reported(network, data) for name, network in networks.items()}
    summary = results.summary.assign(reported=results.summary[group].map(known))
    return replace(results, summary=summary)


def claims(found: Results, p: Parameters, corrected: bool = False) -> list[Verdict]:
    """The verdicts on section 4.4, on scores as they are or corrected for chance."""
    every = (claim_4_4a, claim_4_4b, claim_4_4c)
    return judged(every, found.scores, found.removed, corrected, ["augment", "seed"])


def claim_4_4a(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """Random crops and RandAugment raise translation equivariance (4.4, figure 6a).

    In the middle, late and final parts. The effect is the mean equivariance with the augmentation
    minus that without; a comparison for each of the two and part. `table` has a column `augment`;
    column: what is judged.
    """
    scores = Runs(table, "augment", column)
    raised = [
        _change(scores, augment, part, above=0, smallest=CLAIMS["4.4a"].smallest)
        for augment in ("crop", "randaugment")
        for part in RAISED
    ]
    return judge("4.4a", raised, note=scores.note)


def claim_4_4b(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """Flips and CutMix do not raise it, and CutMix lowers it in the middle part (4.4, figure 6a).

    The effect is as in 4.4a, for the same parts. Up to the margin it counts as none, and below zero
    is no raise either; CutMix in the middle part must be below zero. `table`: as in 4.4a.
    """
    scores, margin = Runs(table, "augment", column), CLAIMS["4.4b"].smallest
    components = []
    for augment in ("flip", "cutmix"):
        for part in RAISED:
            lowered = (augment, part) == ("cutmix", "middle")
            bounds = {"below": 0, "smallest": CLAIMS["4.4a"].smallest}
            components.append(
                _change(scores, augment, part, **(bounds if lowered else {"below": margin}))
            )
    return judge("4.4b", components, note=scores.note)


def claim_4_4c(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """For translation, invariance and equivariance are equal (4.4, figure 6a).

    The effect is a run's mean equivariance minus its mean invariance; corrected for chance, what
    equivariance adds to invariance. Within the margin they count as equal. A comparison for each
    augmentation and part. `table`: as in 4.4a.
    """
    scores = Runs(table, "augment", column if column == SCORE else EXCESS)
    margin = CLAIMS["4.4c"].smallest
    components = [
        gap(
            scores, augment, f"{part} part, {words}", f"with {words}", part,
            above=-margin, below=margin,
        )
        for augment, words in AUGMENTATIONS.items()
        for part in PARTS
    ]  # fmt: skip
    verdict = judge("4.4c", components, note=scores.note)
    if scores.approximate and verdict.verdict != "supported":
        return not_judged("4.4c", [NO_EXCESS])
    return verdict


def _change(scores: Runs, augment: str, part: str, **bounds: float) -> Component:
    words = AUGMENTATIONS[augment]
    return difference(
        f"{part} part, {words}",
        f"with {words} translation equivariance in the {part} part is {{0}}, without {{1}}",
        scores.score(augment, "equivariance", part),
        scores.score("none", "equivariance", part),
        **bounds,
    )


def pictures_seen(p: Parameters) -> Words:
    """Which of the augmentations move what is in an image."""
    moving = [AUGMENTATIONS[name] for name in p.augmentations if name in ("crop", "randaugment")]
    told = " and ".join(moving) or "none of them"
    return Words(
        f"By some pixels, what is in an image is moved by {told}. A flip puts all of it on the "
        "other side, and CutMix leaves everything where it was. The test images are not augmented."
    )


def pictures(p: Parameters, count: int = 8) -> datasets.Sheet:
    """The same training images under each augmentation.

    Where the data are not at hand, those that were committed with the results, or drawn shapes.
    """

    def draw(data: datasets.ImageData) -> datasets.Sheet:
        few, shown = data.subset(count), {}
        targets = F.one_hot(few.labels, len(few.classes)).float()
        for name in p.augmentations:
            images = few.images
            if name != "none":
                generator = torch.Generator().manual_seed(p.seeds[0])
                images, _ = training.AUGMENTATIONS[name](images, targets, generator)
            shown[name] = [picture(image) for image in images]
        return datasets.Sheet(data.name, shown)

    kept = sorted(RESULTS.glob("*/05-augmentations/pictures.png"))
    return datasets.sheet_of(p.data, "shapes", draw, p.augmentations, kept)


def augmented_pictures(sheet: datasets.Sheet) -> Figure:
    """The same images in every row, a row for each augmentation."""
    count = max(len(images) for images in sheet.rows.values())
    fig, axes = plt.subplots(
        len(sheet.rows), count, figsize=(WIDTH, 0.87 * len(sheet.rows)), squeeze=False
    )
    for row, (name, images) in zip(axes, sheet.rows.items(), strict=True):
        for ax, image in zip(row, images, strict=True):
            ax.imshow(image)
            bare(ax)
        row[0].set_ylabel(LABELS[name].replace(" ", "\n"), fontsize="x-small", rotation=0,
                          ha="right", va="center")  # fmt: skip
    return fig
