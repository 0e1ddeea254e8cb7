"""The measure beside odd and hostile images: a right answer, or a clear error."""

import os

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import equivar
from equivar.similarity import NotFiniteError, pairwise

EXAMPLES = int(os.environ.get("EQUIVAR_EXAMPLES", "40"))
calm = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
OTHERS = (torch.uint8, torch.int64, torch.bool, torch.complex64)


def network(channels):
    torch.manual_seed(channels)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(4, 5, 3, padding=1, stride=2), nn.Tanh()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, 3),
    ).eval()


LAYOUTS = {  # the same numbers, lying otherwise in memory
    "plain": lambda x: x.contiguous(),
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
    "every other": lambda x: x.repeat_interleave(2, 0).repeat_interleave(2, 3)[::2, :, :, ::2],
    "batch inside": lambda x: x.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
    "with an offset": lambda x: torch.cat([x, x])[len(x) :],
}
VALUES = {  # what becomes of normal numbers
    "tame": lambda x: x,
    "far from zero": lambda x: x + 100,
    "zero": lambda x: x * 0,
    "constant": lambda x: x * 0 + 3,
    "one image": lambda x: x[:1].expand_as(x),
    "large": lambda x: x * 1e4,
    "huge": lambda x: x * 1e30,
    "tiny": lambda x: x * 1e-30,
    "below normal": lambda x: x * 1e-42,
}
ROUNDING = 1e-4  # of single precision, where a map hardly varies about its mean
TAME = {"tame": VALUES["tame"]}
SPOILT = {"nan": torch.nan, "inf": torch.inf, "minus inf": -torch.inf}


@st.composite
def images(draw, values=VALUES, dtypes=FLOATS):
    """(N, C, H, W) of any layout, and what it is made of."""
    shape = [draw(st.integers(1, most)) for most in (4, 3, 9, 9)]
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    kind, dtype = draw(st.sampled_from(sorted(values))), draw(st.sampled_from(dtypes))
    made = values[kind](torch.randn(shape, generator=generator, dtype=torch.float64)).to(dtype)
    return LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](made), kind


@st.composite
def options(draw):
    """Transformations and settings of the measure."""
    known = [equivar.Rotation(1), equivar.Rotation(2), equivar.Shift(1), equivar.Shift(2)]
    choices = {
        "over": ("image", "dataset"), "match": ("dataset", "image"), "border": ("zero", "wrap"),
        "similarity": ("correlation", "cosine"), "subpixel": ("bilinear", "nearest", "skip"),
        "sign": ("keep", "clip"),
    }  # fmt: skip
    chosen = {name: draw(st.sampled_from(values)) for name, values in choices.items()}
    chosen["batch_size"] = draw(st.integers(1, 5))
    transforms = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True))
    return {"transforms": transforms, **chosen}


def measured(x, given):
    return equivar.measure(network(x.shape[1]), x, progress=False, **given)


def check_table(table, given, count):
    kinds = 2 * len(given["transforms"])
    assert len(table) % kinds == 0 and len(table) >= kinds
    for column in ("score", "chance"):
        there = table[column].dropna()
        assert np.isfinite(there).all() and there.abs().le(1 + ROUNDING).all()
    assert table["undefined"].dropna().between(0, 1).all()
    assert table["se"].dropna().ge(0).all() and np.isfinite(table["se"].dropna()).all()
    assert (table["images"] == count).all()
    assert table.loc[table["undefined"] == 1, "score"].isna().all()


@calm
@given(images(), options())
def test_any_finite_images_give_scores_or_a_clear_error(drawn, given):
    x, kind = drawn
    small = min(x.shape[2:]) <= 2  # a shift may leave nothing
    try:
        table = measured(x, given)
    except ValueError as error:
        shifts = [t for t in given["transforms"] if isinstance(t, equivar.Shift)]
        says = "leaves nothing" in str(error) and small and shifts
        overflown = "not finite" in str(error) or "NaN or infinit" in str(error)
        assert says or (overflown and kind in ("huge", "large")), str(error)
        return
    check_table(table, given, len(x))


@calm
@given(images(TAME), options())
def test_the_layout_in_memory_is_no_matter(drawn, given):
    x, _ = drawn
    try:
        there = measured(x, given)
    except ValueError:
        with pytest.raises(ValueError, match="leaves nothing"):
            measured(x.contiguous().clone(), given)
        return
    plain = measured(x.contiguous().clone(), given)
    for column in ("score", "chance", "undefined"):
        np.testing.assert_allclose(there[column], plain[column], atol=2e-5, equal_nan=True)


@calm
@given(
    images(values={"tame": VALUES["tame"]}), options(), st.sampled_from(sorted(SPOILT)), st.data()
)
def test_one_pixel_that_is_no_number_is_told_with_its_image(drawn, given, spoil, data):
    x = drawn[0].clone()
    where = [data.draw(st.integers(0, side - 1)) for side in x.shape]
    x[tuple(where)] = SPOILT[spoil]
    with pytest.raises(ValueError, match=rf"image {where[0]}\b|leaves nothing"):
        measured(x, given)


@calm
@given(images(TAME, OTHERS), options())
def test_numbers_of_other_kinds_are_refused(drawn, given):
    with pytest.raises((ValueError, TypeError), match="floating-point"):
        measured(drawn[0], given)


# Similarity


def correlation(g, f):
    """(C, C') in double precision, by NumPy; NaN where a map does not vary."""
    g, f = (z.double().flatten(1).numpy() for z in (g, f))
    g, f = (z - z.mean(1, keepdims=True) for z in (g, f))
    with np.errstate(invalid="ignore", divide="ignore"):
        return g @ f.T / np.sqrt((g**2).sum(1)[:, None] * (f**2).sum(1))


@calm
@given(
    st.integers(0, 999), st.integers(2, 9), st.integers(1, 9), st.integers(1, 4),
    st.sampled_from([torch.float32, torch.float64]), st.integers(-15, 15), st.integers(-3, 3),
    st.sampled_from([-1.0, 1.0]),
)  # fmt: skip
def test_correlations_are_numpys_whatever_scale_and_mean(
    seed, height, width, channels, dtype, power, mean, sign
):
    generator = torch.Generator().manual_seed(seed)
    g, f = torch.randn(2, 1, channels, height, width, generator=generator, dtype=torch.float64)
    scaled = (sign * 10.0**power * (g + (10.0**mean if mean > -3 else 0))).to(dtype)
    found = pairwise(scaled, f.to(dtype))[0].double().numpy()
    wanted = sign * correlation(g[0], f[0])
    assert np.isfinite(found).all() and np.abs(found).max() <= 1
    np.testing.assert_allclose(found, wanted, atol=1e-3 if dtype == torch.float32 else 1e-9)


@calm
@given(
    st.sampled_from(sorted(SPOILT)), st.integers(0, 11), st.sampled_from(["correlation", "cosine"])
)
def test_maps_that_are_no_numbers_are_refused(spoil, where, similarity):
    maps = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    maps.view(-1)[where] = SPOILT[spoil]
    with pytest.raises(NotFiniteError):
        pairwise(maps, torch.rand(1, 3, 2, 2), similarity)
