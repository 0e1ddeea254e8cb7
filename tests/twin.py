"""The literal twin of `equivar.measure`: plain loops in float64, one image and channel at a time.

It follows section 3 of the design sentence by sentence and shares no code with the package.
Layers are given as functions image (C, H, W) -> map (C', H', W') with their strides.
"""

import itertools
import math

import numpy as np


def similarity(g, f, kind):
    """S of two vectors; None where undefined."""
    if kind == "correlation":
        for v in (g, f):
            if np.std(v) <= 1e-5 * np.sqrt(np.mean(v**2)):
                return None
        g, f = g - g.mean(), f - f.mean()
    elif not (g.any() and f.any()):
        return None
    return float(np.sum(g * f) / math.sqrt(np.sum(g**2) * np.sum(f**2)))


def signed(s, sign):
    """A negative S is kept, or counts as 0."""
    return s if s is None or sign == "keep" else max(s, 0.0)


def rotate(x, k):
    return np.rot90(x, k, axes=(-2, -1))


def shift_image(x, d, border):
    if border == "wrap":
        return np.roll(x, (d, d), axis=(-2, -1))
    out = np.zeros_like(x)
    height, width = x.shape[-2:]
    for i in range(height):
        for j in range(width):
            if 0 <= i - d < height and 0 <= j - d < width:
                out[..., i, j] = x[..., i - d, j - d]
    return out


def read_axis(i, size, by, border, subpixel):
    """[(cell, share), ...] read for cell i, or None where it is not compared."""
    position = i - by
    if border == "zero" and not -1e-9 <= position <= size - 1 + 1e-9:
        return None
    if subpixel == "skip" and abs(by - round(by)) > 1e-9:
        return None
    if subpixel == "nearest":
        position = math.floor(position + 0.5 + 1e-9)
    low = math.floor(position + 1e-9)
    share = position - low
    cells = [(low, 1 - share), (low + 1, share)] if share > 1e-9 else [(low, 1.0)]
    if border == "wrap":
        return [(cell % size, weight) for cell, weight in cells]
    return [(min(max(cell, 0), size - 1), weight) for cell, weight in cells]


def pair_maps(fx, gx, transform, strides, border, subpixel):
    """Vectors of the compared cells, per channel: (F (C, n), G (C, n)); n may be 0."""
    channels, height, width = fx.shape
    if (height, width) == (1, 1):
        return fx.reshape(channels, 1), gx.reshape(channels, 1)
    kind, amount = transform
    if kind == "rotation":
        return rotate(fx, amount).reshape(channels, -1), gx.reshape(channels, -1)
    f, g = [], []
    for i in range(height):
        rows = read_axis(i, height, amount / strides[0], border, subpixel)
        for j in range(width):
            columns = read_axis(j, width, amount / strides[1], border, subpixel)
            if rows is None or columns is None:
                continue
            f.append(sum(a * b * fx[:, r, c] for r, a in rows for c, b in columns))
            g.append(gx[:, i, j])
    return np.array(f).reshape(-1, channels).T, np.array(g).reshape(-1, channels).T


def nanmean(values):
    values = [v for v in values if v is not None]
    return sum(values) / len(values) if values else float("nan")


def per_image(pairs, kind, match, which, sign):
    """Score and share undefined, for `over="image"`; pairs: [(F, G)] with None where no partner."""
    table = []  # image x c x c'
    for f, g in pairs:
        channels = len(f)
        table.append(
            [
                [signed(similarity(g[c], f[d], kind), sign) for d in range(channels)]
                for c in range(channels)
            ]
        )
    channels = len(table[0])
    undefined = scored = 0
    for s in table:
        for c in range(channels):
            own = s[c][c] if which == "invariance" else None
            has = own is not None if which == "invariance" else any(v is not None for v in s[c])
            scored += has
            undefined += not has
    share = undefined / (undefined + scored)
    if which == "invariance":
        return nanmean(
            [_or_none(nanmean([s[c][c] for c in range(channels)])) for s in table]
        ), share
    if match == "image":
        best = [
            [max((v for v in s[c] if v is not None), default=None) for c in range(channels)]
            for s in table
        ]
        return nanmean([_or_none(nanmean(row)) for row in best]), share
    best = []
    for c in range(channels):
        means = [_or_none(nanmean([s[c][d] for s in table])) for d in range(channels)]
        best.append(max((m for m in means if m is not None), default=None))
    return nanmean(best), share


