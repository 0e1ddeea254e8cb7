"""Where the cells of a feature map lie in the image: the grid and the true cumulative stride.

The ratio of image size to map size is not the stride when convolutions are unpadded
(Inception-v3 maps 299 pixels to 8 cells, at stride 32). So one forward pass is followed operation
by operation: every tensor made from the image carries the grid of its cells along.
"""

from dataclasses import dataclass
from fractions import Fraction

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.weak import WeakIdKeyDictionary

_POOLS = ("max_pool2d_with_indices", "max_pool2d", "avg_pool2d", "mkldnn_max_pool2d")
_RESIZES = ("adaptive_", "_adaptive_", "mkldnn_adaptive_", "upsample_", "_upsample_", "pixel_")
_PADS = ("constant_pad_nd", "reflection_pad2d", "replication_pad2d")


@dataclass(frozen=True)
class Grid:
    """`height` x `width` cells, `rows` and `columns` pixels apart."""

    height: int
    width: int
    rows: Fraction = Fraction(1)
    columns: Fraction = Fraction(1)

    @property
    def cells(self) -> int:
        return self.height * self.width

    def resized(self, height: int, width: int) -> "Grid":
        """The same area on another number of cells: the strides grow by the whole ratio."""
        return Grid(
            height,
            width,
            self.rows * _ratio(self.height, height),
            self.columns * _ratio(self.width, width),
        )

    def turned(self) -> "Grid":
        return Grid(self.width, self.height, self.columns, self.rows)


def _ratio(before: int, after: int) -> Fraction:
    """before / after, rounded to a whole number or the inverse of one (28 -> 26 cells: 1)."""
    if after <= before:
        return Fraction(_nearest(before, after))
    return Fraction(1, _nearest(after, before))


def _nearest(a: int, b: int) -> int:
    return (2 * a + b) // (2 * b)


class GridTracker(TorchDispatchMode):
    """Follows one forward pass; afterwards `grid_of` knows the grid of every tensor alive.

    ```
    with GridTracker(images) as tracker:
        model(images)
    ```
    """

    def __init__(self, images: Tensor):
        super().__init__()
        self._grids = WeakIdKeyDictionary()
        self._grids[images] = Grid(images.shape[-2], images.shape[-1])

    def grid_of(self, tensor: Tensor) -> Grid | None:
        """The grid last seen on the way to this tensor, None if it was not made from the images."""
        return self._grids.get(tensor)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        sources = [
            (x, self._grids[x])
            for x in tree_iter((args, kwargs))
            if isinstance(x, Tensor) and x in self._grids
        ]
        if sources:
            for y in tree_iter(out):
                if isinstance(y, Tensor):
                    self._grids[y] = _grid_after(func, args, sources, y)
        return out


def _grid_after(func, args, sources: list[tuple[Tensor, Grid]], out: Tensor) -> Grid:
    """The grid of an operation's output, from the grids of the tensors that went in."""
    name = func.overloadpacket.__name__
    if out.dim() != 4:
        return _carried(sources, out)
    rows = columns = Fraction(1)
    if name == "convolution":
        rows, columns = Fraction(args[3][0]), Fraction(args[3][-1])
        if args[6]:  # transposed
            rows, columns = 1 / rows, 1 / columns
    elif name in _POOLS:
        stride = args[2] if len(args) > 2 and args[2] else args[1]
        rows, columns = Fraction(stride[0]), Fraction(stride[-1])
    elif name == "slice" and _fits(*sources[0]):
        dim, step = args[1] % 4 if len(args) > 1 else 0, args[4] if len(args) > 4 else 1
        rows, columns = (Fraction(step if dim == side else 1) for side in (2, 3))
    elif name.startswith(_RESIZES):
        return sources[0][1].resized(out.shape[2], out.shape[3])
    elif not (name in _PADS and _fits(*sources[0])):
        return _carried(sources, out)
    grid = _on(*sources[0])
    return Grid(out.shape[2], out.shape[3], grid.rows * rows, grid.columns * columns)


def _carried(sources: list[tuple[Tensor, Grid]], out: Tensor) -> Grid:
    """Other operations keep the grid: the one the output has the shape of, else the finest."""
    grids = [grid for _, grid in sources]
    for grid in grids:
        if out.dim() == 4 and tuple(out.shape[2:]) == (grid.height, grid.width):
            return grid
    return max(grids, key=lambda grid: grid.cells)


def _fits(tensor: Tensor, grid: Grid) -> bool:
    """Whether a tensor is (B, C, H, W) with the cells of the grid."""
    return tensor.dim() == 4 and tuple(tensor.shape[2:]) == (grid.height, grid.width)


def _on(tensor: Tensor, grid: Grid) -> Grid:
    """The grid a (B, C, H, W) tensor really has: reshaping and resizing change it."""
    return grid.resized(tensor.shape[-2], tensor.shape[-1])
