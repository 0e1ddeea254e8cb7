"""Products of `G` and `F`, a few images at a time, so that each step finds its data in the cache.

`G` comes as the maps of the transformed images, (B, n, C), with the order in which their cells
match those of the original maps; `F` comes as unit maps. S is the dot product of the two, divided
by the length of `G`. For the correlation, the mean of `G` need not be subtracted: `F` is centred,
so the mean of `G` does not change the dot product.
"""

import torch
from torch import Tensor

from equivar.measure.workspace import Workspace
from equivar.similarity import Moments, exact_unit_maps, piece, pieces


class CellOrder:
    """The order in which the n cells of one kind of map are to be read."""

    def __init__(self, cells: Tensor):
        self.cells = cells  # (n,)
        self._rows = cells  # the same for several images, one after the other

    def of(self, some: Tensor, out: Tensor) -> Tensor:
        """Write a piece of maps (B, n, C) to `out`, with its cells in that order.

        A CPU copies the rows of a matrix faster than slices of a stack, and each core then works on
        images that are in its cache already. This takes an index of B n rows, which is kept in
        memory; for many images at once, use `cells` instead.
        """
        if some.device.type != "cpu" or not some.is_contiguous():
            return torch.index_select(some, 1, self.cells, out=out)
        rows = self._rows_of(len(some))
        torch.index_select(some.flatten(0, 1), 0, rows, out=out.flatten(0, 1))
        return out

    def _rows_of(self, images: int) -> Tensor:
        cells = len(self.cells)
        if len(self._rows) < images * cells:
            starts = torch.arange(0, images * cells, cells).unsqueeze(1)
            self._rows = (starts + self.cells).flatten()
        return self._rows[: images * cells]


def each_image(
    g: Tensor,
    order: CellOrder | None,
    f: Tensor,
    before: Tensor | None,
    similarity: str,
    real: Tensor,
    chance: Tensor | None,
    workspace: Workspace,
) -> Tensor:
    """Write S of every pair of channels of each image to `real` (B, C, C), 0 where undefined.

    chance: if given, the same with F of the image before. before: (1, n, C), F of the image before
    the first; without it `chance[0]` does not change. Returns which maps of G are defined, (B, C).
    Raises NotFiniteError for NaN and infinity.
    """
    moments, (scratch, turned) = Moments.empty(g, similarity), _buffers(g, workspace)
    for some in pieces(g):
        moments.add(some, g[some], scratch)
        cells = _in_order(g[some], order, turned).transpose(1, 2)
        torch.bmm(cells, f[some], out=real[some])
        if chance is None:
            continue
        if some.start > 0:
            torch.bmm(cells, f[some.start - 1 : some.stop - 1], out=chance[some])
            continue
        torch.bmm(cells[1:], f[: some.stop - 1], out=chance[1 : some.stop])
        if before is not None:
            torch.bmm(cells[:1], before, out=chance[:1])
    if not moments.exact_enough:
        g = exact_unit_maps(g, similarity)[0]  # on unit maps one pass is exact enough
        return each_image(g, order, f, before, similarity, real, chance, workspace)
    inverse, defined = moments.inverse_lengths()
    for s in (real, chance):
        if s is not None:
            s.mul_(inverse.unsqueeze(2))
    return defined


def scaled(
    g: Tensor, order: CellOrder | None, similarity: str, out: Tensor, workspace: Workspace
) -> tuple[Tensor, Tensor]:
    """Write `G` to `out` (B, n, C), in the order of `F` and divided by the length of each map.

    Returns `out` and which maps are defined, (B, C). Raises NotFiniteError for NaN and infinity.
    """
    scratch, turned = _buffers(g, workspace)
    moments = Moments.of(g, similarity, scratch)
    if not moments.exact_enough:
        g = exact_unit_maps(g, similarity)[0]
        moments = Moments.of(g, similarity, scratch)
    inverse, defined = moments.inverse_lengths()
    for some in pieces(g):
        cells = _in_order(g[some], order, turned)
        torch.mul(cells, inverse[some].unsqueeze(1), out=out[some])
    return out, defined


def _buffers(g: Tensor, workspace: Workspace) -> tuple[Tensor, Tensor]:
    return tuple(workspace.take(name, piece(g), g) for name in ("scratch", "turned"))


def _in_order(some: Tensor, order: CellOrder | None, out: Tensor) -> Tensor:
    return some if order is None else order.of(some, out[: len(some)])
