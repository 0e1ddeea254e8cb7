"""The grid of a feature map's cells: how many there are, and how many pixels lie between them."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Grid:
    """A grid of `height` x `width` cells, whose rows and columns are so many pixels apart.

    >>> from fractions import Fraction
    >>> Grid(7, 7, Fraction(32), Fraction(32)).cells
    49
    """

    height: int
    width: int
    rows: Fraction = Fraction(1)
    columns: Fraction = Fraction(1)

    @property
    def cells(self) -> int:
        """The number of cells."""
        return self.height * self.width

    def resized(self, height: int, width: int) -> "Grid":
        """The same area cut into other cells; the strides grow by the ratio, rounded."""
        return Grid(
            height,
            width,
            self.rows * ratio(self.height, height),
            self.columns * ratio(self.width, width),
        )

    def turned(self) -> "Grid":
        """The grid after a quarter turn, where rows and columns change places."""
        return Grid(self.width, self.height, self.columns, self.rows)


def ratio(before: int, after: int) -> Fraction:
    """before / after, rounded to a whole number or the inverse of one (28 -> 26 cells: 1)."""
    if after <= before:
        return Fraction(_nearest(before, after))
    return Fraction(1, _nearest(after, before))


def _nearest(a: int, b: int) -> int:
    return (2 * a + b) // (2 * b)
