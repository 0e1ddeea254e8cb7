"""Chapter 02, section 3.3: cosine against correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from pydantic import Field

from equivar.chapters.c02_cosine.pictures import (
    activation_scatter,
    random_maps_histogram,
    similarity_by_block,
)
from equivar.figures import Words, number
from equivar.names import KINDS, WITHOUT_CELLS, title_of
from equivar.runs import Measurement, Results, Store, run_all
from equivar.runs.measured import given_or_trained
from equivar.runs.parameters import Images, Number, Schedule, Seed
from equivar.similarity import SIMILARITIES, pairwise
from equivar.verdicts import (
    LEVEL,
    SE_95,
    Claim,
    Verdict,
    bound_words,
    count_words,
    directional,
    effect_words,
    not_judged,
    standing,
)

__all__ = [
    "CLAIMS",
    "PAPER",
    "Parameters",
    "activation_correlations",
    "activation_scatter",
    "blocks_seen",
    "claim_3_3a",
    "claim_3_3b",
    "claims",
    "maps_seen",
    "meaning",
    "random_maps",
    "random_maps_histogram",
    "runs",
    "scatter_seen",
    "seen",
    "similarity_by_block",
    "tables",
]

RESAMPLES = 2000
FEWEST = 3  # networks: of two, resamples are too much alike
RUN = 3  # neighbouring layers that are drawn together
PAPER = {
    "network": "ResNet-44",
    "data": "CIFAR-10",
    "epochs": "200",
    "reports": "the score follows the mean activation: a correlation of .63 by cosine and of .11 "
    "by correlation",
}
CLAIMS = {
    "3.3a": Claim(
        "The cosine of feature maps follows the mean activation of a layer more than their "
        "correlation does.",
        "fig-similarity-by-block",
        smallest=0.1,
        why="of the difference of two correlations; the paper's is .5",
        unit="networks",
    ),
    "3.3b": Claim(
        "Adding a constant to random maps changes their cosine and leaves their correlation as it "
        "is.",
        "fig-random-maps",
        smallest=0.01,
        why="a hundredth of the scale of the cosine",
        unit="pairs of maps",
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
            groups={"network": title_of(name), "similarity": similarity},
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
    `score`. The effect is the difference of the two Pearson correlations with the mean activation
    within a network, averaged over kinds and networks. The interval (percentiles of 2000 resamples)
    is over networks: networks are drawn with replacement, and within each runs of neighbouring
    blocks, which are not independent.
    """
    wide = _wide(blocks)
    kinds = sorted(set(blocks["kind"]))
    columns = [(kind, one) for kind in kinds for one in ("cosine", "correlation")]
    wide = wide.reindex(columns=[("mean_activation", ""), *columns]).dropna()
    # (layers, 1 + columns) for each network: the activation, then the scores
    tables = [
        np.column_stack([of["mean_activation"], *(of[column] for column in columns)])
        for _, of in wide.groupby("network", sort=False)
    ]
    if not tables:
        return not_judged("3.3a", ["no network with both scores"], f"It takes {FEWEST} networks")
    r = np.mean([_following(table) for table in tables], axis=0)
    said = " and ".join(
        f"for {kind} {r[2 * i]:z.2f} by cosine and {r[2 * i + 1]:z.2f} by correlation"
        for i, kind in enumerate(kinds)
    )
    levels = f"The correlation with the mean activation is {said}"
    networks = count_words(len(tables), "network")
    if len(tables) < FEWEST:
        verdict = not_judged("3.3a", [networks], f"It takes {FEWEST} networks")
        return replace(verdict, reason=f"{verdict.reason} {levels}.")
    rng, changes = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        drawn = [tables[i] for i in rng.integers(len(tables), size=len(tables))]
        again = np.mean(
            [_following(table[_neighbours(len(table), rng)]) for table in drawn], axis=0
        )
        changes.append(_difference(again))
    effect = _difference(r)
    low, high = np.percentile(changes, [100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2])
    return Verdict(
        "3.3a",
        effect,
        float(low),
        float(high),
        directional(low, high, CLAIMS["3.3a"].smallest),
        f"{levels}: the difference is {effect_words(effect, low, high)}, {networks}.",
        len(tables),
        above=0,
    )


def _following(table: np.ndarray) -> np.ndarray:
    """The correlation of each column but the first with the first."""
    return np.array([_pearson(table[:, 0], column) for column in table[:, 1:].T])


def _difference(r: np.ndarray) -> float:
    """The mean of the cosine's correlations minus that of the others', which alternate."""
    return float(np.mean(r[0::2]) - np.mean(r[1::2]))


