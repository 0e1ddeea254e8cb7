"""What a maximum over channels scores by chance, where nothing is alike.

The correlation r of two independent maps of n cells, of which one is isotropic noise, is such that
(r + 1) / 2 follows a beta distribution with both parameters (n - 2) / 2; given one of them, its
correlations with several others are independent of each other. So the best of C has the
distribution function of one to the power C.
"""

from __future__ import annotations

from scipy import integrate, stats


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
    # E max = integral of 1 - F^C over the positive half, less that of F^C over the negative one
    far = min(1, 12 * one.std())  # beyond it nothing is left, and a peak would be missed
    above = integrate.quad(lambda r: 1 - one.cdf(r) ** channels, 0, far, limit=200)[0]
    below = integrate.quad(lambda r: one.cdf(r) ** channels, -far, 0, limit=200)[0]
    return above - below
