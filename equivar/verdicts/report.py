"""What a chapter says of its claims: cards for its reader, and a file for everything else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from equivar.verdicts.cards import card
from equivar.verdicts.verdict import Claim, Verdict

VARIABLE = "EQUIVAR_VERDICTS"  # the file that verdicts are written to, where it is set
WAYS = {"worded": "as worded", "corrected": "corrected for chance"}  # to judge a claim


def report(
    verdicts: Sequence[Verdict],
    corrected: Sequence[Verdict] = (),
    claims: Mapping[str, Claim] | None = None,
) -> Cards:
    """The verdicts of a chapter as cards, and as JSON in the file that EQUIVAR_VERDICTS names.

    From there the pages of the book, the README and claims.csv take them; tools/run_notebook.py
    names a file beside the executed chapter. Without the variable nothing is written.

    corrected: the same claims judged on scores corrected for chance, where there are such. claims:
    what they say.
    """
    others = {one.claim: one for one in corrected}
    rows = [
        (way, verdict)
        for one in verdicts
        for way, verdict in zip(WAYS, (one, others.get(one.claim)), strict=True)
        if verdict
    ]
    if os.environ.get(VARIABLE):
        facts = [{"judged": way} | _without_nan(vars(verdict)) for way, verdict in rows]
        Path(os.environ[VARIABLE]).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return Cards(rows, claims or {})


@dataclass(frozen=True)
class Cards:
    """Verdicts by the way they were reached; a notebook shows them as cards, a terminal as text."""

    rows: Sequence[tuple[str, Verdict]]
    claims: Mapping[str, Claim]

    def _repr_html_(self) -> str:
        found: dict[str, dict[str, Verdict]] = {}
        for way, verdict in self.rows:
            found.setdefault(verdict.claim, {})[WAYS[way]] = verdict
        words = {name: claim.words for name, claim in self.claims.items()}
        return "".join(card(words.get(name, ""), ways) for name, ways in found.items())

    def __repr__(self) -> str:
        return "\n".join(f"{verdict} ({WAYS[way]})" for way, verdict in self.rows)


def _without_nan(facts: dict[str, object]) -> dict[str, object]:
    """JSON has no NaN: None stands for it."""
    return {
        name: None if isinstance(value, float) and isnan(value) else value
        for name, value in facts.items()
    }
