"""Networks whose in- and equivariance is known without measuring."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import equivar
from equivar import networks

IMAGES = torch.rand(6, 3, 17, 17, generator=torch.Generator().manual_seed(3))


def scores(table, kind, column="score"):
    return table.loc[table["kind"] == kind, column].to_numpy()


def measure(model, images=IMAGES, transforms=None, **options):
    return equivar.measure(
        model, images, transforms or equivar.rotations(), progress=False, **options
    )


def fixed(name):
    """A layer that gives the same maps whatever its input."""

    class Fixed(nn.Module):
        def __init__(self, maps):
            super().__init__()
            self.layer = nn.Identity()
            self.maps = maps

        def forward(self, x):
            return self.layer(self.maps(x))

    return Fixed(name)


@pytest.mark.parametrize("options", [{}, {"match": "image"}, {"over": "dataset"}], ids=str)
def test_symmetric_kernels_are_invariant(options):
    table = measure(networks.build("toy-invariant"), **options)
    np.testing.assert_allclose(table["score"], 1, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"match": "image"}, {"over": "dataset"}], ids=str)
def test_turned_kernels_are_equivariant_only(options):
    table = measure(networks.build("toy-equivariant"), **options)
    np.testing.assert_allclose(scores(table, "equivariance"), 1, atol=1e-5)
    assert (scores(table, "invariance") < 0.999).all()


@pytest.mark.parametrize("similarity", ["correlation", "cosine"])
@pytest.mark.parametrize("over", ["image", "dataset"])
def test_circular_convolutions_follow_every_wrapped_shift(similarity, over):
    net = nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1, padding_mode="circular"),
        nn.ReLU(),
        nn.Conv2d(5, 5, 3, padding=1, padding_mode="circular"),
    )
    table = measure(
        net, transforms=equivar.diagonal_shifts(1, 16), layers=["0", "2"], border="wrap",
        similarity=similarity, over=over,
    )  # fmt: skip
    np.testing.assert_allclose(table["score"], 1, atol=1e-5)


def test_unpadded_convolutions_follow_every_shift():
    """Without padding nothing tells the border: the cells that are left match exactly."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, dilation=2))
    table = measure(net, transforms=equivar.diagonal_shifts(1, 5), layers=["0", "2"])
    inner = torch.zeros(4, 3, 17, 17)
    inner[:, :, 6:11, 6:11] = torch.rand(4, 3, 5, 5)
    table = measure(net, inner, equivar.diagonal_shifts(1, 4), layers=["0", "2"])
    assert table["stride"].eq(1).all()
    np.testing.assert_allclose(table["score"], 1, atol=1e-5)


def test_strided_convolution_follows_whole_cells_only():
    net = nn.Sequential(nn.Conv2d(3, 4, 4, stride=4))
    kept = measure(net, torch.rand(8, 3, 32, 32), equivar.diagonal_shifts(4, 4), layers=["0"])
    np.testing.assert_allclose(kept["score"], 1, atol=1e-5)
    skipped = measure(
        net, torch.rand(8, 3, 32, 32), [equivar.Shift(3)], layers=["0"], subpixel="skip"
    )
    assert skipped["score"].isna().all() and skipped["undefined"].eq(1).all()


def test_a_channel_that_turns_into_another_and_back():
    """Channels c and c' swap roles under the half turn: equivariance 1, invariance known."""
    half = torch.zeros(2, 1, 3, 3)
    half[0, 0, 0, 0] = half[1, 0, 2, 2] = 1  # each the other's half turn
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, bias=False))
    net[0].weight = nn.Parameter(half)
    x = torch.rand(40, 1, 15, 15, generator=torch.Generator().manual_seed(0))
    table = measure(net, x, [equivar.Rotation(2)], layers=["0"])
    np.testing.assert_allclose(scores(table, "equivariance"), 1, atol=1e-6)
    # a shift by two cells of white noise: uncorrelated up to the border
    assert abs(scores(table, "invariance")[0]) < 0.15


@pytest.mark.parametrize("over", ["image", "dataset"])
@pytest.mark.parametrize("constant", [0.0, 3.7, -1e4])
def test_constant_channels_are_undefined(over, constant):
    table = measure(fixed(lambda x: 0 * x + constant), layers=["layer"], over=over)
    assert table["score"].isna().all() and table["chance"].isna().all()
    assert table["undefined"].eq(1).all()


