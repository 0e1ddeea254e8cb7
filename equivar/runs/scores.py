"""The tables that a run has of its measurement, whatever sort of run it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pandas as pd
from torch import nn

from equivar.measure import measure, summarise
from equivar.measure.summary import REPLICATES, averaged_replicates
from equivar.names import sort_of
from equivar.transforms import parse_transforms

REPLICATED = ("score", "chance", "corrected", "excess")


def measured(
    model: nn.Module, images, transforms: Sequence[str], options: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Tables of a network: `scores`, `parts` (means by sort of transformation and part).

    transforms: as `parse_transforms` reads them; options: what else `equivar.measure` takes.
    """
    scores = measure(model, images, parse_transforms(transforms), **options)
    return {"scores": scores, "parts": by_sort_and_part(scores)}


def without_common(
    model: nn.Module, images, transforms: Sequence[str], options: Mapping[str, object]
) -> pd.DataFrame:
    """The table `removed`: like `parts`, with each channel's mean map taken away.

    A second measurement, beside which the corrected scores are judged.
    """
    scores = measure(model, images, parse_transforms(transforms), **{**options, "common": "remove"})
    return by_sort_and_part(scores)


def by_sort_and_part(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores of `equivar.measure`, averaged by sort of transformation (`transforms`) and part."""
    return summarise(with_sorts(scores), by=["transforms", "part"])


def replicates(scores: pd.DataFrame) -> pd.DataFrame:
    """The means of `parts` without each group of images, from which errors of differences come.

    A row for each sort of transformation, part, kind and `group`.
    """
    kept = json.loads(scores.attrs[REPLICATES])
    rows = []
    places = with_sorts(scores).groupby(["transforms", "part", "kind"], sort=False)
    for (transforms, part, kind), group in places:
        found = {name: averaged_replicates(group, kept, name) for name in REPLICATED}
        for number in range(max(map(len, found.values()))):
            row = {"transforms": transforms, "part": part, "kind": kind, "group": number}
            rows.append(row | {n: v[number] if v else float("nan") for n, v in found.items()})
    columns = ["transforms", "part", "kind", "group", *REPLICATED]
    return pd.DataFrame(rows, columns=columns)


def with_sorts(scores: pd.DataFrame) -> pd.DataFrame:
    """With a column `transforms`: the sort of each row's transformation, rotation or shift."""
    return scores.assign(transforms=scores["transform"].map(sort_of))
