"""All claims of a section at once, as chapters show them."""

from __future__ import annotations

from inspect import signature

import pandas as pd

from equivar.claims.architectures import (
    claim_4_6a,
    claim_4_6b,
    claim_4_6c,
    claim_4_6d,
    claim_4_6e,
    claim_4_6f,
)
from equivar.claims.imagenet import claim_4_2a, claim_4_2b, claim_4_2c
from equivar.claims.tasks import claim_4_3a, claim_4_3b, claim_4_3c, claim_4_3d
from equivar.claims.training import claim_4_4a, claim_4_4b, claim_4_4c, claim_4_5a, claim_4_5b
from equivar.claims.verdict import Verdict

SECTIONS = {
    "4.2": (claim_4_2a, claim_4_2b, claim_4_2c),
    "4.3": (claim_4_3a, claim_4_3b, claim_4_3c, claim_4_3d),
    "4.4": (claim_4_4a, claim_4_4b, claim_4_4c),
    "4.5": (claim_4_5a, claim_4_5b),
    "4.6": (claim_4_6a, claim_4_6b, claim_4_6c, claim_4_6d, claim_4_6e, claim_4_6f),
}


def of_section(
    section: str, table: pd.DataFrame, margin: float, above_chance: bool = False
) -> list[Verdict]:
    """The verdicts on the claims of a section (`SECTIONS`) from its table of runs or networks.

    `margin` goes to the claims that have one.
    """
    return [
        claim(
            table,
            above_chance=above_chance,
            **({"margin": margin} if "margin" in signature(claim).parameters else {}),
        )
        for claim in SECTIONS[section]
    ]
