"""What a chapter says of its claims: a table for its reader, and the same for the book's ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd
from myst_nb import glue
from pandas.io.formats.style import Styler

from equivar.claims import Verdict
from equivar.figures.style import COLOURS, SIGNS

WORDED, ABOVE = "as worded", "above chance"
LIGHT = ("inconclusive", "not judged")


def report(verdicts: Sequence[Verdict], above_chance: Sequence[Verdict] = ()) -> Styler:
    """Glue each verdict under `claim-<id>`, for tools/ledger.py, and give them as a table.

    above_chance: the same claims judged on what scores are above chance, where there are such.
    """
    others = {one.claim: one for one in above_chance}
    for one in verdicts:
        facts = {"worded": vars(one)}
        if one.claim in others:
            facts["above"] = vars(others[one.claim])
        glue(f"claim-{one.claim}", json.dumps(facts), display=False)
    return table(verdicts, above_chance)


def table(verdicts: Sequence[Verdict], above_chance: Sequence[Verdict] = ()) -> Styler:
    """A row for each claim and way to judge it, the verdict in words and colour."""
    others = {one.claim: one for one in above_chance}
    rows = {}
    for one in verdicts:
        pair = {WORDED: one} | ({ABOVE: others[one.claim]} if one.claim in others else {})
        for judged, verdict in pair.items():
            rows[one.claim, judged] = {
                "verdict": f"{SIGNS[verdict.verdict]} {verdict.verdict}",
                "effect": f"{verdict.effect:z.3f}",
                "95 % interval": f"{verdict.low:z.3f} to {verdict.high:z.3f}",
                "reason": verdict.reason,
            }
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis(["claim", "judged"])
    frame = frame.replace(["nan", "nan to nan"], "")
    return (
        frame.style.set_table_attributes('class="dataframe"')  # for which books have a layout
        .format(_badge, subset=["verdict"])
        .set_table_styles([{"selector": "td, th", "props": "vertical-align: top"}])
        .set_properties(subset=["reason"], **{"text-align": "left", "min-width": "14em"})
    )


def _badge(text: str) -> str:
    verdict = text.split(" ", 1)[1]
    ink = "black" if verdict in LIGHT else "white"
    return (
        f'<span style="background-color: {COLOURS[verdict]}; color: {ink}; font-weight: 600; '
        f'padding: 0.1em 0.5em; border-radius: 0.25em; white-space: nowrap">{text}</span>'
    )
