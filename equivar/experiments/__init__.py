"""One function a chapter: parameters in, tidy tables out."""

from equivar.experiments.architectures import Compared, architectures, convergence, picture_given
from equivar.experiments.augmentations import augmentations, augmented_pictures
from equivar.experiments.capacity import capacity
from equivar.experiments.measured import mean_activation
from equivar.experiments.orbits import filters_in, orbits_by_network, picture_along
from equivar.experiments.planted import false_discoveries, planted_example
from equivar.experiments.readings import (
    augmentation_readings,
    chance_of_best,
    combinations,
    every_combination,
    task_readings,
)
from equivar.experiments.similarities import random_maps, similarity_by_block
from equivar.experiments.stored import Results
from equivar.experiments.tasks import task_pictures, tasks
from equivar.experiments.toy import ToyNetwork, toy

__all__ = [
    "Compared",
    "Results",
    "ToyNetwork",
    "architectures",
    "augmentation_readings",
    "augmentations",
    "augmented_pictures",
    "capacity",
    "chance_of_best",
    "combinations",
    "convergence",
    "every_combination",
    "false_discoveries",
    "filters_in",
    "mean_activation",
    "orbits_by_network",
    "picture_along",
    "picture_given",
    "planted_example",
    "random_maps",
    "similarity_by_block",
    "task_pictures",
    "task_readings",
    "tasks",
    "toy",
]
