"""What the figures of readings and of verdicts show, in sentences with their numbers."""

from __future__ import annotations

import pandas as pd

from equivar.chapters.c08_readings.pictures import MATCHINGS, changes, matched
from equivar.figures import Words, number
from equivar.names import BEFORE_POOLING, KINDS, SORTS
from equivar.verdicts.kept import OPPOSITE


def changes_seen(scores: pd.DataFrame, sort: str) -> Words:
    """The choice that changes equivariance of a part with maps most, and the next one."""
    parts = list(BEFORE_POOLING)
    table = changes(scores, sort, KINDS[1], "score")[1:][parts]
    chance = changes(scores, sort, KINDS[1], "chance")[1:][parts]
    most = table.abs().max(axis=1).sort_values(ascending=False).index
    told = []
    for choice in most[:2]:
        part = table.loc[choice].abs().idxmax()
        told.append(
            f"`{choice}` changes the {part} part by {table.loc[choice, part]:+z.2f}, and what "
            f"chance scores there by {chance.loc[choice, part]:+z.2f}"
        )
    raised = chance.max(axis=1).idxmax(), chance.max().idxmax()
    return Words(
        f"The two largest changes of {SORTS[sort]} equivariance before pooling: "
        f"{'; '.join(told)}. Chance itself is raised most by `{raised[0]}` in the {raised[1]} "
        f"part, by {chance.loc[raised]:+z.2f}."
    )


def matching_seen(scores: pd.DataFrame) -> Words:
    """Rotation equivariance by part and the late part's chance, under the two ways to match."""
    told = []
    for match, words in MATCHINGS.items():
        means = matched(scores, match).groupby("part")[["score", "chance"]].mean()
        parts = [part for part in BEFORE_POOLING if part in means.index]
        three = ", ".join(number(means.loc[part, "score"]) for part in parts)
        told.append(f"with {words} it is {three}, and chance {number(means.loc['late', 'chance'])}")
    return Words(
        "Rotation equivariance in the early, middle and late part, and chance in the late one: "
        f"{'; '.join(told)}."
    )


def verdicts_seen(worded: pd.DataFrame, corrected: pd.DataFrame) -> Words:
    """Which readings turn a verdict into its opposite, and which only lose or win one."""
    told = [
        f"{way}, {_changed(table)}"
        for way, table in (("as worded", worded), ("corrected for chance", corrected))
    ]
    return Words(". ".join(one[:1].upper() + one[1:] for one in told) + ".")


def _changed(table: pd.DataFrame) -> str:
    first = table[table["reading"] == "default"].set_index("claim")["verdict"]
    rows = table.assign(default=table["claim"].map(first))
    rows = rows[(rows["verdict"] != rows["default"])]
    rows = rows[(rows["verdict"] != "not judged") & (rows["default"] != "not judged")]
    turned = rows["default"].map(OPPOSITE) == rows["verdict"]
    words = rows["claim"] + " under `" + rows["reading"] + "`"
    parts = [
        f"{name} {', '.join(words[of])}"
        for name, of in (
            ("the opposite is found for", turned),
            ("another verdict is found for", ~turned),
        )
        if of.any()
    ]
    return "; ".join(parts) or "every verdict is the same under every reading"
