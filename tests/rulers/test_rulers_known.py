"""Known answers for each ruler, and each beside a plain implementation of its formula."""

import numpy as np
import pytest
import torch
from planted_maps import (
    Fresh,
    Turned,
    cca_score,
    lie_score,
    linear_score,
    moved,
    noise_images,
    orthogonal,
    permutation,
    turned_pairs,
    variance_score,
    wrong_partner,
)
from torch import nn

import equivar
from equivar.features.grid import Grid
from equivar.networks.toy import GaussianCNN
from equivar.rulers import RULERS
from equivar.rulers.lie import MOTIONS, Motion

IMAGES = noise_images()
TURN = [equivar.Rotation(1)]
OF_LAYERS = [name for name in RULERS if name != "consistency"]


def compare(model, rulers, images=IMAGES, transforms=TURN, layers=("conv",), **options):
    return equivar.rulers.compare(
        model, images, transforms, rulers=rulers, layers=list(layers), progress=False, **options
    )


def value(table, ruler, column="score", kind=None, transform=None):
    rows = table[table["ruler"] == ruler]
    rows = rows if kind is None else rows[rows["kind"] == kind]
    rows = rows if transform is None else rows[rows["transform"] == transform]
    assert len(rows) == 1
    return rows[column].item()


def test_turned_filters_are_equivariant_by_every_ruler_that_sees_other_channels():
    table = compare(Turned(), ["channel", "channel-dataset", "linear", "cca"])
    for ruler in ("channel", "channel-dataset", "linear", "cca"):
        assert value(table, ruler, kind="equivariance") == pytest.approx(1, abs=1e-4)
        assert value(table, ruler, "corrected", kind="equivariance") == pytest.approx(1, abs=1e-4)
    assert value(table, "channel", kind="invariance") < 0.3


def test_isotropic_filters_are_invariant_by_every_ruler():
    model, images = GaussianCNN("invariant"), torch.rand(32, 3, 12, 12)
    rulers = [name for name in OF_LAYERS if name != "lie"]
    table = compare(model, rulers, images, layers=["layers.0", "layers.2"])
    for ruler, rows in table.groupby("ruler"):
        assert np.allclose(rows["score"], RULERS[ruler].best, atol=1e-3), ruler
        assert np.allclose(rows["corrected"], 1, atol=2e-3), ruler


def test_channels_in_another_order_are_found_by_all():
    planted = Turned(permutation(32))
    table = compare(planted, ["channel", "channel-dataset", "linear", "cca"])
    best = table[table["kind"] == "equivariance"]["score"]
    assert np.allclose(best, 1, atol=1e-4)


def test_mixed_channels_are_missed_by_the_best_channel_and_seen_by_a_linear_map():
    table = compare(Turned(orthogonal(32)), ["channel", "channel-dataset", "linear", "cca"])
    assert value(table, "channel", kind="equivariance") < 0.6
    assert value(table, "channel-dataset", kind="equivariance") < 0.6
    assert value(table, "linear") == pytest.approx(1, abs=1e-3)
    assert value(table, "cca") == pytest.approx(1, abs=1e-3)


def test_maps_that_have_nothing_to_do_with_the_image_score_as_by_chance():
    table = compare(Fresh(), list(RULERS), layers=["layer"])
    for row in table.itertuples():
        if row.ruler != "consistency":
            assert row.score == pytest.approx(row.chance, abs=0.12 * max(row.chance, 1)), row
            assert row.ruler == "lie" or abs(row.corrected) < 0.12, row
    assert abs(value(table, "linear")) < 0.05
    assert abs(value(table, "cca")) < 0.05
    assert value(table, "variance") > 0.75
    assert value(table, "consistency") < 0.5  # of six classes


def test_the_channel_rulers_are_the_measure():
    model, shifts = Turned(orthogonal(32)), [equivar.Rotation(1), equivar.Shift(2)]
    table = compare(model, ["channel", "channel-dataset"], transforms=shifts)
    for ruler, over in (("channel", "image"), ("channel-dataset", "dataset")):
        found = equivar.measure(
            model, IMAGES, shifts, layers=["conv"], over=over, progress=False
        ).set_index(["transform", "kind"])
        rows = table[table["ruler"] == ruler].set_index(["transform", "kind"])
        assert np.allclose(rows["score"], found.loc[rows.index, "score"], atol=1e-5)
        # in folds the first image stands beside the last, in `measure` it has no partner
        assert np.allclose(rows["chance"], found.loc[rows.index, "chance"], atol=0.02)


