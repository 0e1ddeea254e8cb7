"""A table of networks: one score for each network, sort of transformation, kind and part."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np
import pandas as pd

from equivar.verdicts.components import Component

FAMILIES = {"cnn": "CNNs", "vit": "ViT", "mixer": "Mixer"}
GROUPS = 10  # of images, by which standard errors are told


class Networks:
    """Means of each network's scores by sort of transformation (`transforms`), part and kind.

    Columns `network`, `family`, `top1`, `transforms`, `kind`, `part`, `score`, `se`, `chance`.

    Networks are taken as they are: intervals of what is read here are over images, and say
    nothing of other networks of the same family. ValueError for a column that is not there.
    """

    def __init__(self, table: pd.DataFrame, above_chance: bool = False):
        wanted = ["network", "family", "top1", "transforms", "kind", "part", "score", "se"]
        wanted += ["chance"] if above_chance else []
        missing = [column for column in wanted if column not in table.columns]
        if missing:
            raise ValueError(
                f"the table has no column {missing[0]!r}; it has {list(table.columns)}"
            )
        rows = table.drop_duplicates("network").set_index("network")
        self.names, self.top1, self.family = list(rows.index), rows["top1"], rows["family"]
        scores = table["score"] - table["chance"] if above_chance else table["score"]
        place = ["transforms", "kind", "part", "network"]
        self._table = table[place].assign(score=scores, se=table["se"]).set_index(place)

    def of(self, family: str) -> list[str]:
        """The networks of a family."""
        return [name for name in self.names if self.family[name] == family]

    def scores(self, transforms: str, kind: str, part: str) -> np.ndarray:
        """One score for each network, in the order of `names`; NaN where there is none."""
        return np.array([self.score(name, transforms, kind, part)[0] for name in self.names])

    def score(self, network: str, transforms: str, kind: str, part: str) -> tuple[float, float]:
        """A network's score and its standard error over images."""
        place = (transforms, kind, part, network)
        if place not in self._table.index:
            return nan, nan
        row = self._table.loc[place]
        return float(row["score"]), float(row["se"])


def contrast(
    words: str,
    networks: Networks,
    terms: Sequence[tuple[float, str, str, str, str]],
    above: float = -np.inf,
    below: float = np.inf,
) -> Component:
    """A weighted sum of scores, `terms` of (weight, network, transforms, kind, part).

    Its error takes the scores' errors as independent. They share their images, which makes the
    differences asked for here less uncertain than that.
    """
    values = np.array([networks.score(*place) for _, *place in terms]).reshape(-1, 2)
    weights = np.array([weight for weight, *_ in terms])
    absent = [
        place for (_, *place), (score, _) in zip(terms, values, strict=True) if score != score
    ]
    lacking = tuple(dict.fromkeys(f"no {part} score of {network}" for network, *_, part in absent))
    effect = float(weights @ values[:, 0]) if not lacking else nan
    error = float(np.sqrt((weights**2) @ np.nan_to_num(values[:, 1]) ** 2)) if not lacking else nan
    used = len({place[0] for _, *place in terms})
    return Component(words, effect, error, GROUPS - 1, used, lacking, above, below, "networks")
