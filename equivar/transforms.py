"""The transformations of the paper (section 3): quarter turns and diagonal shifts.

A shift also says how one axis of a feature map is read, and which of its cells can be compared:
the ones whose content was inside the image before the shift.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import index

import torch
from torch import Tensor

from equivar.names import did_you_mean, near_names

BORDERS = ("zero", "wrap")
SUBPIXELS = ("bilinear", "nearest", "skip")
_FORMS = "rotations, rotation-90, rotation-180, rotation-270, shift-3, shifts:1-16, shifts:4-16:4"


@dataclass(frozen=True)
class Rotation:
    """A turn of the image plane by `quarter_turns` x 90 degrees, counter-clockwise.

    It maps the pixel grid onto itself, so nothing is interpolated or cropped.
    Raises TypeError when `quarter_turns` is not a whole number.

    >>> import torch
    >>> Rotation(1).on_images(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """

    quarter_turns: int = 1

    def __post_init__(self):
        object.__setattr__(self, "quarter_turns", _whole(self, self.quarter_turns) % 4)

    @property
    def name(self) -> str:
        """Its name in tables, such as "rotation-90"."""
        return f"rotation-{90 * self.quarter_turns}"

    @property
    def swaps_sides(self) -> bool:
        """Whether height and width change places."""
        return self.quarter_turns % 2 == 1

    def inverse(self) -> "Rotation":
        """The rotation that turns the plane back."""
        return Rotation(-self.quarter_turns)

    def on_images(self, images: Tensor, border: str = "zero") -> Tensor:
        """Turn images, maps or cell numbers `(..., H, W)`; `border` has no effect."""
        return torch.rot90(images, self.quarter_turns, dims=(-2, -1))


@dataclass(frozen=True)
class Shift:
    """A diagonal shift: the content moves `pixels` down and `pixels` to the right.

    Raises TypeError when `pixels` is not a whole number (negative: up and left).

    >>> import torch
    >>> Shift(1).on_images(torch.tensor([[1, 2], [3, 4]]))
    tensor([[0, 0],
            [0, 1]])
    """

    pixels: int

    def __post_init__(self):
        object.__setattr__(self, "pixels", _whole(self, self.pixels))

    @property
    def name(self) -> str:
        """Its name in tables, such as "shift-3"."""
        return f"shift-{self.pixels}"

    swaps_sides = False

    def on_images(self, images: Tensor, border: str = "zero") -> Tensor:
        """Shift images `(..., H, W)`.

        New pixels at the border are 0, or with `border="wrap"` those of the other side.
        """
        d = self.pixels
        rolled = torch.roll(images, (d, d), dims=(-2, -1))
        if border == "wrap" or d == 0:
            return rolled
        new = slice(0, d) if d > 0 else slice(d, None)
        rolled[..., new, :] = 0
        rolled[..., :, new] = 0
        return rolled

    def steps(self, grid, border: str, subpixel: str) -> "tuple[Steps, Steps] | None":
        """How the rows and the columns of a feature map are read; None if no cell can be compared.

        `grid`: an `equivar.features.Grid`, the map's cells and their strides.
        """
        rows = self._axis(grid.height, grid.rows, border, subpixel)
        columns = self._axis(grid.width, grid.columns, border, subpixel)
        return None if rows is None or columns is None else (rows, columns)

    def _axis(self, size: int, stride: Fraction, border: str, subpixel: str) -> "Steps | None":
        """How one axis of a feature map is read: None where no cell can be compared.

        `size` is the number of cells, `stride` the pixels from one cell to the next.
        Cell i of the shifted map is read at position i - pixels / stride of the original map
        (with `border="zero"` only where that lies on the map).
        """
        by = Fraction(self.pixels) / stride
        if subpixel == "skip" and by.denominator != 1:
            return None
        if border == "wrap":
            first, last = 0, size - 1
        else:
            first, last = max(0, _ceil(by)), min(size - 1, size - 1 + _floor(by))
        if first > last:
            return None
        if subpixel == "nearest":
            by = Fraction(_ceil(by - Fraction(1, 2)))  # halves are read at the later cell
        low = _floor(-by)  # position of cell i is i + low + weight, with 0 <= weight < 1
        return Steps(first, last - first + 1, low, float(-by - low), border == "wrap")


@dataclass(frozen=True)
class Steps:
    """One axis of a shifted feature map: cells `first` .. `first + count - 1` are compared.

    Cell i reads the original map at i + low (share 1 - weight) and i + low + 1 (share weight).
    """

    first: int
    count: int
    low: int
    weight: float
    wraps: bool

    def source(self, maps: Tensor, dim: int) -> Tensor:
        """The original maps, read where the content of the compared cells was, along one axis."""
        near = self._cells(maps, dim, self.low)
        if self.weight == 0:
            return near
        return torch.lerp(near, self._cells(maps, dim, self.low + 1), self.weight)

    def target(self, maps: Tensor, dim: int) -> Tensor:
        """The compared cells of the shifted image's map, along one axis."""
        return maps.narrow(dim, self.first, self.count)

    def _cells(self, maps: Tensor, dim: int, low: int) -> Tensor:
        if self.wraps:
            return torch.roll(maps, -low, dims=dim)
        return maps.narrow(dim, self.first + low, self.count)


def rotations() -> list[Rotation]:
    """The turns by 90, 180 and 270 degrees.

    >>> [turn.name for turn in rotations()]
    ['rotation-90', 'rotation-180', 'rotation-270']
    """
    return [Rotation(k) for k in (1, 2, 3)]


def diagonal_shifts(first: int, last: int) -> list[Shift]:
    """The diagonal shifts by `first`, ..., `last` pixels, both ends included.

    The paper uses `diagonal_shifts(1, 16)` on CIFAR-10 and `diagonal_shifts(1, 32)` on ImageNet.
    Raises ValueError where `last` is below `first`.

    >>> [shift.pixels for shift in diagonal_shifts(1, 4)]
    [1, 2, 3, 4]
    """
    if last < first:
        raise ValueError(f"diagonal_shifts({first}, {last}) is empty: last is below first")
    return [Shift(d) for d in range(first, last + 1)]


def parse_transforms(text: str | Sequence[str]) -> list[Rotation | Shift]:
    """Read `rotations`, `rotation-90`, `shift-3`, `shifts:1-16`, `shifts:4-16:4` (every fourth).

    Several stand in a list, or in one string with commas. Raises ValueError, which names what
    cannot be read.

    >>> [one.name for one in parse_transforms("rotation-90, shifts:4-12:4")]
    ['rotation-90', 'shift-4', 'shift-8', 'shift-12']
    """
    words = text.split(",") if isinstance(text, str) else list(text)
    found = [transform for word in words for transform in _transforms(word.strip())]
    if not found:
        raise ValueError(f"no transformations named; there are {_FORMS}")
    return list(dict.fromkeys(found))


def _transforms(word: str) -> list[Rotation | Shift]:
    if word == "rotations":
        return rotations()
    if turn := re.fullmatch(r"rotation-(90|180|270)", word):
        return [Rotation(int(turn[1]) // 90)]
    if shift := re.fullmatch(r"shift-(-?\d+)", word):
        return [Shift(int(shift[1]))]
    if many := re.fullmatch(r"shifts:(-?\d+)-(-?\d+)(?::([1-9]\d*))?", word):
        return diagonal_shifts(int(many[1]), int(many[2]))[:: int(many[3] or 1)]
    hint = did_you_mean(near_names(word, _FORMS.split(", "), 1))
    raise ValueError(f"transformation {word!r} can not be read.{hint} There are {_FORMS}")


def _whole(transform, value) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        return index(value)
    except TypeError:
        raise TypeError(
            f"{type(transform).__name__} takes a whole number, not {value!r}: "
            "only whole pixels and quarter turns map the pixel grid onto itself"
        ) from None


def _floor(x: Fraction) -> int:
    return x.numerator // x.denominator


def _ceil(x: Fraction) -> int:
    return -(-x.numerator // x.denominator)