def jointly(pairs, kind, which, sign):
    """Score and share undefined for `over="dataset"`."""
    f = np.concatenate([f for f, _ in pairs], axis=1)
    g = np.concatenate([g for _, g in pairs], axis=1)
    values = []
    for c in range(len(f)):
        row = [signed(similarity(g[c], f[d], kind), sign) for d in range(len(f))]
        if which == "invariance":
            values.append(row[c])
        else:
            values.append(max((v for v in row if v is not None), default=None))
    return nanmean(values), sum(v is None for v in values) / len(values)


def _or_none(x):
    return None if math.isnan(x) else x


def by_channel(pairs, kind, over, match, which, sign):
    """The score of each channel, None where it has none; arguments as above."""
    channels = range(len(pairs[0][0]))
    if over == "dataset":
        pairs = [tuple(np.concatenate(maps, axis=1) for maps in zip(*pairs, strict=True))]
    tables = [
        [[signed(similarity(g[c], f[d], kind), sign) for d in channels] for c in channels]
        for f, g in pairs
    ]
    if which == "invariance":
        return [_or_none(nanmean([s[c][c] for s in tables])) for c in channels]
    if match == "image" and over == "image":
        return [_or_none(nanmean([largest(s[c]) for s in tables])) for c in channels]
    return [
        largest([_or_none(nanmean([s[c][d] for s in tables])) for d in channels]) for c in channels
    ]


def largest(values):
    return max((v for v in values if v is not None), default=None)


def corrected(scores, chances):
    """The mean over channels of (s - c) / (1 - c), of those with c up to .95."""
    return nanmean(
        [
            (s - c) / (1 - c)
            for s, c in zip(scores, chances, strict=True)
            if s is not None and c is not None and c <= 0.95
        ]
    )


def excess(equivariances, invariances, chances):
    """The mean over channels of (e - m) / (1 - m), m the larger of invariance and chance."""
    values = []
    for e, i, c in zip(equivariances, invariances, chances, strict=True):
        if e is None or c is None or c > 0.95:
            continue
        m = c if i is None else max(i, c)
        values.append(0.0 if m > 1 - 1e-4 else (e - m) / (1 - m))
    return nanmean(values)


def without_mean(maps):
    """Maps of all images without each channel's mean map; 0 where only rounding is left."""
    mean, out = sum(maps) / len(maps), []
    for one in maps:
        rest = one - mean
        for c in range(len(rest)):
            if np.sqrt(np.mean(rest[c] ** 2)) <= 1e-5 * np.sqrt(np.mean(one[c] ** 2)):
                rest[c] = 0
        out.append(rest)
    return out


def measure(layer, images, transform, which, *, strides=(1, 1), similarity="correlation",
            over="image", match="dataset", border="zero", subpixel="bilinear",
            sign="keep", common="keep"):  # fmt: skip
    """Score, chance, undefined, corrected and excess under ("rotation", k) or ("shift", d)."""
    kind, amount = transform
    moved = [
        rotate(image, amount) if kind == "rotation" else shift_image(image, amount, border)
        for image in images
    ]
    fxs, gxs = [layer(image) for image in images], [layer(image) for image in moved]
    if common == "remove":
        fxs, gxs = without_mean(fxs), without_mean(gxs)
    pairs = [
        pair_maps(fx, gx, transform, strides, border, subpixel)
        for fx, gx in zip(fxs, gxs, strict=True)
    ]
    wrong = [(before[0], g) for before, (_, g) in itertools.pairwise(pairs)]
    if pairs[0][0].shape[1] == 0:
        return float("nan"), float("nan"), 1.0, float("nan"), float("nan")
    if fxs[0].shape[1:] == (1, 1):
        over = "dataset"

    def score(some):
        if not some:
            return float("nan"), 1.0
        if over == "dataset":
            return jointly(some, similarity, which, sign)
        return per_image(some, similarity, match, which, sign)

    def channels(some, which):
        return by_channel(some, similarity, over, match, which, sign)

    value, undefined = score(pairs)
    mine, other = channels(pairs, which), channels(wrong, which)
    more = float("nan")
    if which == "equivariance":
        more = excess(mine, channels(pairs, "invariance"), other)
    return value, score(wrong)[0], undefined, corrected(mine, other), more
