"""Tidy tables and arrays to pictures, in one style and one table of colours.

Every function draws into Axes that it is given, or makes a figure of them and returns it.
"""

from equivar.figures.architectures import (
    accuracy_scatter,
    architecture_profiles,
    compared_cells,
    convergence,
    rank_intervals,
    relative_depth,
)
from equivar.figures.augmentations import augmented_pictures
from equivar.figures.orbits import (
    group_law,
    orbit_filters,
    orbit_maps,
    orbit_shares,
    orbit_wheels,
)
from equivar.figures.own import channel_pairs, own_profile
from equivar.figures.profile import depth_profile
from equivar.figures.readings import (
    chance_curves,
    chance_shares,
    matching_profiles,
    reading_grid,
    verdict_grid,
)
from equivar.figures.runs import (
    accuracies,
    half_interval,
    layer_scores,
    part_scores,
    shift_scores,
    training_curves,
)
from equivar.figures.similarities import activation_scatter, random_maps, similarity_by_block
from equivar.figures.style import COLOURS, LABELS, MARKERS, WIDTH, bare, signed_image, style
from equivar.figures.tasks import task_pictures
from equivar.figures.toy import filters, toy_profiles, turned_maps

__all__ = [
    "COLOURS",
    "LABELS",
    "MARKERS",
    "WIDTH",
    "accuracies",
    "accuracy_scatter",
    "activation_scatter",
    "architecture_profiles",
    "augmented_pictures",
    "bare",
    "chance_curves",
    "chance_shares",
    "channel_pairs",
    "compared_cells",
    "convergence",
    "depth_profile",
    "filters",
    "group_law",
    "half_interval",
    "layer_scores",
    "matching_profiles",
    "orbit_filters",
    "orbit_maps",
    "orbit_shares",
    "orbit_wheels",
    "own_profile",
    "part_scores",
    "random_maps",
    "rank_intervals",
    "reading_grid",
    "relative_depth",
    "shift_scores",
    "signed_image",
    "similarity_by_block",
    "style",
    "task_pictures",
    "toy_profiles",
    "training_curves",
    "turned_maps",
    "verdict_grid",
]
