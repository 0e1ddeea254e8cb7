"""Chapter 11: what is learned. Networks of other chapters beside their untrained twins.

Tables have the columns `network` and `family`, `sort` (of which chapter), `run` (what tells the
runs of one network apart) and `state` ("trained", "untrained").
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from equivar.chapters.c11_learned.along import Along, Beside
from equivar.chapters.c11_learned.changes import (
    CLAIMS,
    changes,
    claim_b7,
    claim_b8,
    claim_b9,
    claim_b10,
    learned_claims,
)
from equivar.chapters.c11_learned.networks import alike, compared, residual, trained_here
from equivar.chapters.c11_learned.parameters import Parameters
from equivar.chapters.c11_learned.pictures import (
    along_training,
    before_and_after,
    learned_by_part,
)
from equivar.chapters.c11_learned.words import (
    after_pooling,
    drawn_as_zero,
    meaning,
    moving,
    seen,
    seen_learned,
)
from equivar.names import sort_of
from equivar.runs import Results, Store, Stored, run_all
from equivar.verdicts import Verdict, judged

__all__ = [
    "CLAIMS",
    "Along",
    "Beside",
    "Parameters",
    "after_pooling",
    "along_training",
    "before_and_after",
    "changes",
    "claim_b7",
    "claim_b8",
    "claim_b9",
    "claim_b10",
    "claims",
    "drawn_as_zero",
    "learned_by_part",
    "learned_claims",
    "meaning",
    "moving",
    "runs",
    "seen",
    "seen_learned",
    "tables",
    "typical",
]


@dataclass(frozen=True)
class Learned:
    """What the chapter shows.

    scores: rows of `equivar.measure`; parts: means by sort of transformation and part; removed: the
    same with mean maps taken away. dynamics: `parts` by `epoch`, with `group` (task or
    augmentation), `seed` and the test `accuracy`. summary: a row for each run. missing: as in
    `Results`.
    """

    scores: pd.DataFrame
    parts: pd.DataFrame
    removed: pd.DataFrame
    dynamics: pd.DataFrame
    summary: pd.DataFrame
    missing: tuple[str, ...] = ()


def runs(p: Parameters) -> list[Stored]:
    """Every network, trained and untrained."""
    return [*residual(p), *compared(p), *alike(p), *trained_here(p)]


def tables(p: Parameters, store: Store | None = None) -> Learned:
    """Every network beside its untrained twins, and along its training."""
    found = run_all(runs(p), store)
    labelled = {name: _labelled(found, name) for name in ("scores", "parts", "removed")}
    dynamics = found.tables["dynamics"]
    # of networks that are followed from epoch to epoch
    dynamics = dynamics[dynamics["sort"].isin(["tasks", "augmentations"])]
    return Learned(**labelled, dynamics=dynamics, summary=found.summary, missing=found.missing)


def claims(found: Learned, p: Parameters, corrected: bool = False) -> list[Verdict]:
    """The verdicts on B7 to B10, on scores as they are or corrected for chance."""
    every = (claim_b7, claim_b8, claim_b9)
    verdicts = judged(every, found.parts, found.removed, corrected, ["network", "run", "state"])
    runs_of = ["network", "group", "seed", "epoch"]
    return verdicts + judged((claim_b10,), found.dynamics, None, corrected, runs_of)


def typical(found: Learned) -> list[str]:
    """A network of each chapter and family: the last one, where there are several.

    Without CNNs of chapters 06 and 07, which look like the others.
    """
    rows = found.scores.drop_duplicates(["sort", "family"], keep="last")
    more = rows["sort"].isin(["capacity", "alike"]) & (rows["family"] == "cnn")
    return list(rows.loc[~more, "network"])


def _labelled(found: Results, name: str) -> pd.DataFrame:
    """A table of all runs; `transforms` is the sort of each row's transformation."""
    table = found.tables[name]
    if "transforms" not in table:
        table = table.assign(transforms=table["transform"].map(sort_of))
    return table