@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize(("ruler", "plain"), [("linear", linear_score), ("cca", cca_score)])
def test_fitted_rulers_are_what_their_formulas_give(ruler, plain, turns):
    torch.manual_seed(4)
    model = nn.Sequential()
    model.add_module("conv", nn.Conv2d(3, 7, 3, padding=1))
    images = noise_images(33, 6)  # folds of four and of five images
    f, g = turned_pairs(lambda x: model(x).detach(), images, turns)
    table = compare(model, [ruler], images, [equivar.Rotation(turns)])
    assert value(table, ruler) == pytest.approx(plain(f, g), abs=1e-4)
    wrong = wrong_partner(len(images), 8)
    assert value(table, ruler, "chance") == pytest.approx(plain(f[wrong], g), abs=1e-4)
    assert 0.1 < value(table, ruler) < 0.9


def test_a_channel_that_is_hardly_active_in_one_half_does_not_spoil_the_fit():
    """It is scaled like the others would be, and not by what it is in that half."""

    class Rare(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(4)
            self.conv = nn.Conv2d(3, 6, 3, padding=1)
            self.layer = nn.Identity()

        def forward(self, x):
            maps = self.conv(x)
            rare = torch.where(x[:, :1] > 3, x[:, :1], 1e-6 * x[:, :1])
            return self.layer(torch.cat([maps, rare], dim=1))

    images = noise_images(32, 6)
    images[:16] = images[:16].clamp(max=2.5)
    images[16:, 0, 0, 0] = 5
    f, g = turned_pairs(lambda x: Rare()(x).detach(), images, 1)
    score = value(compare(Rare(), ["linear"], images, layers=["layer"]), "linear")
    assert score == pytest.approx(linear_score(f, g), abs=1e-3)
    usual = linear_score(f[..., :6], g[..., :6])
    assert 7 * score > 6 * usual - 0.3


def test_variance_is_what_its_formula_gives():
    torch.manual_seed(4)
    model = nn.Sequential()
    model.add_module("conv", nn.Conv2d(3, 7, 3, padding=1))
    images = noise_images(33, 6)
    f, g = turned_pairs(lambda x: model(x).detach(), images, 1)
    table = compare(model, ["variance"], images)
    assert value(table, "variance") == pytest.approx(variance_score(f, g), abs=1e-4)
    numerator = np.abs(f[wrong_partner(33, 8)] - g).mean(axis=(0, 1)) / np.sqrt(2)
    spread = np.stack([z.std(axis=0, ddof=1) for z in (f, g)]).mean(axis=(0, 1))
    chance = (numerator / spread).mean()
    assert value(table, "variance", "chance") == pytest.approx(chance, abs=1e-4)


def test_variance_agrees_with_tmeasures():
    tm = pytest.importorskip("tmeasures", reason="tmeasures is not installed")
    torch.manual_seed(4)
    model = nn.Sequential()
    model.add_module("conv", nn.Conv2d(3, 7, 3, padding=1))
    images = noise_images(24, 6)
    theirs = _by_tmeasures(tm, model, images)
    table = compare(model, ["variance"], images)
    assert value(table, "variance") == pytest.approx(theirs, abs=1e-3)


def _by_tmeasures(tm, model, images):
    class Turn(tm.pytorch.PyTorchTransformation, tm.InvertibleTransformation):
        def __init__(self, turns):
            super().__init__()
            self.turns = turns

        def forward(self, x):
            return torch.rot90(x, self.turns, dims=(-2, -1))

        def __call__(self, x):
            return self.forward(x)

        def inverse(self):
            return Turn(-self.turns)

        def parameters(self):
            return torch.tensor([float(self.turns)])

    class Turns(tm.pytorch.PyTorchTransformationSet):
        def __init__(self):
            super().__init__([Turn(0), Turn(1)])

        def id(self):
            return "turns"

        def valid_input(self, shape):
            return True

        def copy(self):
            return Turns()

    class Layers(tm.pytorch.ActivationsModule):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x)

        def forward_activations(self, x):
            return [self.model(x)]

        def activation_names(self):
            return ["conv"]

    averaged = tm.pytorch.AverageFeatureMaps()
    measure = tm.pytorch.NormalizedVarianceSameEquivariance(averaged)
    options = tm.pytorch.PyTorchMeasureOptions(batch_size=64, verbose=False)
    with torch.no_grad():
        result = measure.eval(list(images), Turns(), Layers(), options)
    return result.layers[0].mean().item()


