"""Chapter 10: orbits, the groups of channels that turn into one another (section 3.2).

Tables are rows of `equivar.orbits` for many networks, with a column `network`; those of B5 with
`task` and `seed`. Only what was found counts, matched as in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field, field_validator
from scipy import stats

from equivar.chapters import c04_tasks
from equivar.chapters.c10_orbits.pictures import (
    group_law,
    orbit_filters,
    orbit_picture,
    orbit_shares,
    orbit_wheels,
)
from equivar.chapters.c10_orbits.planted import false_discoveries, planted_example
from equivar.chapters.c10_orbits.searched import (
    Searched,
    best_orbit,
    filters_in,
    picture_along,
)
from equivar.chapters.c10_orbits.seen import (
    filters_seen,
    first_counts,
    law_seen,
    maps_seen,
    planted_seen,
    seen,
    tasks_seen,
)
from equivar.chapters.c10_orbits.tabled import ANYWHERE, KIND_WORDS, matched, shares_of
from equivar.orbits import FIRST
from equivar.orbits.decision import WEIGHTS
from equivar.runs import Results, Store, Stored, run_all
from equivar.runs.measured import given_or_trained, of_row, taken_up
from equivar.runs.parameters import Count, Schedule, Seed, WithWeights, of_this_profile
from equivar.verdicts import (
    LEVEL,
    Claim,
    Component,
    Sample,
    Verdict,
    count_words,
    difference,
    directional,
    effect_words,
    judge,
    mean,
    not_judged,
)
from equivar.verdicts.samples import without_seed

__all__ = [
    "CLAIMS",
    "Parameters",
    "Searched",
    "best_orbit",
    "claim_b4",
    "claim_b5",
    "claim_b6",
    "claims",
    "false_discoveries",
    "filters_in",
    "filters_seen",
    "first_counts",
    "group_law",
    "law_seen",
    "maps_seen",
    "orbit_filters",
    "orbit_picture",
    "orbit_shares",
    "orbit_wheels",
    "picture_along",
    "planted_example",
    "planted_seen",
    "runs",
    "seen",
    "tables",
    "task_changes",
    "tasks_seen",
]

EARLY, LATE = (FIRST, "early"), ("late",)
NETWORKS_NEEDED = "It takes two networks"
Searchable = Annotated[int, Field(ge=20, strict=True)]  # images, as `equivar.orbits` asks for
CLAIMS = {
    "B4": Claim(
        "The share of channels that turn into one another in groups of four falls with depth.",
        "fig-orbit-shares",
        smallest=0.02,
        why="a fiftieth of the channels: about one of a layer of 64",
        unit="networks",
    ),
    "B5": Claim(
        "A task that asks for invariance makes more invariant channels, one that asks for "
        "equivariance more orbits.",
        "fig-orbit-shares",
        smallest=0.05,
        why="a twentieth of the channels: one of a layer of 20",
        unit="training runs",
    ),
    "B6": Claim(
        "Networks trained on ImageNet have orbits among the filters of their first layer.",
        "fig-orbit-filters",
        smallest=0.1,
        why="a tenth of the networks",
        unit="networks",
    ),
}


class Parameters(Schedule):
    """What the chapter is made with.

    networks: of `equivar.networks`, each with the name of its weights, or "" to train it in the run
    as in chapter 02, on `train_data`; data, images: what they are searched on. tasks:
    parameters of chapter 04, whose networks are searched on `task_images` of their test images.
    imagenet: rows as in `NetworkRow`, with weights, searched on `imagenet_images` images of
    `imagenet_data`. rate: of false ones among what is found. simulated: random networks, to see
    that rate kept.
    """

    networks: dict[str, str]
    train_data: str
    data: str
    images: Searchable
    tasks: c04_tasks.Parameters
    task_images: Searchable
    imagenet: WithWeights
    imagenet_data: str
    imagenet_images: Searchable
    rate: Annotated[float, Field(gt=0, lt=1, strict=True)]
    simulated: Count
    seed: Seed

    _profile = field_validator("tasks", mode="before")(of_this_profile)


def runs(p: Parameters) -> list[Stored]:
    """The residual networks, those of chapter 04, and those trained on ImageNet."""
    return [*_residual(p), *_of_tasks(p), *_imagenet(p)]


def tables(p: Parameters, store: Store | None = None) -> Results:
    """Every network's cycles, with the columns `network`, `sort` and, for tasks, `task`, `seed`."""
    return run_all(runs(p), store)


def claims(found: Results, p: Parameters) -> list[Verdict]:
    """The verdicts on B4 to B6."""
    cycles = found.tables["orbits"]
    of_tasks, of_imagenet = (cycles[cycles["sort"] == sort] for sort in ("task", "imagenet"))
    return [claim_b4(cycles), claim_b5(of_tasks), claim_b6(of_imagenet, p.rate)]


def claim_b4(table: pd.DataFrame) -> Verdict:
    """The share of channels in orbits falls with depth.

    The effect is a network's mean share over its first convolution and early layers, minus that
    over its late ones; the interval is over networks. The seeds of one network are one network.
    """
    table = table.assign(network=without_seed(table["network"]), run=table["network"])
    found = shares_of(table, ["network", "run"])
    early, late = (_by_network(found, parts) for parts in (EARLY, LATE))
    falls = (early - late).dropna()
    component = mean(
        "early and late",
        "the share of channels in orbits is {0} in early layers and {1} in late ones",
        _sample(falls, "networks with early and late layers"),
        [_sample(one[falls.index], "networks") for one in (early, late)],
        unit="network",
        above=0,
        smallest=CLAIMS["B4"].smallest,
    )
    return judge("B4", [component], needs=NETWORKS_NEEDED)


