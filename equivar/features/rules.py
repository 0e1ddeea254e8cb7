"""What each operation of a network does to where cells lie: a rule an operation.

A rule gets a `Call` and returns the dimensions of its output, or their layout; None where it can
not tell, and then the cells are lost. `equivar.features.tracker` asks them in a forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial

from torch import Tensor
from torch.utils._pytree import tree_iter

from equivar.features.cells import (
    BATCH,
    CHANNEL,
    COLUMN,
    ROW,
    SPATIAL,
    Axis,
    Dim,
    Layout,
    concatenated,
    cut,
    flipped,
    joined,
    lost,
    one,
    padded,
    reshaped,
    rolled,
    together,
    without,
)
from equivar.features.grid import ratio


class Call:
    """An operation that was called, as the rules below ask for it."""

    def __init__(self, layout_of, args, kwargs, first: Layout, out: Tensor, number: int):
        self.layout_of, self.args, self.kwargs = layout_of, args, kwargs
        self.first, self.out, self.number = first, out, number

    def arg(self, i: int, name: str = "", default=None):
        """An argument by its place or name."""
        return self.args[i] if len(self.args) > i else self.kwargs.get(name, default)

    def layout(self, i: int) -> Layout | None:
        """The layout of an argument, None where it was not made from the images."""
        return self.layout_of(self.arg(i))

    def dim(self, i: int, name: str = "dim", default: int = 0) -> int:
        """A dimension given as an argument, counted from the front."""
        return self.arg(i, name, default) % max(self.arg(0).dim(), 1)

    def dims(self, i: int) -> list[Dim] | None:
        """The dimensions of an argument."""
        layout = self.layout(i)
        return list(layout.dims) if layout else None


Rule = Callable[[Call], "Sequence[Dim] | Layout | None"]


def _same(call: Call):
    """The first argument's, for an output of its shape."""
    layout = call.layout(0)
    return layout if layout and layout.shape == tuple(call.out.shape) else None


def _restrided(call: Call):
    """as_strided, by which pooling to one cell gives its output another layout in memory."""
    layout = _same(call)
    return None if layout and layout.spatial else layout


def pointwise(call: Call):
    """Each entry from those at its place: of all tensors, aligned at their last dimension."""
    inputs = [x for x in tree_iter((call.args, call.kwargs)) if isinstance(x, Tensor)]
    layouts = [layout for x in inputs if (layout := call.layout_of(x))]
    dims = []
    for d, size in enumerate(call.out.shape, start=-call.out.dim()):
        here = [of.dims[d] for of in layouts if len(of.dims) >= -d and of.dims[d].size == size]
        dims.append(together(here, size) if size != 1 else Dim())
    maps = [of for of in layouts if of.spatial]
    return (maps or layouts)[0].with_dims(dims)


def _view(call: Call):
    layout = call.layout(0)
    return reshaped(layout, tuple(call.out.shape)) if layout else None


def _permute(call: Call):
    dims = call.dims(0)
    return [dims[d] for d in call.arg(1, "dims")]


def _transpose(call: Call):
    dims, (a, b) = call.dims(0), (call.dim(1, "dim0"), call.dim(2, "dim1"))
    dims[a], dims[b] = dims[b], dims[a]
    return dims


def _turn(call: Call):
    return call.dims(0)[::-1]


def _expand(call: Call):
    dims = call.dims(0)
    new = len(call.out.shape) - len(dims)
    sizes = [(Dim(), n) for n in call.out.shape[:new]]
    sizes += list(zip(dims, call.out.shape[new:], strict=True))
    return [dim if dim.size == n else lost(n, "it was repeated") for dim, n in sizes]


def _unsqueeze(call: Call):
    dims = call.dims(0)
    dims.insert(call.arg(1, "dim") % (len(dims) + 1), Dim())
    return dims


def _squeeze(call: Call):
    dims, given = call.dims(0), call.arg(1, "dim")
    asked = range(len(dims)) if given is None else [given] if isinstance(given, int) else given
    gone = {d % len(dims) for d in asked if dims[d].size == 1}
    return [dim for d, dim in enumerate(dims) if d not in gone]