@pytest.mark.parametrize("sort", ["shift", "rotation"])
def test_the_local_error_is_what_its_formula_gives(sort):
    torch.manual_seed(4)
    model = nn.Sequential()
    model.add_module("conv", nn.Conv2d(3, 5, 3, padding=1))
    model.double()
    images = noise_images(16, 9).double()
    transforms = [equivar.Shift(1)] if sort == "shift" else TURN
    table = compare(model, ["lie"], images, transforms)
    assert list(table["transform"]) == [MOTIONS[sort].name]
    step = {"shift": 0.5, "rotation": 1.0}[sort]
    with torch.no_grad():
        expected = lie_score(model, images, sort, step)
    assert value(table, "lie") == pytest.approx(expected, rel=1e-3)


def test_a_map_that_stays_where_it_is_has_the_error_of_its_slope():
    class Ramp(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, x):
            columns = torch.arange(x.shape[3], dtype=x.dtype)
            return self.layer(0 * x[:, :1] + columns)

    side = 24
    table = compare(Ramp(), ["lie"], noise_images(16, side), [equivar.Shift(1)], layers=["layer"])
    # a cell's value changes by 1 for each pixel; at both ends by half of that, borders repeated
    error = ((side - 2) + 2 * 0.25) / side
    assert value(table, "lie") == pytest.approx(error / ((side**2 - 1) / 12), rel=0.02)
    assert value(table, "lie", "corrected") != value(table, "lie", "corrected")  # NaN


def test_ninety_small_turns_are_a_quarter_turn():
    maps = torch.rand(2, 7, 7, 3)
    turn = Motion("rotation", 1.0).moved(maps, Grid(7, 7), 90)
    assert torch.allclose(turn, torch.rot90(maps, 1, dims=(1, 2)), atol=1e-5)
    shift = Motion("shift", 0.5).moved(maps, Grid(7, 7), 4)
    assert torch.allclose(shift[:, 2:, 2:], maps[:, :-2, :-2], atol=1e-5)
    plain = moved(maps.permute(0, 3, 1, 2).double(), "rotation", 30).permute(0, 2, 3, 1)
    assert torch.allclose(Motion("rotation", 1.0).moved(maps, Grid(7, 7), 30).double(), plain,
                          atol=1e-5)  # fmt: skip


def test_consistency_is_the_share_of_answers_that_stay():
    class Brightest(nn.Module):
        """The answer is the quarter of the image that is brightest: a turn changes it."""

        def __init__(self):
            super().__init__()
            self.pool = nn.AdaptiveAvgPool2d(2)

        def forward(self, x):
            return self.pool(x.mean(dim=1, keepdim=True)).flatten(1)

    images = noise_images(40, 6)
    table = compare(Brightest(), ["consistency", "variance"], images, "rotations", layers=["pool"])
    rows = table[table["ruler"] == "consistency"]
    answer = Brightest()(images).argmax(1)
    for row, turns in zip(rows.itertuples(), (1, 2, 3), strict=True):
        other = Brightest()(torch.rot90(images, turns, (2, 3))).argmax(1)
        assert row.score == (answer == other).double().mean().item() == 0
        assert row.chance == pytest.approx((answer == other.roll(-1)).double().mean().item())
        assert (row.layer, row.part, row.kind) == ("", "final", "invariance")
    shifted = compare(Brightest(), ["consistency"], images, [equivar.Shift(0)], layers=["pool"])
    assert shifted["score"].item() == shifted["corrected"].item() == 1
