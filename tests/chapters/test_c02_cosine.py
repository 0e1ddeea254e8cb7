"""Claims of chapter 02 on tables of planted scores."""

import re

import numpy as np
import pandas as pd
import pytest

from equivar import figures
from equivar.chapters import c02_cosine


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(c02_cosine, "RESAMPLES", 400)


def blocks(cosine, correlation, layers=20, networks=3, seed=1):
    """Layers whose scores follow the mean activation as much as the two weights say."""
    rng = np.random.default_rng(seed)
    rows = []
    for network in range(networks):
        activation = rng.uniform(size=layers)
        for kind in ("invariance", "equivariance"):
            for similarity, weight in (("cosine", cosine), ("correlation", correlation)):
                scores = weight * activation + 0.2 * rng.normal(size=layers)
                rows += [
                    {"network": f"net {network}", "index": i, "kind": kind,
                     "similarity": similarity, "score": scores[i],
                     "mean_activation": activation[i]}
                    for i in range(layers)
                ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_figure_names_the_network_and_shows_its_activation():
    table = blocks(1, 0, networks=1).assign(se=0.01, chance=0.1)
    figure = c02_cosine.similarity_by_block(table)
    found = figures.numbers(figure).groupby(["panel", "series"])["y"]
    scores = table[(table["kind"] == "invariance") & (table["similarity"] == "cosine")]
    drawn = found.get_group(("net 0: invariance", "cosine"))
    np.testing.assert_allclose(drawn, scores["score"])
    below = found.get_group(("mean activation", "mean activation"))
    np.testing.assert_allclose(below, [*scores["mean_activation"]] * 2)  # below both panels


@pytest.mark.parametrize(
    ("weights", "verdict"),
    [
        ((1, 0), "supported"),
        ((0, 1), "contradicted"),
        ((0, 0), "inconclusive"),
        ((9, 9), "negligible"),  # both follow it, and equally
    ],
)
def test_which_similarity_follows_the_activation(weights, verdict):
    judged = c02_cosine.claim_3_3a(blocks(*weights))
    assert (judged.verdict, judged.count) == (verdict, 3)
    assert judged.low < judged.effect < judged.high
    words = (
        r"The correlation with the mean activation is for equivariance -?\d\.\d\d by cosine and "
    )
    assert re.match(words, judged.reason)
    assert judged.reason.endswith("], three networks.")


def test_one_network_is_not_judged_but_its_correlations_are_told():
    judged = c02_cosine.claim_3_3a(blocks(1, 0, networks=1))
    assert judged.verdict == "not judged" and np.isnan(judged.effect)
    words = "It takes 3 networks; the table has one network. The correlation with the mean activat"
    assert judged.reason.startswith(words)


def test_networks_differ_more_than_their_layers_do():
    """One network of three in which the correlation follows: more layers do not settle it."""
    for layers in (20, 200):
        mixed = [blocks(1, 0, layers, 2), blocks(0, 1, layers, 1).assign(network="other")]
        assert c02_cosine.claim_3_3a(pd.concat(mixed)).verdict == "inconclusive"


def test_runs_of_neighbours_stay_together():
    drawn = c02_cosine._neighbours(11, np.random.default_rng(0))
    assert len(drawn) == 11 and set(drawn) <= set(range(11))
    for run in np.split(drawn[:9], 3):
        assert list(np.diff(run)) == [1, 1]
    assert list(c02_cosine._neighbours(2, np.random.default_rng(0))) == [0, 1]


@pytest.mark.parametrize("column", ["score", "mean_activation"])
def test_a_network_without_both_scores_does_not_count(column):
    table = blocks(1, 0, networks=2)
    of = (table["network"] == "net 1") & (table["similarity"] == "cosine")
    for bad, words in (
        (table[~of], "one network."),
        (table.assign(**{column: table[column].mask(table["network"] == "net 1")}), "one network."),
        (table[table["similarity"] != "cosine"], "no network with both scores."),
        (table.assign(**{column: np.nan}), "no network with both scores."),
        (table[:0], "no network with both scores."),
    ):
        judged = c02_cosine.claim_3_3a(bad)
        assert judged.verdict == "not judged" and "nan" not in judged.reason
        assert f"It takes 3 networks; the table has {words}" in judged.reason


@pytest.mark.parametrize(
    ("cosine", "correlation", "scale", "verdict"),
    [
        (0.3, 0, 0.1, "supported"),
        (-0.3, 0, 0.1, "supported"),  # a change either way
        (0, 0, 0.1, "inconclusive"),
        (0.001, 0, 0.01, "negligible"),
        (0.3, 0.1, 0.1, "contradicted"),
    ],
)
def test_what_a_constant_changes(cosine, correlation, scale, verdict):
    before = np.random.default_rng(2).normal(size=50)
    noise = np.random.default_rng(3).normal(scale=scale, size=50)
    noise -= noise.mean()
    after = {"cosine": before + cosine + noise, "correlation": before + correlation}
    maps = pd.concat(
        pd.DataFrame({"similarity": name, "before": before, "after": values})
        for name, values in after.items()
    )
    judged = c02_cosine.claim_3_3b(maps)
    assert (judged.claim, judged.verdict) == ("3.3b", verdict)
    assert judged.effect == pytest.approx(cosine)


def test_sentences_tell_the_numbers_of_the_tables():
    maps = pd.DataFrame(
        {"similarity": ["cosine", "correlation"], "before": [0.7, 0.0], "after": [0.9, 0.0]}
    )
    assert "is 0.70 on average, and 0.90 once 0.5" in c02_cosine.maps_seen(maps, 0.5)
    table = blocks(9, 0, networks=1).assign(chance=0.25, network="ResNet-20")
    said = c02_cosine.blocks_seen(table)
    assert said.startswith("In ResNet-20") and said.count("0.25 of ") == 4
    means = c02_cosine.activation_correlations(table).loc["ResNet-20"]
    for words in (c02_cosine.scatter_seen(table), c02_cosine.seen(table)):
        assert f"for invariance {means['invariance', 'cosine']:.2f} by cosine" in words
    judged = [c02_cosine.claim_3_3a(table)]
    assert "here is one network" in c02_cosine.meaning(judged, table)
