"""Section 4.2: does learned equivariance go with accuracy?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from equivar.claims.components import judge
from equivar.claims.networks import BEFORE_POOLING, PARTS, Networks
from equivar.claims.ranks import FEWEST, p_value, rank
from equivar.claims.verdict import Verdict

WORDS = {"shift": "translation", "rotation": "rotation"}
STRONG = 0.8  # above it, a rank correlation counts as almost perfect
WEAK = 0.5  # within it, as hardly one
NEEDS = f"it takes {FEWEST} networks"


def rank_correlations(table: pd.DataFrame, above_chance: bool = False) -> pd.DataFrame:
    """Spearman's correlation of each score with top-1 (figure 4), a row a transforms x kind x part.

    Columns `rho`, its 95 % interval `low` to `high`, the permutation p value `p`, `networks`.
    """
    networks = Networks(table, above_chance)
    top1 = networks.top1.to_numpy()
    rows = []
    for transforms in WORDS:
        for kind in ("invariance", "equivariance"):
            for part in PARTS:
                scores = networks.scores(transforms, kind, part)
                one = rank("", scores, top1)
                if one.lacking:
                    continue
                there = ~(np.isnan(scores) | np.isnan(top1))
                low, high = one.interval()
                row = {"transforms": transforms, "kind": kind, "part": part, "rho": one.effect}
                row |= {"low": low, "high": high, "p": p_value(scores[there], top1[there])}
                rows.append(row | {"networks": one.runs})
    columns = ["transforms", "kind", "part", "rho", "low", "high", "p", "networks"]
    return pd.DataFrame(rows, columns=columns)


def claim_4_2a(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """Translation equivariance in the early and middle parts goes with accuracy (4.2, figure 4).

    The effect is Spearman's correlation with top-1 over networks; one comparison a part, above 0.
    `table`: rows of `experiments.Compared.parts`.
    """
    return _with_top1("4.2a", table, "shift", ("early", "middle"), above_chance, above=0)


def claim_4_2b(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """In the final part it does so almost perfectly (4.2, figure 4): a correlation above 0.8."""
    return _with_top1("4.2b", table, "shift", ("final",), above_chance, above=STRONG)


def claim_4_2c(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """Rotation equivariance before pooling hardly does (4.2, figure 4): within -0.5 to 0.5.

    To show that takes some twenty networks: with fewer it can be contradicted or left open.
    """
    bounds = {"above": -WEAK, "below": WEAK}
    return _with_top1("4.2c", table, "rotation", BEFORE_POOLING, above_chance, **bounds)


def _with_top1(
    claim: str,
    table: pd.DataFrame,
    transforms: str,
    parts: tuple[str, ...],
    above_chance: bool,
    **bounds: float,
) -> Verdict:
    networks = Networks(table, above_chance)
    components = [
        rank(
            f"the rank correlation of {part} {WORDS[transforms]} equivariance with top-1",
            networks.scores(transforms, "equivariance", part),
            networks.top1.to_numpy(),
            **bounds,
        )
        for part in parts
    ]
    return judge(claim, components, above_chance, NEEDS)
