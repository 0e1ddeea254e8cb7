"""What the chapter's figures show, in sentences with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import atanh

import numpy as np
import pandas as pd

from equivar.figures import Words, number
from equivar.names import PARTS, SORTS
from equivar.verdicts import CORRECTED, SE_95, Networks, Verdict, rank, standing

PARTS_SAID = {part: f"in the {part} part" for part in PARTS} | {"pool": "after pooling"}
TOO_FEW = "There are too few networks for a rank correlation."
ALIKE = 0.05  # intervals without zero that are expected where nothing is related


def cells_seen(image: np.ndarray, pixels: int, cells: int) -> Words:
    """Of how many cells the drawn shift is, and what is left to compare."""
    stride = image.shape[0] / cells
    lost = -(-pixels // stride)
    left = cells - int(lost)
    return Words(
        f"The image has {image.shape[0]} pixels a side, so a cell is {stride:.3g} pixels wide and "
        f"a shift by {pixels} pixels is one by {number(pixels / stride)} cells. Every cell into "
        "which black has come is left out, and what remains to be compared are "
        f"{left} x {left} cells. Their partners in f(x) lie between its cells and are read there. "
        "The paper does not say what it does at borders; "
        "[chapter 08](08-readings.ipynb) also measures without any."
    )


def scatter_seen(parts: pd.DataFrame, transforms: str) -> Words:
    """What the scatter of one sort shows: rho and how far the networks lie apart, by part.

    parts: of `Compared`; transforms: a key of `equivar.names.SORTS`.
    """
    networks, told = Networks(parts, CORRECTED), []
    top1 = networks.top1.to_numpy()
    for part in PARTS:
        scores = networks.scores(transforms, "equivariance", part)
        one = rank("", "", scores, top1)
        if part == "pool" or one.lacking:
            continue
        there = scores[~np.isnan(scores)]
        told.append(
            f"{number(one.effect)} {PARTS_SAID[part]}, where the networks lie between "
            f"{number(there.min())} and {number(there.max())}{_without_farthest(scores, networks)}"
        )
    return Words(f"For {SORTS[transforms]}, rho is {'; '.join(told)}." if told else TOO_FEW)


def _without_farthest(scores: np.ndarray, networks: Networks) -> str:
    """What rho would be without the network that lies farthest from the median score."""
    far = int(np.nanargmax(np.abs(scores - np.nanmedian(scores))))
    some = np.arange(len(scores)) != far
    one = rank("", "", scores[some], networks.top1.to_numpy()[some])
    return "" if one.lacking else f" ({number(one.effect)} without {list(networks.names)[far]})"


def seen(ranks: pd.DataFrame) -> Words:
    """Where the correlation with accuracy is strongest, and how many would be so by luck."""
    if ranks.empty:
        return Words(TOO_FEW)
    of = ranks[ranks["kind"] == "equivariance"]
    told = []
    for transforms, words in SORTS.items():
        rows = of[of["transforms"] == transforms]
        if len(rows):
            row = rows.loc[rows["rho"].abs().idxmax()]
            interval = f"[{number(row['low'])}, {number(row['high'])}]"
            told.append(f"for {words} {number(row['rho'])} {interval}, {PARTS_SAID[row['part']]}")
    away = ranks[(ranks["low"] > 0) | (ranks["high"] < 0)]
    count = int(ranks["networks"].max())
    return Words(
        "The strongest correlation of equivariance with top-1, by the scores as they are, is "
        f"{'; '.join(told)}. A negative one says that the more accurate networks score lower. Of "
        f"all {len(ranks)} correlations, those of invariance included, {len(away)} have an "
        "interval without zero; where nothing is related, about "
        f"{ALIKE * len(ranks):.2g} would have one by luck. With {count} networks a correlation "
        f"must be at least {number(least(count))} for that. The interval is Fisher's, with the "
        "variance of Bonett and Wright (2000)."
    )


def least(networks: int) -> float:
    """The smallest rank correlation of so many networks whose 95 % interval leaves out zero."""
    for rho in np.arange(0.01, 1, 0.01):
        if atanh(rho) > SE_95 * np.sqrt((1 + rho**2 / 2) / (networks - 3)):
            return float(rho)
    return 1.0


def enough(fewer: pd.DataFrame) -> Words:
    """Whether there are enough images, in a sentence with its numbers."""
    rows = fewer[fewer["kind"] == "equivariance"]
    counts = sorted(set(rows["images"]))
    wide = rows.pivot_table(index=["transforms", "part"], columns="images", values="score")
    change = (wide[counts[-1]] - wide[counts[-2]]).abs()
    widest = (SE_95 * rows[rows["images"] == counts[-1]]["se"]).max()
    return Words(
        f"From {counts[-2]} to {counts[-1]} images no part's equivariance changes by more than "
        f"{number(change.max(), 3)}, on average by {number(change.mean(), 3)}. At {counts[-1]} "
        f"images no 95 % interval reaches farther than {number(widest, 3)} to either side. That is "
        "little beside what lies between the networks in the figures above. The paper measures "
        "2000 images."
    )


def meaning(
    verdicts: Sequence[Verdict], corrected: Sequence[Verdict], ranks: pd.DataFrame
) -> Words:
    """What the chapter comes to, in plain words. ranks: of `rank_correlations`."""
    if ranks.empty:
        return Words(f"{standing(verdicts, corrected)} {TOO_FEW}")
    final = ranks[
        (ranks["kind"] == "equivariance")
        & (ranks["transforms"] == "shift")
        & (ranks["part"] == "final")
    ]["rho"]
    count = int(ranks["networks"].max())
    there = f"here it is {number(final.iloc[0])}" if len(final) else "here it is not measured"
    return Words(
        f"{standing(verdicts, corrected)} The paper's most striking correlation is that of the "
        f"final part for translation, almost 1; {there}. Two things may explain a difference. The "
        "paper's six networks are of several families, so that a difference of families can look "
        "like one of accuracy. And where final scores lie near 1, small differences decide the "
        f"order. {count} networks are still few; with 30, a correlation of {number(least(30))} "
        "could be told from none. To settle it takes many networks of one family that were trained "
        "alike, and the paper's own six beside them. Even then a correlation would not say that "
        "equivariance makes a network accurate."
    )
