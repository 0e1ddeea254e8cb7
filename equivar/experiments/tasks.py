"""Chapter 04, section 4.3: does a task that asks for equivariance make features equivariant?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equivar import datasets
from equivar.datasets import picture
from equivar.experiments.stored import Results, run_all
from equivar.experiments.trained import Training, to_show
from equivar.profiles import Tasks
from equivar.store import Store


def task_runs(p: Tasks) -> list[Training]:
    """The networks of the chapter: each task with each seed."""
    return [
        Training(
            experiment="mnist6-tasks",
            groups={"task": task},
            network="cnn7",
            options={"padding": p.padding},
            data=p.data,
            task=task,
            recipe=p.recipe,
            seed=seed,
            images=p.images,
            transforms=("rotations",),
            match=p.match,
        )
        for seed in p.seeds  # so that a first seed of every task is there first
        for task in p.tasks
    ]


def tasks(p: Tasks, store: Store | None = None) -> Results:
    """Section 4.3: the three tasks, turned by 90, 180 and 270 degrees."""
    return run_all(task_runs(p), store)


@dataclass(frozen=True)
class TaskPictures:
    """A few images of one task, with the names of their classes."""

    images: list[np.ndarray]  # (H, W) each
    labels: list[str]


def task_pictures(p: Tasks, count: int = 8) -> dict[str, TaskPictures]:
    """The first training images of each task; embedded digits where the data are not at hand."""
    data = to_show(p.data, "digits")
    shown = {}
    for task in p.tasks:
        few = datasets.mnist6(data, task).subset(count)
        labels = [few.classes[label] for label in few.labels.tolist()]
        shown[task] = TaskPictures([picture(image) for image in few.images], labels)
    return shown
