"""The paper's claims as functions of tidy tables: effect, 95 % interval, verdict, reason.

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

from equivar.claims.architectures import (
    claim_4_6a,
    claim_4_6b,
    claim_4_6c,
    claim_4_6d,
    claim_4_6e,
    claim_4_6f,
)
from equivar.claims.cosine import activation_correlations, claim_3_3a, claim_3_3b
from equivar.claims.imagenet import claim_4_2a, claim_4_2b, claim_4_2c, rank_correlations
from equivar.claims.orbits import claim_b4, claim_b5, claim_b6, task_changes
from equivar.claims.readings import claim_b1, claim_b2, claim_b3, verdicts_by_reading
from equivar.claims.sections import SECTIONS, of_section
from equivar.claims.tasks import claim_4_3a, claim_4_3b, claim_4_3c, claim_4_3d
from equivar.claims.toy import claim_4_1a, claim_4_1b
from equivar.claims.training import claim_4_4a, claim_4_4b, claim_4_4c, claim_4_5a, claim_4_5b
from equivar.claims.verdict import (
    LEVEL,
    SE_95,
    Verdict,
    bootstrap,
    greater_than_zero,
    within_margin,
)

__all__ = [
    "LEVEL",
    "SECTIONS",
    "SE_95",
    "Verdict",
    "activation_correlations",
    "bootstrap",
    "claim_3_3a",
    "claim_3_3b",
    "claim_4_1a",
    "claim_4_1b",
    "claim_4_2a",
    "claim_4_2b",
    "claim_4_2c",
    "claim_4_3a",
    "claim_4_3b",
    "claim_4_3c",
    "claim_4_3d",
    "claim_4_4a",
    "claim_4_4b",
    "claim_4_4c",
    "claim_4_5a",
    "claim_4_5b",
    "claim_4_6a",
    "claim_4_6b",
    "claim_4_6c",
    "claim_4_6d",
    "claim_4_6e",
    "claim_4_6f",
    "claim_b1",
    "claim_b2",
    "claim_b3",
    "claim_b4",
    "claim_b5",
    "claim_b6",
    "greater_than_zero",
    "of_section",
    "rank_correlations",
    "task_changes",
    "verdicts_by_reading",
    "within_margin",
]