def test_dead_channels_take_no_part():
    def two_of_three(x):
        maps = x.clone()
        maps[:, 1] = 0
        return maps

    table = measure(fixed(two_of_three), layers=["layer"])
    np.testing.assert_allclose(table["score"], 1, atol=1e-6)
    np.testing.assert_allclose(table["undefined"], 1 / 3)


def test_the_cosine_of_a_constant_is_defined():
    table = measure(fixed(lambda x: 0 * x + 2), layers=["layer"], similarity="cosine")
    np.testing.assert_allclose(table["score"], 1, atol=1e-6)
    dead = measure(fixed(lambda x: 0 * x), layers=["layer"], similarity="cosine")
    assert dead["score"].isna().all()


@pytest.mark.parametrize("over", ["image", "dataset"])
@pytest.mark.parametrize("mean", [0.0, 1e3, -1e3])
def test_a_large_mean_does_not_matter(over, mean):
    """Mean 1000 and deviation 1 in single precision, against numpy in double."""
    draw = torch.Generator().manual_seed(5)
    noise = {k: torch.randn(6, 4, 12, 12, generator=draw) for k in ("x", "turned")}

    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, x):
            first = int(x[0, 0, 0, 0] > 0.5)  # plain images start with 0, turned ones with 1
            base = (
                noise["x"] if not first else 0.6 * noise["x"].rot90(1, (-2, -1)) + noise["turned"]
            )
            return self.layer(base + mean)

    images = torch.zeros(6, 4, 12, 12)
    images[:, :, 0, -1] = 1
    table = measure(Noisy(), images, [equivar.Rotation(1)], layers=["layer"], over=over)
    f = noise["x"].rot90(1, (-2, -1)).double()
    g = (0.6 * f + noise["turned"].double()).numpy().reshape(6, 4, -1)
    f = f.numpy().reshape(6, 4, -1)
    if over == "dataset":
        f, g = (z.swapaxes(0, 1).reshape(1, 4, -1) for z in (f, g))
    expected = np.mean(
        [np.corrcoef(f[i, c], g[i, c])[0, 1] for i in range(len(f)) for c in range(4)]
    )
    np.testing.assert_allclose(scores(table, "invariance"), expected, atol=1e-3)


@pytest.mark.parametrize("scale", [1e-22, 1e22])
def test_very_small_and_very_large_activations(scale):
    """Their squares under- and overflow single precision."""
    for over in ("image", "dataset"):
        table = measure(fixed(lambda x: x * scale), layers=["layer"], over=over)
        np.testing.assert_allclose(table["score"], 1, atol=1e-5)


def test_negative_correlations_keep_their_sign():
    class Flip(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, x):
            sign = torch.where(x[:, :, 0, 0].sum(1) > 0, 1.0, -1.0)
            return self.layer(x * sign[:, None, None, None])

    images = torch.randn(5, 1, 8, 8)
    images[:, :, 0, 0], images[:, :, 0, -1] = 5.0, -5.0
    table = measure(Flip(), images, [equivar.Rotation(1)], layers=["layer"])
    np.testing.assert_allclose(table["score"], -1, atol=1e-6)


def test_standard_errors():
    """Invariance: the deviation over images by the square root of their number."""
    s = np.array([0.2, 0.5, 0.9, -0.1])
    f = torch.randn(4, 1, 400, generator=torch.Generator().manual_seed(1)).double()
    f = (f - f.mean(-1, keepdim=True)) / f.std(-1, keepdim=True, correction=0)
    e = torch.randn(4, 1, 400, generator=torch.Generator().manual_seed(2)).double()
    e = e - e.mean(-1, keepdim=True)
    e = e - (e * f).mean(-1, keepdim=True) * f
    e = e / e.std(-1, keepdim=True, correction=0)
    rho = torch.tensor(s)[:, None, None]
    g = (rho * f + (1 - rho**2).sqrt() * e).view(4, 1, 20, 20)
    f = f.view(4, 1, 20, 20)

    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, x):
            return self.layer(f if x[0, 0, 0, 0] == 0 else g.to(x))

    images = torch.zeros(4, 1, 20, 20, dtype=torch.float64)
    images[:, :, 0, -1] = 1
    f = f.rot90(-1, (-2, -1))
    row = measure(Pair(), images, [equivar.Rotation(1)], layers=["layer"]).iloc[0]
    assert row["score"] == pytest.approx(s.mean())
    assert row["se"] == pytest.approx(s.std(ddof=1) / math.sqrt(4))
