"""What the dimensions of a tensor stand for: images, channels, rows and columns of a map.

A layout says it for one tensor: each dimension is a product of axes, as windows and flattened maps
have them, perhaps with other entries before and behind. The functions here say what becomes of a
layout when a tensor is reshaped, cut, padded or joined with others. What can not be followed
becomes an axis of the kind "other", with the reason, and is never taken for rows or columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

BATCH, CHANNEL, ROW, COLUMN, OTHER = "batch", "channel", "row", "column", "other"
SPATIAL = (ROW, COLUMN)
UNKNOWN = "it went through"  # how a reason begins where no rule says what an operation does


@dataclass(frozen=True)
class Axis:
    """One factor of a dimension.

    step: of rows and columns, how many cells of the map lie from one entry to the next: after a
    map of 56 rows is cut into windows of 7, the axis of windows has step 7 and the one within a
    window step 1. shift: by how many entries it was rolled. flipped: whether its order is reversed.
    why: of other axes, what happened.
    """

    kind: str
    size: int
    step: int = 1
    shift: int = 0
    flipped: bool = False
    why: str = ""


@dataclass(frozen=True)
class Dim:
    """A dimension: the product of its axes, the last one fastest, and entries around it."""

    axes: tuple[Axis, ...] = ()
    before: int = 0
    after: int = 0

    @property
    def inside(self) -> int:
        """How many entries belong to the axes."""
        return prod(axis.size for axis in self.axes)

    @property
    def size(self) -> int:
        """How many entries the dimension has."""
        return self.before + self.inside + self.after

    @property
    def kinds(self) -> set[str]:
        """The kinds of its axes."""
        return {axis.kind for axis in self.axes}

    @property
    def spatial(self) -> bool:
        """Whether rows or columns are among its axes."""
        return not self.kinds.isdisjoint(SPATIAL)

    @property
    def single(self) -> Axis | None:
        """Its axis, where there is one and nothing else."""
        alone = len(self.axes) == 1 and not (self.before or self.after)
        return self.axes[0] if alone else None

    @property
    def why(self) -> str:
        """What happened to the first axis that could not be followed."""
        return next((axis.why for axis in self.axes if axis.why), "")


@dataclass(frozen=True)
class Layout:
    """What the dimensions of a tensor stand for.

    rows, columns: pixels from one cell of the map to the next.
    """

    dims: tuple[Dim, ...]
    rows: Fraction = Fraction(1)
    columns: Fraction = Fraction(1)

    @classmethod
    def of_images(cls, shape: Sequence[int]) -> Layout:
        """That of images (B, C, H, W)."""
        kinds = (BATCH, CHANNEL, ROW, COLUMN)
        return cls(tuple(one(kind, size) for kind, size in zip(kinds, shape, strict=True)))

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the dimensions."""
        return tuple(dim.size for dim in self.dims)

    @property
    def spatial(self) -> bool:
        """Whether there are rows or columns in any dimension."""
        return any(dim.spatial for dim in self.dims)

    @property
    def normal(self) -> Layout:
        """The same, where rows or columns that stand in one place alone have step 1."""
        by = {}
        for kind in SPATIAL:
            steps = [axis.step for dim in self.dims for axis in dim.axes if axis.kind == kind]
            by[kind] = steps[0] if len(steps) == 1 else 1
        if set(by.values()) == {1}:
            return self
        alone = {kind for kind, step in by.items() if step > 1}
        found = [
            replace(dim, axes=tuple(replace(a, step=1) if a.kind in alone else a for a in dim.axes))
            for dim in self.dims
        ]
        return Layout(tuple(found), self.rows * by[ROW], self.columns * by[COLUMN])

    def with_dims(self, dims: Iterable[Dim]) -> Layout:
        """The same map in other dimensions."""
        return replace(self, dims=tuple(dims))


def one(kind: str, size: int, why: str = "") -> Dim:
    """A dimension of a single axis."""
    return Dim((Axis(kind, size, why=why),) if size != 1 else ())


def lost(size: int, why: str) -> Dim:
    """A dimension of which nothing is known any more."""
    return one(OTHER, size, why)


def reshaped(layout: Layout, shape: Sequence[int]) -> Layout:
    """The layout after a reshape: axes are split and joined where the sizes allow it."""
    old, dims, i, j = layout.shape, [], 0, 0
    if 0 in old:
        return layout.with_dims(lost(size, "it is empty") for size in shape)
    while i < len(old) or j < len(shape):
        first, start, left, right = i, j, 1, 1
        if i < len(old):
            left, i = old[i], i + 1
        if j < len(shape):
            right, j = shape[j], j + 1
        while left != right:  # the fewest dimensions that hold as much on both sides
            if left < right:
                left, i = left * old[i], i + 1
            else:
                right, j = right * shape[j], j + 1
        dims += _dealt(layout.dims[first:i], shape[start:j])
    return layout.with_dims(dims)


def _dealt(taken: Sequence[Dim], wanted: Sequence[int]) -> list[Dim]:
    """The axes of some dimensions, dealt out to dimensions of these sizes."""
    if [dim.size for dim in taken if dim.size != 1] == [size for size in wanted if size != 1]:
        kept = iter(dim for dim in taken if dim.size != 1)
        return [next(kept) if size != 1 else Dim() for size in wanted]
    if any(dim.before or dim.after for dim in taken):
        return [lost(size, "tokens around a map were reshaped with it") for size in wanted]
    axes = [axis for dim in taken for axis in dim.axes]
    found = []
    for size in wanted:
        own = []
        while size > 1 and axes:
            axis = axes.pop(0)
            if size % axis.size == 0:
                own.append(axis)
                size //= axis.size
            elif axis.size % size == 0:
                inner = axis.size // size
                own.append(replace(axis, size=size, step=axis.step * inner))
                axes.insert(0, replace(axis, size=inner))
                size = 1
            else:
                return [lost(size, "a reshape cut through it") for size in wanted]
        found.append(Dim(joined(own)))
    return found


