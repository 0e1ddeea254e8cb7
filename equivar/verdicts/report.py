"""What a chapter says of its claims: a table for its reader, and a file for everything else."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from math import isnan
from pathlib import Path

import pandas as pd
from pandas.io.formats.style import Styler

from equivar.verdicts.verdict import COLOURS, SIGNS, Verdict

VARIABLE = "EQUIVAR_VERDICTS"  # the file that verdicts are written to, where it is set
WAYS = {"worded": "as worded", "corrected": "corrected for chance"}  # to judge a claim
LIGHT = ("inconclusive", "not judged")


def report(verdicts: Sequence[Verdict], corrected: Sequence[Verdict] = ()) -> Styler:
    """The verdicts of a chapter as a table, and as JSON in the file that EQUIVAR_VERDICTS names.

    From there the pages of the book, the README and claims.csv take them; tools/run_notebook.py
    names a file beside the executed chapter. Without the variable nothing is written.

    corrected: the same claims judged on scores corrected for chance, where there are such.
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
    return table(rows)


def table(rows: Sequence[tuple[str, Verdict]]) -> Styler:
    """A row for each way to judge (of `WAYS`) and verdict, the verdict in words and colour."""
    told = {
        (verdict.claim, WAYS[way]): {
            "verdict": f"{SIGNS[verdict.verdict]} {verdict.verdict}",
            "effect": f"{verdict.effect:z.3f}",
            "95 % interval": f"{verdict.low:z.3f} to {verdict.high:z.3f}",
            "reason": verdict.reason,
        }
        for way, verdict in rows
    }
    frame = pd.DataFrame.from_dict(told, orient="index").rename_axis(["claim", "judged"])
    frame = frame.replace(["nan", "nan to nan"], "")
    return (
        frame.style.set_table_attributes('class="dataframe"')  # for which books have a layout
        .format(_badge, subset=["verdict"])
        .set_table_styles([{"selector": "td, th", "props": "vertical-align: top"}])
        .set_properties(subset=["reason"], **{"text-align": "left", "min-width": "14em"})
    )


def _without_nan(facts: dict[str, object]) -> dict[str, object]:
    """JSON has no NaN: None stands for it."""
    return {
        name: None if isinstance(value, float) and isnan(value) else value
        for name, value in facts.items()
    }


def _badge(text: str) -> str:
    verdict = text.split(" ", 1)[1]
    ink = "black" if verdict in LIGHT else "white"
    return (
        f'<span style="background-color: {COLOURS[verdict]}; color: {ink}; font-weight: 600; '
        f'padding: 0.1em 0.5em; border-radius: 0.25em; white-space: nowrap">{text}</span>'
    )
