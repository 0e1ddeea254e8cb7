"""Learned equivariance of image recognition networks, layer by layer.

Names are imported when they are asked for (PEP 562), so that what only reads or draws tables does
not wait for PyTorch.
"""

import sys
from importlib import import_module
from types import ModuleType

_HOMES = {
    "Rotation": "equivar.transforms",
    "Shift": "equivar.transforms",
    "Tokens": "equivar.features",
    "default_layers": "equivar.features",
    "diagonal_shifts": "equivar.transforms",
    "measure": "equivar.measure",
    "orbits": "equivar.orbits",
    "rotations": "equivar.transforms",
    "summarise": "equivar.measure",
    "symmetrise": "equivar.priors",
}
_MODULES = ("rulers",)
__all__ = [
    "Rotation",
    "Shift",
    "Tokens",
    "default_layers",
    "diagonal_shifts",
    "measure",
    "orbits",
    "rotations",
    "rulers",
    "summarise",
    "symmetrise",
]


class _Package(ModuleType):
    """`equivar.measure` and `equivar.orbits` are functions, and modules are called the same.

    Python puts a module that it has imported into its package; there it must not replace them.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str):
    if name in _MODULES:
        return import_module(f"equivar.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
