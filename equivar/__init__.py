"""Learned equivariance of image recognition networks, layer by layer."""

from .features import default_layers
from .measure import measure
from .transforms import Rotation, Shift, diagonal_shifts, rotations

__all__ = ["Rotation", "Shift", "default_layers", "diagonal_shifts", "measure", "rotations"]
