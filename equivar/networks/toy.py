"""The two toy networks of section 4.1 (figure 3): their equivariance is known in advance."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

TURNS = 4  # quarter turns of the plane


def gaussian(size: int, sigmas: Tensor) -> Tensor:
    """Isotropic 2D Gaussians with sum 1. sigmas (...) in pixels -> (..., size, size)."""
    place = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    squared_radius = place[:, None] ** 2 + place[None, :] ** 2  # (size, size)
    profile = torch.exp(-squared_radius / (2 * sigmas.double()[..., None, None] ** 2))
    return profile / profile.sum(dim=(-2, -1), keepdim=True)


def cut_corner(kernels: Tensor) -> Tensor:
    """Set the upper right corner, half a side wide, to 0. (..., size, size) -> same."""
    corner = kernels.shape[-1] // 2
    cut = kernels.clone()
    cut[..., :corner, -corner:] = 0
    return cut


def turned_copies(base: Tensor, lifting: bool) -> Tensor:
    """The filters of a layer that is equivariant to quarter turns, from one filter per group.

    Output channel (g, r) holds base filter g, turned r times. In the first layer (`lifting`) that
    is all: base (G, I, k, k) -> (4 G, I, k, k). Later layers read groups of four channels, and
    the turn also moves the filter to other channels of each group, one step per quarter turn:
    weight[(g, r), (h, q)] = rot90^r base[g, h, q - r mod 4]; base (G, H, 4, k, k) ->
    (4 G, 4 H, k, k). This is the group convolution of Cohen & Welling (2016) for p4.
    """
    dims = (-2, -1)
    if lifting:
        turned = [torch.rot90(base, r, dims) for r in range(TURNS)]
    else:
        turned = [torch.rot90(base.roll(r, dims=2), r, dims).flatten(1, 2) for r in range(TURNS)]
    return torch.stack(turned, dim=1).flatten(0, 1)  # (G, 4, I, k, k) -> (4 G, I, k, k)


def turn_channels(maps: Tensor, quarter_turns: int) -> Tensor:
    """Move channel r of every group of four to r + quarter_turns. (B, C, H, W) -> same.

    For the equivariant network `f(rot90^k x)` equals `rot90^k turn_channels(f(x), k)`.
    """
    return maps.unflatten(1, (-1, TURNS)).roll(quarter_turns, dims=2).flatten(1, 2)


class GaussianCNN(nn.Module):
    """A CNN of Gaussian filters, made by hand and not trained (section 4.1, figure 3).

    Each spatial kernel is a 2D Gaussian of its own width, times a random weight that mixes the
    channels. Layers are `layers.0`, `layers.1`, ...: a convolution, then ReLU. Zero padding and
    stride 1 make all four borders alike, so that a turned image meets the same border as before.

    - `kind="invariant"`: isotropic Gaussians. Every channel of a turned image is the turned
      channel: invariance 1 in every layer, up to rounding.
    - `kind="equivariant"`: a corner of each Gaussian is cut out, and every filter comes in its
      four quarter turns (`turned_copies`). A turn of the image turns the maps and moves them to
      the next channel of their group (`turn_channels`): equivariance 1, and no channel is
      invariant by itself.

    Images (B, in_channels, H, W), in [0, 1], -> maps (B, channels[-1], H, W). Raises ValueError for
    an unknown kind, an even kernel_size, and numbers of channels that are not multiples of 4. The
    global RNG is not used.
    """

    def __init__(
        self,
        kind: str = "invariant",
        in_channels: int = 3,
        channels: tuple[int, ...] = (8, 16, 16),
        kernel_size: int = 5,
        seed: int = 0,
    ) -> None:
        super().__init__()
        _check_toy(kind, channels, kernel_size)
        self.kind = kind
        generator = torch.Generator().manual_seed(seed)
        level = torch.ones(in_channels, dtype=torch.float64)
        layers = []
        for depth, width in enumerate(channels):
            inputs = in_channels if depth == 0 else channels[depth - 1]
            if kind == "invariant":
                weight = _filters((width, inputs), kernel_size, generator)
            else:
                groups = (inputs,) if depth == 0 else (inputs // TURNS, TURNS)
                base = _filters((width // TURNS, *groups), kernel_size, generator, cut=True)
                weight = turned_copies(base, lifting=depth == 0)
            weight, level = _made_positive(weight, level)
            layers.append(_layer(weight.float()))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, in_channels, H, W) -> maps (B, channels[-1], H, W)."""
        return self.layers(images)


def _check_toy(kind: str, channels: tuple[int, ...], kernel_size: int) -> None:
    if kind not in ("invariant", "equivariant"):
        raise ValueError(f"kind {kind!r} is neither 'invariant' nor 'equivariant'")
    if kernel_size % 2 == 0:
        raise ValueError(f"kernel_size {kernel_size} is even: it has no centre to turn about")
    if any(width % TURNS for width in channels):
        raise ValueError(f"channels {tuple(channels)} must be multiples of {TURNS}")


def _filters(
    shape: tuple[int, ...], size: int, generator: torch.Generator, cut: bool = False
) -> Tensor:
    """Random mixing weights times Gaussians of 0.6 to 2 pixels: (*shape, size, size), float64."""
    sigmas = 0.6 + 1.4 * torch.rand(shape, generator=generator, dtype=torch.float64)
    mixing = torch.randn(shape, generator=generator, dtype=torch.float64)
    mixing = mixing / mixing.flatten(1).norm(dim=1).reshape(-1, *[1] * (len(shape) - 1))
    profiles = gaussian(size, sigmas)
    return mixing[..., None, None] * (cut_corner(profiles) if cut else profiles)


def _made_positive(weight: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
    """Choose the sign of each filter so that a bright image of one colour passes the ReLU.

    Otherwise many channels would be 0 for every image. weight (O, I, k, k), level (I,): the values
    of the inputs for such an image. Returns the weight and the values of the outputs (O,), which
    are all positive.
    """
    answer = weight.sum(dim=(-2, -1)) @ level
    return weight * answer.sign()[:, None, None, None], answer.abs()


def _layer(weight: Tensor) -> nn.Sequential:
    outputs, inputs, size, _ = weight.shape
    # skip_init: the constructor would draw weights from the global RNG
    conv = nn.utils.skip_init(nn.Conv2d, inputs, outputs, size, padding=size // 2, bias=False)
    conv.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    return nn.Sequential(OrderedDict(conv=conv, relu=nn.ReLU()))
