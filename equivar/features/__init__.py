"""Which layers of a network are measured, and their outputs as feature maps."""

from .defaults import default_layers, depth_parts
from .geometry import Grid, GridTracker
from .hooks import Layers
from .maps import MapShape

__all__ = ["Grid", "GridTracker", "Layers", "MapShape", "default_layers", "depth_parts"]
