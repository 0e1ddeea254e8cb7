"""The verdicts of a chapter in two sentences, for its last words."""

from __future__ import annotations

from collections.abc import Sequence

from equivar.verdicts.verdict import Verdict

SAID = {
    "supported": "agree with the paper on {}",
    "contradicted": "contradict the paper on {}",
    "negligible": "find nothing of interest on {}",
    "inconclusive": "leave {} open",
    "not judged": "can not judge {}",
}


def standing(verdicts: Sequence[Verdict], corrected: Sequence[Verdict] = ()) -> str:
    """Which claims the runs agree with, contradict or leave open, and what correction changes.

    corrected: the same claims on scores corrected for chance, where there are such.
    """
    told = _grouped(verdicts)
    words = f"The runs of this profile {told}." if told else ""
    if not corrected:
        return words
    before = {one.claim: one.verdict for one in verdicts}
    changed = [one for one in corrected if before.get(one.claim) != one.verdict]
    if not changed:
        return f"{words} Correcting for chance changes none of these verdicts."
    return f"{words} Corrected for chance, they {_grouped(changed)}."


def _grouped(verdicts: Sequence[Verdict]) -> str:
    said = [
        words.format(_listed([one.claim for one in verdicts if one.verdict == verdict], " and "))
        for verdict, words in SAID.items()
        if any(one.verdict == verdict for one in verdicts)
    ]
    return _listed(said, ", and ")


def _listed(words: Sequence[str], last: str) -> str:
    """Words in a row, such as a, b and c. last: what stands before the last one."""
    return last.join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
