"""How alike two feature maps are: Pearson correlation and cosine (section 3.3 of the paper).

Maps come as stacks `(B, n, C)`: B images, n compared cells, C channels.
A map that does not vary over its cells (cosine: that is all zero) has no similarity to anything.
It is called undefined here, and takes no part in means and maxima.
"""

import torch
from torch import Tensor
from torch.nn.grad import conv2d_weight

SIMILARITIES = ("correlation", "cosine")
SIGNS = ("keep", "clip")  # of a negative similarity; clipped, it is 0


class NotFiniteError(ValueError):
    """A feature map holds NaN or infinity."""


FLAT = 1e-5  # a map is undefined when its deviation is at most this share of its root mean square
_MOSTLY_MEAN = 1e-3  # below this share of variance in the mean square, one pass is not exact enough
_MANY_PRODUCTS = 4e6  # below which setting up a convolution takes longer than it saves
_TINY = 1e-30  # squares below this may have lost digits


def unit_maps(
    maps: Tensor,
    similarity: str = "correlation",
    out: Tensor | None = None,
    scratch: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Each map centred (correlation only) and scaled to length 1, so that S is a dot product.

    `maps (B, n, C)` -> unit maps `(B, n, C)`, undefined ones 0, and which are defined `(B, C)`.
    The result is written to `out`, and `scratch` is used on the way, where they are given.
    """
    maps, inverse_length, defined = lengths(maps, similarity, scratch)
    if similarity == "correlation":
        maps = torch.sub(maps, maps.mean(dim=1, keepdim=True), out=out)
    return torch.mul(maps, inverse_length.unsqueeze(1), out=out), defined


def scaled_maps(
    maps: Tensor, similarity: str, out: Tensor | None = None, scratch: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """As `unit_maps`, but not centred: enough where the other side is.

    The dot product of a map with a centred one does not change when its own mean is taken out.
    """
    maps, inverse_length, defined = lengths(maps, similarity, scratch)
    return torch.mul(maps, inverse_length.unsqueeze(1), out=out), defined


def summed_products(g: Tensor, f: Tensor) -> Tensor:
    """The dot products of every pair of channels, summed over images: (B, n, C) twice -> (C, C').

    This is a matrix product over all cells of all images. On a CPU it is asked for as what it also
    is, the weight gradient of a 1 x 1 convolution: PyTorch sends that to oneDNN, which was twice as
    fast as its own matrix product on an AMD EPYC with AVX-512 (benchmarks/matrix_products.py).
    """
    images, cells, channels = f.shape
    worth_it = images * cells >= channels // 4 and images * cells * channels**2 >= _MANY_PRODUCTS
    if worth_it and _convolves(f):
        x, dy = (z.unsqueeze(1).permute(0, 3, 1, 2) for z in (f, g))  # (B, C, 1, n)
        return conv2d_weight(x, (g.shape[2], channels, 1, 1), dy)[:, :, 0, 0]
    return g.flatten(0, 1).T @ f.flatten(0, 1)


def summed_positive_products(g: Tensor, f: Tensor, chunk_bytes: int) -> Tensor:
    """As `summed_products`, with negative products taken as 0: one matrix for each image."""
    total = g.new_zeros(g.shape[2], f.shape[2])
    step = max(1, chunk_bytes // (total.element_size() * total.numel()))
    for some_g, some_f in zip(g.split(step), f.split(step), strict=True):
        total += torch.bmm(some_g.transpose(1, 2), some_f).clamp_(min=0).sum(dim=0)
    return total


def _convolves(maps: Tensor) -> bool:
    """Whether oneDNN computes for this tensor."""
    return (
        maps.device.type == "cpu"
        and maps.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
    )


def lengths(
    maps: Tensor, similarity: str, scratch: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The length of each map about its mean (cosine: about 0), without writing centred maps.

    `maps (B, n, C)` -> maps, 1 / length `(B, C)`, which are defined `(B, C)`; 0 where undefined.
    The maps come back as they are, but centred where their mean is too large for one pass in their
    precision.
    Raises NotFiniteError for NaN and infinity.
    """
    n, exact = maps.shape[1], maps
    square = torch.mul(maps, maps, out=scratch).sum(dim=1)  # (B, C)
    mean = maps.mean(dim=1) if similarity == "correlation" else torch.zeros_like(square)
    varying = square - n * mean * mean
    if not _one_pass_is_enough(maps, square, varying):
        exact = maps.double()
        square = (exact * exact).sum(dim=1)
        if similarity == "correlation":
            exact = exact - exact.mean(dim=1, keepdim=True)
        varying = (exact * exact).sum(dim=1)
        if not varying.isfinite().all():
            raise NotFiniteError("a feature map holds NaN or infinity")
    defined = varying > FLAT**2 * square
    inverse_length = torch.where(defined, varying, 1).rsqrt() * defined
    return exact.to(maps.dtype), inverse_length.to(maps.dtype), defined


def _one_pass_is_enough(maps: Tensor, square: Tensor, varying: Tensor) -> bool:
    """Whether rounding shows nowhere: no mean much above the deviation, no under- or overflow."""
    sound = (varying > _MOSTLY_MEAN * square) & (square > _TINY)  # false for NaN, inf - inf too
    if sound.all():
        return bool(square.isfinite().all())
    rest = maps.transpose(1, 2)[~sound]  # (maps, n): no harm where they are all 0
    return not rest.any() and bool(square.isfinite().all())


def pairwise(g: Tensor, f: Tensor, similarity: str = "correlation") -> Tensor:
    """S(G_c, F_c') for every pair of channels of each image (eqs. 4 and 7).

    `g (B, C, H, W)` and `f (B, C', H, W)` -> `(B, C, C')`, NaN where one of the two is undefined.
    """
    if similarity not in SIMILARITIES:
        raise ValueError(f"similarity {similarity!r}: choose one of {', '.join(SIMILARITIES)}")
    g, g_defined = unit_maps(g.flatten(2).transpose(1, 2), similarity)  # (B, n, C)
    f, f_defined = unit_maps(f.flatten(2).transpose(1, 2), similarity)
    s = torch.bmm(g.transpose(1, 2), f)
    both = g_defined.unsqueeze(2) & f_defined.unsqueeze(1)
    return s.clamp(-1, 1).masked_fill(~both, torch.nan)
