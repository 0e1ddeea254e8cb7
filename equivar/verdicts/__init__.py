"""How a claim is judged on tidy tables: effect, 95 % interval, verdict, reason.

What a chapter claims, and on what comparisons it is judged, stands in its room
(`equivar.chapters`). Nothing here imports PyTorch.

A verdict is `supported` where the interval lies on the paper's side, `contradicted` where it lies
on the other, `inconclusive` otherwise. Claims that two things are equal hold by a stated margin.

Sections 3.3 and 4.1 are judged on layers, maps and images. In 4.3 to 4.5 networks are trained, and
what varies is the training run: a run is first reduced to its mean scores over the layers and
transformations of a part, and intervals (Student's t) are over runs. They speak of other seeds,
not of other images. A claim that lacks two runs of anything it needs is `not judged`.

Sections 4.2 and 4.6 compare pretrained networks. A correlation with accuracy is over networks
(Fisher's z, with the variance of Bonett and Wright 2000): six or eleven say little. A difference
between architectures is one between the networks at hand, with an interval over images.

Where a claim says several things at once, it is supported only if the 95 % interval of each lies
on the paper's side. This needs no correction: whichever of them is false is found true in 2.5 % of
cases at most. It is contradicted if any of k intervals lies on the other side at 1 - 5 % / k
(Bonferroni). Effect and interval are those of the comparison that is nearest to failing, the
interval always at 95 %. A margin is part of the paper's side: "equal" asks for the 95 % interval
within the margin, which is stricter than two one-sided tests at 5 % (90 %).

With `above_chance=True` a score is replaced by what it is above chance, everywhere.
"""

from equivar.verdicts.components import (
    Component,
    difference,
    doubling,
    judge,
    mean,
    not_judged,
)
from equivar.verdicts.kept import claim_b2, kept
from equivar.verdicts.networks import FAMILIES, Networks, contrast
from equivar.verdicts.ranks import FEWEST, p_value, rank
from equivar.verdicts.report import report
from equivar.verdicts.samples import Runs, Sample
from equivar.verdicts.verdict import (
    LEVEL,
    SE_95,
    SIGNS,
    VERDICTS,
    Claim,
    Verdict,
    bootstrap,
    bound_words,
    greater_than_zero,
    interval_words,
    within_margin,
)

__all__ = [
    "FAMILIES",
    "FEWEST",
    "LEVEL",
    "SE_95",
    "SIGNS",
    "VERDICTS",
    "Claim",
    "Component",
    "Networks",
    "Runs",
    "Sample",
    "Verdict",
    "bootstrap",
    "bound_words",
    "claim_b2",
    "contrast",
    "difference",
    "doubling",
    "greater_than_zero",
    "interval_words",
    "judge",
    "kept",
    "mean",
    "not_judged",
    "p_value",
    "rank",
    "report",
    "within_margin",
]
