"""Claims of chapter 01 on tables of planted scores."""

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