def _neighbours(layers: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of so many layers: runs of `RUN` neighbours, drawn with replacement."""
    run = min(RUN, layers)
    starts = rng.integers(layers - run + 1, size=-(-layers // run))
    return (starts[:, None] + np.arange(run)).ravel()[:layers]


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


def maps_seen(maps: pd.DataFrame, offset: float) -> Words:
    """What both similarities say of random maps, with their numbers. maps: of `random_maps`."""
    means = maps.groupby("similarity")[["before", "after"]].mean()
    cosine, correlation = means.loc["cosine"], means.loc["correlation"]
    return Words(
        f"The cosine of two unrelated maps is {number(cosine['before'])} on average, and "
        f"{number(cosine['after'])} once {offset:g} is added to every cell. Their correlation is "
        f"{number(correlation['before'])} before and {number(correlation['after'])} after. All "
        "cells are positive, so that any two maps point in much the same direction, and the more "
        "so the larger their mean. The paper's figure 2a shows the same."
    )


def blocks_seen(blocks: pd.DataFrame) -> Words:
    """What chance scores in one network by both similarities, beside the scores themselves."""
    name = blocks["network"].iloc[0]
    told = []
    for similarity in ("cosine", "correlation"):
        of = blocks[blocks["similarity"] == similarity]
        score, chance = (of.groupby("kind")[column].mean() for column in ("score", "chance"))
        told.append(
            f"by {similarity} it is {number(chance['invariance'])} of "
            f"{number(score['invariance'])} for invariance and {number(chance['equivariance'])} of "
            f"{number(score['equivariance'])} for equivariance"
        )
    of = blocks[(blocks["similarity"] == "cosine") & (blocks["kind"] == "invariance")]
    r = _pearson(of["mean_activation"].to_numpy(), of["chance"].to_numpy())
    return Words(
        f"In {name}, the mean over blocks of what another image scores: {'; '.join(told)}. What "
        "another image reaches tells nothing of equivariance, and of the cosine score it is the "
        "larger part. After a ReLU no value of a map is negative, so all maps have a mean above "
        "zero in common. How much of it there is depends on the block: for invariance, chance by "
        f"cosine follows the mean activation with an r of {number(r)}."
    )


def scatter_seen(blocks: pd.DataFrame) -> Words:
    """How closely the scores of one network follow its mean activation."""
    r = activation_correlations(blocks).iloc[0]
    return Words(
        f"How closely the scores of {blocks['network'].iloc[0]} follow its mean "
        f"activation (r): {_followed(r)}. The paper reports .63 by cosine and .11 by correlation "
        "for its ResNet-44 (figure 2b)."
    )


def seen(blocks: pd.DataFrame) -> Words:
    """How closely scores follow the mean activation, on average over networks."""
    means = activation_correlations(blocks).mean()
    return Words(
        f"On average over networks r is {_followed(means)}. A correlation of maps can not depend "
        "on their means. What is left of r must come from something that changes with depth along "
        "with the activation, such as what the blocks have learned. Correlation makes layers "
        "comparable; it does not make them alike."
    )


def _followed(r: pd.Series) -> str:
    """Of (kind, similarity) -> r: the values in words."""
    return "; ".join(
        f"for {kind} {number(r[kind, 'cosine'])} by cosine and "
        f"{number(r[kind, 'correlation'])} by correlation"
        for kind in KINDS
    )


def meaning(verdicts: Sequence[Verdict], blocks: pd.DataFrame) -> Words:
    """What the chapter comes to, in plain words."""
    means = activation_correlations(blocks).mean()
    left = " and ".join(f"{number(means[kind, 'correlation'])} for {kind}" for kind in KINDS)
    count = blocks["network"].nunique()
    return Words(
        f"{standing(verdicts)} That a constant changes the cosine and not the correlation is "
        "arithmetic, and enough to prefer the correlation: a layer should not score high only "
        "because it is active. How much this matters in a network is a question of fact. In the "
        "paper's network the correlation scores hardly follow the activation (.11); here their r "
        f"is {left}. A likely reason is that activation and equivariance both change with depth, "
        "so that they go together and neither makes the other. Nor are these the networks that the "
        "paper trained. To settle it takes networks whose activation does not change with depth, "
        f"and many of them; here {'is' if count == 1 else 'are'} {count_words(count, 'network')}. "
        "From here on the book takes the correlation, as the paper does."
    )


def _wide(blocks: pd.DataFrame) -> pd.DataFrame:
    """A row for each layer: its scores by (kind, similarity), and its mean activation."""
    order = list(dict.fromkeys(blocks["network"][blocks["score"].notna()]))
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
    sure = directional(low, high, CLAIMS["3.3b"].smallest)
    sure = "supported" if sure == "contradicted" else sure  # a change either way
    return Verdict(
        "3.3b",
        float(mean),
        float(low),
        float(high),
        sure if most <= margin else "contradicted",
        f"The cosine changes by {effect_words(mean, low, high)} on average over "
        f"{len(maps) // 2} pairs of maps; the correlation of no pair changes by more than "
        f"{bound_words(most)}.",
        above=0,
    )


def _pearson(x, y) -> float:
    """Pearson correlation, 0 where one of the two does not vary (a resample of equal layers)."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])
