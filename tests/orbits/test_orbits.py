"""Orbits: known answers, the literal twin, planted groups, and bad input."""

import importlib
import warnings

import numpy as np
import orbit_twin
import pandas as pd
import pytest
import torch
from torch import nn

import equivar
from equivar import networks
from equivar.chapters import c10_orbits
from equivar.chapters.c10_orbits.planted import planted_network, smooth_noise

orbits = importlib.import_module("equivar.orbits")
decision = importlib.import_module("equivar.orbits.decision")
matching = importlib.import_module("equivar.orbits.matching")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


IMAGES = torch.rand(24, 3, 17, 17, generator=generator(3))
NOISE = smooth_noise(24, 3, 14, generator(4))


def found(model, images=IMAGES, layers=None, **options):
    table = equivar.orbits(model, images, layers, progress=False, **options)
    return table, table[table["found"]]


# Known answers


@pytest.mark.parametrize("options", [{}, {"over": "dataset"}, {"matching": "assignment"}], ids=str)
def test_the_equivariant_network_is_all_orbits(options):
    table, _ = found(networks.build("toy-equivariant"), **options)
    assert (table["kind"] == "orbit").all() and table["found"].all()
    assert table.groupby("layer")["length"].sum().tolist() == [8, 16, 16]
    first = table["members"].str.split().str[0].astype(int)
    turned = [
        f"{c} {c + 3} {c + 2} {c + 1}" for c in first
    ]  # filter r is the first, turned r times
    assert table["members"].tolist() == turned
    np.testing.assert_allclose(table[["weakest", "score_180", "score_270"]], 1, atol=1e-5)
    assert table[["law_180", "law_270", "stable"]].eq(1).all(axis=None)


@pytest.mark.parametrize("options", [{}, {"over": "dataset"}, {"matching": "assignment"}], ids=str)
def test_the_invariant_network_is_all_fixed(options):
    table, _ = found(networks.build("toy-invariant"), **options)
    assert (table["kind"] == "fixed").all() and table["found"].all()
    assert table.groupby("layer").size().tolist() == [8, 16, 16]
    np.testing.assert_allclose(table["weakest"], 1, atol=1e-5)


def test_members_come_in_the_order_of_the_turn():
    model = planted_network(12, 5, 3, (4, 2, 1), generator())
    _, some = found(model, NOISE, ["1"])
    weight = model[0].weight
    for text in some.loc[some["weakest"] > 0.99, "members"]:
        cycle = orbits.members(text)
        for one, other in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            clockwise = torch.rot90(weight[one], -1, dims=(-2, -1))
            torch.testing.assert_close(weight[other], clockwise, atol=1e-5, rtol=0)
    assert {"0 3 2 1", "4 5"} <= set(some["members"])


@pytest.mark.parametrize(
    ("channels", "size", "inputs", "planted"),
    [
        (16, 3, 3, ()),
        (16, 3, 3, (4,)),
        (16, 5, 3, (4, 4)),
        (32, 3, 3, (4, 4, 2, 1)),
        (64, 3, 1, (4,)),
    ],
)
def test_planted_groups_are_found_and_few_others(channels, size, inputs, planted):
    result = c10_orbits.false_discoveries(60, channels, size, inputs, planted, seed=1)
    for length, kind in ((4, "orbit"), (2, "pair"), (1, "fixed")):
        assert result[f"found_{kind}"].eq(planted.count(length)).all(), kind
    assert result["false_share"].mean() <= 0.05


def test_a_smaller_rate_finds_no_more():
    loose, strict = (c10_orbits.false_discoveries(20, planted=(4, 2), rate=r) for r in (0.5, 1e-4))
    assert (
        strict.drop(columns="false_share").sum().sum()
        < loose.drop(columns="false_share").sum().sum()
    )


def test_wrong_images_count_as_chance():
    scores = np.full((6, 6), 0.1) + np.eye(6) * 0.5
    nothing = np.zeros((6, 6)) - np.eye(6)
    match = matching.matched(scores)
    fixed = matching.cycles(match)
    alone = decision.expected_by_chance(scores, nothing, matching.matched(nothing), fixed)
    beside = decision.expected_by_chance(scores, scores, match, fixed)
    np.testing.assert_allclose(beside, alone + 6)


