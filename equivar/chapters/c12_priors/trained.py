"""The trained experiment: a stage of the 7-layer CNN is tied over quarter turns from the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import pandas as pd
from pydantic import Field

from equivar.chapters.c12_priors.forced import Forced
from equivar.orbits import FIRST
from equivar.runs import Results, Training
from equivar.runs.parameters import Count, Images, Schedule, Seeds

PLAIN = "none"  # the stage of the network in which nothing is tied


class Stages(Schedule):
    """How the networks are trained, and which of their layers are tied.

    data: a data set of digits, task: of `equivar.data.mnist6`, train_images: how many of the
    training images; images: how many test images, of which accuracy is taken; map_images: how many
    of these the map is made of. stages: the numbers of the layers that are tied together, by the
    part of the network that they are.
    """

    data: str
    task: str
    train_images: Count
    images: Images
    map_images: Annotated[int, Field(ge=40, strict=True)]
    padding: Annotated[int, Field(ge=0, le=1, strict=True)]
    seeds: Seeds
    stages: Mapping[str, tuple[int, ...]]


def stage_runs(p: Stages) -> list[Training]:
    """The plain network and one for each stage, with each seed."""
    tied = {PLAIN: (), **p.stages}
    return [
        Training(
            experiment="tied-stages",
            groups={"stage": stage},
            network="cnn7",
            options={"padding": p.padding} | ({"tied": list(layers)} if layers else {}),
            data=p.data,
            task=p.task,
            train_images=p.train_images,
            recipe=p.recipe,
            seed=seed,
            images=p.images,
            transforms=("rotations",),
        )
        for seed in p.seeds
        for stage, layers in tied.items()
    ]


def map_runs(p: Stages, trained: Sequence[Training], rate: float, seed: int) -> list[Forced]:
    """The maps of the plain networks, which say what should be cheap."""
    return [
        Forced(
            base=one,
            images=p.map_images,
            rate=rate,
            seed=seed,
            orbits=False,
            groups={"sort": "tied", "network": f"plain, seed {one.seed}"},
        )
        for one in trained
        if one.groups["stage"] == PLAIN
    ]


def stage_table(found: Results) -> pd.DataFrame:
    """For each stage and seed: accuracy, parameters, and the difference from the plain network.

    kept: what the plain network of that seed keeps there, matched, under `turned`; NaN for the
    plain network. gain: accuracy minus that of the plain network of the same seed.
    """
    summary = found.summary
    trained = summary[summary["stage"].notna() & summary["sort"].isna()]
    rows = trained[["stage", "seed", "accuracy", "parameters"]].copy()
    plain = rows[rows["stage"] == PLAIN].set_index("seed")["accuracy"]
    rows["gain"] = rows["accuracy"] - rows["seed"].map(plain)
    kept = found.tables["kept"]
    kept = kept[(kept["sort"] == "tied") & (kept["operation"] == "turned")]
    kept = kept[(kept["way"] == "matched") & (kept["part"] != FIRST)]
    means = kept.groupby(["part", "seed"])["kept"].mean()
    places = list(zip(rows["stage"], rows["seed"], strict=True))
    rows["kept"] = [means.get(place, float("nan")) for place in places]
    return rows.reset_index(drop=True)
