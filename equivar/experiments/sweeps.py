"""Which chapters train networks, and the list of their runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from equivar.experiments.augmentations import augmentation_runs
from equivar.experiments.capacity import capacity_runs
from equivar.experiments.tasks import task_runs
from equivar.experiments.trained import Training
from equivar.files import unknown_name
from equivar.profiles import Augmentations, Capacity, Parameters, Tasks

SWEEPS: dict[str, tuple[type[Parameters], Callable[..., list[Training]]]] = {
    "04-mnist6-tasks": (Tasks, task_runs),
    "05-augmentations": (Augmentations, augmentation_runs),
    "06-capacity": (Capacity, capacity_runs),
}


def sweep(chapter: str, values: Mapping[str, object]) -> list[Training]:
    """The runs that a chapter asks for under the values of its parameters.

    ValueError: a chapter that trains nothing, or values that its parameters do not take.
    """
    if chapter not in SWEEPS:
        raise unknown_name("chapter with training runs", chapter, SWEEPS)
    parameters, runs = SWEEPS[chapter]
    return runs(parameters(**values))
