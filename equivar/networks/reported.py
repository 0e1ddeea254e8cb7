"""What the literature reports for the networks on CIFAR-10, fully trained with crops and flips.

Residual networks: He et al. (2016), table 6. Wide ones: Zagoruyko and Komodakis (2016), table 4.
"""

from __future__ import annotations

from math import nan

CIFAR10 = {  # accuracy on the test images
    "resnet20": 0.9125,
    "resnet32": 0.9249,
    "resnet44": 0.9283,
    "resnet56": 0.9303,
    "resnet110": 0.9357,
    "wrn-16-8": 0.9519,
    "wrn-40-1": 0.9315,
    "wrn-40-2": 0.9467,
    "wrn-40-4": 0.9503,
    "wrn-40-8": 0.9534,
    "wrn-28-10": 0.9583,
}


def reported(network: str, data: str) -> float:
    """The accuracy that is reported for a network on a data set, 0 to 1; NaN if none is known.

    Every data set whose name begins with "cifar10" counts as CIFAR-10. A part of it, or a copy with
    stronger compression, should give a lower accuracy.
    """
    return CIFAR10.get(network, nan) if data.startswith("cifar10") else nan