def claim_b5(table: pd.DataFrame) -> Verdict:
    """Rot-Inv makes more fixed channels than MNIST6 does, and Rot-Eq more orbits.

    The effect is the difference of a run's mean share over all layers, a comparison for each task.
    `task_changes` tells where.
    """
    found = shares_of(table, ["task", "seed"])
    asked = (("rot-inv", "fixed"), ("rot-eq", "orbit"))
    bounds = {"above": 0, "smallest": CLAIMS["B5"].smallest}
    components = [_change(found, task, kind, ANYWHERE, **bounds) for task, kind in asked]
    return judge("B5", components)


def claim_b6(table: pd.DataFrame, rate: float = 0.05) -> Verdict:
    """First convolutions of networks trained on ImageNet have orbits, more than chance gives.

    The effect is the share of networks where one is found, minus the share where chance would give
    a false one; the interval is that of Clopper and Pearson, over networks. Chance: where N cycles
    are found at a false discovery rate of `rate`, a quarter of which orbits may take, N rate / 4
    false orbits are expected at most, and any with the probability 1 - exp(-N rate / 4).
    """
    first = matched(table)
    first = first[first["part"] == FIRST]
    found = first["found"].astype(bool)
    has = (found & (first["kind"] == "orbit")).groupby(first["network"]).any()
    if len(has) < 2:
        return not_judged("B6", [f"{len(has)} of them"], NETWORKS_NEEDED)
    cycles = found.groupby(first["network"]).sum().clip(lower=1)
    chance = float((1 - np.exp(-rate * WEIGHTS[4] * cycles)).mean())
    test = stats.binomtest(int(has.sum()), len(has))
    interval = test.proportion_ci(LEVEL, method="exact")
    effect = float(has.mean()) - chance
    low, high = float(interval.low) - chance, float(interval.high) - chance
    reason = (
        f"Orbits are found in the first convolution of {has.sum()} of {len(has)} networks, a share "
        f"of {has.mean():.3f}; by chance, a share of {chance:.3f} would have a false one: "
        f"{effect_words(effect, low, high, digits=3)}, {count_words(len(has), 'network')}."
    )
    verdict = directional(low, high, CLAIMS["B6"].smallest)
    return Verdict("B6", effect, low, high, verdict, reason, len(has), above=0)


def task_changes(table: pd.DataFrame) -> pd.DataFrame:
    """Where the tasks of section 4.3 change shares against MNIST6.

    One row per task, kind and part: `change`, `low`, `high` (95 %, Student's t over runs). NaN
    where there are fewer than two runs.
    """
    found = shares_of(table, ["task", "seed"])
    parts = [part for part in ANYWHERE if part in set(found["part"])]
    rows = []
    for task, kind, part in product(("rot-inv", "rot-eq"), ("fixed", "pair", "orbit"), parts):
        change = _change(found, task, kind, (part,))
        rows.append((task, kind, part, change.effect, *change.interval()))
    changes = pd.DataFrame(rows, columns=["task", "kind", "part", "change", "low", "high"])
    return changes.astype({"part": pd.CategoricalDtype(parts, ordered=True)})  # in tables by depth


def _residual(p: Parameters) -> list[Searched]:
    return [
        Searched(
            base=taken_up("orbits", name, _network(p, name, weights), p.data, p.images),
            images=p.images,
            rate=p.rate,
            groups={"sort": "residual"},
        )
        for name, weights in p.networks.items()
    ]


def _network(p: Parameters, name: str, weights: str):
    return given_or_trained(name, weights, p, p.train_data, p.images, p.seed)


def _of_tasks(p: Parameters) -> list[Searched]:
    return [
        Searched(
            base=one,
            images=p.task_images,
            rate=p.rate,
            groups={"sort": "task", "network": f"{one.groups['task']}, seed {one.seed}"},
        )
        for one in c04_tasks.runs(p.tasks)
    ]


def _imagenet(p: Parameters) -> list[Searched]:
    found = []
    for row in p.imagenet:
        # in a drawn order, as the sample is sorted by class
        place = p.imagenet_data, p.imagenet_images, p.seed
        base = taken_up("orbits", row.name, of_row(row), *place)
        found.append(
            Searched(base=base, images=p.imagenet_images, rate=p.rate, groups={"sort": "imagenet"})
        )
    return found


def _change(
    found: pd.DataFrame, task: str, kind: str, parts: Sequence[str], **bounds: float
) -> Component:
    """A task's share of a kind minus that of the plain task."""
    by_run = _by_run(found, kind, parts, ["task", "seed"])
    one, plain = (
        _sample(by_run[by_run.index.get_level_values("task") == name], f"runs of task {name}")
        for name in (task, "plain")
    )
    names, words = c04_tasks.TASKS, KIND_WORDS[kind]
    said = f"the share of {words} is {{0}} in {names[task]} and {{1}} in {names['plain']}"
    return difference(f"{words} in {names[task]}", said, one, plain, **bounds)


def _by_network(found: pd.DataFrame, parts: Sequence[str]) -> pd.Series:
    """The mean share of orbits in some parts of each network, a mean over its seeds."""
    return _by_run(found, "orbit", parts, ["network", "run"]).groupby("network").mean()


def _by_run(found: pd.DataFrame, kind: str, parts: Sequence[str], by: list[str]) -> pd.Series:
    """The mean share of a kind over the layers of some parts, for each run."""
    rows = found[(found["kind"] == kind) & found["part"].isin(parts)]
    return rows.groupby(by)["share"].mean()


def _sample(values: pd.Series, what: str) -> Sample:
    lacking = "" if len(values) > 1 else f"{len(values)} {what}"
    return Sample(values.to_numpy(dtype=float), lacking)
