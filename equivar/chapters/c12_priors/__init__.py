"""Chapter 12: where a designed prior would pay, the future work of the paper (section 5).

Tables are rows of `equivar.symmetrise` for many networks, with the columns `network` and `sort`,
and for networks of several seeds `seed`. Claims are judged on the operation `turned`, over
networks: the seeds of one network are one network.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field, field_validator
from scipy import stats

from equivar.chapters import c04_tasks, c06_capacity
from equivar.chapters.c12_priors.forced import SAVED, Forced, weights
from equivar.chapters.c12_priors.pictures import (
    agreement_by_depth,
    kept_by_depth,
    measured_against_kept,
    savings,
    trained_stages,
)
from equivar.chapters.c12_priors.planted import known_answers
from equivar.chapters.c12_priors.trained import Stages, map_runs, stage_runs, stage_table
from equivar.chapters.c12_priors.words import (
    meaning,
    saved_rows,
    seen_agreement,
    seen_averaged,
    seen_map,
    seen_measure,
    seen_savings,
    seen_trained,
)
from equivar.names import title_of
from equivar.orbits import FIRST
from equivar.priors import WAYS
from equivar.runs import Results, Store, Stored, run_all
from equivar.runs.measured import given_or_trained, of_row, taken_up
from equivar.runs.parameters import Count, Schedule, Seed, WithWeights, of_this_profile
from equivar.verdicts import Claim, Sample, Verdict, count_words, judge, mean
from equivar.verdicts.corrected import require
from equivar.verdicts.samples import without_seed

__all__ = [
    "CLAIMS",
    "SAVED",
    "Forced",
    "Parameters",
    "Stages",
    "agreement_by_depth",
    "claim_b11",
    "claim_b12",
    "claim_b13",
    "claims",
    "judged_rows",
    "kept_by_depth",
    "known_answers",
    "meaning",
    "measured_against_kept",
    "rank_correlations",
    "runs",
    "saved_rows",
    "savings",
    "seen_agreement",
    "seen_averaged",
    "seen_map",
    "seen_measure",
    "seen_savings",
    "seen_trained",
    "stage_table",
    "tables",
    "trained_stages",
    "weights",
]

PARTS = {"early": (FIRST, "early"), "middle": ("middle",), "late": ("late",)}
FEWEST_LAYERS = 4  # of a network, for a rank correlation over them
NETWORKS_NEEDED = "It takes two networks"
Several = Annotated[int, Field(ge=40, strict=True)]  # images, as `equivar.symmetrise` asks for
CLAIMS = {
    "B11": Claim(
        "Maps of the turned image, put where they belong, keep more accuracy than with channels "
        "drawn at random, in the early, middle and late part, on average over small networks.",
        "fig-prior-turned",
        smallest=0.05,
        why="a twentieth of what the network is right for beyond chance",
        unit="networks",
    ),
    "B12": Claim(
        "Layers that measure more equivariant keep more accuracy.",
        "fig-prior-measure",
        smallest=0.2,
        why="a rank correlation that a plot hardly shows",
        unit="networks",
    ),
    "B13": Claim(
        "Orbits keep more accuracy than as many other channels.",
        "fig-prior-turned",
        smallest=0.02,
        why="orbits are few of a layer's channels, so that little can be lost by either",
        unit="networks",
    ),
}


class Parameters(Schedule):
    """What the chapter is made with.

    networks: of `equivar.networks`, each with the name of its weights, or "" to train it in the run
    as in chapter 02, on `train_data`; data, images: what they are changed on. tasks: parameters of
    chapter 04, with `task_images` of their test images. capacity: of chapter 06, or None, with
    `capacity_images`. imagenet: rows as in `NetworkRow`, with weights, for their agreement on
    `imagenet_images` images of `imagenet_data`. tied: the trained experiment. rate: of false ones
    among orbits.
    """

    networks: dict[str, str]
    train_data: str
    data: str
    images: Several
    tasks: c04_tasks.Parameters
    task_images: Several
    capacity: c06_capacity.Parameters | None
    capacity_images: Several
    imagenet: WithWeights
    imagenet_data: str
    imagenet_images: Count
    tied: Stages
    rate: Annotated[float, Field(gt=0, lt=1, strict=True)]
    seed: Seed

    _profile = field_validator("tasks", "capacity", "tied", mode="before")(of_this_profile)


def runs(p: Parameters) -> list[Stored]:
    """The residual networks, those of chapters 04 and 06, ImageNet's, and the trained ones."""
    stages = stage_runs(p.tied)
    return [
        *_residual(p),
        *_imagenet(p),
        *_of_tasks(p),
        *stages,
        *map_runs(p.tied, stages, p.rate, p.seed),
        *_of_widths(p),
    ]


def tables(p: Parameters, store: Store | None = None) -> Results:
    """What every network keeps (`kept`), measures (`measured`) and weighs (`weights`)."""
    return run_all(runs(p), store)


def judged_rows(found: Results, name: str) -> pd.DataFrame:
    """The rows of a table that claims are judged on: of networks whose accuracy is read."""
    table = found.tables[name]
    return table[table["sort"].isin(["residual", "task", "width"])]


def claims(found: Results, p: Parameters) -> list[Verdict]:
    """The verdicts on B11 to B13."""
    kept, measured = (judged_rows(found, name) for name in ("kept", "measured"))
    return [claim_b11(kept), claim_b12(kept, measured), claim_b13(kept)]


