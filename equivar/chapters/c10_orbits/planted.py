"""Networks whose orbits are planted, to see how many are found and how many are false.

A random network is one convolution and ReLU. Its filters are noise, but for some groups: four
filters that are turns of one, two that are turns of one that half a turn leaves as it is, and one
that no turn changes. Noise is close to symmetric now and then, above all on smooth images, and then
a fixed channel is no false finding. So what no turn changes is taken out of the other filters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from equivar.orbits import KINDS, members, orbits

IMAGES, SIDE = 24, 20


def planted_network(
    channels: int,
    size: int,
    inputs: int,
    planted: Sequence[int],
    generator: torch.Generator,
) -> nn.Sequential:
    """One convolution with ReLU, whose first filters form groups of the lengths `planted`.

    ValueError: more planted than there are channels.
    """
    if sum(planted) > channels:
        raise ValueError(f"groups of {list(planted)} do not fit into {channels} channels")
    noise = torch.randn(channels, inputs, size, size, generator=generator)
    weight = noise - _mean_of_turns(noise, range(4))
    at = 0
    for length in planted:
        one = noise[at]
        if length < 4:
            one = _mean_of_turns(one, range(0, 4, length))
        for turns in range(length):
            weight[at + turns] = torch.rot90(one, turns, dims=(-2, -1))
        at += length
    weight = weight / weight.flatten(1).norm(dim=1)[:, None, None, None]
    convolution = nn.utils.skip_init(
        nn.Conv2d, inputs, channels, size, padding=size // 2, bias=False
    )
    convolution.weight = nn.Parameter(weight, requires_grad=False)
    return nn.Sequential(convolution, nn.ReLU())


def smooth_noise(count: int, inputs: int, side: int, generator: torch.Generator) -> Tensor:
    """Noise with the spectrum of photographs, 1 / frequency: (count, inputs, side, side)."""
    noise = torch.randn(count, inputs, side, side, generator=generator)
    frequency = torch.fft.fftfreq(side)
    radius = (frequency[:, None] ** 2 + frequency[None, :] ** 2).sqrt()
    smooth = torch.fft.ifft2(torch.fft.fft2(noise) / (radius + 1 / side)).real
    return smooth / smooth.std(dim=(-2, -1), keepdim=True)


def false_discoveries(
    networks: int,
    channels: int = 16,
    size: int = 3,
    inputs: int = 3,
    planted: Sequence[int] = (4,),
    rate: float = 0.05,
    matching: str = "maximum",
    seed: int = 0,
) -> pd.DataFrame:
    """What is found in random networks with planted groups: a row for each.

    `found_orbit`, `false_orbit` and so on for pairs and fixed: how many that were planted were
    found, and how many that were not. `false_share`: of all that was found, 0 for nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(networks):
        model = planted_network(channels, size, inputs, planted, generator)
        images = smooth_noise(IMAGES, inputs, SIDE, generator)
        table = orbits(
            model, images, ["1"], rate=rate, matching=matching, progress=False
        )  # the ReLU
        rows.append(_counted(table[table["found"]], _groups(planted)))
    return pd.DataFrame(rows)


def planted_example(
    channels: int = 32,
    size: int = 7,
    planted: Sequence[int] = (4, 4, 2, 2, 1, 1, 1),
    rate: float = 0.05,
    seed: int = 0,
) -> tuple[dict[int, np.ndarray], pd.DataFrame]:
    """One random network: its filters, channel -> (3, k, k), and the cycles found among them."""
    generator = torch.Generator().manual_seed(seed)
    model = planted_network(channels, size, 3, planted, generator)
    images = smooth_noise(IMAGES, 3, SIDE, generator)
    table = orbits(model, images, ["1"], rate=rate, progress=False)
    return dict(enumerate(model[0].weight.numpy())), table[table["found"]]


def _counted(found: pd.DataFrame, truth: set[frozenset[int]]) -> dict[str, float]:
    groups = [frozenset(members(text)) for text in found["members"]]
    row: dict[str, float] = {}
    for length, kind in KINDS.items():
        of = [group for group in groups if len(group) == length]
        row[f"found_{kind}"] = sum(group in truth for group in of)
        row[f"false_{kind}"] = sum(group not in truth for group in of)
    row["false_share"] = sum(group not in truth for group in groups) / max(1, len(groups))
    return row


def _groups(planted: Sequence[int]) -> set[frozenset[int]]:
    starts = [sum(planted[:i]) for i in range(len(planted))]
    return {frozenset(range(at, at + length)) for at, length in zip(starts, planted, strict=True)}


def _mean_of_turns(kernels: Tensor, turns: Sequence[int]) -> Tensor:
    return torch.stack([torch.rot90(kernels, k, dims=(-2, -1)) for k in turns]).mean(dim=0)
