"""Chapter 02, section 3.3: cosine against correlation."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pydantic import Field

from equivar.figures import COLOURS, LABELS, MARKERS, WIDTH, shared_legend
from equivar.names import KINDS, WITHOUT_CELLS
from equivar.runs import Measurement, Results, Store, run_all
from equivar.runs.measured import given_or_trained
from equivar.runs.parameters import Images, Number, Schedule, Seed
from equivar.similarity import SIMILARITIES, pairwise
from equivar.verdicts import (
    SE_95,
    Claim,
    Verdict,
    bootstrap,
    bound_words,
    greater_than_zero,
    interval_words,
)

CLAIMS = {
    "3.3a": Claim(
        "The cosine of feature maps follows the mean activation of a layer more than their "
        "correlation does.",
        "fig-similarity-by-block",
    ),
    "3.3b": Claim(
        "Adding a constant to random maps changes their cosine and leaves their correlation as it "
        "is.",
        "fig-random-maps",
        built_in=True,
    ),
}


class Parameters(Schedule):
    """What the chapter is made with.

    maps, side, offset: random maps of side x side cells, and what is added to them. networks: of
    `equivar.networks`, each with the name of its weights under weights/, or "" to train it in the
    run, on `train_data` with random crops and flips. data: what is measured, its last split;
    images: how many. match: as in `equivar.measure`.
    """

    maps: Images
    side: Images
    offset: Number
    networks: Annotated[dict[str, str], Field(min_length=1)]
    train_data: str
    data: str
    images: Images
    match: str
    seed: Seed


def runs(p: Parameters) -> list[Measurement]:
    """Each network measured by both similarities, every residual block."""
    return [
        Measurement(
            experiment="similarities",
            groups={"network": name, "similarity": similarity},
            network=given_or_trained(name, weights, p, p.train_data, p.images, p.seed),
            data=p.data,
            images=p.images,
            transforms=["rotation-90"],
            options={"similarity": similarity, "match": p.match},
            activation=True,
        )
        for name, weights in p.networks.items()
        for similarity in SIMILARITIES
    ]


def tables(p: Parameters, store: Store | None = None) -> Results:
    """Figure 2b: `scores` of the residual blocks under one quarter turn, by both similarities.

    They have the column `mean_activation`. Figure 2a: `maps`, rows of `random_maps`.
    """
    results = run_all(runs(p), store)
    blocks = results.scores[~results.scores["part"].isin(WITHOUT_CELLS)]
    more = {"scores": blocks, "maps": random_maps(p)}
    return replace(results, tables={**results.tables, **more})


def random_maps(p: Parameters) -> pd.DataFrame:
    """Figure 2a: pairs of random maps, compared before and after a constant is added to both.

    One row per pair x similarity: `before`, `after`.
    """
    generator = torch.Generator().manual_seed(p.seed)
    g, f = torch.rand(2, p.maps, 1, p.side, p.side, generator=generator)
    frames = []
    for similarity in SIMILARITIES:
        before, after = (
            pairwise(g + add, f + add, similarity).flatten().numpy() for add in (0, p.offset)
        )
        frames.append(pd.DataFrame({"similarity": similarity, "before": before, "after": after}))
    return pd.concat(frames, ignore_index=True)


def claims(found: Results, p: Parameters) -> list[Verdict]:
    """The verdicts on section 3.3."""
    return [claim_3_3a(found.scores, p.seed), claim_3_3b(found.tables["maps"])]


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


def random_maps_histogram(maps: pd.DataFrame, offset: float) -> Figure:
    """Figure 2a: both similarities of random maps, before and after a constant is added."""
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.6), sharex=True, sharey=True)
    bins = np.linspace(-0.6, 1, 81)
    for ax, similarity in zip(axes, ("correlation", "cosine"), strict=True):
        rows = maps[maps["similarity"] == similarity]
        ax.hist(rows["before"], bins, color=COLOURS[similarity], alpha=0.45, label="random maps")
        ax.hist(
            rows["after"], bins, histtype="step", color="black", lw=1.2, label=f"both + {offset:g}"
        )
        ax.set(title=similarity, xlabel="similarity of a pair", xlim=(-0.65, 1.02))
        ax.legend(loc="upper left")
    axes[0].set_ylabel("pairs")
    return fig


def similarity_by_block(table: pd.DataFrame) -> Figure:
    """Figure 2b: mean activation and both similarities' scores, block by block."""
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.1), sharey=True)
    for ax, kind in zip(axes, KINDS, strict=True):
        rows = table[table["kind"] == kind]
        for similarity, part in rows.groupby("similarity"):
            ax.errorbar(
                part["index"] + 1,
                part["score"],
                yerr=SE_95 * part["se"],
                color=COLOURS[similarity],
                label=f"{LABELS[similarity]} (left axis)",
                **MARKERS[similarity],
            )
            ax.plot(part["index"] + 1, part["chance"], color=COLOURS[similarity], ls=":", lw=1.3,
                    label=f"{LABELS[similarity]}, chance")  # fmt: skip
        ax.set(title=kind, xlabel="residual block", ylim=(-0.1, 1.05))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        right = ax.twinx()
        colour = COLOURS["mean activation"]
        first = rows.drop_duplicates("index")
        right.plot(first["index"] + 1, first["mean_activation"], color=colour, ls="--",
                   label="mean activation (right axis)")  # fmt: skip
        right.set_ylim(0, 1.15 * first["mean_activation"].max())
        right.tick_params(axis="y", colors=colour)
        right.spines["right"].set(visible=True, color=colour)
        if kind == KINDS[-1]:
            right.set_ylabel("mean activation", color=colour)
        else:
            right.set_yticklabels([])
    axes[0].set_ylabel("score")
    shared_legend(fig, axes[0], right)
    return fig


def activation_scatter(table: pd.DataFrame) -> Figure:
    """Score against mean activation, a point per block, with the least-squares line."""
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.8), sharex=True, sharey=True)
    for ax, (kind, rows) in zip(axes, table.groupby("kind", sort=False), strict=True):
        for similarity, part in rows.groupby("similarity"):
            sns.regplot(
                data=part,
                x="mean_activation",
                y="score",
                ci=None,
                ax=ax,
                color=COLOURS[similarity],
                marker=MARKERS[similarity]["marker"],
                label=LABELS[similarity],
                scatter_kws={"s": 18},
                line_kws={"lw": 1},
            )
        ax.set(title=kind, xlabel="mean activation", ylabel="score")
    axes[1].set_ylabel("")
    shared_legend(fig, axes[0])
    return fig
