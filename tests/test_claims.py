"""The claims as a package, and those that are judged without training (sections 3.3 and 4.1)."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from equivar import verdicts
from equivar.chapters import c01_toy, c02_cosine, room
from equivar.verdicts.report import table

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_room_offers_what_every_room_does_and_words_for_each_claim(chapter):
    found = room(chapter)
    assert found.Parameters.model_fields["profile"]
    assert callable(found.runs) and callable(found.tables) and callable(found.claims)
    source = inspect.getsource(found)
    judged = set(re.findall(r"def claim_(\w+)\(", source))
    assert {name.replace("_", ".").replace("b", "B", name[0] == "b") for name in judged} == set(
        found.CLAIMS
    )


def test_an_unknown_chapter_is_named():
    with pytest.raises(ValueError, match="unknown chapter '99-none'"):
        room("99-none")


def test_rooms_and_figures_wait_for_no_library_that_they_do_not_need():
    asked = (
        "import sys, equivar; before = set(sys.modules); import equivar.verdicts, equivar.figures;"
        "print(*sorted({'torch', 'timm', 'torchvision', 'sklearn'} & set(sys.modules)), '|',"
        "'numpy' in before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "| False"


def test_a_verdict_tells_claim_verdict_and_reason():
    verdict = verdicts.Verdict("4.1a", 0.1, 0.0, 0.2, "supported", "it is so")
    assert str(verdict) == "4.1a supported: it is so"
    frame = table([("worded", verdict)]).data
    assert list(frame.columns) == ["verdict", "effect", "95 % interval", "reason"]
    assert frame.loc[("4.1a", "as worded"), "95 % interval"] == "0.000 to 0.200"


@pytest.mark.parametrize(
    ("low", "high", "positive", "none"),
    [
        (0.01, 0.02, "supported", "supported"),
        (-0.01, 0.02, "inconclusive", "supported"),
        (-0.02, -0.01, "contradicted", "supported"),
        (0.01, 0.2, "supported", "inconclusive"),
        (0.11, 0.2, "supported", "contradicted"),
        (-0.2, -0.11, "contradicted", "contradicted"),
    ],
)
def test_the_rules_for_one_interval(low, high, positive, none):
    assert verdicts.greater_than_zero(low, high) == positive
    assert verdicts.within_margin(low, high, 0.1) == none


def test_the_bootstrap_interval_holds_the_mean():
    sample = np.random.default_rng(0).normal(size=30)
    low, high = verdicts.bootstrap(lambda x: float(x.mean()), [sample], seed=0)
    assert low < sample.mean() < high
    assert high - low == pytest.approx(2 * verdicts.SE_95 * sample.std() / 30**0.5, rel=0.15)


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


def toy(invariance, equivariance, se=0.001):
    rows = [
        {"layer": f"layer{layer}", "transform": f"rotation-{turn}", "kind": kind, "score": score,
         "se": se}
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


@pytest.mark.parametrize(
    ("invariance", "equivariance", "verdict"),
    [
        (0.6, 1, "supported"),
        (0.9999, 1, "inconclusive"),
        (1.1, 1, "contradicted"),
        (0.6, 0.9, "contradicted"),
    ],
)
def test_the_equivariant_network(invariance, equivariance, verdict):
    judged = c01_toy.claim_4_1b(toy(invariance, equivariance), margin=0.01)
    assert (judged.claim, judged.verdict) == ("4.1b", verdict)
    assert judged.effect == pytest.approx(equivariance - invariance)
