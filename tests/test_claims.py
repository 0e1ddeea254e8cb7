"""The claims as a package, and those that are judged without training (sections 3.3 and 4.1)."""

import ast
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from equivar import claims, reporting

ROOT = Path(__file__).resolve().parents[1]
NAMES = [name for name in claims.__all__ if name.startswith("claim_")]


def test_every_claim_has_its_wording():
    wording = yaml.safe_load((ROOT / "book" / "claims.yml").read_text(encoding="utf-8"))
    ids = {re.sub(r"claim_(\d)_(\w+)", r"\1.\2", name) for name in NAMES}
    ids = {
        name.removeprefix("claim_").replace("b", "B") if "claim" in name else name for name in ids
    }
    assert ids <= set(wording)
    assert {"3.3a", "4.1b", "4.3d", "4.4c", "4.5b"} <= ids


def test_the_claims_need_tables_and_nothing_else():
    modules = [ast.parse(path.read_text()) for path in (ROOT / "equivar" / "claims").glob("*.py")]
    nodes = [node for module in modules for node in ast.walk(module)]
    found = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    found |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    tables = {"equivar.orbits.matching", "equivar.orbits.shares"}  # which need no more either
    outside = {name for name in found if not name.startswith("equivar.claims.")} - tables
    assert {name.split(".")[0] for name in outside - {"__future__"}} <= {
        "collections", "dataclasses", "inspect", "itertools", "math", "numpy", "pandas", "scipy",
        "statistics",
    }  # fmt: skip


def test_a_verdict_tells_claim_verdict_and_reason():
    verdict = claims.Verdict("4.1a", 0.1, 0.0, 0.2, "supported", "it is so")
    assert str(verdict) == "4.1a supported: it is so"
    frame = reporting.table([verdict]).data
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
    assert claims.greater_than_zero(low, high) == positive
    assert claims.within_margin(low, high, 0.1) == none


def test_the_bootstrap_interval_holds_the_mean():
    sample = np.random.default_rng(0).normal(size=30)
    low, high = claims.bootstrap(lambda x: float(x.mean()), [sample], seed=0)
    assert low < sample.mean() < high
    assert high - low == pytest.approx(2 * claims.SE_95 * sample.std() / 30**0.5, rel=0.15)


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
    judged = claims.claim_3_3a(blocks(*weights))
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
    judged = claims.claim_3_3b(maps)
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
    judged = claims.claim_4_1a(toy(score, 1), margin=0.01)
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
    judged = claims.claim_4_1b(toy(invariance, equivariance), margin=0.01)
    assert (judged.claim, judged.verdict) == ("4.1b", verdict)
    assert judged.effect == pytest.approx(equivariance - invariance)
