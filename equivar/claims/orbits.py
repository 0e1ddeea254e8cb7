"""Beyond the paper: orbits, the groups of channels that turn into one another (section 3.2).

Tables are rows of `equivar.orbits` for many networks, with a column `network`; those of B5 with
`task` and `seed`. Only what was found counts, matched as in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from equivar.claims.components import Component, difference, judge, mean, not_judged
from equivar.claims.runs import Sample
from equivar.claims.tasks import TASKS
from equivar.claims.verdict import LEVEL, Verdict, greater_than_zero, interval_words
from equivar.orbits.matching import MATCHINGS
from equivar.orbits.shares import FIRST, shares

EARLY, LATE = (FIRST, "early"), ("late",)
ANYWHERE = (FIRST, "early", "middle", "late")
NETWORKS_NEEDED = "it takes two networks"


def claim_b4(table: pd.DataFrame) -> Verdict:
    """The share of channels in orbits falls with depth.

    The effect is a network's mean share over its first convolution and early layers, less that
    over its late ones; the interval is over networks.
    """
    found = _shares(table, ["network"])
    early, late = (_by_run(found, "orbit", parts, ["network"]) for parts in (EARLY, LATE))
    falls = (early - late).dropna()
    words = "the share of early channels in orbits less that of late ones"
    component = mean(words, _sample(falls, "networks with early and late layers"), above=0)
    return judge("B4", [replace(component, unit="networks")], needs=NETWORKS_NEEDED)


def claim_b5(table: pd.DataFrame) -> Verdict:
    """Rot-Inv makes more fixed channels than MNIST6 does, and Rot-Eq more orbits.

    The effect is the difference of a run's mean share over all layers, a comparison for each task.
    `task_changes` tells where.
    """
    found = _shares(table, ["task", "seed"])
    asked = (("rot-inv", "fixed"), ("rot-eq", "orbit"))
    components = [_change(found, task, kind, ANYWHERE, above=0) for task, kind in asked]
    return judge("B5", components)


def claim_b6(table: pd.DataFrame, rate: float = 0.05) -> Verdict:
    """First convolutions of networks trained on ImageNet have orbits, more than chance gives.

    The effect is the share of networks where one is found, less `rate`, the share where chance
    would give one; the interval is that of Clopper and Pearson, over networks.
    """
    first = _matched(table)
    first = first[first["part"] == FIRST]
    has = (first["found"].astype(bool) & (first["kind"] == "orbit")).groupby(first["network"]).any()
    if len(has) < 2:
        return not_judged("B6", [f"{len(has)} of them"], NETWORKS_NEEDED)
    test = stats.binomtest(int(has.sum()), len(has))
    interval = test.proportion_ci(LEVEL, method="exact")
    low, high = float(interval.low) - rate, float(interval.high) - rate
    reason = (
        f"orbits in the first convolution of {has.sum()} of {len(has)} networks, where chance "
        f"gives them in {rate:.0%}; the share above that is {has.mean() - rate:.2f}, "
        f"{interval_words(low, high)}"
    )
    return Verdict("B6", float(has.mean()) - rate, low, high, greater_than_zero(low, high), reason)


def task_changes(table: pd.DataFrame) -> pd.DataFrame:
    """Where the tasks of section 4.3 change shares against MNIST6.

    One row per task, kind and part: `change`, `low`, `high` (95 %, Student's t over runs). NaN
    where there are fewer than two runs.
    """
    found = _shares(table, ["task", "seed"])
    parts = [part for part in ANYWHERE if part in set(found["part"])]
    rows = []
    for task, kind, part in product(("rot-inv", "rot-eq"), ("fixed", "pair", "orbit"), parts):
        change = _change(found, task, kind, (part,))
        rows.append((task, kind, part, change.effect, *change.interval()))
    changes = pd.DataFrame(rows, columns=["task", "kind", "part", "change", "low", "high"])
    return changes.astype({"part": pd.CategoricalDtype(parts, ordered=True)})  # in tables by depth


def _change(
    found: pd.DataFrame, task: str, kind: str, parts: Sequence[str], above: float = -np.inf
) -> Component:
    """A task's share of a kind less that of the plain task."""
    runs = _by_run(found, kind, parts, ["task", "seed"])
    one, plain = (
        _sample(runs[runs.index.get_level_values("task") == name], f"runs of task {name}")
        for name in (task, "plain")
    )
    words = {"fixed": "fixed channels", "pair": "channels in pairs", "orbit": "channels in orbits"}
    said = f"the share of {words[kind]} in {TASKS[task]} less that in {TASKS['plain']}"
    return difference(said, one, plain, above=above)


def _matched(table: pd.DataFrame) -> pd.DataFrame:
    """The rows matched by the maximum. ValueError: a column that is not there."""
    wanted = ["matching", "network", "part", "kind", "found", "layer", "channels", "length"]
    missing = [column for column in wanted if column not in table]
    if missing:
        raise ValueError(f"the table has no column {missing[0]!r}; it has {list(table.columns)}")
    return table[table["matching"] == MATCHINGS[0]]


def _shares(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Shares of the networks that have the columns `by`."""
    rows = _matched(table).dropna(subset=by)
    if rows.empty:
        return pd.DataFrame(columns=[*by, "part", "kind", "share"])
    return shares(rows, tuple(by))


def _by_run(found: pd.DataFrame, kind: str, parts: Sequence[str], by: list[str]) -> pd.Series:
    """The mean share of a kind over the layers of some parts, for each run."""
    rows = found[(found["kind"] == kind) & found["part"].isin(parts)]
    return rows.groupby(by)["share"].mean()


def _sample(values: pd.Series, what: str) -> Sample:
    lacking = "" if len(values) > 1 else f"{len(values)} {what}"
    return Sample(values.to_numpy(dtype=float), lacking)
