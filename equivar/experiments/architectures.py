"""Chapters 03 and 07, sections 4.2 and 4.6: networks of several architectures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from equivar import datasets
from equivar.experiments.measured import Measurement, Pretrained
from equivar.experiments.stored import Results, Stored, run_all
from equivar.experiments.trained import Training
from equivar.measure import summarise
from equivar.profiles import TRAIN, Architectures, Network
from equivar.store import Store
from equivar.transforms import parse_transforms

LARGE = 32  # images of a forward pass: those of ImageNet are large
KNOWN = ["network", "family", "top1"]  # what the tables tell of a network


@dataclass(frozen=True)
class Compared:
    """The networks of chapters 03 and 07.

    scores: rows of `equivar.measure`; parts: their means by sort of transformation (`transforms`:
    rotation, shift), part and kind, with standard errors over images. Both with the columns
    `network`, `family`, `top1`. summary: a row for each network. missing: as in `Results`.
    """

    scores: pd.DataFrame
    parts: pd.DataFrame
    summary: pd.DataFrame
    missing: tuple[str, ...] = ()


def architecture_runs(p: Architectures) -> list[Stored]:
    """The networks of the chapters, and the first one on fewer images."""
    fewer = [count for count in p.counts if count != p.images]
    return [_run(p, row) for row in p.networks] + [_fewer(p, count) for count in fewer]


def architectures(p: Architectures, store: Store | None = None) -> Compared:
    """Sections 4.2 and 4.6: every network under shifts and quarter turns."""
    results = run_all([_run(p, row) for row in p.networks], store)
    known = _known(p, results.summary)
    parts = _parts(results)
    return Compared(
        results.scores.merge(known[KNOWN], on="network"),
        parts.merge(known[KNOWN], on="network"),
        known,
        results.missing,
    )


def convergence(p: Architectures, store: Store | None = None) -> pd.DataFrame:
    """The first network's scores by part, on the first images and on all of them.

    Rows of `Compared.parts`, with `images`. Empty where no `counts` are asked for.
    """
    if not p.counts:
        return pd.DataFrame()
    runs = [_fewer(p, count) if count != p.images else _run(p, p.networks[0]) for count in p.counts]
    return _parts(run_all(runs, store))


def picture_given(p: Architectures, number: int = 1) -> np.ndarray:
    """An image as a network takes it, (H, W, 3) or (H, W).

    Of embedded images where the data are not at hand.
    """
    try:
        data = datasets.load(p.data, datasets.DATASETS[p.data].splits[-1])
    except datasets.DataMissing:
        data = datasets.load("shapes", "test")
    return datasets.picture(data.images[number])


def _run(p: Architectures, row: Network) -> Stored:
    return _training(p, row) if row.weights == TRAIN else _measurement(p, row, p.images, {})


def _fewer(p: Architectures, count: int) -> Stored:
    """The first network on `count` images. ValueError for one that is trained in the run."""
    row = p.networks[0]
    if row.weights == TRAIN:
        raise ValueError(f"counts {p.counts}: {row.name} is trained in the run, choose none")
    return _measurement(p, row, count, {"count": count})


def _measurement(
    p: Architectures, row: Network, count: int, more: dict[str, object]
) -> Measurement:
    return Measurement(
        experiment="architectures",
        groups={"network": row.name, **more},
        network=pretrained(row),
        data=p.data,
        images=count,
        transforms=p.transforms,
        options={"match": p.match},
        batch_size=LARGE,
    )


def pretrained(row: Network) -> Pretrained:
    """The network of a row that has weights."""
    return Pretrained(
        network=row.network, weights=row.weights, options=row.options, input=row.input
    )


def _training(p: Architectures, row: Network) -> Training:
    source, _, name = row.network.partition(":")
    if source != "equivar" or row.options or row.input:
        raise ValueError(
            f"{row.name}: the weights {TRAIN!r} are for networks 'equivar:NAME' without options, "
            f"not {row.network!r}"
        )
    return Training(
        experiment="architectures",
        groups={"network": row.name},
        network=name,
        data=p.train_data,
        recipe=p.recipe,
        seed=p.seed,
        images=p.images,
        transforms=[transform.name for transform in parse_transforms(p.transforms)],
        match=p.match,
    )


def _parts(results: Results) -> pd.DataFrame:
    """The table `parts` of all runs; of a network trained in the run, out of its scores."""
    parts = results.tables.get("parts", pd.DataFrame(columns=["network"]))
    others = results.scores[~results.scores["network"].isin(parts["network"])]
    found = [parts] if len(parts) else []
    for name, scores in others.groupby("network", sort=False):
        sort = scores["transform"].str.partition("-")[0]
        means = summarise(scores.assign(transforms=sort), by=["transforms", "part"])
        found.append(means.assign(network=name))
    return pd.concat(found, ignore_index=True)


def _known(p: Architectures, summary: pd.DataFrame) -> pd.DataFrame:
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
