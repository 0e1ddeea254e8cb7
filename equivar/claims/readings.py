"""Beyond the paper: what is left of claims above chance, and under other readings of the measure.

B1 says that a score is mostly chance. B2 and B3 count verdicts, and so have no interval.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import nan

import pandas as pd

from equivar.claims.components import judge, mean
from equivar.claims.runs import Runs
from equivar.claims.sections import of_section
from equivar.claims.tasks import TASKS
from equivar.claims.verdict import Verdict

SETTLED = ("supported", "contradicted")
OPPOSITE = {"supported": "contradicted", "contradicted": "supported"}


def claim_b1(table: pd.DataFrame) -> Verdict:
    """Matched per image, most of the late part's rotation equivariance is chance (section 3).

    The effect is what chance scores less half of the score, a comparison for each task of 4.3.
    `table`: scores under the reading `match="image"`, with a column `task`.
    """
    less_half = table.assign(score=table["chance"] - table["score"] / 2)
    runs = Runs(less_half, "task")
    components = [
        mean(
            f"chance less half of the late equivariance in {words}",
            runs.score(task, "equivariance", "late"),
            above=0,
        )
        for task, words in TASKS.items()
    ]
    return judge("B1", components)


def claim_b2(worded: Iterable[Verdict], above_chance: Iterable[Verdict]) -> Verdict:
    """The paper's claims keep their verdict when they are judged above chance.

    Both as `of_section` gives them, of as many sections as there are. Claims without a verdict on
    either side are left out.
    """
    above = {one.claim: one.verdict for one in above_chance}
    pairs = {one.claim: (one.verdict, above.get(one.claim, "not judged")) for one in worded}
    return kept("B2", pairs, "above chance")


def claim_b3(table: pd.DataFrame) -> Verdict:
    """The claims keep their verdict under every reading of the measure (section 3).

    `table`: rows of `verdicts_by_reading`; each reading is compared with the default one.
    """
    default = table[table["reading"] == "default"].set_index("claim")["verdict"]
    others = table[table["reading"] != "default"]
    pairs = {
        f"{row.claim} ({row.reading})": (default.get(row.claim, "not judged"), row.verdict)
        for row in others.itertuples()
    }
    return kept("B3", pairs, "under another reading")


def verdicts_by_reading(
    section: str, table: pd.DataFrame, margin: float, above_chance: bool = False
) -> pd.DataFrame:
    """The verdicts on a section's claims under each reading: claim, reading, effect, ..., reason.

    `table`: scores of many runs with a column `reading`.
    """
    frames = [
        pd.DataFrame(map(vars, of_section(section, rows, margin, above_chance))).assign(
            reading=name
        )
        for name, rows in table.groupby("reading", sort=False)
    ]
    return pd.concat(frames, ignore_index=True)


def kept(claim: str, pairs: dict[str, tuple[str, str]], where: str) -> Verdict:
    """Whether verdicts stay as they are: {what is judged: (verdict, verdict elsewhere)}.

    Contradicted where one turns into its opposite, inconclusive where one is lost or won.
    The effect is the share that stays.
    """
    judged = {name: pair for name, pair in pairs.items() if "not judged" not in pair}
    if not judged:
        return Verdict(claim, nan, nan, nan, "not judged", f"no claim has two verdicts {where}")
    turned = [name for name, (one, other) in judged.items() if OPPOSITE.get(one) == other]
    changed = [name for name, (one, other) in judged.items() if one != other]
    share = 1 - len(changed) / len(judged)
    verdict = "contradicted" if turned else "inconclusive" if changed else "supported"
    reason = f"{len(judged) - len(changed)} of {len(judged)} verdicts are the same {where}"
    if turned:
        reason += f"; turned into its opposite: {', '.join(turned)}"
    lost = [name for name in changed if name not in turned and judged[name][0] in SETTLED]
    won = [name for name in changed if judged[name][0] not in SETTLED]
    reason += f"; no longer settled: {', '.join(lost)}" if lost else ""
    reason += f"; settled only there: {', '.join(won)}" if won else ""
    return Verdict(claim, share, nan, nan, verdict, reason)
