"""Which chapters have runs that the store keeps, and the list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from equivar.experiments.architectures import architecture_runs
from equivar.experiments.augmentations import augmentation_runs
from equivar.experiments.capacity import capacity_runs
from equivar.experiments.orbits import orbit_runs
from equivar.experiments.readings import reading_runs
from equivar.experiments.similarities import similarity_runs
from equivar.experiments.stored import Stored
from equivar.experiments.tasks import task_runs
from equivar.files import unknown_name
from equivar.profiles import (
    Architectures,
    Augmentations,
    Capacity,
    Orbits,
    Parameters,
    Readings,
    Similarities,
    Tasks,
)

SWEEPS: dict[str, tuple[type[Parameters], Callable[..., list[Stored]]]] = {
    "02-cosine-vs-correlation": (Similarities, similarity_runs),
    "03-imagenet-correlations": (Architectures, architecture_runs),
    "04-mnist6-tasks": (Tasks, task_runs),
    "05-augmentations": (Augmentations, augmentation_runs),
    "06-capacity": (Capacity, capacity_runs),
    "07-architectures": (Architectures, architecture_runs),
    "08-readings": (Readings, reading_runs),
    "10-orbits": (Orbits, orbit_runs),
}


def sweep(chapter: str, values: Mapping[str, object]) -> list[Stored]:
    """The runs that a chapter asks for under the values of its parameters.

    ValueError: a chapter without runs, or values that its parameters do not take.
    """
    if chapter not in SWEEPS:
        raise unknown_name("chapter with stored runs", chapter, SWEEPS)
    parameters, runs = SWEEPS[chapter]
    return runs(parameters(**values))
