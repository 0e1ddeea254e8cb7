"""Numbers in sentences: what a figure shows, in words that a notebook sets like its own text."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

import pandas as pd

from equivar.names import PARTS


class Words(str):
    """A text in Markdown that a notebook shows as text."""

    def _repr_markdown_(self) -> str:
        return str(self)


def number(value: float, digits: int = 2) -> str:
    """A score as sentences have it: 0.42."""
    return f"{value:z.{digits}f}"


def means_by_part(
    scores: pd.DataFrame, group: str, kind: str = "equivariance", column: str = "score"
) -> pd.DataFrame:
    """The mean of a column over runs, layers and transformations: groups by parts."""
    rows = scores[scores["kind"] == kind]
    table = rows.groupby([group, "part"], sort=False)[column].mean().unstack("part")
    return table[[part for part in PARTS if part in table]]


def by_part(table: pd.DataFrame, names: Mapping[Hashable, str], parts: Iterable[str] = ()) -> str:
    """Rows of `means_by_part` in words: "MNIST6 0.61, 0.38, 0.14; Rot-Inv ..."."""
    parts = list(parts) or list(table)
    return "; ".join(
        f"{names.get(name, name)} {', '.join(number(row[part]) for part in parts)}"
        for name, row in table.iterrows()
    )
