"""Chapter 04, section 4.3: does a task that asks for equivariance make features equivariant?

Tables have a column `task`: "plain", "rot-inv", "rot-eq". A claim needs all three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pydantic import Field

from equivar import data as datasets
from equivar.data import picture
from equivar.figures import LABELS, WIDTH, bare
from equivar.names import PARTS
from equivar.runs import Results, Store, Training, run_all
from equivar.runs.parameters import Images, Positive, Schedule, Seeds
from equivar.verdicts import Claim, Component, Runs, Verdict, difference, judge, mean

TASKS = {"plain": "MNIST6", "rot-inv": "Rot-Inv", "rot-eq": "Rot-Eq"}
BEFORE_LATE = PARTS[:2]
# what the answer of a network must be: what does not change is its own match, so Rot-Inv asks for
# both
ASKED = (("rot-inv", "invariance"), ("rot-inv", "equivariance"), ("rot-eq", "equivariance"))
CLAIMS = {
    "4.3a": Claim(
        "Rotation equivariance falls with depth up to the final part, whatever the task.",
        "fig-task-layers",
    ),
    "4.3b": Claim(
        "In the final part it rises again where the task asks for invariance or equivariance.",
        "fig-task-layers",
    ),
    "4.3c": Claim("Before the late part, the task makes no difference.", "fig-task-layers"),
    "4.3d": Claim(
        "In early and middle layers, equivariance to rotation is much larger than invariance.",
        "fig-task-layers",
    ),
}


class Parameters(Schedule):
    """What the chapter is made with.

    data: a data set of digits; tasks: of `equivar.data.mnist6`; padding: of the 7-layer CNN;
    seeds: one network each and task; images: how many test images are measured; margin: within
    which tasks count as equal (4.3c). match: as in `equivar.measure`.
    """

    data: str
    tasks: Annotated[tuple[str, ...], Field(min_length=1)]
    padding: Annotated[int, Field(ge=0, le=1, strict=True)]
    seeds: Seeds
    images: Images
    match: str
    margin: Positive


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


def claims(found: Results, p: Parameters, above_chance: bool = False) -> list[Verdict]:
    """The verdicts on section 4.3, on scores as they are or on what is above chance."""
    table = found.scores
    return [
        claim_4_3a(table, above_chance),
        claim_4_3b(table, above_chance),
        claim_4_3c(table, p.margin, above_chance),
        claim_4_3d(table, p.margin, above_chance),
    ]


def claim_4_3a(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """Rotation equivariance falls with depth up to the final part, whatever the task (4.3, fig. 5).

    The effect is a run's mean equivariance in the early part minus that in the late part; a
    comparison for each task. The middle part may lie anywhere.
    """
    scores = Runs(table, "task", above_chance)
    falls = {("equivariance", "early"): 1, ("equivariance", "late"): -1}
    components = [
        mean(f"early less late equivariance in {words}", scores.sample(task, falls), above=0)
        for task, words in TASKS.items()
    ]
    return judge("4.3a", components, above_chance)


def claim_4_3b(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """In the final part it rises where the task asks for in-/equivariance (4.3, figure 5).

    A run's rise is its score in the final part minus that in the late part: of invariance and of
    equivariance for Rot-Inv, of equivariance for Rot-Eq. Each must be above zero, and above the
    rise of the plain task: the final part has no cells, so that it is scored over images and the
    late part over cells, and a rise by that alone says nothing of the task.
    """
    scores = Runs(table, "task", above_chance)
    components = []
    for task, kind in ASKED:
        rise = {(kind, "final"): 1, (kind, "late"): -1}
        asked, plain = scores.sample(task, rise), scores.sample("plain", rise)
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
    scores = Runs(table, "task", above_chance)
    components = [
        difference(
            f"{part} equivariance in {TASKS[one]} less that in {TASKS[other]}",
            scores.score(one, "equivariance", part),
            scores.score(other, "equivariance", part),
            above=-margin,
            below=margin,
        )
        for other, one in combinations(TASKS, 2)
        for part in BEFORE_LATE
    ]
    return judge("4.3c", components, above_chance)


def claim_4_3d(table: pd.DataFrame, margin: float = 0.1, above_chance: bool = False) -> Verdict:
    """Equivariance is much larger than invariance in early and middle layers (4.3, figure 5).

    The effect is a run's equivariance minus its invariance; a comparison for each task and part.
    Equivariance is never the smaller of the two, so that zero is no test: larger by more than
    `margin` counts as much larger, and a smaller one contradicts the claim.
    """
    scores = Runs(table, "task", above_chance)
    components = [_excess(scores, task, part, margin) for task in TASKS for part in BEFORE_LATE]
    return judge("4.3d", components, above_chance)


def _excess(scores: Runs, task: str, part: str, margin: float) -> Component:
    both = [scores.score(task, kind, part).mean for kind in ("equivariance", "invariance")]
    words = f"{part} equivariance less invariance in {TASKS[task]} ({both[0]:.2f} - {both[1]:.2f})"
    excess = scores.sample(task, {("equivariance", part): 1, ("invariance", part): -1})
    return mean(words, excess, above=margin)


@dataclass(frozen=True)
class TaskPictures:
    """A few images of one task, with the names of their classes."""

    images: list[np.ndarray]  # (H, W) each
    labels: list[str]


def pictures(p: Parameters, count: int = 8) -> dict[str, TaskPictures]:
    """The first training images of each task; embedded digits where the data are not at hand."""
    data = datasets.load_or(p.data, "digits")
    shown = {}
    for task in p.tasks:
        few = datasets.mnist6(data, task).subset(count)
        labels = [few.classes[label] for label in few.labels.tolist()]
        shown[task] = TaskPictures([picture(image) for image in few.images], labels)
    return shown


def task_pictures(pictures: Mapping[str, TaskPictures]) -> Figure:
    """A row of images for each task, each with the name of its class."""
    count = max(len(shown.images) for shown in pictures.values())
    fig, axes = plt.subplots(
        len(pictures), count, figsize=(WIDTH, 1.12 * len(pictures)), squeeze=False
    )
    for row, (task, shown) in zip(axes, pictures.items(), strict=True):
        row[0].set_ylabel(LABELS[task], fontsize="small")
        for ax, image, label in zip(row, shown.images, shown.labels, strict=True):
            ax.imshow(image, vmin=0, vmax=255)
            digit, _, turn = label.partition("-")
            ax.set_title(f"{digit}, {turn}°" if turn else digit, fontsize="small", loc="center",
                         pad=3)  # fmt: skip
            bare(ax)
    return fig
