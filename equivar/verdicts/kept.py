"""Whether verdicts stay as they are where something else is changed.

Such claims count verdicts, and so have no interval.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import nan

from equivar.verdicts.verdict import Claim, Verdict

SETTLED = ("supported", "contradicted", "negligible")
OPPOSITE = {"supported": "contradicted", "contradicted": "supported"}
CLAIMS = {  # of no chapter, but of all
    "B2": Claim("The paper's claims keep their verdict when scores are corrected for chance."),
}


def claim_b2(worded: Iterable[Verdict], corrected: Iterable[Verdict]) -> Verdict:
    """The paper's claims keep their verdict when scores are corrected for chance.

    Both of as many chapters as there are. Claims that are not the paper's, and those without a
    verdict on either side, are left out.
    """
    other = {one.claim: one.verdict for one in corrected}
    pairs = {
        one.claim: (one.verdict, other.get(one.claim, "not judged"))
        for one in worded
        if not one.claim.startswith("B")
    }
    return kept("B2", pairs, "when scores are corrected for chance")


def kept(claim: str, pairs: dict[str, tuple[str, str]], where: str) -> Verdict:
    """Whether verdicts stay as they are: {what is judged: (verdict, verdict elsewhere)}.

    Contradicted where one turns into its opposite, inconclusive where one changes otherwise. The
    effect is the share that stays. The reason tells apart what was settled and what was open, as an
    open verdict that stays open says little; where all are open both ways, nothing is judged.
    """
    judged = {name: pair for name, pair in pairs.items() if "not judged" not in pair}
    if not judged:
        return Verdict(claim, nan, nan, nan, "not judged", f"No claim has two verdicts {where}.")
    if not any(verdict in SETTLED for pair in judged.values() for verdict in pair):
        reason = f"None of the {len(judged)} claims is settled, so none can change {where}."
        return Verdict(claim, nan, nan, nan, "not judged", reason)
    turned = [name for name, (one, other) in judged.items() if OPPOSITE.get(one) == other]
    changed = [name for name, (one, other) in judged.items() if one != other]
    share = 1 - len(changed) / len(judged)
    verdict = "contradicted" if turned else "inconclusive" if changed else "supported"
    return Verdict(claim, share, nan, nan, verdict, _reason(judged, turned, changed, where))


def _reason(
    judged: dict[str, tuple[str, str]], turned: list[str], changed: list[str], where: str
) -> str:
    settled = [name for name, (one, _) in judged.items() if one in SETTLED]
    same = len(settled) - len(set(changed) & set(settled))
    lost = [name for name in settled if judged[name][1] not in SETTLED]
    other = [name for name in settled if name in changed and name not in [*turned, *lost]]
    won = [name for name in changed if name not in settled]
    still = len(judged) - len(settled) - len(won)
    reason = f"{same} of {len(settled)} settled verdicts are the same {where}"
    reason += f"; turned into its opposite: {', '.join(turned)}" if turned else ""
    reason += f"; another verdict: {', '.join(other)}" if other else ""
    reason += f"; no longer settled: {', '.join(lost)}" if lost else ""
    reason += f"; settled only there: {', '.join(won)}" if won else ""
    reason += f"; open both ways: {still}" if still else ""
    return f"{reason}."
