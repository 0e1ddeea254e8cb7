"""Section 4.1: the networks that are built to be invariant and equivariant."""

from __future__ import annotations

import numpy as np
import pandas as pd

from equivar.claims.verdict import (
    SE_95,
    Verdict,
    bound_words,
    greater_than_zero,
    interval_words,
    within_margin,
)


def claim_4_1a(table: pd.DataFrame, margin: float) -> Verdict:
    """The network of isotropic filters measures invariance 1 in every layer (figure 3).

    `table`: of that network, from `equivar.measure`. The effect is the lowest score less 1, with
    the interval over images; it counts as 1 within `margin`.
    """
    row = table[table["kind"] == "invariance"].nsmallest(1, "score").iloc[0]
    effect, half = row["score"] - 1, SE_95 * row["se"]
    low, high = effect - half, effect + half
    return Verdict(
        "4.1a",
        float(effect),
        float(low),
        float(high),
        within_margin(low, high, margin),
        "the lowest invariance of any layer and turn is 1 within "
        + bound_words(abs(effect) + half),
    )


def claim_4_1b(table: pd.DataFrame, margin: float) -> Verdict:
    """The network of turned filters measures equivariance 1 and invariance less (figure 3).

    `table`: of that network. The effect is the smallest gap between the two of any layer and turn;
    equivariance counts as 1 within `margin`.
    """
    wide = table.pivot(index=["layer", "transform"], columns="kind", values=["score", "se"])
    gap = wide["score", "equivariance"] - wide["score", "invariance"]
    half = SE_95 * np.hypot(wide["se", "equivariance"], wide["se", "invariance"])
    least = (gap - half).idxmin()
    low, high = gap[least] - half[least], gap[least] + half[least]
    off = (wide["score", "equivariance"] - 1).abs().max()
    return Verdict(
        "4.1b",
        float(gap[least]),
        float(low),
        float(high),
        greater_than_zero(low, high) if off <= margin else "contradicted",
        f"equivariance is 1 within {bound_words(off)} in every layer, "
        f"and invariance lower by at least {gap[least]:.2f}, {interval_words(low, high)}",
    )
