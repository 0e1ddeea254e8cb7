"""The paper's claims as functions of tidy tables: effect, 95 % interval, verdict, reason.

A verdict is `supported` where the interval lies on the paper's side, `contradicted` where it lies
on the other, `inconclusive` otherwise. Claims that two things are equal hold by a stated margin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.95
SE_95 = float(stats.norm.ppf((1 + LEVEL) / 2))


@dataclass(frozen=True)
class Verdict:
    """What a run says about a claim: `effect` in the paper's direction, with its interval."""

    claim: str
    effect: float
    low: float
    high: float
    verdict: str
    reason: str

    def __str__(self) -> str:
        return f"{self.claim} {self.verdict}: {self.reason}"


def greater_than_zero(low: float, high: float) -> str:
    """The verdict on an effect that the paper says is positive."""
    if low > 0:
        return "supported"
    return "contradicted" if high < 0 else "inconclusive"


def within_margin(low: float, high: float, margin: float) -> str:
    """The verdict on a difference that the paper says is none, up to `margin`."""
    if -margin <= low and high <= margin:
        return "supported"
    return "contradicted" if low > margin or high < -margin else "inconclusive"


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
        f"a difference of {effect:.2f} on average, {_interval(low, high)}",
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
        f"the cosine changes by {mean:.2f} on average, {_interval(low, high)}; "
        f"the correlation of no pair changes by more than {_bound(most)}",
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
        f"the lowest invariance of any layer and turn is 1 within {_bound(abs(effect) + half)}",
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
        f"equivariance is 1 within {_bound(off)} in every layer, "
        f"and invariance lower by at least {gap[least]:.2f}, {_interval(low, high)}",
    )


def bootstrap(statistic: Callable[..., float], samples: list, seed: int) -> tuple[float, float]:
    """The 95 % interval of a statistic of paired samples: bias-corrected, accelerated."""
    with np.errstate(all="ignore"):
        interval = stats.bootstrap(
            samples,
            statistic,
            paired=True,
            vectorized=False,
            confidence_level=LEVEL,
            n_resamples=2000,
            method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return float(interval.low), float(interval.high)


def as_frame(verdicts: list[Verdict]) -> pd.DataFrame:
    """The verdicts as a table to be shown."""
    return pd.DataFrame([vars(v) for v in verdicts]).set_index("claim")


def _pearson(x, y) -> float:
    """Pearson correlation, 0 where one of the two does not vary (a resample of equal layers)."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def _interval(low: float, high: float) -> str:
    return f"95 % interval {low:.2f} to {high:.2f}"


def _bound(value: float) -> str:
    """A small bound, rounded up to a power of ten; single precision resolves no less than 1e-7."""
    return f"{10.0 ** np.ceil(np.log10(max(value, 1e-7))):g}"
