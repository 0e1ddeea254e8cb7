"""Scores corrected for chance, on maps of which all shares are planted."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import equivar

SIDE, CHANNELS, IMAGES = 24, 4, 60
TURN = [equivar.Rotation(1)]


def unit(maps):
    """Maps of mean 0 and deviation 1."""
    maps = maps - maps.mean(dim=(-2, -1), keepdim=True)
    return maps / maps.std(dim=(-2, -1), keepdim=True, unbiased=False)


class Planted(nn.Module):
    """Maps of which a share is the same for all images and turns, and the rest follows a turn.

    common, follows: the share of variance, and the correlation of the rest, of each channel. The
    images hold a signal and a noise for each channel, and a mark in a corner that tells the turn.
    """

    def __init__(self, common, follows, shuffled=None):
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        pattern = torch.randn(CHANNELS, SIDE, SIDE, generator=generator)
        pattern = sum(pattern.rot90(k, (-2, -1)) for k in range(4))  # turned, it matches itself
        self.register_buffer("pattern", unit(pattern))
        self.common, self.follows = (
            torch.as_tensor(x).expand(CHANNELS).view(-1, 1, 1) for x in (common, follows)
        )
        self.shuffled = shuffled or list(range(CHANNELS))  # which channel's signal, once turned
        self.layer = nn.Identity()

    def forward(self, x):
        signal, noise, mark = x[:, :CHANNELS], x[:, CHANNELS:-1], x[:, -1]
        turned = (mark[:, 0, 0] == 0).view(-1, 1, 1, 1)
        follows = torch.where(turned, self.follows, 1.0)
        moved = torch.where(turned, signal[:, self.shuffled], signal)
        rest = follows * moved + (1 - follows**2).sqrt() * noise
        return self.layer(self.common.sqrt() * self.pattern + (1 - self.common).sqrt() * rest)


def pictures(count=IMAGES, seed=0):
    x = torch.randn(
        count, 2 * CHANNELS + 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)
    )
    x = unit(x)
    x[:, -1] = 0
    x[:, -1, 0, 0] = 1
    return x


def measured(model, images=None, **options):
    images = pictures() if images is None else images
    table = equivar.measure(model, images, TURN, layers=["layer"], progress=False, **options)
    return table, equivar.summarise(table, "layer").set_index("kind")


PLANTED = [(a, rho) for a in (0.0, 0.3, 0.6, 0.8, 0.9) for rho in (0.2, 0.7)]


@pytest.mark.parametrize("over", ["image", "dataset"])
@pytest.mark.parametrize(("a", "rho"), [*PLANTED, ((0.9, 0.0, 0.5, 0.2), (0.0, 1.0, 0.6, 0.3))])
def test_what_was_planted_comes_back(a, rho, over):
    _, summary = measured(Planted(a, rho), over=over)
    expected = torch.as_tensor(rho).mean().item()
    for kind in ("invariance", "equivariance"):
        found, error = summary.loc[kind, ["corrected", "corrected_se"]]
        assert abs(found - expected) < 4 * error + 0.02, (kind, found, error)
    score = summary.loc["equivariance", "score"]
    shares = torch.as_tensor(a)
    plain = (shares + (1 - shares) * torch.as_tensor(rho)).mean().item()
    assert score == pytest.approx(plain, abs=0.03)


def test_the_mean_over_a_layer_would_mislead():
    """Half the channels are all pattern, half follow all: the corrected score is one half."""
    table, _ = measured(Planted((0.9, 0.9, 0.0, 0.0), (0.0, 0.0, 1.0, 1.0)))
    row = table[table["kind"] == "equivariance"].iloc[0]
    assert row["corrected"] == pytest.approx(0.5, abs=0.03)
    assert (row["score"] - row["chance"]) / (1 - row["chance"]) > 0.85


@pytest.mark.parametrize("over", ["image", "dataset"])
def test_without_the_mean_maps_the_score_is_what_follows(over):
    for a, rho in ((0.3, 0.7), (0.8, 0.7), (0.8, 0.2)):
        table, _ = measured(Planted(a, rho), over=over, common="remove")
        row = table[table["kind"] == "equivariance"].iloc[0]
        assert row["score"] == pytest.approx(rho, abs=0.03)
        assert abs(row["chance"]) < 0.05


def test_matched_for_each_image_perfect_is_one_and_anything_else_nothing():
    table, _ = measured(Planted(0.5, 1.0), match="image")
    perfect = table[table["kind"] == "equivariance"].iloc[0]
    assert perfect["corrected"] == pytest.approx(1, abs=1e-4)
    table, _ = measured(Planted(0.5, 0.0), match="image")
    nothing = table[table["kind"] == "equivariance"].iloc[0]
    assert nothing["score"] > 0.4 and abs(nothing["corrected"]) < 0.03


def test_channels_that_chance_makes_alike_are_left_out():
    table, _ = measured(Planted((0.99, 0.99, 0.2, 0.2), 0.7))
    row = table[table["kind"] == "equivariance"].iloc[0]
    assert row["corrected"] == pytest.approx(0.7, abs=0.03)
    assert json.loads(table.attrs["left_out"]) == {"layer": 0.5}
    table, _ = measured(Planted(0.99, 0.7))
    assert table[["corrected", "excess"]].isna().all(axis=None) and table["score"].notna().all()


def excess(model):
    table, summary = measured(model)
    assert table.loc[table["kind"] == "invariance", "excess"].isna().all()
    return summary.loc["equivariance", "excess"]


def test_equal_scores_and_a_high_chance_are_equal():
    assert abs(excess(Planted(0.7, 0.4))) < 0.02
    assert abs(excess(Planted((0.9, 0.0, 0.3, 0.6), 0.4))) < 0.02


def test_channels_that_turn_into_one_another_are_more_than_invariance():
    assert excess(Planted(0.0, 1.0, shuffled=[1, 0, 3, 2])) > 0.9
    # the pattern keeps .2 in the channel itself; .8 moves to the other: (.8 - .2) / (1 - .2)
    found = excess(Planted(0.2, 1.0, shuffled=[1, 0, 3, 2]))
    assert found == pytest.approx(0.75, abs=0.03)


def test_half_invariant_and_half_at_chance_is_no_excess():
    assert abs(excess(Planted(0.0, (1.0, 1.0, 0.0, 0.0)))) < 0.02
    assert abs(excess(Planted(0.0, 1.0))) < 1e-6


def test_without_chance_nothing_is_corrected():
    table, summary = measured(Planted(0.3, 0.7), chance=False)
    assert table[["chance", "corrected", "excess"]].isna().all(axis=None)
    assert summary[["corrected", "corrected_se"]].isna().all(axis=None)
    table, _ = measured(Planted(0.3, 0.7), pictures(1))
    assert table[["chance", "corrected", "excess"]].isna().all(axis=None)
    assert table["groups"].eq(1).all() and table["score"].notna().all()


@pytest.mark.parametrize("over", ["image", "dataset"])
def test_its_error_counts_that_of_chance(over):
    """Beside the spread of fresh samples of images."""
    found = [measured(Planted(0.8, 0.4), pictures(40, seed), over=over)[1] for seed in range(12)]
    rows = [one.loc["equivariance"] for one in found]
    spread = np.std([row["corrected"] for row in rows], ddof=1)
    told = np.sqrt(np.mean([row["corrected_se"] ** 2 for row in rows]))
    assert 0.5 < told / spread < 2


def test_images_that_can_be_read_once_can_not_lose_their_mean():
    batches = (pictures(4, seed) for seed in range(3))
    with pytest.raises(ValueError, match="two passes"):
        equivar.measure(
            Planted(0.3, 0.7), batches, TURN, layers=["layer"], common="remove", progress=False
        )


@pytest.mark.parametrize("options", [{}, {"match": "image"}, {"over": "dataset"}], ids=str)
def test_many_channels_are_corrected_alike(options, monkeypatch):
    """Where chance is kept by group for some channels alone, only its error changes."""
    from equivar.measure import comparison

    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 40, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    images = torch.rand(30, 3, 16, 16)
    settings = {"layers": ["1", "2"], "progress": False, **options}
    whole = equivar.measure(model, images, TURN, **settings)
    monkeypatch.setattr(comparison, "CHANCE_ROWS", 20)
    some = equivar.measure(model, images, TURN, **settings)
    for name in ("score", "chance", "corrected", "excess"):
        np.testing.assert_allclose(some[name], whole[name], atol=1e-9)
    a, b = (equivar.summarise(one)["corrected_se"] for one in (whole, some))
    assert ((a / b).between(0.3, 3)).all()


@pytest.mark.parametrize("options", [{}, {"match": "image"}, {"over": "dataset"}], ids=str)
def test_a_shift_that_leaves_no_cell_has_no_score(options):
    model = nn.Sequential(nn.Conv2d(3, 4, 5, stride=5), nn.ReLU())
    shifts = [equivar.Shift(5), equivar.Shift(12)]
    table = equivar.measure(
        model, torch.rand(5, 3, 15, 15), shifts, layers=["0"], progress=False, **options
    )
    last = table[table["transform"] == "shift-12"]
    assert last[["score", "chance", "corrected", "excess"]].isna().all(axis=None)
