"""What a maximum over channels scores by chance, where nothing is alike.

The correlation r of two independent maps of n cells, of which one is isotropic noise, is such that
(r + 1) / 2 follows a beta distribution with both parameters (n - 2) / 2; given one of them, its
correlations with several others are independent of each other. So the best of C has the
distribution function of one to the power C.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pandas as pd
import torch
from scipy import integrate, stats

from equivar.similarity import pairwise

AT_ONCE = 20  # images of noise


def best_of(channels: int, cells: int, images: int = 1) -> float:
    """The expected best match of a channel among `channels` independent ones (eq. 7 by chance).

    cells: of a map, at least 3; n independent values, so that smooth maps count for fewer. images:
    1 for the best channel of each image, more for the best channel after averaging over as many,
    whose correlations are then close to normal. ValueError for a number that is too small.
    """
    for name, value, least in (
        ("channels", channels, 1),
        ("cells", cells, 3),
        ("images", images, 1),
    ):
        if value < least:
            raise ValueError(f"{name} is {value}: at least {least}")
    one = stats.beta((cells - 2) / 2, (cells - 2) / 2, loc=-1, scale=2)
    if images > 1:  # the variance of one correlation is 1 / (n - 1)
        one = stats.norm(scale=((cells - 1) * images) ** -0.5)
    # E max = integral of 1 - F^C over the positive half minus that of F^C over the negative one
    far = min(1, 12 * one.std())  # beyond it nothing is left, and a peak would be missed
    above = integrate.quad(lambda r: 1 - one.cdf(r) ** channels, 0, far, limit=200)[0]
    below = integrate.quad(lambda r: one.cdf(r) ** channels, -far, 0, limit=200)[0]
    return above - below


def chance_of_best(
    channels: Sequence[int], cells: Sequence[int], images: int, seed: int = 0
) -> pd.DataFrame:
    """The best of several channels by chance, where maps are independent noise.

    A row for each number of channels and cells: `formula` and `simulated`, of one image
    (`match` "image") and of the average over `images` ("dataset").
    """
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for count, n in product(channels, cells):
        best, total = 0.0, torch.zeros(count, count)
        for some in torch.arange(images).split(AT_ONCE):
            g, f = torch.randn(2, len(some), count, n, 1, generator=generator)
            s = pairwise(g, f)  # (b, C, C)
            best += s.amax(2).mean(1).sum().item()
            total += s.sum(0)
        simulated = {"image": best, "dataset": total.amax(1).mean().item()}
        for match, value in simulated.items():
            formula = best_of(count, n, images if match == "dataset" else 1)
            rows.append((count, n, match, formula, value / images))
    return pd.DataFrame(rows, columns=["channels", "cells", "match", "formula", "simulated"])
