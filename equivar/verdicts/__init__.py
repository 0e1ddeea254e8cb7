"""How a claim is judged on tidy tables: effect, 95 % interval, verdict, reason.

What a chapter claims, on what comparisons it is judged and what effect is of interest stands in its
room (`equivar.chapters`). Nothing here imports PyTorch.

Five verdicts. A claim with a direction is `negligible` where the whole interval is smaller than the
smallest effect of interest, else `supported` or `contradicted` by the side on which the interval
lies, else `inconclusive`. A claim that two things are equal is `supported` where the interval lies
within the margin, `contradicted` where it lies outside, else `inconclusive`. A claim for which
something is missing is `not judged`.

The unit of inference is what the claim is about. In 4.3 to 4.5 networks are trained, and what
varies is the training run: a run is first reduced to its mean scores over the layers and
transformations of a part, and intervals (Student's t) are over runs. They speak of other seeds, not
of other images. Sections 4.2 and 4.6 speak of networks: a rank correlation (Fisher's z, with the
variance of Bonett and Wright 2000) or a difference of families is over networks, and a family takes
two of them. Only where a claim is about networks at hand (4.6b) is the interval over images, by the
jackknife over groups of them, with as many degrees of freedom as there are groups, less one.

Where a claim says several things at once, it is supported only if the 95 % interval of each lies
on the paper's side. This needs no correction: whichever of them is false is found true in 2.5 % of
cases at most. It is contradicted if any of k intervals lies on the other side at 1 - 5 % / k
(Bonferroni); that interval is the one then shown. Otherwise effect and interval are those of the
comparison that is nearest to failing, at 95 %. "Equal" asks for the 95 % interval within the
margin, which is stricter than two one-sided tests at 5 % (90 %).

Each claim is judged on scores as they are and on scores corrected for chance
(`equivar.verdicts.corrected`).
"""

from equivar.verdicts.components import (
    Component,
    difference,
    doubling,
    gap,
    judge,
    mean,
    not_judged,
)
from equivar.verdicts.corrected import CORRECTED, EXCESS, NO_EXCESS, SCORE, beside, judged
from equivar.verdicts.kept import claim_b2, kept
from equivar.verdicts.networks import FAMILIES, FEW, Networks, contrast
from equivar.verdicts.ranks import FEWEST, p_value, rank
from equivar.verdicts.report import report
from equivar.verdicts.samples import Runs, Sample
from equivar.verdicts.standing import standing
from equivar.verdicts.verdict import (
    LEVEL,
    SE_95,
    SIGNS,
    VERDICTS,
    Claim,
    Verdict,
    bootstrap,
    bound_words,
    count_words,
    directional,
    effect_words,
    within_margin,
)

__all__ = [
    "CORRECTED",
    "EXCESS",
    "FAMILIES",
    "FEW",
    "FEWEST",
    "LEVEL",
    "NO_EXCESS",
    "SCORE",
    "SE_95",
    "SIGNS",
    "VERDICTS",
    "Claim",
    "Component",
    "Networks",
    "Runs",
    "Sample",
    "Verdict",
    "beside",
    "bootstrap",
    "bound_words",
    "claim_b2",
    "contrast",
    "count_words",
    "difference",
    "directional",
    "doubling",
    "effect_words",
    "gap",
    "judge",
    "judged",
    "kept",
    "mean",
    "not_judged",
    "p_value",
    "rank",
    "report",
    "standing",
    "within_margin",
]
