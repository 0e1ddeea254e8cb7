"""Where cells lie is proved: an output is read as a map only where its cells are in their places.

The image holds its own coordinates, channel 0 the row and channel 1 the column of each pixel, and
goes through random rearrangements. What comes out is either refused, or read with every coordinate
where the grid says it is.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import equivar
from equivar.features import CellTracker
from equivar.features.maps import read_shape


def coordinates(height, width, images=2):
    """(B, 2, H, W): the row and the column of each pixel, the same for every image."""
    rows = torch.arange(float(height))[:, None].expand(height, width)
    columns = torch.arange(float(width))[None, :].expand(height, width)
    return torch.stack([rows, columns]).expand(images, -1, -1, -1).clone()


def tokens(x):
    """(B, C, H, W) -> (B, H W, C)."""
    return x.flatten(2).transpose(1, 2)


def windows(x, side=2):
    """(B, C, H, W) cut into windows, which lie beside the images: (B n, side side, C)."""
    b, c, h, w = x.shape
    cut = x.view(b, c, h // side, side, w // side, side).permute(0, 2, 4, 3, 5, 1)
    return cut.reshape(-1, side * side, c)


def from_windows(x, b, h, w, side=2):
    """The way back, to (B, H, W, C)."""
    cut = x.view(b, h // side, w // side, side, side, -1)
    return cut.permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, -1)


def extra(x, count):
    """Tokens that every image shares, as a class token is."""
    return torch.full((1, count, x.shape[2]), -7.0).expand(len(x), -1, -1)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def shuffled(x, seed):
    order = torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(seed))
    return x[:, order] if seed % 2 else x.index_select(1, order)


# Each takes and gives a map (B, C, H, W), with a power of 2 of rows and columns.
STEPS = {
    "tokens and back": lambda x, n: tokens(x).transpose(1, 2).reshape(x.shape),
    "windows and back": lambda x, n: from_windows(windows(x), len(x), *x.shape[2:]).permute(
        0, 3, 1, 2
    ),
    "class tokens come and go": lambda x, n: (
        torch.cat([extra(tokens(x), n), tokens(x)], 1)[:, n:].transpose(1, 2).reshape(x.shape)
    ),
    "rolled": lambda x, n: x.roll((n, -n), (2, 3)),
    "rolled back": lambda x, n: x.roll((-n, n), (2, 3)),
    "flipped": lambda x, n: x.flip(3),
    "every second": lambda x, n: x[:, :, ::2, ::2] if min(x.shape[2:]) > 4 else x,
    "transposed": lambda x, n: x.transpose(2, 3),
    "tokens shuffled": lambda x, n: shuffled(tokens(x), n).transpose(1, 2).reshape(x.shape),
    "one": lambda x, n: F.relu(x) + 0 * x.mean((2, 3), keepdim=True),
}
ENDS = {
    "channels first": lambda x, n: x,
    "channels last": lambda x, n: nhwc(x),
    "tokens": lambda x, n: tokens(x),
    "tokens behind others": lambda x, n: torch.cat([extra(tokens(x), n), tokens(x)], 1),
    "tokens before others": lambda x, n: torch.cat([tokens(x), extra(tokens(x), n)], 1),
    "between others": lambda x, n: torch.cat(
        [extra(tokens(x), n), tokens(x), extra(tokens(x), 1)], 1
    ),
    "channels before tokens": lambda x, n: x.flatten(2),
    "windows": lambda x, n: windows(x).reshape(len(x), -1, x.shape[1]),
    "columns first": lambda x, n: tokens(x.transpose(2, 3)),
    "a part": lambda x, n: tokens(x)[:, n:],
}


def read(x, made):
    """How the output of `made(x)` is read; None where it is refused."""
    with CellTracker(x) as tracker, torch.no_grad():
        out = made(x)
    try:
        return out, read_shape("layer", out, x, tracker.layout_of(out), nn.Module(), None)
    except ValueError as error:
        assert "can not be shown to be the cells of a map: " in str(error)
        return out, None


def in_place(out, shape):
    """Whether every cell that is read holds its own coordinates, up to a first one."""
    maps = shape.maps(out)
    height, width = shape.grid.height, shape.grid.width
    rows = maps[..., 0] - maps[:, :1, :1, 0]
    columns = maps[..., 1] - maps[:, :1, :1, 1]
    wanted = coordinates(height, width, len(out))
    by = float(shape.grid.rows), float(shape.grid.columns)
    return torch.equal(rows, wanted[:, 0] * by[0]) and torch.equal(columns, wanted[:, 1] * by[1])


@given(
    st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 3)), max_size=5),
    st.sampled_from(sorted(ENDS)),
    st.integers(1, 3),
    st.sampled_from([(8, 8), (8, 16), (16, 8)]),
)
@settings(max_examples=200, deadline=None)
def test_what_is_read_is_in_its_place(steps, end, n, size):
    def made(x):
        for name, count in steps:
            x = STEPS[name](x, count)
        return ENDS[end](x, n)

    out, shape = read(coordinates(*size), made)
    assert shape is None or in_place(out, shape), (steps, end)


@pytest.mark.parametrize("end", sorted(set(ENDS) - {"windows", "columns first", "a part"}))
@pytest.mark.parametrize("size", [(8, 8), (8, 16)])
def test_what_is_in_order_is_read(end, size):
    """Also after windows, a roll and back, and other tokens: nothing in order is refused."""
    order = ["windows and back", "rolled", "tokens and back", "rolled back", "every second", "one"]

    def made(x):
        for name in order:
            x = STEPS[name](x, 2)
        return ENDS[end](x, 3)

    out, shape = read(coordinates(*size), made)
    assert shape and in_place(out, shape)
    assert (shape.grid.height, shape.grid.width) == (size[0] // 2, size[1] // 2)
    assert shape.stride == 2


@pytest.mark.parametrize("end", ["windows", "columns first", "a part"])
def test_what_is_out_of_order_is_refused(end):
    assert read(coordinates(8, 16), lambda x: ENDS[end](x, 2))[1] is None


@pytest.mark.parametrize("side", [6, 2])
def test_ties_of_sides_and_channels_are_settled(side):
    """C = H = W, and images with fewer cells than channels: the sizes tell nothing."""
    conv = nn.Conv2d(2, side, 1)
    for last in (False, True):
        made = (lambda x: nhwc(conv(x))) if last else conv
        _, shape = read(coordinates(side, side), made)
        assert shape.form == ("channels last" if last else "channels first")


class Block(nn.Module):
    """Gives what `made` makes of a convolution's map."""

    def __init__(self, made):
        super().__init__()
        self.conv, self.block, self.made = nn.Conv2d(3, 6, 4, 4), nn.Identity(), made

    def forward(self, x):
        return self.block(self.made(self.conv(x)))


