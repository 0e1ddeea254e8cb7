"""Chapter 03, section 4.2: does learned equivariance go with accuracy?

Chapter 07 compares the same networks, and takes their parameters and runs from here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from equivar import data as datasets
from equivar.chapters.c03_accuracy.pictures import (
    accuracy_scatter,
    compared_cells,
    convergence,
    rank_intervals,
)
from equivar.chapters.c03_accuracy.words import (
    cells_seen,
    enough,
    meaning,
    scatter_seen,
    seen,
)
from equivar.names import BEFORE_POOLING, KINDS, PARTS, SORTS
from equivar.runs import Measurement, Results, Store, Stored, Training, run_all
from equivar.runs.measured import of_row
from equivar.runs.parameters import TRAIN, Count, Images, NetworkRow, Schedule, Seed
from equivar.runs.scores import by_sort_and_part
from equivar.transforms import parse_transforms
from equivar.verdicts import (
    FEWEST,
    SCORE,
    Claim,
    Networks,
    Verdict,
    judge,
    judged,
    p_value,
    rank,
)

__all__ = [
    "CLAIMS",
    "Compared",
    "Parameters",
    "accuracy_scatter",
    "cells_seen",
    "claim_4_2a",
    "claim_4_2b",
    "claim_4_2c",
    "claims",
    "compared_cells",
    "convergence",
    "enough",
    "fewer_images",
    "meaning",
    "picture_given",
    "rank_correlations",
    "rank_intervals",
    "runs",
    "scatter_seen",
    "seen",
    "tables",
]

LARGE = 32  # images of a forward pass: those of ImageNet are large
KNOWN = ["network", "family", "top1"]  # what the tables tell of a network
STRONG = 0.8  # above it, a rank correlation counts as almost perfect
NEEDS = f"It takes {FEWEST} networks"
FIFTH = "a rank correlation of .2: less than 4 % of the variance of ranks"
PAPER = {
    "network": "EfficientNet-B6 and -B7, ResNeXt-101, Inception-v3, a ViT, an MLP-Mixer",
    "data": "ImageNet, validation images",
    "epochs": "none, public weights",
    "images": "2000",
    "reports": "scores and accuracy in almost the same order for translation in the final part, "
    "some of it in early and middle parts, little for rotation before pooling",
}
CLAIMS = {
    "4.2a": Claim(
        "Translation equivariance in the early and middle parts of ImageNet networks goes with "
        "accuracy.",
        "fig-accuracy-translation",
        smallest=0.2,
        why=FIFTH,
        unit="networks",
    ),
    "4.2b": Claim(
        "In the final part, translation equivariance goes with accuracy almost perfectly.",
        "fig-accuracy-translation",
        smallest=0.2,
        why=f"{FIFTH}; almost perfectly is above {STRONG}",
        unit="networks",
    ),
    "4.2c": Claim(
        "Rotation equivariance before global pooling hardly goes with accuracy.",
        "fig-accuracy-rotation",
        smallest=0.5,
        why="a margin: ranks then share a quarter of their variance at most",
        unit="networks",
    ),
}


class Parameters(Schedule):
    """What chapters 03 and 07 are made with.

    networks: rows as in `NetworkRow`. train_data: what rows with the weights "train" are trained
    on, by the schedule, with `augment` (names in `equivar.training.AUGMENTATIONS`);
    train_images: on how many of its training images, 0 for all. data, images: what is measured, and
    how many of it. transforms: as `equivar.transforms.parse_transforms` reads them. match: as in
    `equivar.measure`.
    removed_images: how many of them a network with weights is measured on a second time, without
    what all images have in common. counts: numbers of images at which the first network is
    measured, to see whether there are enough of them. seed: of the training, and of the order in
    which images are measured.
    """

    networks: Annotated[tuple[NetworkRow, ...], Field(min_length=1)]
    train_data: str
    train_images: Annotated[int, Field(ge=0, strict=True)] = 0
    augment: tuple[str, ...] = ()
    data: str
    images: Images
    transforms: tuple[str, ...]
    match: str
    removed_images: Images
    counts: tuple[Count, ...]
    seed: Seed

    @field_validator("networks")
    @classmethod
    def _each_name_once(cls, networks: tuple[NetworkRow, ...]) -> tuple[NetworkRow, ...]:
        names = [one.name for one in networks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"two networks are called {', '.join(twice)}: figures need other names"
            )
        return networks


@dataclass(frozen=True)
class Compared:
    """The networks of chapters 03 and 07.

    scores: rows of `equivar.measure`; parts: their means by sort of transformation (`transforms`:
    rotation, shift), part and kind, with standard errors over images. removed: the same with mean
    maps taken away. All with the columns `network`, `family`, `top1`. replicates: `parts` without
    each group of images. summary: a row for each network. missing: as in `Results`.
    """

    scores: pd.DataFrame
    parts: pd.DataFrame
    summary: pd.DataFrame
    removed: pd.DataFrame | None = None
    replicates: pd.DataFrame | None = None
    missing: tuple[str, ...] = ()


def runs(p: Parameters) -> list[Stored]:
    """The networks of the chapters, and the first one on fewer images."""
    fewer = [count for count in p.counts if count != p.images]
    return [_run(p, row) for row in p.networks] + [_fewer(p, count) for count in fewer]


def tables(p: Parameters, store: Store | None = None) -> Compared:
    """Sections 4.2 and 4.6: every network under shifts and quarter turns."""
    results = run_all([_run(p, row) for row in p.networks], store)
    known = _known(p, results.summary)
    parts = _parts(results)
    return Compared(
        results.scores.merge(known[KNOWN], on="network"),
        parts.merge(known[KNOWN], on="network"),
        known,
        None if results.removed is None else results.removed.merge(known[KNOWN], on="network"),
        results.tables.get("replicates"),
        results.missing,
    )


def fewer_images(p: Parameters, store: Store | None = None) -> pd.DataFrame:
    """The first network's scores by part, on the first images and on all of them.

    Rows of `Compared.parts`, with `images`. Empty where no `counts` are asked for.
    """
    if not p.counts:
        return pd.DataFrame()
    first = _run(p, p.networks[0])
    found = [_fewer(p, count) if count != p.images else first for count in p.counts]
    return _parts(run_all(found, store))


def claims(found: Compared, p: Parameters, corrected: bool = False) -> list[Verdict]:
    """The verdicts on section 4.2, on scores as they are or corrected for chance."""
    every = (claim_4_2a, claim_4_2b, claim_4_2c)
    return judged(every, found.parts, found.removed, corrected, ["network"])


def claim_4_2a(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """Translation equivariance in the early and middle parts goes with accuracy (4.2, figure 4).

    The effect is Spearman's correlation with top-1 over networks; one comparison a part, above 0.
    `table`: rows of `Compared.parts`; column: what is judged.
    """
    bounds = {"above": 0, "smallest": CLAIMS["4.2a"].smallest}
    return _with_top1("4.2a", table, column, "shift", ("early", "middle"), **bounds)


def claim_4_2b(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """In the final part it does so almost perfectly (4.2, figure 4): a correlation above 0.8."""
    bounds = {"above": STRONG, "smallest": CLAIMS["4.2b"].smallest}
    return _with_top1("4.2b", table, column, "shift", ("final",), **bounds)


def claim_4_2c(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """Rotation equivariance before pooling hardly does (4.2, figure 4): within -0.5 to 0.5.

    To show that takes some twenty networks: with fewer it can be contradicted or left open.
    """
    margin = CLAIMS["4.2c"].smallest
    bounds = {"above": -margin, "below": margin}
    return _with_top1("4.2c", table, column, "rotation", BEFORE_POOLING, **bounds)


def _with_top1(
    claim: str,
    table: pd.DataFrame,
    column: str,
    transforms: str,
    parts: tuple[str, ...],
    **bounds: float,
) -> Verdict:
    networks = Networks(table, column)
    components = [
        rank(
            f"{part} part",
            f"the rank correlation of {part} {SORTS[transforms].lower()} equivariance with top-1 "
            "accuracy is",
            networks.scores(transforms, "equivariance", part),
            networks.top1.to_numpy(),
            **bounds,
        )
        for part in parts
    ]
    return judge(claim, components, NEEDS, networks.note)


def rank_correlations(table: pd.DataFrame, column: str = SCORE) -> pd.DataFrame:
    """Spearman's correlation of each score with top-1 (figure 4), a row a transforms x kind x part.

    Columns `rho`, its 95 % interval `low` to `high`, the permutation p value `p`, `networks`.
    """
    networks = Networks(table, column)
    top1 = networks.top1.to_numpy()
    rows = []
    for transforms in SORTS:
        for kind in KINDS:
            for part in PARTS:
                scores = networks.scores(transforms, kind, part)
                one = rank("", "", scores, top1)
                if one.lacking:
                    continue
                there = ~(np.isnan(scores) | np.isnan(top1))
                low, high = one.interval()
                row = {"transforms": transforms, "kind": kind, "part": part, "rho": one.effect}
                row |= {"low": low, "high": high, "p": p_value(scores[there], top1[there])}
                rows.append(row | {"networks": one.count})
    columns = ["transforms", "kind", "part", "rho", "low", "high", "p", "networks"]
    return pd.DataFrame(rows, columns=columns)


def _run(p: Parameters, row: NetworkRow) -> Stored:
    if row.weights == TRAIN:
        return _training(p, row)
    one = _measurement(p, row, p.images, {})
    return replace(one, removed_images=p.removed_images, replicates=True)


def _fewer(p: Parameters, count: int) -> Stored:
    """The first network on `count` images. ValueError for one that is trained in the run."""
    row = p.networks[0]
    if row.weights == TRAIN:
        raise ValueError(f"counts {p.counts}: {row.name} is trained in the run, choose none")
    return _measurement(p, row, count, {"count": count})


def _measurement(
    p: Parameters, row: NetworkRow, count: int, more: dict[str, object]
) -> Measurement:
    return Measurement(
        experiment="architectures",
        groups={"network": row.name, **more},
        network=of_row(row),
        data=p.data,
        images=count,
        transforms=p.transforms,
        options={"match": p.match},
        order=p.seed,
        batch_size=LARGE,
    )


def _training(p: Parameters, row: NetworkRow) -> Training:
    source, _, name = row.network.partition(":")
    if source != "equivar" or row.input:
        raise ValueError(
            f"{row.name}: the weights {TRAIN!r} are for networks 'equivar:NAME' without an input "
            f"of their own, not {row.network!r}"
        )
    augment = {"augment": list(p.augment)} if p.augment else {}
    return Training(
        experiment="architectures",
        groups={"network": row.name},
        network=name,
        options=row.options,
        data=p.train_data,
        train_images=p.train_images,
        recipe=p.recipe | augment,
        seed=p.seed,
        images=p.images,
        transforms=[transform.name for transform in parse_transforms(p.transforms)],
        match=p.match,
        replicates=True,
    )


def _parts(results: Results) -> pd.DataFrame:
    """The table `parts` of all runs; of a network trained in the run, out of its scores."""
    parts = results.tables.get("parts", pd.DataFrame(columns=["network"]))
    others = results.scores[~results.scores["network"].isin(parts["network"])]
    found = [parts] if len(parts) else []
    for name, scores in others.groupby("network", sort=False):
        found.append(by_sort_and_part(scores).assign(network=name))
    return pd.concat(found, ignore_index=True)


def _known(p: Parameters, summary: pd.DataFrame) -> pd.DataFrame:
    """The summary with what the parameters say of each network; `top1` is NaN where none is."""
    rows = {row.name: row for row in p.networks}
    table = summary.copy()
    named = [rows[name] for name in table["network"]]
    table["family"] = [row.family for row in named]
    table["top1"] = [
        100 * accuracy if row.weights == TRAIN and row.top1 is None else row.top1
        for row, accuracy in zip(named, table["accuracy"], strict=True)
    ]
    table["top1"] = table["top1"].astype(float)
    table["source"] = [
        "this run, test images" if row.weights == TRAIN and row.top1 is None else row.source
        for row in named
    ]
    return table


def picture_given(p: Parameters, number: int = 1) -> np.ndarray:
    """An image as a network takes it, (H, W, 3) or (H, W).

    Of embedded images where the data are not at hand.
    """
    try:
        data = datasets.load(p.data, datasets.DATASETS[p.data].splits[-1])
    except datasets.DataMissing:
        data = datasets.load("shapes", "test")
    return datasets.picture(data.images[number])
