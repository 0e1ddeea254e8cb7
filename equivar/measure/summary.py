"""Averages of a measured table, with standard errors that allow for rows of the same images."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from equivar.measure.groups import jackknife
from equivar.names import PARTS

REPLICATES = "replicates"  # in table.attrs
CORRECTED = ("corrected", "excess")  # columns that tables of the first edition do not have


def summarise(table: pd.DataFrame, by: str | Sequence[str] = "part") -> pd.DataFrame:
    """Average a table of `equivar.measure` over layers and transformations, kind by kind.

    Parameters
    ----------
    table : DataFrame
        From `equivar.measure`; rows may be left out and columns added.
    by : column name or list of them
        What is not averaged: "part" (section 4.2 of the paper), "layer", "transform", or several.

    Returns
    -------
    DataFrame
        One row per value of `by` and kind: `score`, `se`, `chance`, `undefined` (means of the rows'
        values that are not NaN), `images`, `rows` (how many were averaged), `corrected`,
        `corrected_se`, `excess`, `excess_se` (where the table has these columns) and `groups`. All
        rows come from the same images, so their errors are not independent: `se` is that of the
        average itself, by the jackknife over groups of images, and the other errors likewise count
        those of score and chance together. A table read from a file no longer holds the groups;
        there `se` is the mean of the rows' `se`, an upper bound that is reached when all errors
        agree, and the other errors are NaN.

    Raises ValueError for a column that the table does not have.

    >>> import torch, equivar
    >>> from equivar import networks
    >>> model = networks.build("toy-invariant", in_channels=1, channels=(8, 8), kernel_size=5)
    >>> images = torch.rand(16, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    >>> table = equivar.measure(model, images, equivar.rotations(), progress=False)
    >>> equivar.summarise(table, by="layer")[["layer", "kind", "score", "rows"]].round(2)
          layer          kind  score  rows
    0  layers.0    invariance    1.0     3
    1  layers.0  equivariance    1.0     3
    2  layers.1    invariance    1.0     3
    3  layers.1  equivariance    1.0     3
    """
    by = [by] if isinstance(by, str) else list(by)
    missing = [c for c in [*by, "kind", "score", "se", "chance"] if c not in table.columns]
    if missing:
        raise ValueError(f"the table has no column {missing[0]!r}; it has {list(table.columns)}")
    replicates = json.loads(table.attrs.get(REPLICATES, "{}"))
    by = [*by, *(["kind"] if "kind" not in by else [])]
    more = [name for name in CORRECTED if name in table.columns]
    rows = []
    for key, group in table.groupby(by, sort=False, dropna=False):
        means = group[["score", "chance", "undefined", *more]].mean().to_dict()
        row = dict(zip(by, key, strict=True)) | means
        row |= {"se": _error(group, replicates), "rows": len(group)}
        for name in more:
            row[f"{name}_se"] = jackknife(averaged_replicates(group, replicates, name))
        if "groups" in table.columns:
            scored = group[group["score"].notna()]  # a layer without a score used no groups
            row["groups"] = (group if scored.empty else scored)["groups"].min()
        rows.append(row | {"images": group["images"].min()})
    columns = [*by, "score", "se", "chance", "undefined", "images", "rows"]
    columns += [column for name in more for column in (name, f"{name}_se")]
    columns += ["groups"] if "groups" in table.columns else []
    summary = pd.DataFrame(rows, columns=columns)
    if "part" in by and set(summary["part"]) <= set(PARTS):
        summary = summary.sort_values("part", key=lambda s: s.map(PARTS.index), kind="stable")
    return summary.reset_index(drop=True)


def store_replicates(replicates: dict[tuple[str, str, str], dict[str, list[float]]]) -> str:
    """The values without each group of images, by (layer, transform, kind) and column, as text.

    Text, because pandas copies what `attrs` holds at every operation.
    """
    return json.dumps({_key(*place): values for place, values in replicates.items()})


def averaged_replicates(group: pd.DataFrame, replicates: dict, column: str) -> list[float]:
    """The mean of a column over rows, without each group of images; [] where it is not known."""
    known = group[group[column].notna()]
    places = zip(known["layer"], known["transform"], known["kind"], strict=True)
    found = [replicates.get(_key(*place), {}).get(column, []) for place in places]
    if found and len({len(values) for values in found}) == 1:
        return np.mean(found, axis=0).tolist()
    return []


def _error(group: pd.DataFrame, replicates: dict) -> float:
    """The standard error of the mean score of some rows."""
    averaged = averaged_replicates(group, replicates, "score")
    return jackknife(averaged) if len(averaged) > 1 else group["se"][group["score"].notna()].mean()


def _key(layer: str, transform: str, kind: str) -> str:
    return f"{layer} {transform} {kind}"
