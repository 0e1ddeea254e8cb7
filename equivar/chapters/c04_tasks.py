"""Chapter 04, section 4.3: does a task that asks for equivariance make features equivariant?

Tables have a column `task`: "plain", "rot-inv", "rot-eq". A claim needs all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Annotated

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from pydantic import Field

from equivar import data as datasets
from equivar.data import picture
from equivar.figures import LABELS, WIDTH, Words, bare, by_part, means_by_part, number
from equivar.names import BEFORE_POOLING, PARTS
from equivar.runs import RESULTS, Results, Store, Training, run_all
from equivar.runs.parameters import Images, Schedule, Seeds
from equivar.verdicts import (
    EXCESS,
    NO_EXCESS,
    SCORE,
    Claim,
    Runs,
    Verdict,
    difference,
    gap,
    judge,
    judged,
    mean,
    not_judged,
    standing,
)

TASKS = {"plain": "MNIST6", "rot-inv": "Rot-Inv", "rot-eq": "Rot-Eq"}
BEFORE_LATE = PARTS[:2]
# what the answer of a network must be: what does not change is its own match, so Rot-Inv asks for
# both
ASKED = (("rot-inv", "invariance"), ("rot-inv", "equivariance"), ("rot-eq", "equivariance"))
TWENTIETH = "a twentieth of the scale: what two seeds of one network easily differ by"
PAPER = {
    "network": "the 7-layer CNN of Cohen and Welling",
    "data": "MNIST without 0, 1, 6 and 8",
    "epochs": "100",
    "seeds": "3",
    "images": "2000",
    "reports": "equivariance falls with depth whatever the task, and rises after pooling where the "
    "task asks for it",
}
CLAIMS = {
    "4.3a": Claim(
        "Rotation equivariance falls with depth up to global pooling, whatever the task.",
        "fig-task-layers",
        smallest=0.05,
        why=TWENTIETH,
        unit="training runs",
    ),
    "4.3b": Claim(
        "In the final part, invariance and equivariance to rotation rise where the task asks for "
        "them.",
        "fig-task-layers",
        smallest=0.05,
        why=TWENTIETH,
        unit="training runs",
    ),
    "4.3c": Claim(
        "Before the late part, the tasks hardly differ in rotation equivariance: by a difference "
        "smaller than .1.",
        "fig-task-layers",
        smallest=0.1,
        why="a margin: what counts as much in 4.3d",
        unit="training runs",
    ),
    "4.3d": Claim(
        "In early and middle layers, equivariance to rotation is much larger than invariance.",
        "fig-task-layers",
        smallest=0.1,
        why="what counts as much: twice what two seeds easily differ by",
        unit="training runs",
    ),
}


class Parameters(Schedule):
    """What the chapter is made with.

    data: a data set of digits; tasks: of `equivar.data.mnist6`; padding: of the 7-layer CNN;
    seeds: one network each and task; images: how many test images are measured. match: as in
    `equivar.measure`.
    """

    data: str
    tasks: Annotated[tuple[str, ...], Field(min_length=1)]
    padding: Annotated[int, Field(ge=0, le=1, strict=True)]
    seeds: Seeds
    images: Images
    match: str


def runs(p: Parameters) -> list[Training]:
    """The networks of the chapter: each task with each seed."""
    return [
        Training(
            experiment="mnist6-tasks",
            groups={"task": task},
            network="cnn7",
            options={"padding": p.padding},
            data=p.data,
            task=task,
            recipe=p.recipe,
            seed=seed,
            images=p.images,
            transforms=("rotations",),
            match=p.match,
        )
        for seed in p.seeds  # so that a first seed of every task is there first
        for task in p.tasks
    ]


def tables(p: Parameters, store: Store | None = None) -> Results:
    """Section 4.3: the three tasks, turned by 90, 180 and 270 degrees."""
    return run_all(runs(p), store)


def claims(found: Results, p: Parameters, corrected: bool = False) -> list[Verdict]:
    """The verdicts on section 4.3, on scores as they are or corrected for chance."""
    every = (claim_4_3a, claim_4_3b, claim_4_3c, claim_4_3d)
    return judged(every, found.scores, found.removed, corrected, ["task", "seed"])


def claim_4_3a(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """Rotation equivariance falls with depth up to the final part, whatever the task (4.3, fig. 5).

    The effect is a run's mean equivariance in the early part minus that in the late part; a
    comparison for each task. The middle part may lie anywhere. column: what is judged.
    """
    scores = Runs(table, "task", column)
    falls = {("equivariance", "early"): 1, ("equivariance", "late"): -1}
    components = [
        mean(
            words,
            f"in {words} rotation equivariance is {{0}} in the early part and {{1}} in the late",
            scores.sample(task, falls),
            [scores.score(task, "equivariance", part) for part in ("early", "late")],
            above=0,
            smallest=CLAIMS["4.3a"].smallest,
        )
        for task, words in TASKS.items()
    ]
    return judge("4.3a", components, note=scores.note)


def claim_4_3b(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """In the final part it rises where the task asks for in-/equivariance (4.3, figure 5).

    A run's rise is its score in the final part minus that in the late part: of invariance and of
    equivariance for Rot-Inv, of equivariance for Rot-Eq. Each must be above zero, and above the
    rise of the plain task: the final part has no cells, so that it is scored over images and the
    late part over cells, and a rise by that alone says nothing of the task.
    """
    scores = Runs(table, "task", column)
    bounds = {"above": 0, "smallest": CLAIMS["4.3b"].smallest}
    components = []
    for task, kind in ASKED:
        rise = {(kind, "final"): 1, (kind, "late"): -1}
        asked, plain = scores.sample(task, rise), scores.sample("plain", rise)
        words = TASKS[task]
        levels = [scores.score(task, kind, part) for part in ("final", "late")]
        components += [
            mean(
                f"{kind} in {words}",
                f"in {words} {kind} is {{0}} in the final part and {{1}} in the late",
                asked,
                levels,
                **bounds,
            ),
            difference(
                f"{kind} in {words} beside {TASKS['plain']}",
                f"from the late to the final part {kind} changes by {{0}} in {words} and by {{1}} "
                f"in {TASKS['plain']}",
                asked,
                plain,
                **bounds,
            ),
        ]
    return judge("4.3b", components, note=scores.note)


def claim_4_3c(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """The three tasks do not differ before the late part (4.3, figure 5).

    The effect is the difference of two tasks' mean equivariance in the early or middle part; it
    counts as none within the margin. A comparison for each pair of tasks and part.
    """
    scores, margin = Runs(table, "task", column), CLAIMS["4.3c"].smallest
    components = [
        difference(
            f"{part} part, {TASKS[one]} and {TASKS[other]}",
            f"{part} rotation equivariance is {{0}} in {TASKS[one]} and {{1}} in {TASKS[other]}",
            scores.score(one, "equivariance", part),
            scores.score(other, "equivariance", part),
            above=-margin,
            below=margin,
        )
        for other, one in combinations(TASKS, 2)
        for part in BEFORE_LATE
    ]
    return judge("4.3c", components, note=scores.note)


def claim_4_3d(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """Equivariance is much larger than invariance in early and middle layers (4.3, figure 5).

    The effect is a run's equivariance minus its invariance; a comparison for each task and part.
    Equivariance is never the smaller of the two, so that zero is no test: it must be more than the
    smallest effect of interest. Corrected for chance, it is what equivariance adds to invariance.
    """
    scores = Runs(table, "task", column if column == SCORE else EXCESS)
    much = CLAIMS["4.3d"].smallest
    if scores.approximate:
        return not_judged("4.3d", [NO_EXCESS])
    components = [
        gap(
            scores, task, f"{part} part of {TASKS[task]}", f"in {TASKS[task]}", part,
            above=much, smallest=much,
        )
        for task in TASKS
        for part in BEFORE_LATE
    ]  # fmt: skip
    return judge("4.3d", components, note=scores.note)


def training_seen(found: Results) -> Words:
    """Whether every task is learned, with its accuracies."""
    means = found.summary.groupby("task", sort=False)["accuracy"].mean()
    told = [f"{number(value, 3)} in {TASKS.get(task, task)}" for task, value in means.items()]
    return Words(
        f"Accuracy on test images ends at {', '.join(told)}, on average over seeds. The lowest of "
        f"any network is {number(found.summary['accuracy'].min(), 3)}, so that what follows is not "
        "the difference between networks that have learned their task and some that have failed."
    )


def seen(found: Results) -> Words:
    """What the figure by layer shows, with its numbers."""
    scores, inside = found.scores, list(BEFORE_POOLING)
    equal = means_by_part(scores, "task")
    own = means_by_part(scores, "task", "invariance")
    chance = means_by_part(scores, "task", column="chance")
    most = own[inside].max(axis=1).idxmax()  # the task with the highest invariance of a part
    where = own.loc[most, inside].idxmax()
    ahead = (equal - own)[inside].min().min()
    final = [f"{number(own['final'][task])} in {TASKS.get(task, task)}" for task in own.index]
    return Words(
        f"Where do the lines part? {_apart(equal)} Most of it comes at the end. Averaged over a "
        f"part, invariance before pooling is at most {number(own[inside].max().max())} "
        f"({TASKS.get(most, most)}, {where}), and equivariance is higher by at least "
        f"{number(ahead)} in every task and part. In the final part invariance is "
        f"{', '.join(final)}; it comes in the last layers and with pooling, where the task asks "
        "for it. Chance alone would score, for equivariance in the early and the late part: "
        f"{by_part(chance, TASKS, ['early', 'late'])}."
    )


def _apart(equal: pd.DataFrame) -> str:
    """The largest difference of two tasks in each part."""
    spread = equal.max() - equal.min()
    told = [f"{number(spread[part])} in the {part} part" for part in (*BEFORE_POOLING, "final")]
    return f"The largest difference of two tasks in equivariance is {', '.join(told)}."


def meaning(verdicts: Sequence[Verdict], corrected: Sequence[Verdict], found: Results) -> Words:
    """What the chapter comes to, in plain words."""
    equal = means_by_part(found.scores, "task")
    spread = equal.max() - equal.min()
    early = max(spread[part] for part in BEFORE_LATE)
    return Words(
        f"{standing(verdicts, corrected)} In plain words: a network answers to its task near its "
        "end. Before that it holds turned versions of a feature in different channels, whether the "
        "task asks for them or not. The paper concludes that the task does not change what is "
        "learned inside. Here that depends on the margin of 0.1: before the late part two tasks "
        f"differ by up to {number(early)}, in the final part by {number(spread['final'])}. The "
        "schedule and the seeds of a profile may not be the paper's, and the paper does "
        "not say how the network's convolutions are padded ([chapter 08](08-readings.ipynb)). The "
        "[claims page](../book/claims.md) has the verdicts by every profile, and more seeds of the "
        "paper's own schedule would settle it. How much of the early equivariance is "
        "learned at all, and not there from the start, is the question of "
        "[chapter 11](11-learned.ipynb)."
    )


def pictures(p: Parameters, count: int = 8) -> datasets.Sheet:
    """The first training images of each task, with the names of their classes.

    Where the data are not at hand, those that were committed with the results, or embedded digits.
    """

    def draw(data: datasets.ImageData) -> datasets.Sheet:
        few = {task: datasets.mnist6(data, task).subset(count) for task in p.tasks}
        images = {task: [picture(image) for image in one.images] for task, one in few.items()}
        labels = {
            task: [one.classes[label] for label in one.labels.tolist()] for task, one in few.items()
        }
        return datasets.Sheet(data.name, images, labels)

    kept = sorted(RESULTS.glob("*/04-mnist6-tasks/pictures.png"))
    return datasets.sheet_of(p.data, "digits", draw, p.tasks, kept)


def task_pictures(sheet: datasets.Sheet) -> Figure:
    """A row of images for each task, each with the name of its class."""
    count = max(len(images) for images in sheet.rows.values())
    fig, axes = plt.subplots(
        len(sheet.rows), count, figsize=(WIDTH, 1.12 * len(sheet.rows)), squeeze=False
    )
    for row, (task, images) in zip(axes, sheet.rows.items(), strict=True):
        row[0].set_ylabel(LABELS[task], fontsize="small")
        for ax, image, label in zip(row, images, sheet.labels[task], strict=True):
            ax.imshow(image, vmin=0, vmax=255)
            digit, _, turn = label.partition("-")
            ax.set_title(f"{digit}, {turn}°" if turn else digit, fontsize="small", loc="center",
                         pad=3)  # fmt: skip
            bare(ax)
    return fig
