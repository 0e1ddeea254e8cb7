"""The claims of chapters 03 and 07, on tables with planted effects."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from equivar.chapters import c03_accuracy, c07_architectures

SCORES = {"early": 0.7, "middle": 0.6, "late": 0.5, "pool": 0.6, "final": 0.5}


def table(score, se=0.003, names="abcdefgh", families=None):
    """A score for each network: score(number, transforms, kind, part)."""
    families = families or ["cnn"] * (len(names) - 2) + ["vit", "mixer"]
    rows = [
        {"network": name, "family": families[i], "top1": 60.0 + i, "transforms": transforms,
         "kind": kind, "part": part, "se": se, "chance": 0.1,
         "score": score(i, transforms, kind, part)}
        for i, name in enumerate(names)
        for transforms in ("shift", "rotation")
        for kind in ("invariance", "equivariance")
        for part in SCORES
    ]  # fmt: skip
    return pd.DataFrame(rows)


def with_accuracy(sign):
    """Translation goes up or down with top-1, in perfect order; rotation follows nothing."""

    def score(i, transforms, kind, part):
        return SCORES[part] + 0.005 * (sign * i if transforms == "shift" else abs(i - 19.5))

    return table(score, names=[f"n{i}" for i in range(40)])


def verdicts(section, rows, **options):
    room = {"4.2": c03_accuracy, "4.6": c07_architectures}[section]
    found, p = SimpleNamespace(parts=rows), SimpleNamespace(margin=0.05)
    return {v.claim: v.verdict for v in room.claims(found, p, **options)}


@pytest.mark.parametrize(("sign", "word"), [(1, "supported"), (-1, "contradicted")])
def test_equivariance_that_goes_with_accuracy(sign, word):
    found = verdicts("4.2", with_accuracy(sign))
    assert found == {"4.2a": word, "4.2b": word, "4.2c": "supported"}
    assert verdicts("4.2", with_accuracy(sign), above_chance=True) == found


def test_noise_decides_nothing_and_false_verdicts_are_rare():
    rng = np.random.default_rng(0)
    flat, false = table(lambda i, t, k, p: SCORES[p]), 0
    number = flat.groupby("network").ngroup().to_numpy()
    for _ in range(500):
        noise = rng.normal(size=8)
        rows = flat.assign(score=flat["score"] + 0.01 * noise[number])
        false += c03_accuracy.claim_4_2a(rows).verdict != "inconclusive"
    assert false / 500 <= 0.07  # two sides of 2.5 %, and what 500 tables leave open


def test_three_networks_have_no_rank_correlation():
    v = c03_accuracy.claim_4_2b(table(lambda *_: 0.5, names="abc"))
    assert (v.verdict, v.reason) == (
        "not judged", "it takes 4 networks, and the table has 3 networks with a top-1",
    )  # fmt: skip
    assert c03_accuracy.rank_correlations(table(lambda *_: 0.5, names="abc")).empty


def paper_like(sign=1):
    """Every claim of 4.6 as the paper words it, or (sign -1) its mirror."""

    def score(i, transforms, kind, part):
        token = i >= 6
        value = SCORES[part] - 0.01 * i
        if transforms == "shift":
            return value - (0.1 * sign if token and part in ("early", "middle") else 0)
        if part == "final":
            return 0.4 + sign * 0.03 * i + (0.1 * sign if i == 6 else 0)
        value -= 0.1 * sign if token else 0
        gap = {"early": 0.3, "middle": 0.2, "late": 0.1, "pool": 0.1}[part]
        gap = gap if sign > 0 else 0.4 - gap
        return value - (gap if kind == "invariance" else 0)

    return table(score)


def test_architectures_as_the_paper_has_them_and_their_mirror():
    found = verdicts("4.6", paper_like())
    assert found == dict.fromkeys(found, "supported")
    mirror = verdicts("4.6", paper_like(-1))
    for claim in ("4.6a", "4.6c", "4.6d", "4.6e"):
        assert mirror[claim] == "contradicted"


def test_a_family_that_is_not_there_is_named():
    rows = paper_like()
    without = c07_architectures.claim_4_6a(rows[rows["family"] != "mixer"])
    assert without.verdict == "supported"
    assert without.reason.startswith("without a Mixer in the table: ")
    cnns = rows[rows["family"] == "cnn"]
    for claim in ("4_6a", "4_6c", "4_6d"):
        assert getattr(c07_architectures, f"claim_{claim}")(cnns).verdict == "not judged"
    assert "no ViT" in c07_architectures.claim_4_6a(cnns).reason


def test_equal_within_the_margin():
    def unequal(i, transforms, kind, part):
        return 0.5 + (0.1 if kind == "equivariance" else 0)

    assert c07_architectures.claim_4_6b(table(unequal)).verdict == "contradicted"
    assert c07_architectures.claim_4_6b(table(unequal), margin=0.2).verdict == "supported"
    assert c07_architectures.claim_4_6b(table(lambda *_: 0.5, se=0.1)).verdict == "inconclusive"


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="no column 'top1'"):
        c03_accuracy.claim_4_2a(paper_like().drop(columns="top1"))
