"""What the figures show, in sentences with their numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from equivar.chapters.c03_accuracy import Compared
from equivar.chapters.c07_architectures.pictures import before_pooling, by_depth
from equivar.figures import Words, by_part, means_by_part, number, signed
from equivar.names import SORTS
from equivar.verdicts import FAMILIES, Verdict

OF_FAMILIES = {  # claims in a few words
    "4.6a": "that tokens are less equivariant to shifts before pooling",
    "4.6c": "that they are less equivariant to turns before pooling",
    "4.6d": "that the ViTs are the most equivariant to turns at the end",
}


def seen(found: Compared) -> Words:
    """The mean equivariance of each family by part, and what chance scores in the late part."""
    rows = found.parts.replace({"family": _names(found.parts)})
    told = []
    for transforms, words in SORTS.items():
        of = rows[rows["transforms"] == transforms]
        means = means_by_part(of, "family")
        chance = means_by_part(of, "family", column="chance")
        late = by_part(chance, {}, ["late"])
        parts = ", ".join(means)
        told.append(f"{words} equivariance in the parts {parts}: {by_part(means, {})}")
        told.append(f"chance in the late part: {late}")
    return Words(". ".join(one[:1].upper() + one[1:] for one in told) + ".")


def beside_cnns(found: Compared) -> Words:
    """By how much each other family lies below or above the mean of the CNNs before pooling."""
    names, told = _names(found.parts), []
    for transforms, words in {"shift": "shifts", "rotation": "turns"}.items():
        rows = found.parts[found.parts["transforms"] == transforms]
        means, fair = (means_by_part(rows, "family", column=c) for c in ("score", "corrected"))
        for family in [one for one in FAMILIES if {one, "cnn"} <= {*means.index} and one != "cnn"]:
            apart, corrected = (t.loc[family] - t.loc["cnn"] for t in (means, fair))
            told.append(
                f"for {words}, {names[family]} minus the mean of the CNNs is {signed(apart)} in "
                f"the early, middle and late part, and {signed(corrected)} corrected for chance"
            )
    return Words(". ".join(one[:1].upper() + one[1:] for one in told) + ".")


def along_depth(scores: pd.DataFrame) -> Words:
    """Where along the depth each family's mean equivariance starts, ends, and is highest."""
    rows, grid, told = before_pooling(scores), np.linspace(0, 1, 41), []
    names = _names(rows)
    for transforms, words in SORTS.items():
        for family, networks in rows[rows["transforms"] == transforms].groupby("family"):
            lines = [np.interp(grid, *by_depth(of)) for _, of in networks.groupby("network")]
            mean = np.mean(lines, axis=0)
            told.append(
                f"{words}, {names[family]}: {number(mean[0])} in the first layer, "
                f"{number(mean[-1])} in the last, and {number(mean.max())} at most, at a depth of "
                f"{number(grid[mean.argmax()])}"
            )
    return Words(". ".join(one[:1].upper() + one[1:] for one in told) + ".")


def _names(table: pd.DataFrame) -> dict[str, str]:
    """The words for each family: the name of its only network, or the family's."""
    names = table.groupby("family")["network"].unique()
    return {f: of[0] if len(of) == 1 else FAMILIES[f] for f, of in names.items()}


def meaning(worded: Sequence[Verdict], corrected: Sequence[Verdict]) -> Words:
    """What the verdicts on families and on all networks come to."""
    said = {}
    for one, fair in zip(worded, corrected, strict=True):
        same = one.verdict == fair.verdict
        said[one.claim] = one.verdict + ("" if same else f" (corrected for chance: {fair.verdict})")
    told = [f"{words} is {said[claim]}" for claim, words in OF_FAMILIES.items()]
    first = f"Of families, {', '.join(told[:-1])}, and {told[-1]}."
    if {said[claim] for claim in OF_FAMILIES} == {"not judged"}:
        first = "There are too few networks of some family here to judge families: what is seen of "
        first += "a single network may be true of that network alone."
    return Words(
        f"{first} Two things were asked of all networks of the first table. That turned features "
        f"lie in other channels in early parts, and less so in late ones (4.6e), is "
        f"{said['4.6e']}. That a network which is equivariant to turns inside is not so at the "
        f"end (4.6f) is {said['4.6f']}."
    )