def test_what_has_no_score_is_not_found():
    scores = np.full((8, 8), 0.1) + np.eye(8) * 0.8
    scores[:2, :2] = np.nan
    cycles = [(c,) for c in range(8)]
    expected, q = decision.decide(scores, np.zeros((8, 8)), np.arange(8), cycles, 0.05)
    assert np.isnan(expected[:2]).all() and np.isnan(q[:2]).all() and not np.isnan(q[2:]).any()
    layer = orbits.LayerScores(dict.fromkeys((1, 2, 3), scores), scores, (scores, scores))
    assert layer.live().tolist() == list(range(8))
    alone = np.where(np.eye(8, dtype=bool), 0.9, np.nan)
    alone[2:, 2:] = 0.5
    alone[0], alone[:, 1] = np.nan, np.nan
    layer = orbits.LayerScores(dict.fromkeys((1, 2, 3), alone), alone, (alone, alone))
    assert layer.live().tolist() == [2, 3, 4, 5, 6, 7]
    table = pd.DataFrame(orbits.layer_cycles(layer, "assignment", 0.05))
    assert table["weakest"].notna().all()


# The literal twin


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_twin(seed):
    planted = ((), (4,), (4, 2), (2, 1))[seed]
    model = planted_network(8, 3, 3, planted, generator(seed)).double()
    images = smooth_noise(20, 3, 9, generator(seed + 10)).double()
    table, _ = found(model, images, ["1"])

    def layer(image):
        with torch.no_grad():
            return model(torch.from_numpy(np.ascontiguousarray(image))[None])[0].numpy()

    pictures = images.numpy()
    scores = {k: orbit_twin.mean_scores(layer, pictures, k) for k in (1, 2, 3)}
    wrong = orbit_twin.mean_scores(layer, pictures, 1, partner=1)
    match = {k: orbit_twin.best(s) for k, s in scores.items()}
    halves = [
        orbit_twin.best(
            orbit_twin.mean_scores(layer, [p for i, p in enumerate(pictures) if i // 2 % 2 == h], 1)
        )
        for h in (0, 1)
    ]  # ten jackknife groups of two images each, dealt in turn to the halves
    cycles = orbit_twin.orbits_of(match[1])
    assert table["members"].tolist() == [" ".join(map(str, cycle)) for cycle in cycles]
    known = set()
    for _ in cycles:
        by_chance = orbit_twin.expected(scores[1], wrong, known)
        q = orbit_twin.q_values(by_chance)
        known |= {cycle for cycle, value in q.items() if value <= 0.05}
    for cycle, row in zip(cycles, table.itertuples(), strict=True):
        along = orbit_twin.along(scores[1], cycle)
        assert row.weakest == pytest.approx(min(along))
        assert row.mean == pytest.approx(sum(along) / len(along))
        assert row.chance == pytest.approx(np.mean([max(wrong[c]) for c in cycle]))
        square = [match[1][match[1][c]] for c in cycle]
        cube = [match[1][c] for c in square]
        assert row.law_180 == np.mean(
            [match[2][c] == d for c, d in zip(cycle, square, strict=True)]
        )
        assert row.law_270 == np.mean([match[3][c] == d for c, d in zip(cycle, cube, strict=True)])
        assert row.score_270 == pytest.approx(
            np.mean([scores[3][c][d] for c, d in zip(cycle, cube, strict=True)])
        )
        assert row.stable == np.mean([all(h[c] == match[1][c] for h in halves) for c in cycle])
        if len(cycle) in (1, 2, 4):
            assert row.by_chance == pytest.approx(by_chance[cycle])
            assert row.q == pytest.approx(q[cycle]) and row.found == (q[cycle] <= 0.05)
        else:
            assert row.kind == "other" and np.isnan(row.q) and not row.found


def test_cycles_of_random_maps():
    rng = np.random.default_rng(0)
    for _ in range(200):
        match = rng.integers(0, 9, 9)
        assert matching.cycles(match) == orbit_twin.orbits_of(match.tolist())


def test_an_assignment_uses_each_channel_once():
    scores = np.array([[0.9, 0.8, 0.0], [0.9, 0.1, 0.0], [0.5, 0.4, 0.3]])
    assert matching.matched(scores).tolist() == [0, 0, 0]
    assert matching.matched(scores, "assignment").tolist() == [1, 0, 2]
    undefined = np.array([[np.nan, -0.9], [-0.8, 0.9]])
    assert matching.matched(undefined).tolist() == [1, 1]
    assert matching.matched(undefined, "assignment").tolist() == [1, 0]


def test_both_matchings_at_once_are_the_same_as_one_by_one():
    model = planted_network(16, 3, 3, (4,), generator())
    both, _ = found(model, NOISE, ["1"], matching=orbits.MATCHINGS)
    for one in orbits.MATCHINGS:
        alone, _ = found(model, NOISE, ["1"], matching=one)
        pd.testing.assert_frame_equal(
            both[both["matching"] == one].reset_index(drop=True), alone, check_dtype=False
        )


def test_batches_do_not_matter():
    model = planted_network(16, 3, 3, (4,), generator())
    one, _ = found(model, NOISE, ["1"])
    other, _ = found(model, NOISE.split(7), ["1"], batch_size=5)
    pd.testing.assert_frame_equal(one, other, check_exact=False, atol=1e-5)


def test_maps_that_are_not_square():
    model = planted_network(12, 3, 3, (4,), generator())
    _, some = found(model, smooth_noise(24, 3, 18, generator(5))[..., 4:], ["1"])
    assert "0 3 2 1" in set(some["members"])


def test_shares_of_channels():
    model = planted_network(16, 5, 3, (4, 4, 2), generator())
    table, some = found(model, NOISE, ["1"])
    shares = orbits.shares(table).set_index("kind")["share"]
    assert shares.sum() == pytest.approx(1)
    assert shares["orbit"] == some.loc[some["kind"] == "orbit", "length"].sum() / 16 == 0.5
    nothing = orbits.shares(table.assign(found=False)).set_index("kind")["share"]
    assert nothing.to_dict() == {"fixed": 0, "pair": 0, "orbit": 0, "none": 1}


def test_a_picture_along_an_orbit_is_the_same_twice():
    model = networks.build("toy-equivariant")
    maps, turned = orbits.along_orbit(model, "layers.1", IMAGES[0], (4, 7, 6, 5))
    assert maps.shape == turned.shape == (4, 17, 17)
    np.testing.assert_allclose(maps, turned, atol=1e-5)
    assert not np.allclose(maps, np.roll(turned, 1, axis=0), atol=1e-2)
    assert orbits.along_orbit(model, "layers.1", IMAGES[0], (4, 7), most=8)[0].shape == (2, 8, 8)


# Bad input


class Small(nn.Module):
    """Three channels, then eight of which some are dead, then vectors."""

    def __init__(self, dead):
        super().__init__()
        self.three = nn.Conv2d(3, 3, 3, padding=1)
        self.eight = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.head = nn.Linear(8, 5)
        with torch.no_grad():
            self.eight[0].bias[:dead] = -100

    def forward(self, x):
        return self.head(self.eight(self.three(x)).mean((2, 3)))


@pytest.mark.parametrize(
    ("layers", "dead", "message"),
    [
        (["head"], 0, "layer 'head' has a single cell"),
        (["three", "eight"], 0, "layer 'three' has 3 channels: an orbit takes 4"),
        (["eight"], 5, "8 channels, of which 5 are constant or nearly always so"),
        (["nine"], 0, "no layer 'nine'"),
    ],
)
def test_layers_without_orbits_are_refused(layers, dead, message):
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=message):
        found(Small(dead), layers=layers)


def test_dead_channels_are_in_no_cycle():
    torch.manual_seed(0)
    for one in orbits.MATCHINGS:
        table, _ = found(Small(3), layers=["eight"], matching=one)
        assert table["live"].eq(5).all()
        assert not {0, 1, 2} & {c for text in table["members"] for c in orbits.members(text)}


def test_default_layers_without_orbits_are_left_out_and_told():
    class Net(nn.Sequential):
        pass

    torch.manual_seed(0)
    net = Net(
        nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU()),
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        table, _ = found(net)
    assert any("3 channels" in str(one.message) for one in told)
    reasons = " ".join(table.attrs["left_out"].values())
    assert "single cell" in reasons and set(table["channels"]) == {8}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": IMAGES[:19]}, "19 images are too few"),
        ({"images": iter([IMAGES[:10]])}, "10 images are too few"),
        ({"matching": "best"}, "matching='best': choose one of"),
        ({"rate": 0}, "lies between 0 and 1"),
        ({"over": "images"}, "over='images': choose one of"),
        ({"images": IMAGES[:, :, 0]}, "should have shape"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        found(networks.build("toy-equivariant"), **{"images": IMAGES, **options})


def test_a_network_without_convolutions_has_no_first_one():
    with pytest.raises(ValueError, match="no convolution that reads the images"):
        orbits.first_convolution(nn.Flatten(), IMAGES)
    with pytest.raises(ValueError, match="Linear, which has no filters"):
        orbits.filters_of(nn.Sequential(nn.Linear(2, 2)), "0")
