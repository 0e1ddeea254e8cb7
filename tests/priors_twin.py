"""The literal twin of `equivar.symmetrise`: plain loops in float64, as its docstring tells it.

It shares no code with the package. A network is two functions: a layer, image (C, H, W) -> maps
(C', H, W), and the rest, maps -> scores (K,).
"""

import itertools

import numpy as np
import orbit_twin

NAMES = ("turned", "rescaled", "averaged", "blank")


def step(match, channel, turns):
    for _ in range(turns):
        channel = match[channel]
    return channel


def best_representation(layer, images):
    """Of all permutations with P^4 = 1, the one with the largest sum of S over the turns."""
    scores = {k: orbit_twin.mean_scores(layer, images, k) for k in (1, 2, 3)}
    channels = range(len(scores[1]))
    best, found = None, None
    for match in itertools.permutations(channels):
        if any(step(match, c, 4) != c for c in channels):
            continue
        worth = sum(scores[k][c][step(match, c, k)] for k in (1, 2, 3) for c in channels)
        if best is None or worth > best + 1e-12:
            best, found = worth, match
    return found


def carried(layer, image, match, turns):
    """T^-k P^-k f(T^k x)."""
    maps = layer(np.rot90(image, turns, axes=(1, 2)))
    out = np.empty_like(maps)
    for c in range(len(maps)):
        out[step(match, c, turns)] = np.rot90(maps[c], -turns)
    return out


def mean_of_turns(layer, image, match):
    return sum(carried(layer, image, match, k) for k in range(4)) / 4


def cycle_of(match, channel):
    return sorted({step(match, channel, k) for k in range(4)})


def restored(layer, images, match):
    """For each channel the factor and offset that the images of a half give."""
    own = np.stack([layer(image) for image in images])
    mean = np.stack([mean_of_turns(layer, image, match) for image in images])
    result = []
    for channel in range(own.shape[1]):
        some = cycle_of(match, channel)
        before = np.mean([own[:, c].var() for c in some])
        after = np.mean([mean[:, c].var() for c in some])
        factor = np.sqrt(before / after)
        result.append((factor, own[:, some].mean() - factor * mean[:, some].mean()))
    return result


def rescaled(layer, images, match, turns):
    """For each channel the factor and offset that make it as strong as the layer's own."""
    own = np.stack([layer(image) for image in images])
    given = np.stack([carried(layer, image, match, turns) for image in images])
    factors = own.std(axis=(0, 2, 3)) / given.std(axis=(0, 2, 3))
    return factors, own.mean(axis=(0, 2, 3)) - factors * given.mean(axis=(0, 2, 3))


def hits(layer, rest, images, labels, match_of):
    """For each operation the share of right answers of each image; halves change places.

    match_of: the images of a half -> the permutation that is chosen on them.
    """
    found = {name: np.zeros(len(images)) for name in NAMES}
    for first in (0, 1):
        choosing = images[1 - first :: 2]
        match, blank = match_of(choosing), np.mean([layer(x) for x in choosing], axis=0)
        restoring = restored(layer, choosing, match)
        scales = {k: rescaled(layer, choosing, match, k) for k in (1, 2, 3)}
        for n in range(first, len(images), 2):
            answers = [
                np.argmax(rest(carried(layer, images[n], match, k))) == labels[n] for k in (1, 2, 3)
            ]
            found["turned"][n] = np.mean(answers)
            given = {
                k: a[:, None, None] * carried(layer, images[n], match, k) + b[:, None, None]
                for k, (a, b) in scales.items()
            }
            answers = [np.argmax(rest(maps)) == labels[n] for maps in given.values()]
            found["rescaled"][n] = np.mean(answers)
            mean = mean_of_turns(layer, images[n], match)
            mean = np.stack([a * m + b for m, (a, b) in zip(mean, restoring, strict=True)])
            found["averaged"][n] = np.argmax(rest(mean)) == labels[n]
            found["blank"][n] = np.argmax(rest(blank)) == labels[n]
    return found
