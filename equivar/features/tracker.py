"""One forward pass, followed operation by operation: where the cells of every tensor lie.

The ratio of image size to map size is not the stride when convolutions are unpadded (Inception-v3
maps 299 pixels to 8 cells, at stride 32), and a number of tokens does not say whether they are the
cells of a map. So every tensor that is made from the images carries its layout along
(`equivar.features.cells`), by the rules of `equivar.features.rules`; what no rule covers is lost,
with the reason.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.weak import WeakIdKeyDictionary

from equivar.features.cells import UNKNOWN, Layout, lost, padded
from equivar.features.rules import RULES, Call, pointwise


class CellTracker(TorchDispatchMode):
    """Follows one forward pass; afterwards `layout_of` knows the layout of every tensor alive.

    ```
    with CellTracker(images) as tracker:
        model(images)
    ```
    """

    def __init__(self, images: Tensor):
        super().__init__()
        self._layouts = WeakIdKeyDictionary()
        self._written: dict[tuple, tuple[Tensor, Layout]] = {}  # views that were written into
        self._layouts[images] = Layout.of_images(images.shape)

    def layout_of(self, tensor: Tensor) -> Layout | None:
        """What the dimensions of a tensor stand for; None where it was not made from the images."""
        if not isinstance(tensor, Tensor):
            return None
        if tensor in self._layouts:
            return self._layouts[tensor]
        written = self._written.get(_place(tensor)) if self._written else None
        return written[1] if written else None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        with self:  # operations made of others, which arrive whole in inference mode
            out = func.decompose(*args, **kwargs)
        if out is not NotImplemented:
            return out
        sources = [layout for x in tree_iter((args, kwargs)) if (layout := self.layout_of(x))]
        out = func(*args, **kwargs)
        name = func.overloadpacket.__name__
        if sources and not name.startswith("new_") and not name.endswith("_like"):
            for i, y in enumerate(y for y in tree_iter(out) if isinstance(y, Tensor)):
                layout = self._after(name, func, args, kwargs, sources, y, i)
                self._layouts[y] = layout
                if name == "copy_":
                    self._note_writing(y, layout)
        return out

    def _note_writing(self, view: Tensor, layout: Layout):
        """A tensor was written to: what it is a part of, and other views of it, hold it too."""
        self._written[_place(view)] = view, layout
        base = view._base
        if base is not None and base not in self._layouts and base.stride() == view.stride():
            starts = _starts(view, base)
            ends = (b - v for b, v in zip(base.shape, view.shape, strict=True))
            dims = zip(layout.dims, starts, ends, strict=True)
            self._layouts[base] = layout.with_dims(
                padded(dim, start, end - start) for dim, start, end in dims
            )

    def _after(self, name, func, args, kwargs, sources: list[Layout], out: Tensor, i: int):
        """The layout of the i-th output of an operation."""
        call = Call(self.layout_of, args, kwargs, sources[0], out, i)
        rule = RULES.get(name) or RULES.get(name.removesuffix("_"))
        if rule is None and torch.Tag.pointwise in func.tags:
            rule = pointwise
        dims = rule(call) if rule else None
        found = dims if isinstance(dims, Layout) else call.first.with_dims(dims or ())
        if dims is None or found.shape != tuple(out.shape):
            return found.with_dims(lost(n, f"{UNKNOWN} `{name}`") for n in out.shape)
        return found.normal


def _place(tensor: Tensor) -> tuple:
    """Where in memory a tensor lies, and how."""
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride()


def _starts(view: Tensor, base: Tensor) -> list[int]:
    """From which entry on, in each dimension, a view shows a tensor of the same strides."""
    left = view.storage_offset() - base.storage_offset()
    starts = [0] * base.dim()
    for d in sorted(range(base.dim()), key=base.stride, reverse=True):
        if base.stride(d):
            starts[d], left = divmod(left, base.stride(d))
    return starts
