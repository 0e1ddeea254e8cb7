"""Layers made equivariant by force: where a designed prior would cost a network little.

    table = equivar.symmetrise(model, images, labels)
    table[(table["operation"] == "turned") & (table["way"] == "matched")]

One layer at a time is given the maps of the turned image, turned back and with channels put where
they belong. What the network keeps of its accuracy is what it does not notice.
"""

from equivar.priors.permutation import representation
from equivar.priors.reading import BLANK
from equivar.priors.symmetrising import COLUMNS, OPERATIONS, WAYS, symmetrise

__all__ = ["BLANK", "COLUMNS", "OPERATIONS", "WAYS", "representation", "symmetrise"]
