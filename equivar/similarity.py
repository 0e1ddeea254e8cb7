"""How alike two feature maps are: Pearson correlation and cosine (section 3.3 of the paper).

Maps come as stacks `(B, n, C)`: B images, n compared cells, C channels.
A map that does not vary over its cells (cosine: that is all zero) has no similarity to anything.
It is called undefined here, and takes no part in means and maxima.
"""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.grad import conv2d_weight

SIMILARITIES = ("correlation", "cosine")
SIGNS = ("keep", "clip")  # what is done with a negative similarity: "clip" makes it 0


class NotFiniteError(ValueError):
    """A feature map holds NaN or infinity."""


FLAT = 1e-5  # a map is undefined when its deviation is at most this share of its root mean square
_MOSTLY_MEAN = 1e-3  # one pass is not exact enough below this share of variance in the mean square
_MANY_PRODUCTS = 4e6  # for fewer, setting up a convolution takes longer than it saves
_CACHE_BYTES = 2**20  # of maps that are worked on at once
_TINY = 1e-30  # squares below this may have lost digits


def unit_maps(
    maps: Tensor,
    similarity: str = "correlation",
    out: Tensor | None = None,
    scratch: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Each map centred (correlation only) and scaled to length 1, so that S is a dot product.

    maps `(B, n, C)` -> unit maps `(B, n, C)`, 0 where undefined, and which are defined `(B, C)`.
    Where given, `out` takes the result, and `scratch` (with the shape of `piece`) is overwritten on
    the way. Raises NotFiniteError for NaN and infinity.

    >>> import torch
    >>> maps = torch.tensor([[[1.0, 5.0], [3.0, 5.0]]])  # one image, two cells, two channels
    >>> unit_maps(maps)
    (tensor([[[-0.7071,  0.0000],
             [ 0.7071,  0.0000]]]), tensor([[ True, False]]))
    """
    moments = Moments.of(maps, similarity, scratch)
    if not moments.exact_enough:
        unit, defined = exact_unit_maps(maps, similarity)
        return unit if out is None else out.copy_(unit), defined
    inverse, defined = moments.inverse_lengths()
    offset = -moments.origin * inverse
    out = torch.empty_like(maps) if out is None else out
    for some in pieces(maps):
        factor, less = inverse[some].unsqueeze(1), offset[some].unsqueeze(1)
        torch.addcmul(less, maps[some], factor, out=out[some])
    return out, defined


@dataclass
class Moments:
    """Sums over the n cells of each map: of its squares and of its values, (B, C) each."""

    squares: Tensor
    sums: Tensor
    cells: int
    centred: bool  # whether lengths are about the mean

    @classmethod
    def of(cls, maps: Tensor, similarity: str, scratch: Tensor | None = None) -> "Moments":
        """The moments of maps (B, n, C); `scratch`, with the shape of `piece`, is overwritten."""
        moments = cls.empty(maps, similarity)
        scratch = maps.new_empty(piece(maps)) if scratch is None else scratch
        for some in pieces(maps):
            moments.add(some, maps[some], scratch)
        return moments

    @classmethod
    def empty(cls, maps: Tensor, similarity: str) -> "Moments":
        """Moments for maps (B, n, C), to be filled in by `add`."""
        images, cells, channels = maps.shape
        squares, sums = maps.new_empty(2, images, channels)
        return cls(squares, sums, cells, similarity == "correlation")

    def add(self, some: slice, maps: Tensor, scratch: Tensor):
        """Fill in some images; `scratch` is overwritten."""
        products = torch.mul(maps, maps, out=scratch[: len(maps)])
        torch.sum(products, dim=1, out=self.squares[some])
        torch.sum(maps, dim=1, out=self.sums[some])

    @property
    def origin(self) -> Tensor:
        """The value about which lengths are taken: the mean (cosine: 0), (B, C)."""
        return self.sums / self.cells if self.centred else torch.zeros_like(self.sums)

    @cached_property
    def varying(self) -> Tensor:
        """The sum of squares about the origin: (B, C)."""
        return self.squares - self.sums * self.sums / self.cells if self.centred else self.squares

    def inverse_lengths(self) -> tuple[Tensor, Tensor]:
        """1 / each map's length about the origin (0 where undefined), and which are defined."""
        return _inverse_lengths(self.varying, self.squares)

    @property
    def exact_enough(self) -> bool:
        """Whether rounding shows nowhere: no mean much above the deviation, no under- or overflow.

        A map of zeros does no harm. The squares of tiny values may be 0 as well, but then the sum
        of the values is not 0.
        """
        squares = self.squares
        # false for NaN and infinity
        sound = (self.varying > _MOSTLY_MEAN * squares) & (squares > _TINY)
        if sound.all():
            return True
        nothing = (squares == 0) & (self.sums == 0)
        return bool((sound | nothing).all())


def exact_unit_maps(maps: Tensor, similarity: str) -> tuple[Tensor, Tensor]:
    """The same as `unit_maps`, computed in double precision.

    Raises NotFiniteError for NaN and infinity.
    """
    exact = maps.double()
    squares = (exact * exact).sum(dim=1)
    if similarity == "correlation":
        exact = exact - exact.mean(dim=1, keepdim=True)
    varying = (exact * exact).sum(dim=1)
    if not varying.isfinite().all():
        raise NotFiniteError("a feature map holds NaN or infinity")
    inverse, defined = _inverse_lengths(varying, squares)
    return (exact * inverse.unsqueeze(1)).to(maps.dtype), defined


def _inverse_lengths(varying: Tensor, squares: Tensor) -> tuple[Tensor, Tensor]:
    defined = varying > FLAT**2 * squares
    return torch.where(defined, varying, 1).rsqrt() * defined, defined


def pieces(maps: Tensor) -> Iterator[slice]:
    """Slices of a few images each of maps (B, n, C), so that several steps find them in the cache.

    On devices other than a CPU there is one slice of all images.
    """
    images, step = len(maps), max(1, piece(maps)[0])
    return (slice(start, min(start + step, images)) for start in range(0, images, step))


def piece(maps: Tensor) -> tuple[int, int, int]:
    """The shape (images, n, C) of the largest piece."""
    images, cells, channels = maps.shape
    if maps.device.type == "cpu":
        at_once = _CACHE_BYTES // max(1, cells * channels * maps.element_size())
        images = min(images, max(1, at_once))
    return images, cells, channels


def summed_products(g: Tensor, f: Tensor) -> Tensor:
    """The dot products of every pair of channels, summed over images: (B, n, C) twice -> (C, C').

    They come from a matrix product, or from a weight gradient on a CPU where that is faster.
    """
    images, cells, channels = f.shape
    worth_it = images * cells >= channels // 4 and images * cells * channels**2 >= _MANY_PRODUCTS
    if worth_it and f.device.type == "cpu" and f.dtype == torch.float32 and _convolves_faster():
        return weight_gradient(g, f)
    return matrix_product(g, f)


def matrix_product(g: Tensor, f: Tensor) -> Tensor:
    """`summed_products` as a matrix product over all cells of all images."""
    return g.flatten(0, 1).T @ f.flatten(0, 1)


def weight_gradient(g: Tensor, f: Tensor) -> Tensor:
    """`summed_products` as what they also are: the weight gradient of a 1 x 1 convolution."""
    x, dy = (z.unsqueeze(1).permute(0, 3, 1, 2) for z in (f, g))  # (B, C, 1, n)
    return conv2d_weight(x, (g.shape[2], f.shape[2], 1, 1), dy)[:, :, 0, 0]


@cache
def _convolves_faster() -> bool:
    """Whether convolutions, by oneDNN, are faster than matrix products, by MKL.

    MKL takes its fast paths on processors of Intel alone: there it is up to 1.4 times as fast as
    oneDNN, and half as fast on an AMD EPYC with AVX-512 (benchmarks/matrix_products.py).
    """
    if not torch.backends.mkldnn.is_available():
        return False
    try:
        processor = Path("/proc/cpuinfo").read_text()
    except OSError:  # not on Linux
        processor = platform.processor()
    return not (torch.backends.mkl.is_available() and "Intel" in processor)


def pairwise(g: Tensor, f: Tensor, similarity: str = "correlation") -> Tensor:
    """S(G_c, F_c') for every pair of channels of each image (eqs. 4 and 7).

    `g (B, C, H, W)` and `f (B, C', H, W)` -> `(B, C, C')`, NaN where one of the two is undefined.
    Raises ValueError for an unknown similarity and NotFiniteError for NaN and infinity.

    >>> import torch
    >>> f = torch.rand(1, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    >>> g = f.flip(1)  # the two channels change places
    >>> pairwise(g, f)[0].round(decimals=2)
    tensor([[0.0900, 1.0000],
            [1.0000, 0.0900]])
    """
    if similarity not in SIMILARITIES:
        raise ValueError(f"similarity {similarity!r}: choose one of {', '.join(SIMILARITIES)}")
    g, g_defined = unit_maps(g.flatten(2).transpose(1, 2), similarity)  # (B, n, C)
    f, f_defined = unit_maps(f.flatten(2).transpose(1, 2), similarity)
    s = torch.bmm(g.transpose(1, 2), f)
    both = g_defined.unsqueeze(2) & f_defined.unsqueeze(1)
    return s.clamp(-1, 1).masked_fill(~both, torch.nan)
