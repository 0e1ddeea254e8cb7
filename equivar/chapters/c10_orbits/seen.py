"""What the figures and tables show, in sentences with their numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from equivar.chapters import c04_tasks
from equivar.chapters.c10_orbits.pictures import law_shares
from equivar.chapters.c10_orbits.tabled import ANYWHERE, KIND_WORDS, shares_of
from equivar.figures import Words, number
from equivar.orbits import FIRST
from equivar.verdicts import count_words


def planted_seen(checked: pd.DataFrame, rate: float) -> Words:
    """Whether planted orbits come back, and whether the rate is kept."""
    mean = checked.mean()
    return Words(
        f"Of planted orbits, {number(mean['found_orbit'])} come back. Of what was found, "
        f"{number(mean['false_share'], 3)} was not planted, and the rate allows "
        f"{number(rate)}."
    )


def first_counts(cycles: pd.DataFrame) -> pd.DataFrame:
    """How many cycles of each kind were found in each network's first layer, 0 where none."""
    first = cycles[cycles["part"] == FIRST]
    found = first[first["found"].astype(bool)].groupby(["network", "kind"]).size()
    names, kinds = dict.fromkeys(first["network"]), list(KIND_WORDS)
    return found.unstack(fill_value=0).reindex(index=names, columns=kinds, fill_value=0)


def filters_seen(cycles: pd.DataFrame) -> Words:
    """How many networks have an orbit of filters, and which has most."""
    counts = first_counts(cycles)
    having = counts[counts["orbit"] > 0]
    told = f"Networks with an orbit of filters: {len(having)} of {len(counts)}"
    if having.empty:
        return Words(f"{told}.")
    most = having["orbit"].idxmax()
    return Words(f"{told}. {most} has most, {having['orbit'].max()}.")


def maps_seen(picture: Mapping[str, object]) -> Words:
    """How alike the two maps of each column are, on the photograph."""
    pairs = zip(picture["maps"][1:], picture["turned"][1:], strict=True)
    alike = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in pairs]
    return Words(
        f"On this photograph the two maps of a column have a correlation from {number(min(alike))} "
        f"to {number(max(alike))}; in the first column they are the same map."
    )


def seen(table: pd.DataFrame) -> Words:
    """What the figure by depth shows, in means over networks, and who differs from them."""
    found = shares_of(table, ["network"])
    found = found[found["part"].isin(ANYWHERE)]
    means = found.groupby(["kind", "part"], sort=False)["share"].mean().unstack("part")
    means = means.reindex(columns=[part for part in ANYWHERE if part in means])
    told = [
        f"{KIND_WORDS[kind]} {', '.join(number(share) for share in row)}"
        for kind, row in means.reindex(KIND_WORDS).dropna(how="all").fillna(0).iterrows()
    ]
    count = count_words(found["network"].nunique(), "network")
    return Words(
        f"Shares of channels, on average over {count}, in {', '.join(means.columns)} layers: "
        f"{'; '.join(told)}. {_fixed(found)}"
    )


def _fixed(found: pd.DataFrame) -> str:
    """In which networks fixed channels become more with depth."""
    fixed = found[found["kind"] == "fixed"]
    means = fixed.groupby(["network", "part"], sort=False)["share"].mean().unstack("part")
    if not {"early", "late"} <= {*means}:
        return ""
    means = means.dropna(subset=["early", "late"])
    more = means["late"] > means["early"]
    others = ", ".join(means.index[~more])
    told = f"Late layers have more fixed channels than early ones in {more.sum()} of {len(means)}"
    return f"{told}, not in {others}." if others else f"{told}."


def law_seen(table: pd.DataFrame) -> Words:
    """The law's share among strong cycles, that were found and that were not."""
    told = []
    for degrees in (180, 270):
        ends = [law_shares(table, degrees, found) for found in (True, False)]
        words = [
            f"{number(of['share'].mul(of['cycles']).sum() / of['cycles'].sum())} of "
            f"{of['cycles'].sum()} that {what}"
            for what, of in zip(("were found", "were not"), ends, strict=True)
            if len(of)
        ]
        if words:
            told.append(f"at {degrees} degrees the law holds for {' and '.join(words)}")
    if not told:
        return Words("There are too few pairs and orbits in these networks to tell.")
    return Words("Of the pairs and orbits that are drawn, " + "; ".join(told) + ".")


def tasks_seen(changes: pd.DataFrame) -> Words:
    """The largest change of a share that a task makes, and how many intervals leave out zero."""
    rows = changes.dropna(subset=["low", "high"])
    if rows.empty:
        return Words("One run of each task tells of no change.")
    apart = ((rows["low"] > 0) | (rows["high"] < 0)).sum()
    most = rows.loc[rows["change"].abs().idxmax()]
    return Words(
        f"The largest change is that of {KIND_WORDS[most['kind']]} in "
        f"{c04_tasks.TASKS[most['task']]}, {most['part']} layers: {most['change']:+.2f} "
        f"[{number(most['low'])}, {number(most['high'])}]. Of {len(rows)} intervals {apart} leave "
        f"out zero, where {number(0.05 * len(rows), 1)} would by chance."
    )
