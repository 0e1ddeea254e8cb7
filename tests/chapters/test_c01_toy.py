"""Claims of chapter 01 on tables of planted scores."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from schedules import parameters_of

from equivar.chapters import c01_toy


def toy(invariance, equivariance, se=0.001):
    rows = [
        {"layer": f"layer{layer}", "transform": f"rotation-{turn}", "kind": kind, "score": score,
         "se": se, "images": 20}
        for layer in range(3)
        for turn in (90, 180, 270)
        for kind, score in (("invariance", invariance), ("equivariance", equivariance))
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("score", "verdict"), [(1, "supported"), (0.99, "inconclusive"), (0.9, "contradicted")]
)
def test_the_invariant_network(score, verdict):
    judged = c01_toy.claim_4_1a(toy(score, 1), margin=0.01)
    assert (judged.claim, judged.verdict) == ("4.1a", verdict)
    assert judged.effect == pytest.approx(score - 1)
    assert judged.reason.endswith("over 20 images.")


@pytest.mark.parametrize(
    ("invariance", "equivariance", "se", "verdict"),
    [
        (0.6, 1, 0.001, "supported"),
        (0.9999, 1, 0.001, "negligible"),
        (0.99, 1, 0.01, "inconclusive"),
        (1.1, 1, 0.001, "contradicted"),
        (0.6, 0.9, 0.001, "contradicted"),
    ],
)
def test_the_equivariant_network(invariance, equivariance, se, verdict):
    judged = c01_toy.claim_4_1b(toy(invariance, equivariance, se), margin=0.01)
    assert (judged.claim, judged.verdict) == ("4.1b", verdict)
    assert judged.effect == pytest.approx(equivariance - invariance)
    assert judged.reason.endswith("over 20 images.")


def test_one_image_has_no_interval_and_is_refused():
    with pytest.raises(ValueError, match="images"):
        parameters_of("01-toy-gaussian-cnns", "quick", {"images": 1})


@pytest.fixture(scope="module")
def networks():
    return c01_toy.tables(parameters_of("01-toy-gaussian-cnns", "quick", {"images": 4}))


def test_each_map_of_the_turned_image_is_that_of_the_next_channel_turned(networks):
    one = networks["equivariant"]
    assert list(one.matches[:4].argmax(axis=1)) == [3, 0, 1, 2]
    turned = np.rot90(one.maps[[3, 0, 1, 2]], axes=(-2, -1))
    assert np.allclose(one.answers[:4], turned, atol=1e-6)
    assert "G1 is F4, G2 is F1, G3 is F2, G4 is F3" in c01_toy.maps_seen(networks)


def test_the_pictures_name_the_partners(networks):
    for draw, named in (
        (c01_toy.invariant_maps, ["G1 = F1", "G2 = F2", "G3 = F3", "G4 = F4"]),
        (c01_toy.equivariant_maps, ["G1 = F4", "G2 = F1", "G3 = F2", "G4 = F3"]),
    ):
        figure = draw(networks)
        assert [ax.get_title() for ax in figure.axes[-4:]] == named
        plt.close(figure)
