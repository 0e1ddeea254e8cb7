"""Tidy tables to pictures, in one style and one table of colours.

What several chapters draw; the pictures of one chapter stand in its room. Every function draws
into Axes that it is given, or makes a figure of them and returns it. Nothing here imports PyTorch.
"""

from equivar.figures.labels import SMALL, end_labels, names_beside, spread
from equivar.figures.numbers import numbers
from equivar.figures.profile import depth_profile, network_profile
from equivar.figures.rulers import ruler_profile
from equivar.figures.runs import (
    accuracies,
    half_interval,
    layer_scores,
    part_scores,
    shift_changes,
    shift_scores,
    training_curves,
)
from equivar.figures.style import (
    CHANCE,
    COLOURS,
    LABELS,
    MARKERS,
    WIDTH,
    bare,
    first_to_last,
    shared_legend,
    signed_image,
    style,
)
from equivar.figures.words import Words, by_part, means_by_part, number, signed

__all__ = [
    "CHANCE",
    "COLOURS",
    "LABELS",
    "MARKERS",
    "SMALL",
    "WIDTH",
    "Words",
    "accuracies",
    "bare",
    "by_part",
    "depth_profile",
    "end_labels",
    "first_to_last",
    "half_interval",
    "layer_scores",
    "means_by_part",
    "names_beside",
    "network_profile",
    "number",
    "numbers",
    "part_scores",
    "ruler_profile",
    "shared_legend",
    "shift_changes",
    "shift_scores",
    "signed",
    "signed_image",
    "spread",
    "style",
    "training_curves",
]
