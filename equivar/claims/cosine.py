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

    `blocks`: one row per network x layer x kind x similarity, with `index`, `mean_activation`,
    `score`; the column `network` may be absent. The effect is the difference of the two Pearson
    correlations with the mean activation within a network, averaged over kinds and networks; it
    varies over layers, so the interval is a bootstrap over the layers of all networks (BCa).
    """
    blocks = blocks if "network" in blocks else blocks.assign(network="")
    wide = _wide(blocks)
    kinds = sorted(set(blocks["kind"]))
    names = [(kind, similarity) for kind in kinds for similarity in ("cosine", "correlation")]
    networks = pd.factorize(wide.index.get_level_values("network"))[0]  # numbers can be resampled

    def following(networks, activation, *columns) -> np.ndarray:
        """The correlation of each column with the activation, averaged over networks."""
        within = [networks == name for name in np.unique(networks)]
        return np.array(
            [np.mean([_pearson(activation[of], one[of]) for of in within]) for one in columns]
        )

    def difference(*samples) -> float:
        r = following(*samples)
        return float(np.mean(r[0::2]) - np.mean(r[1::2]))

    activation = wide["mean_activation"].to_numpy()
    samples = [networks, activation, *(wide[name].to_numpy() for name in names)]
    low, high = bootstrap(difference, samples, seed)
    r, effect = following(*samples), difference(*samples)
    pairs = ", ".join(
        f"{kind} {r[2 * i]:.2f} by cosine and {r[2 * i + 1]:.2f} by correlation"
        for i, kind in enumerate(kinds)
    )
    count = len(set(networks))
    several = f" of {count} networks" if count > 1 else ""
    return Verdict(
        "3.3a",
        effect,
        low,
        high,
        greater_than_zero(low, high),
        f"over {len(wide)} layers{several} the correlation with the mean activation is, for "
        f"{pairs}: a difference of {effect:.2f} on average, {interval_words(low, high)}",
    )


def activation_correlations(blocks: pd.DataFrame) -> pd.DataFrame:
    """How far each network's scores follow the mean activation: Pearson correlation over layers.

    `blocks` as in `claim_3_3a`. Rows: networks; columns: (kind, similarity).
    """
    wide = _wide(blocks)
    columns = [column for column in wide.columns if column[0] != "mean_activation"]
    return pd.DataFrame(
        {
            name: {
                column: _pearson(of["mean_activation"].to_numpy(), of[column].to_numpy())
                for column in columns
            }
            for name, of in wide.groupby("network", sort=False)
        }
    ).T


def _wide(blocks: pd.DataFrame) -> pd.DataFrame:
    """A row for each layer: its scores by (kind, similarity), and its mean activation."""
    order = list(dict.fromkeys(blocks["network"]))
    place = ["network", "index"]
    wide = blocks.pivot_table(index=place, columns=["kind", "similarity"], values="score")
    wide["mean_activation", ""] = blocks.groupby(place)["mean_activation"].first()
    return wide.loc[order]


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
