"""Small networks whose equivariance is known, and plain implementations of the rulers.

The plain ones hold all maps in memory, in float64, and share no code with the package.
"""

import itertools

import numpy as np
import torch
from scipy import ndimage
from torch import nn

from equivar.networks.toy import turned_copies

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def noise_images(count=48, side=12, seed=0):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


class Turned(nn.Module):
    """A convolution whose filters come in their four turns; its channels mixed by `mix` (C, C)."""

    def __init__(self, mix=None, groups=8, seed=1):
        super().__init__()
        base = torch.randn(groups, 3, 5, 5, generator=torch.Generator().manual_seed(seed))
        weight = turned_copies(base, lifting=True)
        if mix is not None:
            weight = torch.einsum("dc,cikl->dikl", mix.float(), weight)
        self.conv = nn.utils.skip_init(nn.Conv2d, 3, len(weight), 5, padding=2, bias=False)
        self.conv.weight = nn.Parameter(weight.contiguous(), requires_grad=False)

    def forward(self, x):
        return self.conv(x)


class Fresh(nn.Module):
    """Maps that have nothing to do with the image: new noise at each call."""

    def __init__(self, channels=6):
        super().__init__()
        self.layer, self.channels = nn.Identity(), channels
        self.generator = torch.Generator().manual_seed(5)

    def forward(self, x):
        noise = torch.randn(len(x), self.channels, *x.shape[2:], generator=self.generator)
        maps = self.layer(noise + 0 * x[:, :1])
        return maps.mean(dim=(2, 3))


def orthogonal(size, seed=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))[0]


def permutation(size, seed=3):
    return torch.eye(size)[torch.randperm(size, generator=torch.Generator().manual_seed(seed))]


def turned_pairs(layer, images, turns):
    """F, turned back to the image's own place, and G likewise: (N, n, C) each, float64."""
    maps = layer(images).double()
    moved = torch.rot90(layer(torch.rot90(images, turns, (2, 3))).double(), -turns, (2, 3))
    return tuple(z.flatten(2).transpose(1, 2).numpy() for z in (maps, moved))


def folds_of(count, folds):
    edges = [k * count // folds for k in range(folds + 1)]
    return [np.arange(a, b) for a, b in itertools.pairwise(edges)]


def wrong_partner(count, folds):
    """The number of the image that F is taken from instead."""
    partner = np.empty(count, dtype=int)
    for fold in folds_of(count, folds):
        partner[fold] = np.roll(fold, 1)
    return partner


def ridge(f, g, strength):
    """Weights and means that predict g from f, (n, C) each."""
    deviations = f.std(axis=0)
    deviations = np.maximum(deviations, 0.1 * np.sort(deviations)[(len(deviations) - 1) // 2])
    x = (f - f.mean(axis=0)) / deviations
    gram = x.T @ x / len(x) + strength * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (g - g.mean(axis=0)) / len(x))
    return weights / deviations[:, None]


def correlations(a, b):
    return np.array([np.corrcoef(a[:, c], b[:, c])[0, 1] for c in range(a.shape[1])])


def linear_score(f, g, folds=8):
    """The ruler `linear` of F and G, (N, n, C) each."""
    parts, scores = folds_of(len(f), folds), []
    halves = parts[: folds // 2], parts[folds // 2 :]
    for fit, test in (halves, halves[::-1]):
        inner = fit[: len(fit) // 2], fit[len(fit) // 2 :]
        found = []
        for strength in STRENGTHS:
            total = 0
            for one, other in (inner, inner[::-1]):
                weights = ridge(_cells(f, one), _cells(g, one), strength)
                total += correlations(_cells(f, other) @ weights, _cells(g, other)).mean()
            found.append(total)
        weights = ridge(_cells(f, fit), _cells(g, fit), STRENGTHS[int(np.argmax(found))])
        scores.append(correlations(_cells(f, test) @ weights, _cells(g, test)).mean())
    return np.mean(scores)


def cca_score(f, g, folds=8):
    """The ruler `cca` of F and G, (N, n, C) each: by singular values of the data, not of sums."""
    parts, scores = folds_of(len(f), folds), []
    halves = parts[: folds // 2], parts[folds // 2 :]
    for fit, test in (halves, halves[::-1]):
        spaces = [_denoised(_cells(z, fit)) for z in (f, g)]
        bases = [np.linalg.qr(x)[0] for x, _ in spaces]
        left, _, right = np.linalg.svd(bases[0].T @ bases[1], full_matrices=False)
        pairs = []
        for z, (x, directions), basis, turn in zip(
            (f, g), spaces, bases, (left, right.T), strict=True
        ):
            canonical = np.linalg.lstsq(x, basis @ turn, rcond=None)[0]
            pairs.append((_cells(z, test) @ directions) @ canonical)
        scores.append(correlations(*pairs).mean())
    return np.mean(scores)


def _denoised(x):
    """Data in its leading singular directions, which have 99 % of the variance, and these."""
    centred = x - x.mean(axis=0)
    values, vectors = np.linalg.svd(centred, full_matrices=False)[1:]
    share = np.cumsum(values**2) / np.sum(values**2)
    directions = vectors[: int((share < 0.99).sum()) + 1].T
    return centred @ directions, directions


def _cells(z, folds):
    return z[np.concatenate(folds)].reshape(-1, z.shape[2])


def variance_score(f, g):
    """The normalised variance as tmeasures has it, for two transformations, maps averaged."""
    over_transformations = np.std(np.stack([f, g]), axis=0, ddof=1).mean(axis=0)  # (n, C)
    over_images = np.stack([z.std(axis=0, ddof=1) for z in (f, g)]).mean(axis=0)
    return (over_transformations.mean(axis=0) / over_images.mean(axis=0)).mean()


def moved(maps, sort, by):
    """Maps (N, C, H, W) moved by so many pixels or degrees, read bilinearly, borders repeated."""
    height, width = maps.shape[2:]
    i, j = np.mgrid[:height, :width].astype(float)
    if sort == "shift":
        places = [i - by, j - by]
    else:
        angle = np.radians(by)
        y, x = i - (height - 1) / 2, j - (width - 1) / 2
        places = [
            np.cos(angle) * y + np.sin(angle) * x + (height - 1) / 2,
            np.cos(angle) * x - np.sin(angle) * y + (width - 1) / 2,
        ]
    read = [
        [ndimage.map_coordinates(one, places, order=1, mode="nearest") for one in image]
        for image in maps.numpy()
    ]
    return torch.tensor(np.array(read))


def lie_score(layer, images, sort, step):
    """The local equivariance error by central differences, over the variance of the maps."""
    images = images.double()
    a = moved(layer(moved(images, sort, step)), sort, -step)
    b = moved(layer(moved(images, sort, -step)), sort, step)
    error = ((a - b) / (2 * step)).square().mean()
    both = torch.cat([a, b])
    variance = (both - both.mean(dim=(0, 2, 3), keepdim=True)).square().mean()
    return (error / variance).item()
