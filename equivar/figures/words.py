"""Numbers in sentences: what a figure shows, in words that a notebook sets like its own text."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

import pandas as pd

from equivar.names import BEFORE_POOLING, PARTS


class Words(str):
    """A text in Markdown that a notebook shows as text.

    >>> Words("*seen*: 0.42")._repr_markdown_()
    '*seen*: 0.42'
    """

    def _repr_markdown_(self) -> str:
        return str(self)


def number(value: float, digits: int = 2) -> str:
    """A score as sentences have it: 0.42.

    >>> number(0.4167), number(-0.001)
    ('0.42', '0.00')
    """
    return f"{value:z.{digits}f}"


def signed(row: pd.Series, parts: Iterable[str] = BEFORE_POOLING) -> str:
    """Differences of some parts, by default those before pooling, as far as they are there.

    >>> import pandas as pd
    >>> signed(pd.Series({"early": 0.1, "late": -0.004}))
    '+0.10, +0.00'
    """
    return ", ".join(f"{row[part]:+z.2f}" for part in parts if part in row)


def means_by_part(
    scores: pd.DataFrame, group: str, kind: str = "equivariance", column: str = "score"
) -> pd.DataFrame:
    """The mean of a column over runs, layers and transformations: groups by parts.

    >>> import pandas as pd
    >>> rows = [("plain", "early", 0.6), ("plain", "early", 0.5), ("plain", "late", 0.1)]
    >>> scores = pd.DataFrame(rows, columns=["task", "part", "score"]).assign(kind="equivariance")
    >>> means_by_part(scores, "task").loc["plain"].round(2).to_dict()
    {'early': 0.55, 'late': 0.1}
    """
    rows = scores[scores["kind"] == kind]
    table = rows.groupby([group, "part"], sort=False)[column].mean().unstack("part")
    return table[[part for part in PARTS if part in table]]


def by_part(table: pd.DataFrame, names: Mapping[Hashable, str], parts: Iterable[str] = ()) -> str:
    """Rows of `means_by_part` in words: "MNIST6 0.61, 0.38, 0.14; Rot-Inv ...".

    >>> import pandas as pd
    >>> table = pd.DataFrame({"early": [0.61], "late": [0.14]}, index=["plain"])
    >>> by_part(table, {"plain": "MNIST6"})
    'MNIST6 0.61, 0.14'
    """
    parts = list(parts) or list(table)
    return "; ".join(
        f"{names.get(name, name)} {', '.join(number(row[part]) for part in parts)}"
        for name, row in table.iterrows()
    )
