"""A layer's output as feature maps: `(B, H, W, C)`, whatever the network gives.

Convolutional networks give (B, C, H, W), some transformers (B, H, W, C), others tokens (B, L, C)
with other tokens (class, registers) before or behind them, heads give vectors (B, C). Which it is,
is proved by following a forward pass (`equivar.features.tracker`); where that is not possible, only
what the network or the caller declares is believed, and everything else is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from equivar.features.cells import BATCH, COLUMN, ROW, SPATIAL, UNKNOWN, Dim, Layout
from equivar.features.grid import Grid

CHANNELS = {  # where the channels of each form stand
    "channels first": 1,
    "channels last": 3,
    "tokens": 2,
    "tokens last": 1,
    "tokens first": 2,
    "vector": 1,
}
TOKENS = {"tokens": (0, 1, 2), "tokens last": (0, 2, 1), "tokens first": (1, 0, 2)}


@dataclass(frozen=True)
class Tokens:
    """How a layer's tokens lie, where the caller says so: `layers={"block": Tokens(14, 14, 1)}`.

    height, width: the grid, row by row. before, after: how many other tokens stand around it. part:
    early, middle, late, pool or final; "" where it follows from the layer's place.

    >>> Tokens(14, 14, before=1).height  # 196 tokens after a class token
    14
    """

    height: int
    width: int
    before: int = 0
    after: int = 0
    part: str = ""


@dataclass(frozen=True)
class MapShape:
    """How to read a layer's output: its form, channels and grid of cells.

    form: "channels first", "channels last", "tokens" (images, tokens, channels), "tokens last"
    (images, channels, tokens), "tokens first" (tokens, images, channels) or "vector". prefix: how
    many tokens stand before the grid.
    """

    form: str
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
        if self.form == "tokens last":
            output = output.transpose(1, 2)
        elif self.form == "tokens first":
            output = output.transpose(0, 1)
        grid = self.grid.turned() if turned else self.grid
        cells = output[:, self.prefix : self.prefix + grid.cells]
        return cells.unflatten(1, (grid.height, grid.width))

    @property
    def channel_dim(self) -> int:
        """Which dimension of the output its channels are."""
        return CHANNELS[self.form]

    @property
    def image_dim(self) -> int:
        """Which dimension of the output its images are."""
        return 1 if self.form == "tokens first" else 0

    def with_maps(self, output: Tensor, maps: Tensor) -> Tensor:
        """A copy of the output whose cells hold these maps (B, H, W, C); other tokens stay."""
        changed = output.clone()
        self.maps(changed).copy_(maps)
        return changed


def read_shape(
    name: str, output: Tensor, images: Tensor, layout: Layout | None, model, told: Tokens | None
) -> MapShape:
    """What a layer's output is, from one batch of it and the layout that was followed.

    layout: None where the output was not made from the images. told: what the caller says of it.
    Raises ValueError, naming the layer and the reason, for what can not be read as feature maps.
    """
    if output.is_complex():
        raise ValueError(
            f"layer {name!r} gives complex numbers, such as the frequencies of a map: they have no "
            "cells; measure the layer after the transform back"
        )
    found = layout and (_map(layout) or _tokens(layout))
    if found and not told:
        return found
    if output.dim() not in (2, 3, 4) or output.shape[0] != images.shape[0]:
        raise ValueError(
            f"layer {name!r} gives a tensor of shape {tuple(output.shape)} for "
            f"{images.shape[0]} images; it should be (images, channels, height, width), "
            "(images, height, width, channels), (images, tokens, channels) or (images, channels)"
        )
    image_grid = Grid(images.shape[-2], images.shape[-1])
    if told:
        return _as_told(name, output, image_grid, told)
    if output.dim() == 2:
        return MapShape("vector", output.shape[1], image_grid.resized(1, 1))
    found = _declared(output, image_grid, layout, model)
    if found:
        return found
    raise ValueError(_refusal(name, output, layout))


def _as_told(name: str, output: Tensor, image: Grid, told: Tokens) -> MapShape:
    tokens = told.before + told.height * told.width + told.after
    if output.dim() != 3 or output.shape[1] != tokens:
        raise ValueError(
            f"layer {name!r} gives a tensor of shape {tuple(output.shape)}, not (images, {tokens}, "
            f"channels) as {told} says"
        )
    grid = image.resized(told.height, told.width)
    return MapShape("tokens", output.shape[2], grid, told.before)


def _map(layout: Layout) -> MapShape | None:
    """Of a layout (B, C, H, W) or (B, H, W, C)."""
    if len(layout.dims) != 4 or not _of_images(layout.dims[0]):
        return None
    for form, (c, h, w) in (("channels first", (1, 2, 3)), ("channels last", (3, 1, 2))):
        channels, rows, columns = (layout.dims[d] for d in (c, h, w))
        steps = {ROW: _step(rows, ROW), COLUMN: _step(columns, COLUMN)}
        if None not in steps.values() and _channels(channels, steps):
            return MapShape(form, channels.size, _grid(layout, (rows.size, columns.size), steps))
    return None


def _tokens(layout: Layout) -> MapShape | None:
    """Of three dimensions, of which one has the cells row by row: (B, L, C) or in another order."""
    if len(layout.dims) != 3:
        return None
    for form, places in TOKENS.items():
        images, tokens, channels = (layout.dims[place] for place in places)
        if not _of_images(images):
            continue
        in_order = [axis.kind for axis in tokens.axes] == [ROW, COLUMN]
        if not in_order or any(axis.shift or axis.flipped for axis in tokens.axes):
            continue
        steps = {axis.kind: axis.step for axis in tokens.axes}
        if _channels(channels, steps):
            sizes = tuple(axis.size for axis in tokens.axes)
            return MapShape(form, channels.size, _grid(layout, sizes, steps), tokens.before)
    return None


def _grid(layout: Layout, sizes: tuple[int, int], steps: dict[str, int]) -> Grid:
    return Grid(*sizes, layout.rows * steps[ROW], layout.columns * steps[COLUMN])


def _of_images(dim: Dim) -> bool:
    """Whether a dimension goes over the images and nothing else."""
    return dim.kinds <= {BATCH} and not (dim.before or dim.after)


def _step(dim: Dim, kind: str) -> int | None:
    """Cells of the map from one entry to the next; None where these are no rows (columns)."""
    axis = dim.single
    if axis is None:
        return 1 if dim.size == 1 else None
    return axis.step if axis.kind == kind and not (axis.shift or axis.flipped) else None


def _channels(dim: Dim, steps: dict[str, int]) -> bool:
    """Whether a dimension holds channels; the cells of a patch may be among them."""
    inside = (axis.step * axis.size <= steps[axis.kind] for axis in dim.axes if axis.kind in steps)
    return BATCH not in dim.kinds and all(inside)


def _declared(output: Tensor, image: Grid, layout: Layout | None, model) -> MapShape | None:
    """What the network itself says, where nothing that was followed speaks against it."""
    if any(dim.why and not dim.why.startswith(UNKNOWN) for dim in (layout.dims if layout else ())):
        return None
    if output.dim() == 4:
        # what was made by other means than PyTorch's operations follows PyTorch's convention
        forms = {"NHWC": "channels last", "NCHW": "channels first"}
        default = "channels first" if layout is None else None
        form = forms.get(getattr(model, "output_fmt", None), default)
        sizes = output.shape[1:3] if form == "channels last" else output.shape[2:4]
        channels = output.shape[3 if form == "channels last" else 1]
        return MapShape(form, channels, image.resized(*sizes)) if form else None
    prefix = getattr(model, "num_prefix_tokens", None)
    sides = getattr(getattr(model, "patch_embed", model), "grid_size", None)
    if prefix is None or not isinstance(sides, (tuple, list)) or len(sides) != 2:
        return None
    if output.shape[1] != prefix + sides[0] * sides[1]:
        return None
    return MapShape("tokens", output.shape[2], image.resized(*sides), prefix)


def _refusal(name: str, output: Tensor, layout: Layout | None) -> str:
    """Why a layer can not be read, and what to do."""
    why = "it is not made from the images"
    if layout:
        found = [dim.why for dim in layout.dims[1:] if dim.why]
        why = found[0] if found else _disorder(layout)
    what = f"{output.shape[1]} tokens" if output.dim() == 3 else "entries"
    told = f"layers={{{name!r}: equivar.Tokens(height, width, before=0)}}"
    do = f"if you know how they lie, say so with {told}, or " if output.dim() == 3 else ""
    return (
        f"layer {name!r} gives a tensor of shape {tuple(output.shape)} whose {what} can not be "
        f"shown to be the cells of a map: {why}; {do}measure a layer that gives (images, channels, "
        "height, width)"
    )


def _disorder(layout: Layout) -> str:
    """What is wrong where every axis was followed, and the map is not whole or in order."""
    axes = [axis for dim in layout.dims for axis in dim.axes if axis.kind in SPATIAL]
    if not layout.spatial:
        return "they were averaged or mixed until no rows and columns were left"
    if layout.dims[0].spatial:
        return "the map is cut into windows, which lie beside the images"
    if any(axis.shift or axis.flipped for axis in axes):
        return "they are rolled or reversed"
    return "they are not in the order of rows and columns (windows, or rows alone)"
