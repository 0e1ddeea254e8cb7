"""The claims of chapters 03 and 07, on tables with planted effects."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from equivar.chapters import c03_accuracy, c07_architectures
from equivar.verdicts import CORRECTED, NO_EXCESS

SCORES = {"early": 0.7, "middle": 0.6, "late": 0.5, "pool": 0.6, "final": 0.5}
FAMILIES = ("cnn", "cnn", "cnn", "cnn", "vit", "vit", "mixer", "mixer")
GROUPS = 10
ROOMS = {"4.2": c03_accuracy, "4.6": c07_architectures}
OVER_IMAGES, OF_FAMILIES, OF_ALL = "4.6b", ("4.6a", "4.6c", "4.6d"), ("4.6e", "4.6f")


def table(score, names="abcdefgh", families=None):
    """A score for each network: score(number, transforms, kind, part); of the first edition."""
    families = families or (FAMILIES if len(names) == 8 else ["cnn"] * len(names))
    rows = [
        {"network": name, "family": families[i], "top1": 60.0 + i, "transforms": transforms,
         "kind": kind, "part": part, "se": 0.003, "chance": 0.1,
         "score": score(i, transforms, kind, part)}
        for i, name in enumerate(names)
        for transforms in ("shift", "rotation")
        for kind in ("invariance", "equivariance")
        for part in SCORES
    ]  # fmt: skip
    return pd.DataFrame(rows)


def measured(rows, excess_se=0.002):
    """With the columns of today: where chance scores 0, `corrected` is the score."""
    place = ["network", "transforms", "part"]
    invariance = rows[rows["kind"] == "invariance"].set_index(place)["score"]
    own = invariance.reindex(pd.MultiIndex.from_frame(rows[place])).to_numpy()
    more = (rows["score"] - own).where(rows["kind"] == "equivariance")
    return rows.assign(corrected=rows["score"], excess=more, corrected_se=0.002,
                       excess_se=excess_se, groups=GROUPS)  # fmt: skip


def replicates(rows, own=0.0005, seed=0):
    """Scores without each group of images, which go up and down together in all networks."""
    rng = np.random.default_rng(seed)
    shared = 0.02 * rng.normal(size=GROUPS)
    columns = ["network", "transforms", "part", "kind"]
    found = rows[columns].loc[rows.index.repeat(GROUPS)].reset_index(drop=True)
    found["group"] = np.tile(np.arange(GROUPS), len(rows))
    score = rows["score"].repeat(GROUPS).to_numpy() + np.tile(shared, len(rows))
    return found.assign(score=score + own * rng.normal(size=len(found)))


def with_accuracy(sign):
    """Translation goes up or down with top-1, in perfect order; rotation follows nothing."""

    def score(i, transforms, kind, part):
        return SCORES[part] + 0.005 * (sign * i if transforms == "shift" else abs(i - 19.5))

    return table(score, names=[f"n{i}" for i in range(40)])


def judged(section, rows, corrected=False, removed=None, **more):
    found = SimpleNamespace(
        parts=rows, removed=removed, replicates=more.get("replicates"), alike=None
    )
    verdicts = ROOMS[section].claims(found, SimpleNamespace(), corrected)
    return {one.claim: one for one in verdicts}


def words(section, rows, corrected=False, **more):
    found = judged(section, rows, corrected, **more)
    return {claim: one.verdict for claim, one in found.items()}


# Accuracy.


@pytest.mark.parametrize(("sign", "word"), [(1, "supported"), (-1, "contradicted")])
def test_equivariance_that_goes_with_accuracy(sign, word):
    rows = with_accuracy(sign)
    found = words("4.2", rows)
    assert found == {"4.2a": word, "4.2b": word, "4.2c": "supported"}
    assert words("4.2", rows, True) == words("4.2", measured(rows), True) == found
    assert judged("4.2", rows)["4.2b"].count == 40


def test_what_hardly_goes_with_accuracy_is_negligible():
    """Many networks whose scores follow nothing: neither supported nor open."""
    rng = np.random.default_rng(0)
    names = [f"n{i}" for i in range(400)]
    flat = table(lambda *_: 0.5, names=names)
    rows = flat.assign(score=0.5 + 0.01 * rng.normal(size=len(flat)))
    found = words("4.2", rows)
    # "almost perfectly" is not there, and that the correlation is small is told first
    assert found == {"4.2a": "negligible", "4.2b": "negligible", "4.2c": "supported"}


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
        "not judged", "It takes 4 networks; the table has three networks with both values.",
    )  # fmt: skip
    assert c03_accuracy.rank_correlations(table(lambda *_: 0.5, names="abc")).empty


def test_networks_that_are_all_alike_have_no_rank_correlation():
    v = c03_accuracy.claim_4_2b(table(lambda *_: 0.5))
    assert v.verdict == "not judged" and "networks that do not differ" in v.reason


def test_rank_correlations_have_a_row_for_each_score():
    found = c03_accuracy.rank_correlations(with_accuracy(1))
    assert len(found) == 2 * 2 * 5 and (found["networks"] == 40).all()
    assert (found["low"] <= found["rho"]).all() and (found["rho"] <= found["high"]).all()
    pd.testing.assert_frame_equal(
        c03_accuracy.rank_correlations(measured(with_accuracy(1)), CORRECTED), found
    )


# Architectures.


def paper_like(sign=1, **options):
    """Every claim of 4.6 as the paper words it, or (sign -1) its mirror."""

    def score(i, transforms, kind, part):
        token = i >= 4
        value = SCORES[part] - 0.001 * i
        if transforms == "shift":
            return value - (0.1 * sign if token and part in ("early", "middle") else 0)
        if part == "final":
            return 0.4 + sign * (0.001 * i + (0.1 if i in (4, 5) else 0))
        value -= sign * ((0.1 if token else 0) + 0.001 * i)
        gap = {"early": 0.3, "middle": 0.2, "late": 0.1, "pool": 0.1}[part]
        gap = gap if sign > 0 else 0.4 - gap
        return value - (gap if kind == "invariance" else 0)

    return table(score, **options)


def test_architectures_as_the_paper_has_them_and_their_mirror():
    rows, mirror = paper_like(), paper_like(-1)
    found = words("4.6", rows, replicates=replicates(rows))
    assert found == dict.fromkeys(c07_architectures.CLAIMS, "supported")
    against = words("4.6", mirror, replicates=replicates(mirror))
    for claim in ("4.6a", "4.6c", "4.6d", "4.6e"):
        assert against[claim] == "contradicted", claim
    assert words("4.6", measured(rows), True) == found
    assert words("4.6", measured(mirror), True) == against


@pytest.mark.parametrize("claim", ["4.6a", "4.6c", "4.6d"])
def test_families_that_hardly_differ(claim):
    flat = table(lambda i, transforms, kind, part: SCORES[part] + 0.001 * (i % 2))
    assert words("4.6", flat)[claim] == "negligible"
    rng = np.random.default_rng(0)
    spread = flat.assign(score=flat["score"] + 0.1 * rng.normal(size=len(flat)))
    assert words("4.6", spread)[claim] == "inconclusive"


def test_families_are_compared_over_networks():
    judged_a = judged("4.6", paper_like())["4.6a"]
    assert "four networks and two networks" in judged_a.reason and judged_a.count == 2
    # networks of a family that differ more than families do leave it open, whatever the images
    far = table(lambda i, transforms, kind, part: 0.5 + 0.1 * (-1) ** i - (0.1 if i > 3 else 0))
    assert words("4.6", far, replicates=replicates(far, own=0))["4.6a"] == "inconclusive"


def test_noise_between_networks_seldom_decides():
    rng, false = np.random.default_rng(1), 0
    flat = table(lambda *_: 0.5)
    number = flat.groupby("network").ngroup().to_numpy()
    for _ in range(300):
        rows = flat.assign(score=0.5 + 0.2 * rng.normal(size=8)[number])
        false += c07_architectures.claim_4_6d(rows).verdict in ("supported", "contradicted")
    assert false / 300 <= 0.08


def test_one_vit_says_nothing_of_vits_and_is_told_of_alone():
    rows = paper_like()
    single = rows[rows["network"] != "f"]
    found = judged("4.6", single, replicates=replicates(single))
    for claim in OF_FAMILIES:
        assert found[claim].verdict == "not judged" and np.isnan(found[claim].effect)
        assert found[claim].reason.startswith(
            "It takes 2 networks of each family; the table has one ViT."
        )
    told = "0.70 on average in the 4 CNNs: -0.10 ["
    assert f"Early translation equivariance is 0.60 in e alone and {told}" in found["4.6a"].reason
    assert found["4.6a"].reason.endswith("], over the same images in 10 groups.")
    assert "Final rotation equivariance is 0.50 in e alone and 0.40" in found["4.6d"].reason
    assert found[OVER_IMAGES].verdict == "supported"  # it speaks of the networks at hand
    # without groups of images there is no error to tell it with
    bare = judged("4.6", single)["4.6a"]
    assert bare.reason == "It takes 2 networks of each family; the table has one ViT."


def _meaning(found):
    both = (c07_architectures.claims(found, SimpleNamespace(), way) for way in (False, True))
    return c07_architectures.meaning(*both)


def test_what_compares_no_families_needs_none():
    rows = paper_like()
    cnns = rows[rows["family"] == "cnn"]
    assert {claim: words("4.6", cnns)[claim] for claim in OF_ALL} == {
        "4.6e": "supported", "4.6f": "inconclusive",  # four networks that differ by little
    }  # fmt: skip
    alike = SimpleNamespace(parts=rows, removed=None, replicates=None)
    found = SimpleNamespace(parts=cnns, removed=None, replicates=None, alike=alike)
    verdicts = {one.claim: one for one in c07_architectures.claims(found, SimpleNamespace())}
    assert verdicts["4.6e"].count == verdicts["4.6f"].count == 4  # of the first table
    assert verdicts["4.6a"].verdict == "supported"  # of the second
    assert "4.6a" not in _meaning(found)
    assert "before pooling is supported" in _meaning(found)
    found.alike = None
    assert "too few networks" in _meaning(found)
    one = judged("4.6", cnns[cnns["network"] == "a"])
    assert one["4.6e"].verdict == one["4.6f"].verdict == "not judged"


def test_cnns_with_other_groups_of_images_take_no_part():
    rows = paper_like()
    single = rows[rows["network"] != "f"]
    groups = replicates(single)
    groups = groups[(groups["network"] != "a") | (groups["group"] > 0)]
    assert (
        "on average in 3 of the 4 CNNs: " in judged("4.6", single, replicates=groups)["4.6a"].reason
    )


@pytest.mark.parametrize(
    ("without", "lacking"), [("mixer", "no Mixers"), ("vit", "no ViTs"), ("cnn", "no CNNs")]
)
def test_a_family_that_is_not_there_is_named(without, lacking):
    rows = paper_like()
    found = judged("4.6", rows[rows["family"] != without])
    for claim in OF_FAMILIES:
        assert found[claim].verdict == "not judged" and lacking in found[claim].reason


def test_a_network_without_a_score_is_counted_as_absent():
    rows = paper_like()
    of = (rows["network"] == "f") & (rows["part"] == "middle")
    for bad in (rows[~of], rows.assign(score=rows["score"].mask(of))):
        found = judged("4.6", bad)
        assert found["4.6a"].verdict == "not judged" and "has one ViT." in found["4.6a"].reason
        assert found["4.6d"].verdict == "supported"


def test_equal_within_the_margin():
    def unequal(gap):
        return table(lambda i, t, kind, p: 0.5 + (gap if kind == "equivariance" else 0))

    def verdict(gap, **options):
        rows = unequal(gap)
        return judged("4.6", rows, replicates=replicates(rows, **options))[OVER_IMAGES]

    assert verdict(0.1).verdict == "contradicted"
    assert verdict(0.02).verdict == "supported"
    assert verdict(0.02, own=0.02).verdict == "inconclusive"
    assert "over the same images in 10 groups" in verdict(0.02).reason
    # what all scores share is no error of their difference
    assert verdict(0.02).high - verdict(0.02).low < 0.02
    none = judged("4.6", unequal(0.02))[OVER_IMAGES]
    assert none.verdict == "not judged" and "their error is not known" in none.reason
    measured_gap = measured(unequal(0.1))
    assert words("4.6", measured_gap, True)[OVER_IMAGES] == "contradicted"
    assert words("4.6", measured(unequal(0.02)), True)[OVER_IMAGES] == "supported"
    far = measured(unequal(0.02), excess_se=0.1)
    assert words("4.6", far, True)[OVER_IMAGES] == "inconclusive"


def test_the_first_edition_does_not_tell_what_equivariance_adds():
    found = judged("4.6", paper_like(), True)
    assert found["4.6e"].verdict == "not judged" and NO_EXCESS in found["4.6e"].reason
    assert found[OVER_IMAGES].verdict == "not judged"
    assert found["4.6a"].verdict == "supported"
    assert found["4.6a"].reason.startswith("Corrected for chance, by the means of layers: All 4")


def test_a_reading_without_mean_maps_that_disagrees_leaves_it_open():
    rows, other = measured(paper_like()), measured(paper_like(-1))
    assert words("4.6", rows, True, removed=rows) == words("4.6", rows, True)
    found = judged("4.6", rows, True, removed=other)
    assert found["4.6a"].verdict == "inconclusive"
    assert found["4.6a"].reason.startswith("Supported on corrected scores, and contradicted with")
    up, down = (measured(with_accuracy(sign)) for sign in (1, -1))
    assert words("4.2", up, True, removed=down)["4.2a"] == "inconclusive"
    # measured on fewer networks it can not decide, and that is no disagreement
    few = down[down["network"].isin(["n0", "n1", "n2"])]
    assert words("4.2", up, True, removed=few) == words("4.2", up, True)


# What is missing.


def bad_tables(rows):
    """Tables as they come from one image, one group of images, or networks that are not there."""
    return {
        "nothing": rows[:0],
        "one network": rows[rows["network"] == "a"],
        "no accuracy": rows.assign(top1=np.nan),
        "no chance": rows.assign(chance=np.nan),
        "no scores": rows.assign(score=np.nan, chance=np.nan, se=np.nan),
        "one group": rows.assign(se=np.nan, excess_se=np.nan, groups=1),
        "no groups": rows.assign(se=np.nan, excess_se=np.nan, groups=0),
        "a network without scores": rows.assign(score=rows["score"].mask(rows["network"] == "a")),
        "no invariance": rows[rows["kind"] == "equivariance"],
        "no equivariance": rows[rows["kind"] == "invariance"],
        "no shifts": rows[rows["transforms"] == "rotation"],
        **{f"no {part} part": rows[rows["part"] != part] for part in ("early", "final")},
    }


@pytest.mark.parametrize("section", ROOMS)
@pytest.mark.parametrize("first_edition", [True, False])
def test_no_table_stops_a_book(section, first_edition):
    rows = paper_like() if first_edition else measured(paper_like())
    for name, bad in bad_tables(rows).items():
        groups = replicates(bad) if len(bad) else None
        for corrected, removed, again in (
            (False, None, groups),
            (True, None, None),
            (True, bad, groups),
        ):
            found = judged(section, bad, corrected, removed, replicates=again)
            for one in found.values():
                assert one.verdict == "not judged" or np.isfinite(one.effect), (name, one)
                assert one.reason and "nan" not in one.reason, (name, one)


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="no column 'top1'"):
        c03_accuracy.claim_4_2a(paper_like().drop(columns="top1"))
    for column in ("chance", "score"):
        with pytest.raises(ValueError, match=f"no column '{column}'"):
            c07_architectures.claim_4_6a(paper_like().drop(columns=column), CORRECTED)
