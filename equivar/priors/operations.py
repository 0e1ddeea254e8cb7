"""The operations on a layer's output: the maps of turned images in the place of its own.

Let P move channel c to the place `match[c]`. From the outputs of the image and of the image turned
by k quarter turns come `T^-k P^-k f(T^k x)`, and the mean of the four. Where P^4 = 1, the mean is
equivariant, whatever f is. A class token (and any other token that is no cell) is turned as a map
of a single cell: it is that of the turned image, with its channels moved. Were it left as it is,
it would hand the answer for the upright image through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from equivar.features import MapShape
from equivar.priors.permutation import powers


@dataclass(frozen=True, eq=False)
class Choice:
    """Which channels of a layer are changed, sorted, and where a quarter turn takes each: `match`.

    A cycle of `match` lies among these channels as a whole, or not at all.
    """

    match: np.ndarray  # (C,)
    channels: np.ndarray

    def sources(self, turns: int) -> Tensor:
        """The channel that P^-turns puts in the place of each that is changed."""
        return torch.from_numpy(powers(self.match)[-turns % 4][self.channels])

    @property
    def places(self) -> Tensor | None:
        """The channels that are changed; None where all are."""
        every = len(self.channels) == len(self.match)
        return None if every else torch.from_numpy(self.channels)


def turned_back(shape: MapShape, output: Tensor, turns: int) -> Tensor:
    """T^-turns of a layer's output for an image that was turned: maps of C channels, in place."""
    if turns == 0:
        return output
    return shape.with_maps(output, torch.rot90(shape.maps(output), -turns, dims=(1, 2)))


class Carried:
    """A layer's outputs for 0 to 3 quarter turns, with their channels where one choice puts them.

    back: turns -> the output, turned back. Channels that are not changed are those of no turn.
    """

    def __init__(self, shape: MapShape, back: Mapping[int, Tensor], choice: Choice):
        self.shape, self.back, self.choice = shape, back, choice
        self._moved: dict[int, Tensor] = {}

    def turned(self, turns: int) -> Tensor:
        """T^-k P^-k f(T^k x)."""
        return self._placed(self._of(turns))

    def averaged(self) -> Tensor:
        """1/4 sum_k T^-k P^-k f(T^k x).

        It is summed in pairs that a turn of the image exchanges, so that rounding is the same for
        all four turns.
        """
        zero, one, two, three = map(self._of, range(4))
        return self._placed((zero + two).add_(one + three).div_(4))

    def _of(self, turns: int) -> Tensor:
        """P^-turns: the channels that are changed, each from its source."""
        if turns not in self._moved:
            output, sources = self.back[turns], self.choice.sources(turns)
            if not torch.equal(sources, torch.arange(self.shape.channels)):
                output = output.index_select(self.shape.channel_dim, sources.to(output.device))
            self._moved[turns] = output
        return self._moved[turns]

    def _placed(self, some: Tensor) -> Tensor:
        places, own = self.choice.places, self.back[0]
        if places is None:
            return some
        return own.clone().index_copy_(self.shape.channel_dim, places.to(own.device), some)


@dataclass(frozen=True, eq=False)
class Restoring:
    """What gives maps the mean and deviation back that the layer's own maps have.

    factor, offset: (C,). For averaged maps they are the same for all channels of a cycle: with one
    for each channel, what was made equivariant would no longer be it.
    """

    factor: Tensor
    offset: Tensor

    def into(self, shape: MapShape, output: Tensor) -> Tensor:
        """Restore the cells of an output, in place."""
        maps = shape.maps(output)
        maps.mul_(self.factor.to(maps)).add_(self.offset.to(maps))
        return output


class Moments:
    """Mean and variance of each channel over the cells of all images."""

    def __init__(self, channels: int):
        self.sums = torch.zeros(2, channels, dtype=torch.float64)
        self.about: Tensor | None = None  # the mean of the first maps, so that no digits are lost
        self.cells = 0

    def add(self, maps: Tensor):
        """Add maps (B, H, W, C)."""
        cells = maps.flatten(0, 2)
        if self.about is None:
            self.about = cells.double().mean(dim=0)
        rest = cells - self.about.to(cells)
        self.sums += torch.stack([rest.sum(dim=0), rest.square().sum(dim=0)]).double().cpu()
        self.cells += len(cells)

    @property
    def mean(self) -> Tensor:
        """(C,), float64."""
        return self.about.cpu() + self.sums[0] / self.cells

    @property
    def variance(self) -> Tensor:
        """(C,), float64."""
        mean = self.sums[0] / self.cells
        return (self.sums[1] / self.cells - mean**2).clamp(min=0)


def restoring(own: Moments, averaged: Moments, choice: Choice) -> Restoring:
    """How to give averaged maps back what the layer's own have; channels left alone stay."""
    numbers = torch.from_numpy(powers(choice.match).min(axis=0))  # of each channel's cycle
    variances = (_cycle_means(moments.variance, numbers) for moments in (own, averaged))
    means = (_cycle_means(moments.mean, numbers) for moments in (own, averaged))
    (before, after), (level, flat) = variances, means
    factor = torch.where(after > 0, before / after.clamp(min=1e-300), 1.0).sqrt()
    offset = level - factor * flat
    if choice.places is not None:
        alone = torch.ones_like(factor, dtype=torch.bool)
        alone[choice.places] = False
        factor[alone], offset[alone] = 1, 0
    return Restoring(factor, offset)


def rescaling(by_turn: Mapping[int, Moments], choice: Choice, turns: int) -> Restoring:
    """How to give each channel of turned maps the mean and deviation of the layer's own channel.

    by_turn: the moments of the outputs for 0 to 3 quarter turns.
    """
    sources = torch.arange(len(choice.match))
    sources[choice.channels] = choice.sources(turns)
    before, after = by_turn[0].variance, by_turn[turns].variance[sources]
    factor = torch.where(after > 0, before / after.clamp(min=1e-300), 1.0).sqrt()
    offset = by_turn[0].mean - factor * by_turn[turns].mean[sources]
    if choice.places is not None:
        alone = torch.ones_like(factor, dtype=torch.bool)
        alone[choice.places] = False
        factor[alone], offset[alone] = 1, 0
    return Restoring(factor, offset)


def _cycle_means(values: Tensor, numbers: Tensor) -> Tensor:
    """The mean over each channel's cycle, (C,)."""
    count = torch.bincount(numbers, minlength=len(values)).double()
    return (torch.bincount(numbers, values, minlength=len(values)) / count)[numbers]
