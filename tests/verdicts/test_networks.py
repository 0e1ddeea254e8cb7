"""A table of networks: scores, and errors over the images that all were measured on."""

import numpy as np
import pandas as pd
import pytest

from equivar.verdicts import CORRECTED, Networks, contrast

GROUPS = 5
E_A, I_A = (1, "a", "shift", "equivariance", "early"), (-1, "a", "shift", "invariance", "early")
E_B = (-1, "b", "shift", "equivariance", "early")


def table():
    rows = [
        {"network": name, "family": "cnn", "top1": 70.0, "transforms": "shift", "kind": kind,
         "part": "early", "score": 0.5 + 0.1 * i + (0.02 if kind == "equivariance" else 0),
         "chance": 0.1, "corrected": 0.4, "corrected_se": 0.01, "se": 0.02, "groups": GROUPS}
        for i, name in enumerate("ab")
        for kind in ("invariance", "equivariance")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def replicates(rng):
    """Each network's scores without a group go up and down together; more so in invariance."""
    shared, rows = rng.normal(size=GROUPS), []
    for row in table().itertuples():
        for group in range(GROUPS):
            own = 0.001 * rng.normal()
            rows.append({"network": row.network, "transforms": row.transforms, "part": row.part,
                         "kind": row.kind, "group": group, "score": 0.01 * shared[group] + own,
                         "corrected": own})  # fmt: skip
    return pd.DataFrame(rows)


def test_a_score_has_its_own_error_and_a_difference_that_of_its_replicates():
    found = replicates(np.random.default_rng(0))
    networks = Networks(table(), replicates=found)
    wide = found.pivot(index="group", columns=["network", "kind"], values="score")
    gap = wide["a", "equivariance"] - wide["a", "invariance"]
    factor = (GROUPS - 1) / GROUPS
    expected = np.sqrt(factor * ((gap - gap.mean()) ** 2).sum())
    error, groups = networks.error([E_A, I_A])
    assert (error, groups) == (pytest.approx(expected), GROUPS)
    assert error < 0.01  # not that of two samples: what is common to both falls out
    other = wide["a", "equivariance"] - wide["b", "equivariance"]
    expected = np.sqrt(factor * ((other - other.mean()) ** 2).sum())
    assert networks.error([E_A, E_B])[0] == pytest.approx(expected)


def test_without_replicates_a_score_has_the_error_of_the_table_and_a_difference_none():
    networks = Networks(table())
    assert networks.error([E_A]) == (0.02, GROUPS)
    assert networks.error([(-2, *E_A[1:])]) == (0.04, GROUPS)
    assert networks.error([E_A, I_A])[1] == 0
    assert Networks(table(), CORRECTED).error([E_A]) == (0.01, GROUPS)
    undefined = Networks(table().assign(se=np.nan)).error([E_A])
    assert np.isnan(undefined[0]) and undefined[1] == 0


def test_a_contrast_has_as_many_degrees_of_freedom_as_groups_less_one():
    networks = Networks(table(), replicates=replicates(np.random.default_rng(0)))
    one = contrast("gap", "the gap is {0}", networks, [E_A, I_A], (0.02,), above=0.0)
    assert (one.effect, one.freedom) == (pytest.approx(0.02), GROUPS - 1)
    assert one.over == "over the same images in 5 groups" and not one.lacking


def test_what_a_contrast_lacks_is_named():
    networks = Networks(table())
    lacking = contrast("gap", "", networks, [E_A, I_A]).lacking
    assert lacking == ("scores without groups of images, so that their error is not known",)
    absent = contrast("gap", "", networks, [E_A, (-1, "c", "shift", "invariance", "pool")])
    assert absent.lacking == ("no pool score of c",)
    one_group = replicates(np.random.default_rng(0)).query("group == 0")
    assert contrast("gap", "", Networks(table(), replicates=one_group), [E_A, I_A]).lacking
    uneven = replicates(np.random.default_rng(0)).query("group > 0 or kind == 'invariance'")
    assert contrast("gap", "", Networks(table(), replicates=uneven), [E_A, I_A]).lacking


def test_a_family_takes_two_networks_with_a_score():
    networks = Networks(table().assign(score=[0.5, 0.5, 0.6, np.nan]))
    terms = [(1, "shift", "equivariance", "early")]
    assert networks.of("cnn") == ["a", "b"] and networks.of("vit") == []
    assert networks.sample(networks.of("cnn"), terms, "CNN").lacking == "one CNN"
    assert networks.sample([], terms, "ViT").lacking == "no ViTs"
    assert not networks.sample(["a", "b"], [(1, "shift", "invariance", "early")], "CNN").lacking


@pytest.mark.parametrize("column", ["family", "kind", "top1"])
def test_a_missing_column_is_named(column):
    with pytest.raises(ValueError, match=f"no column '{column}'"):
        Networks(table().drop(columns=column))
