"""What the figures of chapter 05 show, in sentences with their numbers, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from equivar.figures import Words, means_by_part, number, signed
from equivar.names import PARTS, amount_of
from equivar.runs import Results
from equivar.verdicts import Verdict, count_words, standing

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


def parts_seen(found: Results) -> Words:
    """What the figure by part shows, with its numbers."""
    table = means_by_part(found.scores, "augment")
    base = _base(table.index)
    names = [f"{number(table.loc[base, part])} {SAID[part]}" for part in table]
    words = f"With {AUGMENTATIONS[base]}, equivariance is {', '.join(names)}."
    change = (table - table.loc[base]).drop(index=base)
    told = [f"{AUGMENTATIONS[name]} {signed(row, PARTS)}" for name, row in change.iterrows()]
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


def _base(names: Sequence[str]) -> str:
    """What others are compared with: no augmentation, or the first one where that is not there."""
    return "none" if "none" in names else names[0]


def meaning(verdicts: Sequence[Verdict], corrected: Sequence[Verdict], found: Results) -> Words:
    """What the chapter comes to, in plain words."""
    late = means_by_part(found.scores, "augment")["late"]
    base = _base(late.index)
    change = (late - late[base]).drop(base)
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
    table = means_by_part(found.scores, "augment")
    if not {"none", "crop", "cutmix"} <= set(table.index) or "train_accuracy" not in found.summary:
        return ""
    none, crop, cutmix = (table.loc[name] for name in ("none", "crop", "cutmix"))
    own = found.summary.groupby("augment")["train_accuracy"].mean()
    words = (
        " How well a network fits its images may matter too, beside what moves in them. CutMix "
        "moves nothing, and changes the middle, late and final parts by "
        f"{signed(cutmix - none, RAISED)}. Of the images that they were trained on, "
        f"networks recognise {number(own['none'], 3)} without augmentation, "
        f"{number(own['cutmix'], 3)} with CutMix and {number(own['crop'], 3)} with random crops."
    )
    if abs(own["crop"] - own["cutmix"]) < SAME_FIT:
        words += (
            " With crops and with CutMix they fit equally well, so what crops add to CutMix in "
            f"these parts, {signed(crop - cutmix, RAISED)}, is probably not a matter of the fit."
        )
    return f"{words} [Chapter 11](11-learned.ipynb) follows such networks along training."


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
    base = _base(names)
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
