"""Which layers of a network are measured, and their outputs as feature maps."""

from equivar.features.defaults import default_layers, depth_parts
from equivar.features.grid import Grid
from equivar.features.hooks import Layers, in_eval_mode
from equivar.features.maps import MapShape, Tokens
from equivar.features.tracker import CellTracker

__all__ = [
    "CellTracker",
    "Grid",
    "Layers",
    "MapShape",
    "Tokens",
    "default_layers",
    "depth_parts",
    "in_eval_mode",
]
