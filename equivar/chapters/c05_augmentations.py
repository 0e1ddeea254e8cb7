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
from equivar.data import picture
from equivar.figures import LABELS, WIDTH, Words, bare, means_by_part, number
from equivar.names import PARTS, amount_of
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
    count_words,
    difference,
    gap,
    judge,
    judged,
    not_judged,
    standing,
)

AUGMENTATIONS = {
    "none": "no augmentation",
    "crop": "random crops",
    "flip": "horizontal flips",
    "cutmix": "CutMix",
    "randaugment": "RandAugment",
}
SAID = {part: f"in the {part} part" for part in PARTS} | {"pool": "after pooling"}
RAISED = ("middle", "late", "final")  # the parts that crops and RandAugment raise
SAME_FIT = 0.02  # accuracies on training images that are nearer than this count as the same
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


def training_seen(found: Results) -> Words:
    """How well the networks have learned, with their accuracies."""
    grouped = found.summary.groupby("augment", sort=False)
    epochs = int(found.history["epoch"].max())
    words = (
        f"After {count_words(epochs, 'epoch')} accuracy on test images is "
        f"{_from_to(grouped['accuracy'].mean())}."
    )
    if "train_accuracy" in found.summary:
        words += (
            " On the images that the networks were trained on, not augmented, it is "
            f"{_from_to(grouped['train_accuracy'].mean())}."
        )
    return Words(
        f"{words} The losses can not be compared: each is on images augmented in its own way, and "
        "the mixed classes of CutMix keep it high. The paper trains for 200 epochs."
    )


def _from_to(means: pd.Series) -> str:
    """The lowest and the highest of some accuracies, each with its augmentation."""
    low, high = (
        f"{number(means[name], 3)} (with {AUGMENTATIONS.get(name, name)})"
        for name in (means.idxmin(), means.idxmax())
    )
    return f"{low} to {high}"


def seen(found: Results) -> Words:
    """What the figure by part shows, with its numbers."""
    table = means_by_part(found.scores, "augment")
    names = [f"{number(table.loc[_base(table), part])} {SAID[part]}" for part in table]
    words = f"With {AUGMENTATIONS[_base(table)]}, equivariance is {', '.join(names)}."
    change = (table - table.loc[_base(table)]).drop(index=_base(table))
    told = [f"{AUGMENTATIONS[name]} {_told(row)}" for name, row in change.iterrows()]
    if told:
        words += f" What each augmentation changes, in this order: {'; '.join(told)}."
    if "crop" in change.index:
        crop = change.loc["crop"]
        words += (
            f" So random crops do not change all parts alike: they add most {SAID[crop.idxmax()]} "
            f"and least {SAID[crop.idxmin()]}. A crop moves the training images, which probably "
            "favours features that move with the image; early features of a convolution do so by "
            "design, and have little to gain."
        )
    if "cutmix" in change.index:
        words += (
            f" CutMix changes the middle part by {change.loc['cutmix', 'middle']:+z.2f}; the "
            "paper's figure 6a has it below no augmentation there. For crops and RandAugment that "
            "figure shows a gain in the middle, late and final parts."
        )
    return Words(words)


def _base(table: pd.DataFrame | pd.Series) -> str:
    """What others are compared with: no augmentation, or the first one where that is not there."""
    return "none" if "none" in table.index else table.index[0]


def meaning(verdicts: Sequence[Verdict], corrected: Sequence[Verdict], found: Results) -> Words:
    """What the chapter comes to, in plain words."""
    late = means_by_part(found.scores, "augment")["late"]
    change = (late - late[_base(late)]).drop(_base(late))
    told = "; ".join(f"{AUGMENTATIONS[name]} {value:+z.2f}" for name, value in change.items())
    epochs = count_words(int(found.history["epoch"].max()), "epoch")
    return Words(
        f"{standing(verdicts, corrected)} In plain words: a network whose training images are "
        "moved about learns features that move with the image, above all where strides have taken "
        f"that away. Changes of the late part: {told or 'none measured'}. Wherever the two scores "
        "are equal, what is learned is invariance in the sense of this book: a channel keeps its "
        f"role while its map moves.{_fitting(found)} About CutMix the paper and this chapter need "
        f"not agree. It makes the task harder, and after {epochs} a network may stand elsewhere "
        "than after the paper's 200."
    )


