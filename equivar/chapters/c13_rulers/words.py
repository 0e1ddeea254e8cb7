"""What the figures and tables show, in sentences with computed numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from equivar.chapters.c13_rulers.beside import answers, gains
from equivar.chapters.c13_rulers.judging import CHANNEL, differing
from equivar.chapters.c13_rulers.pictures import with_verdicts
from equivar.figures import Words, number
from equivar.names import BEFORE_POOLING, SORTS
from equivar.rulers import CORRELATION, RULERS
from equivar.verdicts import CORRECTED, SCORE, count_words
from equivar.verdicts.kept import OPPOSITE, SETTLED

MOTIONS = {"rotation": "turns", "shift": "shifts"}
ALIKE = 0.05  # two gains that are told as the same


def seen(table: pd.DataFrame) -> Words:
    """What the linear map finds more than the best channel of the same sums, by part."""
    told = []
    for sort, words in MOTIONS.items():
        parts = gains(table, SCORE, sort)
        if parts.dropna(how="all").empty:
            continue
        means, fair = parts.mean(), gains(table, CORRECTED, sort).mean()
        told.append(
            f"Under {words}, over {count_words(len(parts), 'network')}, a linear map finds more "
            f"than the best channel over all images jointly, by {_levels(means)} in the early, "
            f"middle and late part{_most(means)}. Corrected for chance, for which the map is "
            f"fitted anew on wrong pairs, it is {_levels(fair)}"
            + (", so that its many weights alone do not make the difference"
               if fair.mean() > max(means.mean() / 2, ALIKE) else "")
            + "."
        )  # fmt: skip
    return Words(" ".join(told))


def _levels(means: pd.Series) -> str:
    return ", ".join(number(means[part]) for part in BEFORE_POOLING)


def _most(means: pd.Series) -> str:
    """Where the gain is largest, and which other parts have nearly as much."""
    if means.isna().any() or means.max() < ALIKE:
        return ""
    near = [part for part in BEFORE_POOLING if means[part] > means.max() - ALIKE]
    if len(near) == len(BEFORE_POOLING):
        return ", about as much in each"
    return f", most in the {' and the '.join(near)} part" + (" alike" if len(near) > 1 else "")


def seen_answers(table: pd.DataFrame) -> Words:
    """How often the answers stay under either sort of transformation."""
    found = answers(table)
    if found.empty:
        return Words("No ruler of whole networks was asked for.")
    told = []
    for sort, words in MOTIONS.items():
        if SORTS[sort] not in found["same answer"]:
            continue
        shares = found["same answer"][SORTS[sort]].dropna()
        told.append(
            f"under {words} the answer stays for {number(shares.min())} ({shares.idxmin()}) to "
            f"{number(shares.max())} ({shares.idxmax()}) of the images"
        )
    return Words("In these networks " + ", and ".join(told) + ".")


def seen_orders(orders: Mapping[tuple[str, str], pd.DataFrame]) -> Words:
    """How well rulers agree on an order: the correlations with one another, and the rest with them.

    orders: (sort, "layers" or "networks") -> rulers by rulers.
    """
    told = []
    alike = [name for name, one in RULERS.items() if one.scale == CORRELATION]
    others = {"lie": "the local error", "consistency": "the share of same answers"}
    for (sort, among), matrix in orders.items():
        inside = matrix.reindex(index=alike, columns=alike)
        pairs = inside.to_numpy()[~np.eye(len(alike), dtype=bool)]
        pairs = pairs[~np.isnan(pairs)]
        if not len(pairs):
            continue
        fitted = matrix.reindex(index=["linear"], columns=["cca"]).iloc[0, 0]
        rest = [f"the two that are fitted by {number(fitted)}"] if fitted == fitted else []
        rest += [
            f"{words} with them by {number(value)}"
            for name, words in others.items()
            if name in matrix and (value := matrix.loc[inside.index, name].mean()) == value
        ]
        what = "layers" if among == "layers" else "networks"
        told.append(
            f"Under {MOTIONS[sort]}, over {what}, the rulers that are correlations go with one "
            f"another by {number(pairs.mean())} on average" + "".join(f", {one}" for one in rest)
            + "."
        )  # fmt: skip
    return Words(" ".join(told) or "Too few layers and networks are measured to be put in order.")


def left_out(verdicts: pd.DataFrame) -> Words:
    """Which claims and rulers the grid of verdicts leaves out, and why."""
    wide = with_verdicts(verdicts)
    claims = [one for one in dict.fromkeys(verdicts["claim"]) if one not in wide.index]
    rulers = [RULERS[one].title for one in dict.fromkeys(verdicts["ruler"]) if one not in wide]
    told = []
    if claims:
        told.append(
            f"The figure leaves out {count_words(len(claims), 'claim')} that no ruler could judge "
            f"on the networks at hand, which are too few or not those they are about: "
            f"{', '.join(claims)}."
        )
    if rulers:
        told.append(f"It leaves out what can judge none of them: {' and '.join(rulers)}.")
    return Words(" ".join(told) or "Every claim and every ruler is there.")


def meaning(verdicts: pd.DataFrame) -> Words:
    """Whether the findings hang on the ruler, by those that the best channel settles."""
    own = verdicts[(verdicts["ruler"] == CHANNEL) & verdicts["verdict"].isin(SETTLED)]
    if own.empty:
        return Words("The best channel settles none of the claims on these networks.")
    rows = differing(verdicts).reset_index()
    rows = rows[rows["by the best channel"].isin(SETTLED)]
    listed = ", ".join(own["claim"])
    first = (
        f"On these networks the best channel settles {count_words(len(own), 'claim')} ({listed})"
    )
    if rows.empty:
        return Words(f"{first}, and no ruler that can judge them says otherwise.")
    told = []
    for claim, of in rows.groupby("claim", sort=False):
        turned = of["verdict"] == of["by the best channel"].map(OPPOSITE)
        lost, other = (_named(of[some]["ruler"]) for some in (~turned, turned))
        said = [f"lost by {lost}"] if lost else []
        said += [f"reversed by {other}"] if other else []
        told.append(f"{claim} ({'; '.join(said)})")
    return Words(
        f"{first}. Another verdict comes out for {', '.join(told)}. So {_whether(len(told))} on "
        "how one measures."
    )


def _named(titles: pd.Series) -> str:
    """Rulers, as in "the linear map and by SVCCA"."""
    *others, last = [one if one.isupper() else f"the {one}" for one in titles] or [""]
    return " and by ".join([", by ".join(others), last] if others else [last])


def _whether(count: int) -> str:
    return "this finding depends" if count == 1 else "these findings depend"
