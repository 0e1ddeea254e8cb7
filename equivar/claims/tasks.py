"""Section 4.3: does a task that asks for rotation equivariance make features so?

Tables have a column `task`: "plain", "rot-inv", "rot-eq". A claim needs all three.
"""

from __future__ import annotations

from itertools import combinations

import pandas as pd

from equivar.claims.components import Component, difference, judge, mean
from equivar.claims.runs import Runs
from equivar.claims.verdict import Verdict

TASKS = {"plain": "MNIST6", "rot-inv": "Rot-Inv", "rot-eq": "Rot-Eq"}
BEFORE_LATE = ("early", "middle")
# what the answer of a network must be: what does not change is its own match, so Rot-Inv asks for
# both
ASKED = (("rot-inv", "invariance"), ("rot-inv", "equivariance"), ("rot-eq", "equivariance"))


def claim_4_3a(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """Rotation equivariance falls with depth up to the final part, whatever the task (4.3, fig. 5).

    The effect is a run's mean equivariance in the early part less that in the late part; a
    comparison for each task. The middle part may lie anywhere.
    """
    runs = Runs(table, "task", above_chance)
    falls = {("equivariance", "early"): 1, ("equivariance", "late"): -1}
    components = [
        mean(f"early less late equivariance in {words}", runs.sample(task, falls), above=0)
        for task, words in TASKS.items()
    ]
    return judge("4.3a", components, above_chance)


def claim_4_3b(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """In the final part it rises where the task asks for in-/equivariance (4.3, figure 5).

    A run's rise is its score in the final part less that in the late part: of invariance and of
    equivariance for Rot-Inv, of equivariance for Rot-Eq. Each must be above zero, and above the
    rise of the plain task: the final part has no cells, so that it is scored over images and the
    late part over cells, and a rise by that alone says nothing of the task.
    """
    runs = Runs(table, "task", above_chance)
    components = []
    for task, kind in ASKED:
        rise = {(kind, "final"): 1, (kind, "late"): -1}
        asked, plain = runs.sample(task, rise), runs.sample("plain", rise)
        words = f"the rise of {kind} from late to final in {TASKS[task]}"
        components += [
            mean(words, asked, above=0),
            difference(f"{words} less that in {TASKS['plain']}", asked, plain, above=0),
        ]
    return judge("4.3b", components, above_chance)


def claim_4_3c(table: pd.DataFrame, margin: float = 0.1, above_chance: bool = False) -> Verdict:
    """The three tasks do not differ before the late part (4.3, figure 5).

    The effect is the difference of two tasks' mean equivariance in the early or middle part; it
    counts as none within `margin`. A comparison for each pair of tasks and part.
    """
    runs = Runs(table, "task", above_chance)
    components = [
        difference(
            f"{part} equivariance in {TASKS[one]} less that in {TASKS[other]}",
            runs.score(one, "equivariance", part),
            runs.score(other, "equivariance", part),
            above=-margin,
            below=margin,
        )
        for other, one in combinations(TASKS, 2)
        for part in BEFORE_LATE
    ]
    return judge("4.3c", components, above_chance)


def claim_4_3d(table: pd.DataFrame, margin: float = 0.1, above_chance: bool = False) -> Verdict:
    """Equivariance is much larger than invariance in early and middle layers (4.3, figure 5).

    The effect is a run's equivariance less its invariance; a comparison for each task and part.
    Equivariance is never the smaller of the two, so that zero is no test: larger by more than
    `margin` counts as much larger, and less than that contradicts the claim.
    """
    runs = Runs(table, "task", above_chance)
    components = [_excess(runs, task, part, margin) for task in TASKS for part in BEFORE_LATE]
    return judge("4.3d", components, above_chance)


def _excess(runs: Runs, task: str, part: str, margin: float) -> Component:
    both = [runs.score(task, kind, part).mean for kind in ("equivariance", "invariance")]
    words = f"{part} equivariance less invariance in {TASKS[task]} ({both[0]:.2f} - {both[1]:.2f})"
    excess = runs.sample(task, {("equivariance", part): 1, ("invariance", part): -1})
    return mean(words, excess, above=margin)