def _fitting(found: Results) -> str:
    """What CutMix changes, which moves nothing, and whether crops add more at the same fit.

    Empty without one of the three groups, or where runs have not kept their training accuracy.
    """
    table = means_by_part(found.scores, "augment").reindex(columns=list(RAISED))
    if not {"none", "crop", "cutmix"} <= set(table.index) or "train_accuracy" not in found.summary:
        return ""
    none, crop, cutmix = (table.loc[name] for name in ("none", "crop", "cutmix"))
    own = found.summary.groupby("augment")["train_accuracy"].mean()
    words = (
        " How well a network fits its images may matter too, beside what moves in them. CutMix "
        f"moves nothing, and changes the middle, late and final parts by {_told(cutmix - none)}. "
        "Of the images that they were trained on, networks recognise "
        f"{number(own['none'], 3)} without augmentation, {number(own['cutmix'], 3)} with CutMix "
        f"and {number(own['crop'], 3)} with random crops."
    )
    if abs(own["crop"] - own["cutmix"]) < SAME_FIT:
        words += (
            " With crops and with CutMix they fit equally well, so what crops add to CutMix in "
            f"these parts, {_told(crop - cutmix)}, is probably not a matter of the fit."
        )
    return f"{words} [Chapter 11](11-learned.ipynb) follows such networks along training."


def _told(changes: pd.Series) -> str:
    return ", ".join(f"{value:+z.2f}" for value in changes)


def zigzag(found: Results) -> Words:
    """Shifts by whole cells of a map beside those between cells, and what each augmentation adds.

    What it adds to the network without augmentation; where that is not there, to the first one.
    """
    rows = found.scores[found.scores["kind"] == "equivariance"]
    rows = rows[rows["stride"] > 1].assign(
        whole=lambda t: t["transform"].map(amount_of) % t["stride"] == 0
    )
    # (augmentation, stride, whole or not) -> mean over runs, layers and shifts
    means = rows.groupby(["augment", "stride", "whole"], sort=False)["score"].mean()
    names = list(dict.fromkeys(rows["augment"]))
    base = "none" if "none" in names else names[0]
    both = means[base].unstack("whole").reindex(columns=[True, False]).dropna()
    told = [
        f"with stride {stride:g} the score is {number(of[True])} for shifts by whole cells and "
        f"{number(of[False])} between"
        for stride, of in both.iterrows()
    ]
    if not told:
        return Words("It takes shifts by whole cells and others to compare the two.")
    change = (means - means[base]).groupby(["augment", "whole"], sort=False).mean()
    added = [
        f"{AUGMENTATIONS[name]} {number(change[name, True])} and {number(change[name, False])}"
        for name in names
        if name != base
    ]
    more = (
        " What an augmentation adds in strided layers to shifts by whole cells and to those "
        f"between: {'; '.join(added)}. What adds more between cells probably makes maps smoother."
    )
    return Words(
        f"With {AUGMENTATIONS[base]} the lines go up and down with the period of the stride. A map "
        "of stride 2 has a cell for every second pixel: a shift by two pixels moves it by one "
        "cell, and a shift by one falls between two. If the map were a smooth picture, reading it "
        f"between its cells would do. It is not: {'; '.join(told)}. A likely reason is that a "
        "strided layer samples its map too coarsely for reading between cells, the aliasing that "
        "{cite:t}`zhang2019` describe. A shift by one pixel is an exception where it moves a map "
        f"by so little that nearly the same cell is read.{more if added else ''} How deep the "
        "zigzag is depends on the network too: compare the same figure for networks of several "
        "widths in [chapter 06](06-capacity.ipynb)."
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
