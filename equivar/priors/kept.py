"""How much of a network's accuracy is kept, with its standard error."""

from __future__ import annotations

import warnings

import numpy as np

RESAMPLES = 1000
_AT_ONCE = 100  # resamples whose counts are held together
_SURE = 2.0  # standard errors above chance, where an accuracy is more than it


def kept(
    hits: np.ndarray, before: np.ndarray, classes: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(acc' - 1/K) / (acc - 1/K) for each row, and its standard error: (R,) each.

    hits: (R, N), for each row and image the share of right answers. before: (N,), whether the
    answer of the network as it is was right. The error is from a bootstrap over images, paired: one
    sample of images for both accuracies. NaN, with a warning, where the network as it is is not
    above chance: then there is nothing to keep.
    """
    chance, nothing = 1 / classes, np.full(len(hits), np.nan)
    accuracy = before.mean()
    if accuracy - chance <= _SURE * np.sqrt(chance * (1 - chance) / len(before)):
        warnings.warn(
            f"the network as it is is right for {accuracy:.3f} of the images, which is not more "
            f"than chance among {classes} classes: there is nothing to keep, and `kept` is NaN",
            stacklevel=4,
        )
        return nothing, nothing
    value = (hits.mean(axis=1) - chance) / (accuracy - chance)
    return value, _errors(hits, before, chance, np.random.default_rng(seed))


def _errors(
    hits: np.ndarray, before: np.ndarray, chance: float, generator: np.random.Generator
) -> np.ndarray:
    count, both, found = len(before), np.vstack([before, hits]), []
    even = np.full(count, 1 / count)
    for _ in range(RESAMPLES // _AT_ONCE):
        times = generator.multinomial(count, even, size=_AT_ONCE)  # how often each image is drawn
        means = both @ times.T / count - chance  # (1 + R, resamples)
        found.append(means[1:] / np.where(means[0] > 0, means[0], np.nan))
    return np.nanstd(np.concatenate(found, axis=1), axis=1)
