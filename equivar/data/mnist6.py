"""The three tasks of section 4.3: MNIST6, MNIST6-Rot-Inv and MNIST6-Rot-Eq."""

from __future__ import annotations

from dataclasses import replace

import torch

from equivar.data.images import ImageData
from equivar.names import unknown_name

DIGITS = ("2", "3", "4", "5", "7", "9")  # turned, the others look like themselves or each other
TASKS = {"plain": "mnist6", "rot-inv": "mnist6-rot-inv", "rot-eq": "mnist6-rot-eq"}


def mnist6(data: ImageData, task: str = "plain", seed: int = 0) -> ImageData:
    """The digits 2 3 4 5 7 9 of a data set of digits, as one of the three tasks (section 4.3).

    - "plain": as they are, 6 classes.
    - "rot-inv": each image turned once by a random quarter turn (0, 90, 180, 270 degrees,
      counterclockwise), 6 classes.
    - "rot-eq": the same turned images; the turn is part of the label, 24 classes:
      4 x digit + turn, named "2-0", "2-90", ...

    The turns depend only on `seed` and the number of images. The mean and deviation of the whole
    data set are kept, since a turn changes neither. Raises ValueError for an unknown task, for a
    class that is missing from the data or has no image, and for images that are not square.

    >>> from equivar import data
    >>> task = mnist6(data.load("digits"), "rot-eq")
    >>> task.name, len(task.classes), task.classes[:3]
    ('mnist6-rot-eq(digits)', 24, ('2-0', '2-90', '2-180'))
    """
    if task not in TASKS:
        raise unknown_name("task", task, TASKS)
    kept = _six_digits(data)
    if task != "plain":
        turns = torch.randint(4, (len(kept),), generator=torch.Generator().manual_seed(seed))
        kept = _turned(kept, turns, in_label=task == "rot-eq")
    return replace(kept, name=f"{TASKS[task]}({data.name})")


def _six_digits(data: ImageData) -> ImageData:
    absent = [digit for digit in DIGITS if digit not in data.classes]
    if absent:
        raise ValueError(f"{data.name} has no class {', '.join(absent)}: MNIST6 needs digits")
    new_label = torch.full((len(data.classes),), -1)
    for label, digit in enumerate(DIGITS):
        new_label[data.classes.index(digit)] = label
    labels = new_label[data.labels]
    counts = torch.bincount(labels[labels >= 0], minlength=len(DIGITS))
    empty = [digit for digit, count in zip(DIGITS, counts, strict=True) if not count]
    if empty:
        raise ValueError(f"{data.name} ({data.split}) has no image of class {', '.join(empty)}")
    kept = labels >= 0
    return replace(data, images=data.images[kept], labels=labels[kept], classes=DIGITS)


def _turned(data: ImageData, turns: torch.Tensor, in_label: bool) -> ImageData:
    if data.images.shape[-2] != data.images.shape[-1]:
        raise ValueError(f"{data.name}: images must be square to be turned")
    images = data.images.clone()
    for turn in range(1, 4):
        chosen = turns == turn
        images[chosen] = torch.rot90(data.images[chosen], turn, (2, 3))
    if not in_label:
        return replace(data, images=images)
    classes = tuple(f"{digit}-{90 * turn}" for digit in data.classes for turn in range(4))
    return replace(data, images=images, labels=4 * data.labels + turns, classes=classes)