def claim_b11(table: pd.DataFrame) -> Verdict:
    """What `matched` keeps is more than what `random` keeps, in each of the three parts.

    The effect is a network's mean difference over the layers of a part; a comparison for each.
    The first convolution is early.
    """
    found = _by_way(table)
    components = []
    for part, names in PARTS.items():
        rows = found[found["part"].isin(names)]
        both = [_by_network(rows, rows[way]) for way in ("matched", "random")]
        gain = (both[0] - both[1]).dropna()
        components.append(
            mean(
                f"{part} part",
                f"in the {part} part {{0}} is kept with channels matched and {{1}} with random "
                "channels",
                _sample(gain, f" with {part} layers"),
                [_sample(one[gain.index]) for one in both],
                unit="network",
                above=0,
                smallest=CLAIMS["B11"].smallest,
            )
        )
    return judge("B11", components, needs=NETWORKS_NEEDED)


def claim_b12(table: pd.DataFrame, measured: pd.DataFrame) -> Verdict:
    """Within a network, layers with more corrected equivariance keep more.

    The effect is the mean over networks of Spearman's rank correlation over a network's layers.
    """
    found = rank_correlations(table, measured)
    component = mean(
        "rank correlation",
        "the rank correlation of corrected equivariance and what is kept, over the layers of a "
        "network, is",
        _sample(found, f" with {FEWEST_LAYERS} layers"),
        [],
        unit="network",
        above=0,
        smallest=CLAIMS["B12"].smallest,
    )
    return judge("B12", [component], needs=NETWORKS_NEEDED)


def claim_b13(table: pd.DataFrame) -> Verdict:
    """What is kept where orbits are changed is more than where as many others are.

    The effect is a network's mean difference over the layers that have both. Others are drawn from
    the channels outside of orbits, and matched among themselves.
    """
    rows = _by_way(table).dropna(subset=["orbits", "others"])
    both = [_by_network(rows, rows[way]) for way in ("orbits", "others")]
    component = mean(
        "orbits and others",
        "{0} is kept where orbits are changed and {1} where as many other channels are",
        _sample(both[0] - both[1], " with orbits and as many other channels"),
        [_sample(one) for one in both],
        unit="network",
        above=0,
        smallest=CLAIMS["B13"].smallest,
    )
    return judge("B13", [component], needs=NETWORKS_NEEDED)


def rank_correlations(
    table: pd.DataFrame, measured: pd.DataFrame, operation: str = "turned"
) -> pd.Series:
    """Spearman's correlation over layers of each network, a mean over its seeds.

    Of corrected equivariance with what `matched` keeps under an operation; networks with fewer than
    four layers, or without any difference between them, are left out.
    """
    kept = _by_way(table, operation)[["network", "layer", "matched"]]
    both = measured.merge(kept, on=["network", "layer"])
    both = both.dropna(subset=["matched", "equivariance_corrected"])
    found = {}
    for network, rows in both.groupby("network", sort=False):
        x, y = rows["equivariance_corrected"], rows["matched"]
        if len(rows) >= FEWEST_LAYERS and np.ptp(x) > 0 and np.ptp(y) > 0:
            found[network] = stats.spearmanr(x, y).statistic
    values = pd.Series(found, dtype=float)
    return values.groupby(without_seed(values.index.to_series())).mean()


def _by_way(table: pd.DataFrame, operation: str = "turned") -> pd.DataFrame:
    """A row for each network and layer, with what each way keeps under an operation.

    ValueError: a column that is not there.
    """
    wanted = ["network", "layer", "index", "part", "operation", "way", "kept"]
    require(table, wanted)
    rows = table[table["operation"] == operation]
    keys = ["network", "layer", "index", "part"]
    wide = rows.pivot_table(index=keys, columns="way", values="kept", sort=False)
    return wide.reindex(columns=list(WAYS)).reset_index()  # NaN where nothing could be kept


def _by_network(rows: pd.DataFrame, values: pd.Series) -> pd.Series:
    """The mean over the layers of each run, then over the seeds of a network."""
    runs_ = values.groupby(rows["network"]).mean()
    return runs_.groupby(without_seed(runs_.index.to_series())).mean()


def _sample(values: pd.Series, having: str = "") -> Sample:
    """A value for each network; `having`: what such networks have."""
    lacking = "" if len(values) > 1 else count_words(len(values), "network") + having
    return Sample(values.to_numpy(dtype=float), lacking)


def _residual(p: Parameters) -> list[Forced]:
    found = []
    for name, given in p.networks.items():
        network = given_or_trained(name, given, p, p.train_data, p.images, p.seed)
        base = taken_up("priors", name, network, p.data, p.images)
        found.append(_forced(p, base, p.images, {"sort": "residual"}))
    return found


def _of_tasks(p: Parameters) -> list[Forced]:
    return [
        _forced(p, one, p.task_images,
                {"sort": "task", "network": f"{c04_tasks.TASKS[one.groups['task']]}, seed "
                                            f"{one.seed}"})
        for one in c04_tasks.runs(p.tasks)
    ]  # fmt: skip


def _of_widths(p: Parameters) -> list[Forced]:
    return [
        _forced(p, one, p.capacity_images,
                {"sort": "width", "network": f"{title_of(one.network)}, seed {one.seed}"})
        for one in (c06_capacity.runs(p.capacity) if p.capacity else [])
    ]  # fmt: skip


def _imagenet(p: Parameters) -> list[Forced]:
    found = []
    for row in p.imagenet:
        # in a drawn order, as the sample is sorted by class
        place = p.imagenet_data, p.imagenet_images, p.seed
        base = taken_up("priors", row.name, of_row(row), *place)
        one = _forced(p, base, p.imagenet_images, {"sort": "imagenet"})
        found.append(replace(one, labels=False, orbits=False))
    return found


def _forced(p: Parameters, base, images: int, groups: dict[str, object]) -> Forced:
    return Forced(base=base, images=images, rate=p.rate, seed=p.seed, groups=groups)
