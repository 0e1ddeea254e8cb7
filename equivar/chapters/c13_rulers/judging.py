"""The claims of sections 4.2 to 4.6 judged again, by each ruler that can judge them.

Each chapter's own function judges, on a table of the same shape whose `score` is the ruler's,
turned so that larger is more equivariant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from equivar.chapters import c03_accuracy, c04_tasks, c05_augmentations, c06_capacity
from equivar.chapters import c07_architectures as c07
from equivar.chapters.c13_rulers.pictures import CAN_NOT
from equivar.names import sort_of
from equivar.rulers import CORRELATION, RULERS
from equivar.verdicts import CORRECTED, SCORE, Verdict, judged

CHANNEL, JOINT = "channel", "channel-dataset"
# claims that need invariance, and claims with a margin or a bound other than zero
INVARIANCE = ("4.3b", "4.3d", "4.4c", "4.5b", "4.6b", "4.6e")
UNCORRECTED = "the ruler is not corrected for chance"
MARGINS = ("4.3c", "4.3d", "4.4b", "4.4c", "4.5b", "4.6b")


@dataclass(frozen=True)
class Source:
    """A chapter whose claims are judged: its runs here, what tells them apart, its functions."""

    sort: str
    runs: tuple[str, ...]
    claims: tuple[Callable[..., Verdict], ...]
    by_part: bool = False


SOURCES = (
    Source(
        "imagenet",
        ("network",),
        (c03_accuracy.claim_4_2a, c03_accuracy.claim_4_2b, c03_accuracy.claim_4_2c),
        by_part=True,
    ),
    Source(
        "task",
        ("task", "seed"),
        (c04_tasks.claim_4_3a, c04_tasks.claim_4_3b, c04_tasks.claim_4_3c, c04_tasks.claim_4_3d),
    ),
    Source(
        "augmentation",
        ("augment", "seed"),
        (
            c05_augmentations.claim_4_4a,
            c05_augmentations.claim_4_4b,
            c05_augmentations.claim_4_4c,
        ),
    ),
    Source("capacity", (), (c06_capacity.claim_4_5a, c06_capacity.claim_4_5b)),
    Source(
        "imagenet",
        ("network",),
        (
            c07.claim_4_6a,
            c07.claim_4_6b,
            c07.claim_4_6c,
            c07.claim_4_6d,
            c07.claim_4_6e,
            c07.claim_4_6f,
        ),
        by_part=True,
    ),
)


def judged_by_rulers(table: pd.DataFrame, column: str = SCORE) -> pd.DataFrame:
    """A row for each claim and ruler: `claim`, `ruler`, `verdict`, `reason`.

    table: rows of `equivar.rulers.compare` of the chapter's runs. column: the score, or the one
    corrected for chance. The verdict is "can not" where the ruler can not judge the claim, and
    "not judged" where the runs at hand do not suffice; the reason tells why.
    """
    trained = table[table["state"] == "trained"]
    rulers = [name for name in RULERS if name in set(table["ruler"])]
    rows = [
        (_name(claim), ruler, *_verdict(trained, source, claim, ruler, column))
        for source in SOURCES
        for claim in source.claims
        for ruler in rulers
    ]
    return pd.DataFrame(rows, columns=["claim", "ruler", "verdict", "reason"])


def _verdict(
    table: pd.DataFrame, source: Source, claim: Callable, ruler: str, column: str
) -> tuple[str, str]:
    why = next(_cannot(_name(claim), ruler, column), "")
    if why:
        return CAN_NOT, why
    rows = table[(table["ruler"] == ruler) & (table["sort"] == source.sort)]
    if rows.empty:
        return "not judged", "none of the networks that it is about are measured here"
    rows = as_measured(rows, source.by_part)
    [verdict] = judged([claim], rows, None, column == CORRECTED, source.runs)
    return verdict.verdict, verdict.reason


def _cannot(claim: str, ruler: str, column: str) -> Iterator[str]:
    """Why a ruler can not judge a claim: nothing where it can."""
    one = RULERS[ruler]
    if claim in INVARIANCE and "invariance" not in one.kinds:
        yield "it takes invariance as well, which the ruler does not tell apart"
    if claim != "4.5b" and "equivariance" not in one.kinds:
        yield "it takes equivariance, and the ruler knows invariance alone"
    if claim in MARGINS and one.scale != CORRELATION:
        yield "its margin is one of correlations, and the ruler has another scale"
    if column == CORRECTED and ruler == "lie":
        yield UNCORRECTED


def cannot(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Why rulers can not judge what they can not: the claims by ruler and reason."""
    rows = verdicts[verdicts["verdict"] == CAN_NOT]
    titles = {name: one.title for name, one in RULERS.items()}
    rows = rows.assign(ruler=rows["ruler"].map(titles))
    return rows.groupby(["ruler", "reason"], sort=False)["claim"].agg(", ".join).to_frame()


def differing(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Where a ruler's verdict is not the best channel's: both verdicts, and the ruler's reason.

    verdicts: rows of `judged_by_rulers`. Rows (claim, ruler).
    """
    able = verdicts[~verdicts["verdict"].isin([CAN_NOT, "not judged"])]
    own = able[able["ruler"] == CHANNEL].set_index("claim")["verdict"]
    others = able[able["ruler"] != CHANNEL].assign(own=lambda rows: rows["claim"].map(own))
    others = others[others["own"].notna() & (others["own"] != others["verdict"])]
    titles = others["ruler"].map({name: one.title for name, one in RULERS.items()})
    others = others.assign(ruler=titles).set_index(["claim", "ruler"])
    return others[["own", "verdict", "reason"]].rename(columns={"own": "by the best channel"})


def as_measured(rows: pd.DataFrame, by_part: bool) -> pd.DataFrame:
    """Rows of one ruler as the claims read them, larger for more equivariant.

    by_part: means by network, sort of transformation, part and kind.
    """
    rows = rows.assign(score=turned(rows), transforms=rows["transform"].map(sort_of))
    if not by_part:
        return rows
    keys = ["network", "family", "top1", "transforms", "kind", "part"]
    numbers = ["score", "chance", "corrected"]
    return rows.groupby(keys, sort=False, dropna=False)[numbers].mean().reset_index()


def turned(rows: pd.DataFrame) -> pd.Series:
    """The scores of some rows, so that larger is more equivariant.

    An error without an upper end is told by its order of magnitude: -log10. The other rulers whose
    best score is 0 are subtracted from 1.
    """
    score = rows["score"]
    log = -np.log10(score.where(score > 0))
    found = score.where(~rows["ruler"].eq("lie"), log)
    return found.where(~rows["ruler"].eq("variance"), 1 - score)


def _name(claim: Callable) -> str:
    return claim.__name__.removeprefix("claim_").replace("_", ".")
