"""Which layers of a network are measured, and their outputs as feature maps."""

from equivar.features.defaults import default_layers, depth_parts
from equivar.features.geometry import Grid, GridTracker
from equivar.features.hooks import Layers
from equivar.features.maps import MapShape

__all__ = ["Grid", "GridTracker", "Layers", "MapShape", "default_layers", "depth_parts"]
