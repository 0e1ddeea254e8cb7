"""Claims B4 to B6 on tables of planted effects, their mirrors, and noise."""

import numpy as np
import pandas as pd
import pytest

from equivar.chapters import c10_orbits

PARTS = ("first", "early", "middle", "late")
CHANNELS = 20


def network(name, counts, **columns):
    """One network, a layer for each part; counts: {part: (fixed, pairs, orbits) found}."""
    return table_of({name: counts}).assign(**columns)


def table_of(networks):
    """Of {name: counts}, as in `network`."""
    kinds = {1: "fixed", 2: "pair", 4: "orbit", 3: "other"}
    rows = []
    for name, counts in networks.items():
        for index, part in enumerate(PARTS):
            lengths = [
                length
                for length, count in zip((1, 2, 4), counts.get(part, (0, 0, 0)), strict=True)
                for _ in range(count)
            ]
            found = [(length, True) for length in lengths] + [(1, False), (3, False)]
            rows += [(name, part, index, *one, kinds[one[0]]) for one in found]
    columns = ["network", "part", "index", "length", "found", "kind"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(layer=table["part"], channels=CHANNELS, matching="maximum")


def networks(early, late, count=8, seed=0):
    """Networks with about so many orbits in early and in late layers."""
    rng = np.random.default_rng(seed)
    return table_of({
        f"net {i}": {
            "first": (1, 0, rng.binomial(5, early / 5)),
            "early": (0, 1, rng.binomial(5, early / 5)),
            "late": (0, 0, rng.binomial(5, late / 5)),
        }
        for i in range(count)
    })  # fmt: skip


@pytest.mark.parametrize(
    ("early", "late", "verdict"),
    [
        (3, 0.3, "supported"),
        (0.3, 3, "contradicted"),
        (2, 2, "inconclusive"),
        (0, 0, "negligible"),
    ],
)
def test_b4_by_planted_shares(early, late, verdict):
    judged = c10_orbits.claim_b4(networks(early, late))
    assert judged.verdict == verdict, judged.reason
    assert judged.low <= judged.effect <= judged.high
    assert judged.reason.endswith("], eight networks.") and judged.count == 8
    if verdict == "supported":
        assert judged.effect == pytest.approx(0.54, abs=0.15)


def test_b4_on_noise_is_rarely_settled():
    judged = [c10_orbits.claim_b4(networks(2, 2, seed=s)).verdict for s in range(60)]
    assert np.mean([verdict != "inconclusive" for verdict in judged]) <= 0.12


def test_the_seeds_of_a_network_are_one_network():
    """Runs of three tasks, a dozen in all, are three networks."""
    table = table_of({
        f"{task}, seed {seed}": {"first": (0, 0, 3 - seed % 2), "late": (0, 0, late)}
        for task, late in (("plain", 0), ("rot-inv", 1), ("rot-eq", 2))
        for seed in range(4)
    })  # fmt: skip
    judged = c10_orbits.claim_b4(table)
    assert judged.reason.endswith("three networks.") and judged.count == 3
    one = c10_orbits.claim_b4(table[table["network"].str.startswith("plain")])
    assert one.verdict == "not judged" and "1 networks with early and late" in one.reason


def test_b4_takes_two_networks_with_late_layers():
    one = network("a", {"first": (0, 0, 2)})
    shallow = network("b", {"first": (0, 0, 2)}).query("part != 'late'")
    judged = c10_orbits.claim_b4(pd.concat([one, shallow]))
    assert judged.verdict == "not judged" and "1 networks with early and late" in judged.reason


def runs(fixed, orbit, seeds=4, seed=0):
    """Runs of the three tasks; fixed: more of them in Rot-Inv, orbit: more in Rot-Eq."""
    rng = np.random.default_rng(seed)
    more = {"plain": (0, 0), "rot-inv": (fixed, 0), "rot-eq": (0, orbit)}
    tables = []
    for task, (f, o) in more.items():
        for number in range(seeds):
            counts = {"first": (4 + f, 0, 1 + o), "middle": (5 + f + rng.integers(-1, 2), 0, 1)}
            name = f"{task}, seed {number}"
            tables.append(network(name, counts, task=task, seed=number))
    return pd.concat(tables)


@pytest.mark.parametrize(
    ("fixed", "orbit", "verdict"),
    [
        (5, 1, "supported"),
        (-4, 1, "contradicted"),
        (5, -1, "contradicted"),
        (5, 0, "inconclusive"),  # more fixed channels, and surely no more orbits
        (0, 0, "negligible"),
    ],
)
def test_b5_by_planted_changes(fixed, orbit, verdict):
    judged = c10_orbits.claim_b5(runs(fixed, orbit))
    assert judged.verdict == verdict, judged.reason


def test_b5_takes_two_runs_of_each_task():
    judged = c10_orbits.claim_b5(runs(5, 1).query("task != 'rot-eq' or seed == 0"))
    assert judged.verdict == "not judged" and "1 runs of task rot-eq" in judged.reason
    judged = c10_orbits.claim_b5(networks(2, 2).assign(task=np.nan, seed=np.nan))
    assert judged.verdict == "not judged"


def test_changes_are_told_where_they_are():
    changes = c10_orbits.task_changes(runs(5, 2)).set_index(["task", "kind", "part"])
    assert changes.loc[("rot-inv", "fixed", "first"), "change"] == pytest.approx(5 / CHANNELS)
    assert changes.loc[("rot-eq", "orbit", "first"), "low"] > 0
    assert changes.loc[("rot-eq", "orbit", "late"), "change"] == 0
    assert (changes["low"] <= changes["change"]).all() and len(changes) == 2 * 3 * 4


@pytest.mark.parametrize(
    ("having", "of", "verdict"),
    [
        (9, 11, "supported"),
        (4, 11, "supported"),
        (1, 11, "inconclusive"),
        (0, 11, "inconclusive"),
        (0, 200, "negligible"),
        (10, 200, "negligible"),
        (28, 200, "supported"),
    ],
)
def test_b6_by_the_number_of_networks(having, of, verdict):
    table = table_of({
        f"net {i}": {"first": (2, 1, int(i < having)), "early": (0, 0, 2)} for i in range(of)
    })  # fmt: skip
    judged = c10_orbits.claim_b6(table)
    assert judged.verdict == verdict, judged.reason
    share = having / of  # have four cycles, the others three
    chance = share * (1 - np.exp(-0.05 * 4 / 4)) + (1 - share) * (1 - np.exp(-0.05 * 3 / 4))
    assert judged.effect == pytest.approx(share - chance)


def test_b6_expects_more_of_networks_in_which_more_is_found():
    """A few orbits among hundreds of cycles are what chance gives."""
    some = {f"net {i}": {"first": (2, 1, int(i < 12))} for i in range(30)}
    many = {f"net {i}": {"first": (60, 1, int(i < 12))} for i in range(30)}
    few, more = (c10_orbits.claim_b6(table_of(counts)) for counts in (some, many))
    assert few.verdict == "supported" and more.verdict == "inconclusive"
    assert c10_orbits.claim_b6(table_of(some), rate=0.5).effect < few.effect
    # nearly every one of them would have a false orbit, had it three hundred cycles
    hundreds = {f"net {i}": {"first": (300, 1, int(i < 12))} for i in range(30)}
    assert c10_orbits.claim_b6(table_of(hundreds)).verdict == "contradicted"


def test_b6_takes_two_networks():
    assert c10_orbits.claim_b6(network("a", {"first": (0, 0, 3)})).verdict == "not judged"


def test_only_the_papers_matching_counts():
    table = networks(3, 0.3)
    other = networks(0.3, 3).assign(matching="assignment")
    assert c10_orbits.claim_b4(pd.concat([table, other])) == c10_orbits.claim_b4(table)


@pytest.mark.parametrize("claim", [c10_orbits.claim_b4, c10_orbits.claim_b5, c10_orbits.claim_b6])
def test_a_missing_column_is_named(claim):
    with pytest.raises(ValueError, match="no column 'matching'"):
        claim(networks(1, 1).drop(columns="matching"))


def test_shares_by_depth_in_words():
    said = c10_orbits.seen(
        table_of({name: {"first": (2, 0, 1), "late": (5, 0, 0)} for name in "ab"})
    )
    assert "over two networks" in said and "first, early, middle, late" in said
    assert "channels in orbits 0.20, 0.00, 0.00, 0.00" in said
    assert "fixed channels 0.10, 0.00, 0.00, 0.25" in said
