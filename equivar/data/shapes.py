"""A data set that needs no file: ten classes of objects, drawn as small colour images.

Each image has one object near the centre; the outline of the object is its class. Position (a few
pixels), size, orientation, mirror image, colours, texture of the object and of the background,
light, clutter behind it and in front of it, and noise vary from image to image.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SIZE = 32  # pixels a side
CHUNK = 500  # images drawn at once, which bounds memory; another number gives other images
Array = np.ndarray


# Outlines in the object's own frame: u to the right, v down, about 1 in radius.
# Each gives the signed distance to the outline, negative inside; (B, H, W) twice -> (B, H, W).


def _box(u: Array, v: Array, half_width: float, half_height: float) -> Array:
    return np.maximum(np.abs(u) - half_width, np.abs(v) - half_height)


def _disc(u: Array, v: Array) -> Array:
    return np.hypot(u, v) - 0.85


def _ring(u: Array, v: Array) -> Array:
    return np.abs(np.hypot(u, v) - 0.68) - 0.22


def _square(u: Array, v: Array) -> Array:
    return _box(u, v, 0.75, 0.75)


def _triangle(u: Array, v: Array) -> Array:
    return np.maximum(v - 0.6, 0.866 * np.abs(u) - 0.5 * v - 0.5)


def _cross(u: Array, v: Array) -> Array:
    return np.minimum(_box(u, v, 0.95, 0.28), _box(u, v, 0.28, 0.95))


def _star(u: Array, v: Array) -> Array:
    fifth = 2 * np.pi / 5
    angle = np.arctan2(u, -v) % fifth
    angle = np.minimum(angle, fifth - angle)  # 0 along a ray, fifth / 2 between two rays
    radius = np.hypot(u, v)
    along, across = radius * np.cos(angle), radius * np.sin(angle)
    inner = 0.45 * np.array([np.cos(fifth / 2), np.sin(fifth / 2)], dtype=np.float32)
    edge = np.hypot(1.05 - inner[0], inner[1])  # from the tip (1.05, 0) to the inner corner
    return ((along - 1.05) * inner[1] + across * (1.05 - inner[0])) / edge


def _crescent(u: Array, v: Array) -> Array:
    return np.maximum(np.hypot(u - 0.2, v) - 0.95, 0.75 - np.hypot(u - 0.62, v))


def _heart(u: Array, v: Array) -> Array:
    return np.hypot(u, -v - 0.75 * np.sqrt(np.abs(u)) + 0.15) - 0.85


def _arrow(u: Array, v: Array) -> Array:
    head = np.maximum(-u, 0.707 * (u + np.abs(v)) - 0.707)
    return np.minimum(head, _box(u + 0.5, v, 0.55, 0.25))


def _tee(u: Array, v: Array) -> Array:
    return np.minimum(_box(u, v + 0.6, 0.85, 0.25), _box(u, v - 0.1, 0.26, 0.85))


OUTLINES: dict[str, Callable[[Array, Array], Array]] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
    "star": _star,
    "crescent": _crescent,
    "heart": _heart,
    "arrow": _arrow,
    "tee": _tee,
}


def draw_shapes(labels: Array, seed: int | list[int]) -> Array:
    """Draw one image per label (N,), uint8 (N, 3, 32, 32); the same seed draws the same images.

    A label is an index into `OUTLINES`. Raises ValueError for any other number.

    >>> import numpy as np
    >>> draw_shapes(np.array([0, 3]), seed=1).shape
    (2, 3, 32, 32)
    """
    labels = np.asarray(labels, dtype=np.int64)
    if labels.size and not (labels.min() >= 0 and labels.max() < len(OUTLINES)):
        raise ValueError(f"labels must lie in 0..{len(OUTLINES) - 1}")
    rng = np.random.default_rng(seed)
    images = np.empty((len(labels), 3, SIZE, SIZE), dtype=np.uint8)
    for start in range(0, len(labels), CHUNK):
        images[start : start + CHUNK] = _draw(labels[start : start + CHUNK], rng)
    return images


def _draw(labels: Array, rng: np.random.Generator) -> Array:
    """Labels (B,) -> images (B, 3, H, W): background, clutter, object, clutter, light, noise."""
    count = len(labels)
    background, foreground = _colours(count, rng)
    image = _textured(background, rng)
    for _ in range(3):
        image = _add_clutter(image, rng, length=(1.5, 6.0))
    inside = _object_mask(labels, rng)[:, None]  # (B, 1, H, W)
    image += inside * (_textured(foreground, rng) - image)
    image = _add_clutter(image, rng, length=(1.0, 4.0))
    image *= 1 + 0.2 * _waves(count, rng, (0.05, 0.15))[:, None]  # light
    image += 0.03 * rng.standard_normal(image.shape, dtype=np.float32)
    return (255 * np.clip(image, 0, 1) + 0.5).astype(np.uint8)


def _uniform(rng: np.random.Generator, low: float, high: float, count: int) -> Array:
    """(B, 1, 1) numbers between low and high, one per image."""
    return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)


def _grid() -> tuple[Array, Array]:
    """Pixel centres x (1, 1, W) and y (1, H, 1), 0 in the middle of the image."""
    place = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2
    return place[None, None, :], place[None, :, None]


def _object_mask(labels: Array, rng: np.random.Generator) -> Array:
    """How much of each pixel the object covers, (B, H, W) in [0, 1]."""
    count = len(labels)
    x, y = _grid()
    x = x - rng.normal(0, 1.5, (count, 1, 1)).astype(np.float32)  # (B, 1, W)
    y = y - rng.normal(0, 1.5, (count, 1, 1)).astype(np.float32)  # (B, H, 1)
    turn = rng.normal(0, 0.25, (count, 1, 1)).astype(np.float32)  # radians, about 15 degrees
    radius = _uniform(rng, 7.5, 10.0, count)
    stretch = np.exp(rng.normal(0, 0.1, (count, 1, 1))).astype(np.float32)
    mirror = rng.choice(np.array([-1, 1], dtype=np.float32), (count, 1, 1))
    u = mirror * (np.cos(turn) * x + np.sin(turn) * y) / (radius * stretch)
    v = (np.cos(turn) * y - np.sin(turn) * x) / radius * stretch
    distance = np.empty_like(u)
    for label, outline in enumerate(OUTLINES.values()):
        chosen = labels == label
        distance[chosen] = outline(u[chosen], v[chosen])
    return np.clip(0.5 - distance * radius, 0, 1)


def _colours(count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """A muted colour of the background and one of the object for each image, (B, 3) each.

    They lie 0.3 to 0.75 apart in the RGB cube, mostly in lightness.
    """
    background = rng.uniform(0.2, 0.8, (count, 1)) + rng.normal(0, 0.13, (count, 3))
    step = rng.normal(size=(count, 1)) + 0.7 * rng.normal(size=(count, 3))
    step *= rng.uniform(0.3, 0.75, (count, 1)) / np.linalg.norm(step, axis=1, keepdims=True)
    outside = (abs(background + step - 0.5) > abs(background - step - 0.5)).mean(1, keepdims=True)
    foreground = background + np.where(outside > 0.5, -step, step)
    return (
        np.clip(background, 0, 1).astype(np.float32),
        np.clip(foreground, 0, 1).astype(np.float32),
    )


def _waves(count: int, rng: np.random.Generator, frequency: tuple[float, float]) -> Array:
    """Sine waves, (B, H, W) in [-1, 1], in a random direction; frequency in radians a pixel."""
    x, y = _grid()
    direction = _uniform(rng, 0, 2 * np.pi, count)
    pace = _uniform(rng, *frequency, count)
    phase = _uniform(rng, 0, 2 * np.pi, count)
    return np.sin(pace * (np.cos(direction) * x + np.sin(direction) * y) + phase)


def _textured(colours: Array, rng: np.random.Generator) -> Array:
    """Colours (B, 3) -> surfaces (B, 3, H, W): plain, striped, checked or mottled."""
    count = len(colours)
    first, second = _waves(count, rng, (0.6, 1.6)), _waves(count, rng, (0.6, 1.6))
    mottled = _waves(count, rng, (0.1, 0.4)) * _waves(count, rng, (0.1, 0.4))
    kind = rng.integers(0, 4, (count, 1, 1))
    pattern = np.select(
        [kind == 0, kind == 1, kind == 2],
        [np.zeros_like(first), np.clip(3 * first, -1, 1), np.clip(3 * first * second, -1, 1)],
        mottled,
    )
    tint = (rng.normal(0, 0.07, (count, 1)) + rng.normal(0, 0.05, (count, 3))).astype(np.float32)
    return colours[:, :, None, None] + tint[:, :, None, None] * pattern[:, None]


def _add_clutter(image: Array, rng: np.random.Generator, length: tuple[float, float]) -> Array:
    """Lay one bar or blob on each image (B, 3, H, W), anywhere, of any colour."""
    count = len(image)
    x, y = _grid()
    x = x - _uniform(rng, -SIZE / 2, SIZE / 2, count)
    y = y - _uniform(rng, -SIZE / 2, SIZE / 2, count)
    turn = _uniform(rng, 0, np.pi, count)
    along = (np.cos(turn) * x + np.sin(turn) * y) / _uniform(rng, *length, count)
    across = (np.cos(turn) * y - np.sin(turn) * x) / _uniform(rng, 0.6, 2.0, count)
    square = np.maximum(np.abs(along), np.abs(across))
    distance = np.where(_uniform(rng, 0, 1, count) < 0.5, square, np.hypot(along, across)) - 1
    cover = np.clip(0.5 - 1.5 * distance, 0, 1)[:, None]  # (B, 1, H, W)
    colour = rng.uniform(0.1, 0.9, (count, 1)) + rng.normal(0, 0.12, (count, 3))
    return image + cover * (colour.astype(np.float32)[:, :, None, None] - image)