def joined(axes: Iterable[Axis]) -> tuple[Axis, ...]:
    """Neighbouring axes made one where they belong together; those of size 1 say nothing."""
    found: list[Axis] = []
    for axis in axes:
        if axis.size == 1:
            continue
        last = found[-1] if found else None
        if last and last.kind == axis.kind and _fit(last, axis):
            found[-1] = replace(axis, size=last.size * axis.size, why=last.why or axis.why)
        else:
            found.append(axis)
    return tuple(found)


def _fit(outer: Axis, inner: Axis) -> bool:
    """Whether two axes of one kind are one, cut in two."""
    if outer.kind not in SPATIAL:
        return True
    same = (outer.shift, outer.flipped) == (inner.shift, inner.flipped)
    return same and outer.step == inner.step * inner.size


def without(layout: Layout, gone: Iterable[int]) -> Layout:
    """The layout without some dimensions, of which one entry is left or their mean.

    Rows (columns) that are spread over several dimensions are lost with one of them.
    """
    gone = {d % len(layout.dims) for d in gone}
    kinds = {kind for d in gone for kind in layout.dims[d].kinds} & set(SPATIAL)
    kept = (dim for d, dim in enumerate(layout.dims) if d not in gone)
    return layout.with_dims(_without_kinds(dim, kinds) for dim in kept)


def _without_kinds(dim: Dim, kinds: set[str]) -> Dim:
    if not dim.kinds & kinds:
        return dim
    return lost(dim.size, "some of its rows or columns were taken out or averaged")


def cut(dim: Dim, start: int, stop: int, step: int) -> Dim:
    """A dimension after [start:stop:step], with 0 <= start <= stop <= size."""
    size = len(range(start, stop, step))
    if (start, stop, step) == (0, dim.size, 1):
        return dim
    axis = dim.single
    if axis and (axis.shift or axis.flipped):
        return lost(size, "a part of a rolled or reversed map was taken")
    if axis:
        return Dim(joined([replace(axis, size=size, step=axis.step * step)]))
    end = dim.before + dim.inside
    if step == 1 and start <= dim.before and stop >= end:  # of what stands around a map
        return replace(dim, before=dim.before - start, after=stop - end)
    if stop <= dim.before or start >= end:  # such as a class token
        return lost(size, "it is not made of the map's cells")
    return lost(size, "a part of the map's cells was taken")


def padded(dim: Dim, before: int, after: int) -> Dim:
    """A dimension with more entries at its ends."""
    axis = dim.single
    if not (before or after):
        return dim
    if axis and (axis.shift or axis.flipped):
        return lost(dim.size + before + after, "a rolled or reversed map was padded")
    if axis:
        return Dim((replace(axis, size=axis.size + before + after),))
    return replace(dim, before=dim.before + before, after=dim.after + after)


def rolled(dim: Dim, by: int) -> Dim:
    """A dimension whose entries were moved on, the last ones to the front."""
    axis = dim.single
    if by % max(dim.size, 1) == 0 or not dim.axes:
        return dim
    if axis is None:
        return lost(dim.size, "it was rolled")
    return Dim((replace(axis, shift=(axis.shift + by) % axis.size),))


def flipped(dim: Dim) -> Dim:
    """A dimension in reverse order."""
    axis = dim.single
    if axis is None:
        return dim if not dim.axes else lost(dim.size, "it was reversed")
    return Dim((replace(axis, flipped=not axis.flipped, shift=-axis.shift % axis.size),))


def together(dims: Sequence[Dim | None], size: int) -> Dim:
    """What a dimension stands for after tensors were added, multiplied or the like.

    dims: of each tensor, None where it has one entry for all. Where some say rows or columns they
    must agree; what is no map (a weight, a token mixer's output) takes on the place it is added to.
    """
    known = [dim for dim in dims if dim is not None]
    maps = list(dict.fromkeys(dim for dim in known if dim.spatial))
    maps = [dim for dim in maps if dim.kinds <= set(SPATIAL)] or maps
    if len(maps) > 1:
        return lost(size, "maps of different order were added")
    if maps:
        return maps[0]
    for kind in (BATCH, CHANNEL):
        found = [dim for dim in known if kind in dim.kinds]
        if found:
            return found[0]
    return known[0] if known else lost(size, "it is not made from the image")


def concatenated(dims: Sequence[Dim | None], sizes: Sequence[int]) -> Dim:
    """The dimension along which tensors were joined; None: a tensor not made from the image."""
    maps = [i for i, dim in enumerate(dims) if dim is not None and dim.spatial]
    total = sum(sizes)
    mixed = [i for i in maps if dims[i].kinds - set(SPATIAL)]
    if not maps or mixed:  # channels, perhaps with the cells of a patch among them
        batch = any(dim is not None and BATCH in dim.kinds for dim in dims)
        return lost(total, "images were joined") if batch else one(CHANNEL, total)
    if len(maps) > 1:
        return lost(total, "several maps were joined")
    [i] = maps
    before, after = sum(sizes[:i]), sum(sizes[i + 1 :])
    return Dim(dims[i].axes, dims[i].before + before, dims[i].after + after)
