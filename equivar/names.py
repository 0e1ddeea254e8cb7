"""The words that all tables share, and what to say of a name that nothing has.

Standard library alone: the Makefile asks here before there is an environment.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

PARTS = ("early", "middle", "late", "pool", "final")  # of a network, in depth order (section 4.2)
BEFORE_POOLING, WITHOUT_CELLS = PARTS[:3], PARTS[3:]
KINDS = ("invariance", "equivariance")
SORTS = {"shift": "translation", "rotation": "rotation"}  # of transformations -> what they show


def sort_of(transform: str) -> str:
    """The sort of a transformation by its name: "rotation-90" is a "rotation".

    >>> sort_of("rotation-90")
    'rotation'
    """
    return transform.partition("-")[0]


def amount_of(transform: str) -> int:
    """Degrees or pixels of a transformation by its name: "shift-3" has 3.

    >>> amount_of("shift-3")
    3
    """
    return int(transform.partition("-")[2])


def title_of(network: str) -> str:
    """A residual network's name as tables and figures show it: "resnet44" is "ResNet-44".

    >>> title_of("resnet44")
    'ResNet-44'
    """
    return re.sub(r"^wrn-(?=\d+-\d+$)", "WRN-", re.sub(r"^resnet(?=\d+$)", "ResNet-", network))


def near_names(name: object, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names that look most like `name`, the nearest first; often none.

    >>> near_names("resnet4", ["resnet44", "cnn7"])
    ['resnet44']
    """
    return difflib.get_close_matches(str(name).lower(), list(known), n=count, cutoff=0.5)


def did_you_mean(names: Iterable[str]) -> str:
    """The question whether one of these was meant, with a space before it; "" without names.

    >>> did_you_mean(["resnet44"])
    ' Did you mean resnet44?'
    """
    listed = " or ".join(names)
    return f" Did you mean {listed}?" if listed else ""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for a name that a table does not have: names near it, then all of them.

    >>> str(unknown_name("network", "cnn", ["cnn7", "resnet44"]))
    "unknown network 'cnn'. Did you mean 'cnn7'? Known: cnn7, resnet44."
    """
    known = list(known)
    hint = did_you_mean(map(repr, near_names(name, known)))
    return ValueError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(known) or 'none'}.")


if __name__ == "__main__":  # python -m equivar.names KIND NAME KNOWN ...
    import sys

    print(str(unknown_name(sys.argv[1], sys.argv[2], sys.argv[3:])).rstrip("."))
