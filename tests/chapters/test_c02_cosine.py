"""Claims of chapter 02 on tables of planted scores."""

import numpy as np
import pandas as pd
import pytest

from equivar.chapters import c02_cosine


def blocks(cosine, correlation, layers=20):
    """Layers whose scores follow the mean activation as much as the two weights say."""
    rng = np.random.default_rng(1)
    activation = rng.uniform(size=layers)
    rows = []
    for kind in ("invariance", "equivariance"):
        for similarity, weight in (("cosine", cosine), ("correlation", correlation)):
            scores = weight * activation + 0.2 * rng.normal(size=layers)
            rows += [
                {"index": i, "kind": kind, "similarity": similarity, "score": scores[i],
                 "mean_activation": activation[i]}
                for i in range(layers)
            ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("weights", "verdict"),
    [((1, 0), "supported"), ((0, 1), "contradicted"), ((0, 0), "inconclusive")],
)
def test_which_similarity_follows_the_activation(weights, verdict):
    judged = c02_cosine.claim_3_3a(blocks(*weights))
    assert judged.verdict == verdict
    assert judged.low < judged.effect < judged.high
    assert judged.reason.startswith("over 20 layers the correlation with the mean activation is")


@pytest.mark.parametrize(
    ("cosine", "correlation", "verdict"),
    [(0.3, 0, "supported"), (0, 0, "inconclusive"), (0.3, 0.1, "contradicted")],
)
def test_what_a_constant_changes(cosine, correlation, verdict):
    before = np.random.default_rng(2).normal(size=50)
    noise = np.random.default_rng(3).normal(scale=0.1, size=50)
    noise -= noise.mean()
    after = {"cosine": before + cosine + noise, "correlation": before + correlation}
    maps = pd.concat(
        pd.DataFrame({"similarity": name, "before": before, "after": values})
        for name, values in after.items()
    )
    judged = c02_cosine.claim_3_3b(maps)
    assert (judged.claim, judged.verdict) == ("3.3b", verdict)
    assert judged.effect == pytest.approx(cosine)