def _slice(call: Call):
    dims, d = call.dims(0), call.dim(1)
    start, stop, step = call.arg(2, "start"), call.arg(3, "end"), call.arg(4, "step", 1)
    dims[d] = cut(dims[d], *slice(start, stop, step).indices(dims[d].size))
    return dims


def _select(call: Call):
    """One entry of a dimension, or each of them as an output of its own."""
    return without(call.layout(0), [call.dim(1)])


def _split(call: Call):
    dims, d, sizes = call.dims(0), call.dim(2), call.arg(1)
    start = call.number * sizes if isinstance(sizes, int) else sum(sizes[: call.number])
    dims[d] = cut(dims[d], start, start + call.out.shape[d], 1)
    return dims


def _cat(call: Call):
    tensors = [x for x in call.arg(0) if x.numel() or x.dim() == call.out.dim()]
    layouts = [call.layout_of(x) for x in tensors]
    d = call.arg(1, "dim", 0) % call.out.dim()
    dims = [
        concatenated([of and of.dims[d] for of in layouts], [x.shape[d] for x in tensors])
        if e == d
        else together([of.dims[e] for of in layouts if of], size)
        for e, size in enumerate(call.out.shape)
    ]
    maps = [of for of in layouts if of and of.spatial]
    return (maps[0] if maps else call.first).with_dims(dims)


def _stack(call: Call):
    layouts = [call.layout_of(x) for x in call.arg(0)]
    d, sizes = call.arg(1, "dim", 0) % call.out.dim(), list(call.out.shape)
    del sizes[d]
    dims = [together([of.dims[e] for of in layouts if of], n) for e, n in enumerate(sizes)]
    return [*dims[:d], one(CHANNEL, call.out.shape[d]), *dims[d:]]


def _product(first: int, second: int) -> Rule:
    """A matrix product of two arguments: rows of the first, columns of the second."""

    def rule(call: Call):
        a, b = call.dims(first), call.dims(second)
        if not (a or b):  # what is added to the product alone is made from the images
            return None
        rows = a[-2] if a else lost(call.out.shape[-2], "it is made of all cells")
        columns = b[-1] if b else one(CHANNEL, call.out.shape[-1])
        batch = (a or b)[:-2]
        followed = call.layout(first) or call.layout(second)
        return followed.with_dims([*batch, rows, columns])

    return rule


def _linear(call: Call):
    dims = call.dims(0)
    return [*dims[:-1], one(CHANNEL, call.out.shape[-1])] if dims else None


def _tokens_to_tokens(call: Call):
    """A whole layer of a transformer in one operation: the tokens that went in, in their order."""
    return None if call.number else _linear(call)


def _attention(call: Call):
    """The rows of the queries, the channels of the values."""
    q, v = call.layout(0), call.layout(2)
    if call.number or not (q or v):
        return None
    rows = q.dims[-2] if q else lost(call.out.shape[-2], "its queries are not made from the image")
    return (q or v).with_dims([*(q or v).dims[:-2], rows, one(CHANNEL, call.out.shape[-1])])


def _reduced(call: Call, place: int = 1):
    """A mean, sum or maximum over some dimensions, which are the argument at `place`."""
    layout, given = call.layout(0), call.arg(place, "dim")
    count = len(layout.dims)
    if given is None or given == []:
        given = range(count)
    gone = {d % count for d in ([given] if isinstance(given, int) else given)}
    kept = list(without(layout, gone).dims)
    if call.out.dim() < count:
        return kept
    return [Dim() if d in gone else kept.pop(0) for d in range(count)]


def _on_map(call: Call, rows: Fraction, columns: Fraction):
    """A map (B, C, H, W) made of the first argument's, its cells so many of the old ones apart."""
    layout = call.layout(0)
    if layout is None or len(layout.dims) != 4 or call.out.dim() != 4:
        return None
    batch, before, *sides = layout.dims
    if BATCH in before.kinds:
        return None
    windows, found, strides = batch.spatial, [], []
    pairs = zip(sides, SPATIAL, call.out.shape[2:], (rows, columns), strict=True)
    for side, kind, size, by in pairs:
        axis = side.single or (Axis(kind, 1) if side.size == 1 else None)
        foreign = axis is None or axis.kind != kind or axis.shift or axis.flipped
        if not (windows or foreign):
            found.append(Dim((Axis(kind, size),)))
            strides.append(axis.step * by)
            continue
        same = (size, by) == (side.size, 1)
        found.append(side if same else lost(size, side.why or _FOREIGN))
        strides.append(Fraction(1))
    return Layout(
        (batch, one(CHANNEL, call.out.shape[1]), *found),
        layout.rows * strides[0],
        layout.columns * strides[1],
    )


