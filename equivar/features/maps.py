"""A layer's output as feature maps: `(B, H, W, C)`, whatever the network gives.

Convolutional networks give (B, C, H, W), some transformers (B, H, W, C), others tokens (B, L, C)
with or without prefix tokens (class, distillation, registers), heads give vectors (B, C).
"""

from dataclasses import dataclass
from math import isqrt, log

from torch import Tensor

from equivar.features.geometry import Grid

_MOST_PREFIX_TOKENS = 32
_MOST_SKEW = 0.3  # log of how differently the two sides of a grid may shrink


@dataclass(frozen=True)
class MapShape:
    """How to read a layer's output: its form, channels and grid of cells."""

    form: str  # "channels first", "channels last", "tokens" or "vector"
    channels: int
    grid: Grid
    prefix: int = 0

    @property
    def spatial(self) -> bool:
        """Whether there is more than one cell."""
        return self.grid.cells > 1

    @property
    def stride(self) -> float:
        """Pixels from one cell to the next, the larger of two directions; NaN for one cell."""
        return float(max(self.grid.rows, self.grid.columns)) if self.spatial else float("nan")

    def maps(self, output: Tensor, turned: bool = False) -> Tensor:
        """The output as `(B, H, W, C)`, a view where possible; `turned`: of a turned image."""
        if self.form == "channels first":
            return output.permute(0, 2, 3, 1)
        if self.form == "channels last":
            return output
        if self.form == "vector":
            return output[:, None, None, :]
        grid = self.grid.turned() if turned else self.grid
        return output[:, self.prefix :].unflatten(1, (grid.height, grid.width))


def read_shape(name: str, output: Tensor, images: Tensor, grid: Grid | None, model) -> MapShape:
    """What a layer's output is, from one batch of it and the grid that led to it.

    Raises ValueError, naming the layer, for what cannot be read as feature maps.
    """
    if output.dim() not in (2, 3, 4) or output.shape[0] != images.shape[0]:
        raise ValueError(
            f"layer {name!r} gives a tensor of shape {tuple(output.shape)} for "
            f"{images.shape[0]} images; it should be (images, channels, height, width), "
            "(images, height, width, channels), (images, tokens, channels) or (images, channels)"
        )
    image_grid = Grid(images.shape[-2], images.shape[-1])
    grid = grid or image_grid
    if output.dim() == 2:
        return MapShape("vector", output.shape[1], image_grid.resized(1, 1))
    if output.dim() == 4:
        return _read_4d(name, output, grid, model)
    return _read_tokens(name, output, grid, model)


def _read_4d(name: str, output: Tensor, grid: Grid, model) -> MapShape:
    first = grid.resized(output.shape[2], output.shape[3])
    last = grid.resized(output.shape[1], output.shape[2])
    said_last = getattr(model, "output_fmt", None) == "NHWC"
    # the grid of cells has the same shape as the grid that led here; channels rarely have
    odd_first, odd_last = (
        (_skew(grid, g), (g.height, g.width) != (grid.height, grid.width)) for g in (first, last)
    )
    channels_last = odd_last < odd_first or (odd_last == odd_first and said_last)
    channels_last = channels_last and (first.height, first.width) != (1, 1)
    skew = (odd_last if channels_last else odd_first)[0]
    if skew > _MOST_SKEW and 1 not in (first.cells, last.cells):
        raise ValueError(
            f"layer {name!r} gives a tensor of shape {tuple(output.shape)}, where the feature map "
            f"before it has {grid.height} x {grid.width} cells: it is neither (images, channels, "
            "height, width) nor (images, height, width, channels)"
        )
    if channels_last:
        return MapShape("channels last", output.shape[3], last)
    return MapShape("channels first", output.shape[1], first)


def _skew(a: Grid, b: Grid) -> float:
    """How far b is from a scaled copy of a: 0 when both sides changed by the same factor."""
    return round(abs(log(a.height / b.height) - log(a.width / b.width)), 1)


def _read_tokens(name: str, output: Tensor, grid: Grid, model) -> MapShape:
    if hasattr(model, "unroll"):  # Hiera
        raise ValueError(
            f"layer {name!r}: {type(model).__name__} reorders its tokens, so they form no grid"
        )
    tokens, channels = output.shape[1:]
    said = getattr(model, "num_prefix_tokens", None)
    prefix = tokens - grid.cells
    if prefix == said or (said is None and 0 <= prefix <= _MOST_PREFIX_TOKENS):
        return MapShape("tokens", channels, grid, prefix)
    guesses = [0, 1, 2] if said is None else [said, 0]
    for prefix in guesses:
        for factor in range(2, min(grid.height, grid.width) + 1):
            height, width = -(-grid.height // factor), -(-grid.width // factor)
            if height * width == tokens - prefix:
                return MapShape("tokens", channels, grid.resized(height, width), prefix)
    for prefix in guesses:
        side = isqrt(max(tokens - prefix, 0))
        if side and side * side == tokens - prefix and grid.height == grid.width:
            return MapShape("tokens", channels, grid.resized(side, side), prefix)
    raise ValueError(
        f"layer {name!r} gives {tokens} tokens, which fit no grid: the last feature map before "
        f"them has {grid.height} x {grid.width} cells. Measure a layer that gives "
        "(images, channels, height, width), or set `model.num_prefix_tokens`"
    )
