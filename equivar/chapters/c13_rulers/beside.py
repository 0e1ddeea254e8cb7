"""What the rulers say beside one another: gains, orders, and what each is blind to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from equivar.chapters.c13_rulers.judging import JOINT, turned
from equivar.names import BEFORE_POOLING, SORTS, sort_of
from equivar.rulers import RULERS
from equivar.runs import Results


def gains(table: pd.DataFrame, column: str, sort: str) -> pd.DataFrame:
    """What a linear map finds more than the best channel: trained networks by parts.

    sort: of transformations. Layers that the linear map has no score of are left out.
    """
    rows = table[(table["state"] == "trained") & (table["kind"] == "equivariance")]
    rows = rows[rows["transform"].map(sort_of) == sort]
    place = ["sort", "network", "run", "layer", "part", "transform"]
    rows = rows.assign(run=_run_of(rows))
    wide = rows.pivot_table(index=place, columns="ruler", values=column, sort=False)
    if not {"linear", JOINT} <= set(wide):
        return pd.DataFrame(columns=list(BEFORE_POOLING), dtype=float)
    gain = (wide["linear"] - wide[JOINT]).dropna()
    parts = gain.groupby(["network", "part"], sort=False).mean().unstack("part")
    return parts.reindex(columns=BEFORE_POOLING)


def orders(table: pd.DataFrame, sort: str, among: str) -> pd.DataFrame:
    """Rank correlations of the rulers: how alike they put layers or networks in order.

    among: "layers" (of each trained network before pooling, then the mean over networks) or
    "networks" (means before pooling, trained and untrained ones of a chapter, then the mean over
    chapters). Rulers by rulers; NaN where there are fewer than four to put in order.
    """
    rows = _comparable(table[table["transform"].map(sort_of) == sort])
    if among == "layers":
        rows = rows[(rows["state"] == "trained") & rows["part"].isin(BEFORE_POOLING)]
        wide = rows.pivot_table(index=["one", "layer"], columns="ruler", values="score")
        found = [of.corr("spearman", 3) for _, of in wide.groupby("one") if len(of) > 3]
    else:
        rows = rows[rows["part"].isin(BEFORE_POOLING) | rows["ruler"].eq("consistency")]
        wide = rows.pivot_table(index=["sort", "one"], columns="ruler", values="score")
        found = [of.corr("spearman", 3) for _, of in wide.groupby("sort") if len(of) > 3]
    names = [name for name in RULERS if name in set(table["ruler"])]
    stacked = [one.reindex(index=names, columns=names) for one in found]
    if not stacked:
        return pd.DataFrame(np.nan, index=names, columns=names)
    return pd.concat(stacked).groupby(level=0).mean().reindex(index=names, columns=names)


def answers(table: pd.DataFrame) -> pd.DataFrame:
    """The share of same answers of trained networks, and what chance gives, by transformation.

    Means over runs; networks by sorts of transformation.
    """
    rows = table[(table["ruler"] == "consistency") & (table["state"] == "trained")]
    rows = rows.assign(transforms=rows["transform"].map(sort_of).map(SORTS))
    means = rows.groupby(["network", "transforms"], sort=False)[["score", "chance"]].mean()
    return means.rename(columns={"score": "same answer"}).unstack("transforms")


def agreement(table: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """`orders` of every sort of transformation there is, among layers and among networks."""
    there = set(table["transform"].map(sort_of))
    return {
        (sort, among): orders(table, sort, among)
        for sort in SORTS
        if sort in there
        for among in ("layers", "networks")
    }


def blindness(found: Results) -> pd.DataFrame:
    """What each ruler sees and what it is blind to, with its cost beside `measure`."""
    cost = found.tables["cost"].set_index("ruler")["ratio"] if "cost" in found.tables else {}
    rows = {
        one.title: {
            "source": one.source,
            "kinds": " and ".join(one.kinds),
            "range, best": f"{one.range}, {one.best:g}",
            "sees signs": one.signs,
            "sees mixed channels": one.mixing,
            "takes position codes": one.positions,
            "labels": one.labels,
            "extra forward passes": one.forwards,
            "chance": one.chance,
            "cost / measure": cost.get(name, np.nan),
        }
        for name, one in RULERS.items()
        if name in set(found.tables["rulers"]["ruler"])
    }
    return pd.DataFrame(rows)


def _comparable(table: pd.DataFrame) -> pd.DataFrame:
    """One kind for each ruler, larger for more equivariant; `one` names a run.

    Same answers count above chance: an untrained network may give one answer to all images.
    """
    kinds = {name: one.kinds[-1] for name, one in RULERS.items()}
    rows = table[table["kind"] == table["ruler"].map(kinds)]
    one = rows["network"] + " " + _run_of(rows) + " " + rows["state"]
    score = turned(rows).where(rows["ruler"] != "consistency", rows["corrected"])
    return rows.assign(score=score, one=one)


def _run_of(rows: pd.DataFrame) -> pd.Series:
    """What tells the runs of one network apart, as text."""
    names = [name for name in ("task", "augment", "seed") if name in rows]
    words = [rows[name].astype("string").fillna("") for name in names]
    return sum(words[1:], words[0]) if words else pd.Series("", index=rows.index)