_FOREIGN = "a convolution or pooling went over something else than a map"


def _convolution(call: Call):
    out = call.out
    if out.dim() == 3 and call.layout(0):  # over channels, as in efficient channel attention
        batch, _, last = call.dims(0)
        same = last.size == out.shape[2]
        last = last if same else lost(out.shape[2], "a convolution went along it")
        return [batch, one(CHANNEL, out.shape[1]), last]
    rows, columns = Fraction(call.args[3][0]), Fraction(call.args[3][-1])
    if call.args[6]:  # transposed
        rows, columns = 1 / rows, 1 / columns
    return _on_map(call, rows, columns)


def _pooling(call: Call):
    stride = call.arg(2, "stride") or call.arg(1)
    stride = [stride] if isinstance(stride, int) else stride
    return _on_map(call, Fraction(stride[0]), Fraction(stride[-1]))


def _resized(call: Call):
    """Another number of cells for the same area: the strides grow by the whole ratio."""
    given = call.arg(0)
    if given.dim() != 4 or call.out.dim() != 4:
        return None
    by = [ratio(a, b) for a, b in zip(given.shape[2:], call.out.shape[2:], strict=True)]
    return _on_map(call, *by)


def _padding(call: Call):
    dims, pad = call.dims(0), list(call.arg(1))
    for d in range(len(pad) // 2):
        dims[-1 - d] = padded(dims[-1 - d], pad[2 * d], pad[2 * d + 1])
    return dims


def _roll(call: Call):
    dims, by, over = call.dims(0), call.arg(1, "shifts"), call.arg(2, "dims", [])
    if not over:
        return None
    for d, shift in zip(over, by, strict=True):
        dims[d] = rolled(dims[d], shift)
    return dims


def _flip(call: Call):
    dims = call.dims(0)
    for d in call.arg(1, "dims"):
        dims[d] = flipped(dims[d])
    return dims


def _chosen(call: Call):
    """Entries along one dimension, chosen by their numbers."""
    if call.layout(0) is None or call.out.dim() != len(call.layout(0).dims):
        return None
    dims, d = call.dims(0), call.dim(1)
    dims[d] = lost(call.out.shape[d], "its entries were chosen by number")
    return [
        dim if dim.size == size else lost(size, "its entries were chosen by number")
        for dim, size in zip(dims, call.out.shape, strict=True)
    ]


def _patches(call: Call):
    """im2col: (B, C, H, W) -> (B, C k k, L), a column of L for each place of the kernel."""
    layout = call.layout(0)
    if layout is None or len(layout.dims) != 4 or call.out.dim() != 3:
        return None
    kernel, dilation, padding, stride = (_pair(call.arg(i)) for i in (1, 2, 3, 4))
    axes = []
    each = zip(layout.dims[2:], SPATIAL, kernel, dilation, padding, stride, strict=True)
    for dim, kind, k, dil, pad, step in each:
        axis = dim.single
        if axis is None or axis.kind != kind or axis.shift or axis.flipped:
            return None
        size = (axis.size + 2 * pad - dil * (k - 1) - 1) // step + 1
        axes.append(Axis(kind, size, step=axis.step * step))
    channels = one(CHANNEL, call.out.shape[1])
    return layout.with_dims([layout.dims[0], channels, Dim(joined(axes))])


def _from_patches(call: Call):
    """col2im, the way back: (B, C k k, L) -> (B, C, H, W)."""
    layout, stride = call.layout(0), _pair(call.arg(5))
    if layout is None or call.out.dim() != 4:
        return None
    steps = [axis.step for axis in layout.dims[-1].axes]
    if [axis.kind for axis in layout.dims[-1].axes] != list(SPATIAL) or steps != stride:
        return None
    _, channels, height, width = call.out.shape
    sides = one(ROW, height), one(COLUMN, width)
    return layout.with_dims([layout.dims[0], one(CHANNEL, channels), *sides])


def _pair(value) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


def _recurrent(call: Call):
    """A sequence through a recurrent layer: its places stay, its last dimension is new."""
    layout = call.layout(0)
    if call.number or layout is None or call.out.dim() != len(layout.dims):
        return None
    return _linear(call)


def _named(rule: Rule, *names: str) -> dict[str, Rule]:
    return dict.fromkeys(names, rule)


RULES: dict[str, Rule] = {
    **_named(_restrided, "as_strided"),
    **_named(_view, "view", "_unsafe_view", "reshape", "_reshape_alias"),
    **_named(_permute, "permute"),
    **_named(_transpose, "transpose"),
    **_named(_turn, "t", "numpy_T"),
    **_named(_expand, "expand", "repeat"),
    **_named(_unsqueeze, "unsqueeze"),
    **_named(_squeeze, "squeeze"),
    **_named(_slice, "slice"),
    **_named(_select, "select", "unbind"),
    **_named(_split, "split", "split_with_sizes", "unsafe_split", "unsafe_split_with_sizes"),
    **_named(_cat, "cat"),
    **_named(_stack, "stack"),
    **_named(_product(0, 1), "mm", "bmm"),
    **_named(_product(1, 2), "addmm", "baddbmm", "addbmm"),
    **_named(_tokens_to_tokens, "_transformer_encoder_layer_fwd", "_native_multi_head_attention"),
    **_named(_linear, "linear", "mkldnn_linear", "_mkldnn_linear"),
    **_named(
        _attention,
        "_scaled_dot_product_flash_attention_for_cpu",
        "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_efficient_attention",
        "_scaled_dot_product_cudnn_attention",
        "scaled_dot_product_attention",
    ),
    **_named(
        _same,
        *("_softmax", "_log_softmax", "native_layer_norm", "native_batch_norm", "native_dropout"),
        *("_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "cudnn_batch_norm"),
        *("miopen_batch_norm", "batch_norm", "native_group_norm", "layer_norm", "group_norm"),
        *("_fused_rms_norm", "clone", "contiguous", "_to_copy", "detach", "alias", "cumsum"),
        *("lift_fresh", "_local_response_norm", "channel_shuffle", "native_channel_shuffle"),
        *("dropout", "feature_dropout", "bernoulli", "_prelu_kernel", "prelu", "glu_jvp", "rrelu"),
        *("hardtanh", "hardswish", "hardsigmoid", "relu", "gelu", "elu", "celu", "silu", "mish"),
    ),
    **_named(pointwise, "copy", "where", "masked_fill", "addcmul", "addcdiv", "lerp"),
    **_named(
        _reduced,
        *("mean", "sum", "amax", "amin", "max", "min", "var", "std", "var_mean", "std_mean"),
        *("logsumexp", "argmax", "prod", "median"),
    ),
    **_named(partial(_reduced, place=2), "linalg_vector_norm", "norm"),
    **_named(_convolution, "convolution", "_convolution", "cudnn_convolution"),
    **_named(_pooling, "max_pool2d_with_indices", "max_pool2d", "avg_pool2d", "mkldnn_max_pool2d"),
    **_named(
        _resized,
        *("_adaptive_avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d"),
        *("mkldnn_adaptive_avg_pool2d", "upsample_nearest2d", "_upsample_nearest_exact2d"),
        *("upsample_bilinear2d", "_upsample_bilinear2d_aa", "upsample_bicubic2d"),
        *("_upsample_bicubic2d_aa", "pixel_shuffle", "pixel_unshuffle"),
    ),
    **_named(
        _padding,
        *("constant_pad_nd", "reflection_pad2d", "replication_pad2d", "pad"),
    ),
    **_named(_roll, "roll"),
    **_named(_flip, "flip"),
    **_named(_chosen, "index_select", "gather", "take_along_dim", "sort", "topk"),
    **_named(_patches, "im2col"),
    **_named(_from_patches, "col2im"),
    **_named(_recurrent, "mkldnn_rnn_layer", "_thnn_fused_lstm_cell"),
}
