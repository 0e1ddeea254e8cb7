"""A table of networks: one score for each network, sort of transformation, kind and part."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np
import pandas as pd

from equivar.verdicts.components import Component
from equivar.verdicts.corrected import SCORE, note_of, require, values_of
from equivar.verdicts.samples import Sample
from equivar.verdicts.verdict import count_words

FAMILIES = {"cnn": "CNNs", "vit": "ViTs", "mixer": "Mixers"}
FEW = 2  # networks of a family, to say anything of the family
Term = tuple[float, str, str, str, str]  # weight, network, transforms, kind, part


class Networks:
    """Means of each network's scores by sort of transformation (`transforms`), part and kind.

    table: columns `network`, `family`, `top1`, `transforms`, `kind`, `part`, `score`, `chance`, and
    what `column` needs; see `equivar.verdicts.corrected`. replicates: the same scores without each
    group of images (`group`), from which the errors of differences on the same images come.
    ValueError for a column that is not there.
    """

    def __init__(
        self, table: pd.DataFrame, column: str = SCORE, replicates: pd.DataFrame | None = None
    ):
        require(table, ["network", "family", "top1", "transforms", "kind", "part"])
        rows = table.drop_duplicates("network").set_index("network")
        self.names, self.top1, self.family = list(rows.index), rows["top1"], rows["family"]
        found = values_of(table, column, ["network"])
        self.approximate = bool(found.approximate.any())
        self.column = column
        errors = "se" if column == SCORE else f"{column}_se"
        place = ["transforms", "kind", "part", "network"]
        self._scores = table[place].assign(value=found.values).set_index(place)["value"].to_dict()
        self._errors, self._groups = {}, {}
        if errors in table and "groups" in table:
            rows = table.set_index(place)
            self._errors, self._groups = rows[errors].to_dict(), rows["groups"].to_dict()
        self._replicates = {}
        if replicates is not None and column in replicates:
            for key, group in replicates.groupby(place):
                self._replicates[key] = group.sort_values("group")[column].to_numpy()

    @property
    def note(self) -> str:
        """What is said first of a verdict on corrected scores."""
        return note_of(self.column, self.approximate)

    def of(self, family: str) -> list[str]:
        """The networks of a family."""
        return [name for name in self.names if self.family[name] == family]

    def scores(self, transforms: str, kind: str, part: str) -> np.ndarray:
        """One score for each network, in the order of `names`; NaN where there is none."""
        return np.array([self.score(name, transforms, kind, part) for name in self.names])

    def score(self, network: str, transforms: str, kind: str, part: str) -> float:
        """A network's score; NaN where it has none."""
        return float(self._scores.get((transforms, kind, part, network), nan))

    def sample(self, names: Sequence[str], terms: Sequence[Term | tuple], what: str) -> Sample:
        """A weighted sum of scores for each of some networks, `terms` of (weight, *place).

        lacking: fewer than two networks have it; `what` they are.
        """
        values = [sum(w * self.score(name, *place) for w, *place in terms) for name in names]
        values = np.array([value for value in values if value == value])
        return Sample(values, "" if len(values) >= FEW else count_words(len(values), what))

    def groups(self, network: str) -> int:
        """In how many groups a network's images were left out in turn; 0 where that is not kept."""
        return next((len(v) for (*_, name), v in self._replicates.items() if name == network), 0)

    def error(self, terms: Sequence[Term]) -> tuple[float, int]:
        """The standard error of a weighted sum of scores, and the groups of images it is from.

        NaN and 0 where it is not known.
        """
        values = self._without_groups(terms)
        if len(values) > 1 and not np.isnan(values).any():
            k = len(values)
            return float(np.sqrt((k - 1) / k * ((values - values.mean()) ** 2).sum())), k
        if len(terms) > 1:  # scores of the same images: their own errors do not tell
            return nan, 0
        weight, name, *place = terms[0]
        error = self._errors.get((*place, name), nan)
        return abs(weight) * error, int(
            self._groups.get((*place, name), 0)
        ) if error == error else 0

    def _without_groups(self, terms: Sequence[Term]) -> np.ndarray:
        """A weighted sum of scores without each group of images; empty where that is not known."""
        places = [(transforms, kind, part, name) for _, name, transforms, kind, part in terms]
        found = [self._replicates.get(place, np.empty(0)) for place in places]
        if len({len(values) for values in found}) != 1:
            return np.empty(0)
        return np.array([weight for weight, *_ in terms]) @ np.array(found)


def contrast(
    name: str, words: str, networks: Networks, terms: Sequence[Term], levels=(), **bounds: float
) -> Component:
    """A weighted sum of scores of networks at hand, with an interval over their images.

    All are measured on the same images: the error is that of the sum itself, by the jackknife over
    groups of images, with as many degrees of freedom as there are groups, less one.
    """
    values = [networks.score(*place) for _, *place in terms]
    absent = [place for (_, *place), value in zip(terms, values, strict=True) if value != value]
    lacking = tuple(dict.fromkeys(f"no {part} score of {network}" for network, *_, part in absent))
    error, groups = networks.error(terms)
    if not lacking and groups < 2:
        lacking = ("scores without groups of images, so that their error is not known",)
    effect = nan
    if not lacking:
        effect = float(sum(w * value for (w, *_), value in zip(terms, values, strict=True)))
    over = f"over the same images in {groups} groups"
    freedom = max(groups - 1, 1)
    return Component(name, words, effect, error, freedom, over, tuple(levels), lacking, **bounds)
