"""Learned equivariance of image recognition networks, layer by layer."""

from equivar.features import default_layers
from equivar.measure import measure, summarise
from equivar.orbits import orbits
from equivar.transforms import Rotation, Shift, diagonal_shifts, rotations

__all__ = [
    "Rotation",
    "Shift",
    "default_layers",
    "diagonal_shifts",
    "measure",
    "orbits",
    "rotations",
    "summarise",
]