def measured(made, layers=("block",), **options):
    torch.manual_seed(0)
    images = torch.randn(6, 3, 24, 24)
    return equivar.measure(
        Block(made).eval(), images, [equivar.Rotation(1)], layers=layers, progress=False, **options
    )


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda x: tokens(x)[:, torch.rand(36).argsort()[:9]], "chosen by number|`index`"),
        (lambda x: torch.fft.fft2(x), "complex numbers"),
        (lambda x: tokens(x).cumsum(1).sort(1).values, "chosen by number"),
        (
            lambda x: nn.GRU(6, 5, batch_first=True)(x.mean(1))[0],
            "rows alone|averaged|mixed|went through",
        ),
        (lambda x: extra(tokens(x), 36) + 0 * tokens(x).mean(1, keepdim=True), "not made|averaged"),
    ],
    ids=["dropped", "complex", "sorted", "recurrent", "queries"],
)
def test_what_lies_on_no_grid_is_refused_with_the_reason(made, words):
    with pytest.raises(ValueError, match=words):
        measured(made)


def test_what_is_made_from_images_beside_the_factors_alone_is_lost_and_stops_nothing():
    images, weight = coordinates(4, 4), torch.ones(4, 4)
    rows, values = torch.ones(2, 1, 5, 4), torch.ones(2, 1, 4, 4)
    with CellTracker(images) as tracker, torch.no_grad():
        outputs = [
            torch.addmm(images[0, 0], weight, weight),
            F.scaled_dot_product_attention(rows, images[:, :1], values),
        ]
        assert not any(tracker.layout_of(output).spatial for output in outputs)


def test_the_caller_can_say_how_tokens_lie():
    chosen = torch.arange(36).flip(0)  # followed no further than to the choice by number
    with pytest.raises(ValueError, match=r"layers=\{'block': equivar\.Tokens\(height, width"):
        measured(lambda x: tokens(x)[:, chosen])
    table = measured(
        lambda x: torch.cat([extra(tokens(x), 2), tokens(x)[:, chosen]], 1),
        layers={"block": equivar.Tokens(6, 6, before=2, part="late")},
    )
    assert (table["height"][0], table["stride"][0], table["part"][0]) == (6, 4, "late")
    with pytest.raises(ValueError, match=r"not \(images, 25, channels\) as Tokens"):
        measured(tokens, layers={"block": equivar.Tokens(5, 5)})
