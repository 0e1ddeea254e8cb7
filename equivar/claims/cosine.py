"""Section 3.3: cosine and correlation as measures of similarity."""

from __future__ import annotations

import numpy as np
import pandas as pd

from equivar.claims.verdict import (
    SE_95,
    Verdict,
    bootstrap,
    bound_words,
    greater_than_zero,
    interval_words,
)


def claim_3_3a(blocks: pd.DataFrame, seed: int = 0) -> Verdict:
    """The cosine scores follow the mean activation more than the correlation scores (figure 2b).

    `blocks`: one row per layer x kind x similarity, with `index`, `mean_activation`, `score`. The
    effect is the difference of the two Pearson correlations with the mean activation, averaged
    over the kinds; it varies over layers, so the interval is a bootstrap over layers (BCa).
    """
    wide = blocks.pivot_table(index="index", columns=["kind", "similarity"], values="score")
    activation = blocks.groupby("index")["mean_activation"].first().loc[wide.index].to_numpy()
    kinds = sorted(set(blocks["kind"]))
    columns = [wide[kind, name].to_numpy() for kind in kinds for name in ("cosine", "correlation")]

    def difference(activation, *columns) -> float:
        r = [_pearson(activation, column) for column in columns]
        return float(np.mean(r[0::2]) - np.mean(r[1::2]))

    low, high = bootstrap(difference, [activation, *columns], seed)
    r = [_pearson(activation, column) for column in columns]
    effect = difference(activation, *columns)
    pairs = ", ".join(
        f"{kind} {r[2 * i]:.2f} by cosine and {r[2 * i + 1]:.2f} by correlation"
        for i, kind in enumerate(kinds)
    )
    return Verdict(
        "3.3a",
        effect,
        low,
        high,
        greater_than_zero(low, high),
        f"over {len(wide)} layers the correlation with the mean activation is, for {pairs}: "
        f"a difference of {effect:.2f} on average, {interval_words(low, high)}",
    )


def claim_3_3b(maps: pd.DataFrame, margin: float = 0.001) -> Verdict:
    """Adding a constant to random maps changes the cosine, not the correlation (figure 2a).

    `maps`: one row per pair of maps x similarity, with `before` and `after` the constant is added.
    The effect is the mean change of the cosine; the correlation may change by `margin` at most.
    """
    change = (maps["after"] - maps["before"]).groupby(maps["similarity"])
    mean, se = change.mean()["cosine"], change.sem()["cosine"]
    low, high = mean - SE_95 * se, mean + SE_95 * se
    most = change.apply(lambda x: x.abs().max())["correlation"]
    sure = "inconclusive" if low <= 0 <= high else "supported"
    return Verdict(
        "3.3b",
        float(mean),
        float(low),
        float(high),
        sure if most <= margin else "contradicted",
        f"the cosine changes by {mean:.2f} on average, {interval_words(low, high)}; "
        f"the correlation of no pair changes by more than {bound_words(most)}",
    )


def _pearson(x, y) -> float:
    """Pearson correlation, 0 where one of the two does not vary (a resample of equal layers)."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])
