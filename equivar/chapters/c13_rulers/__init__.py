"""Chapter 13: other rulers. Do the paper's findings hang on its measure?

Tables are rows of `equivar.rulers.compare` for many networks, with the columns `network`, `family`
and `top1`, `sort` (of which chapter), `state` ("trained", "untrained") and, where there are such,
`task`, `augment` and `seed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import pandas as pd
from pydantic import Field, field_validator

from equivar.chapters import c04_tasks, c05_augmentations
from equivar.chapters.c13_rulers.beside import agreement, answers, blindness, gains, orders
from equivar.chapters.c13_rulers.judging import (
    CHANNEL,
    UNCORRECTED,
    cannot,
    differing,
    judged_by_rulers,
    turned,
)
from equivar.chapters.c13_rulers.pictures import (
    CAN_NOT,
    ruler_agreement,
    ruler_panels,
    verdict_grid,
)
from equivar.chapters.c13_rulers.planted import planted
from equivar.chapters.c13_rulers.ruled import Ruled, Timed
from equivar.chapters.c13_rulers.words import (
    left_out,
    meaning,
    seen,
    seen_answers,
    seen_orders,
)
from equivar.names import BEFORE_POOLING, title_of
from equivar.rulers import RULERS, check_rulers
from equivar.runs import Results, Store, Stored, Training, run_all
from equivar.runs.measured import given_or_trained, of_row, taken_up
from equivar.runs.parameters import Schedule, Seed, WithWeights, of_this_profile
from equivar.verdicts import (
    CORRECTED,
    SCORE,
    Claim,
    Sample,
    Verdict,
    count_words,
    judge,
    kept,
    mean,
)
from equivar.verdicts.kept import SETTLED

__all__ = [
    "CLAIMS",
    "Parameters",
    "agreement",
    "answers",
    "blindness",
    "cannot",
    "claim_b14",
    "claim_b15",
    "claims",
    "differing",
    "gains",
    "judged_by_rulers",
    "left_out",
    "meaning",
    "orders",
    "planted",
    "ruler_agreement",
    "ruler_panels",
    "runs",
    "seen",
    "seen_answers",
    "seen_orders",
    "tables",
    "turned",
    "verdict_grid",
]

NETWORKS_NEEDED = "It takes two networks"
Enough = Annotated[int, Field(ge=16, strict=True)]  # images, as the rulers ask for
CLAIMS = {
    "B14": Claim(
        "The paper's findings keep their verdict under every ruler that can judge them.",
        "fig-ruler-verdicts",
        unit="verdicts",
    ),
    "B15": Claim(
        "A linear map finds more rotation equivariance than the best channel, by more than .1, and "
        "more in the middle part than in the mean of the early and late parts.",
        "fig-rulers-rotation",
        smallest=0.1,
        why="a best channel is a linear map too, so that it finding no less would be no finding",
        unit="networks",
    ),
}


class Parameters(Schedule):
    """What the chapter is made with.

    networks: of `equivar.networks`, each with the name of its weights, or "" to train it in the run
    as in chapter 02, on `train_data`, with its accuracy on `images` images; they are measured on
    `residual_images` of `data`. tasks, augmentations: parameters of chapters 04 and 05, whose
    networks are measured on `task_images` and `augmentation_images` of their test images. imagenet:
    rows as in `NetworkRow`, with weights, on `imagenet_images` images of `imagenet_data`. turns,
    shifts: as `parse_transforms` reads them; ImageNet networks have shifts of their own. rulers: of
    `equivar.rulers`. timed_images: of the first network, on which costs are taken.
    """

    networks: dict[str, str]
    train_data: str
    data: str
    images: Enough
    residual_images: Enough
    tasks: c04_tasks.Parameters
    task_images: Enough
    augmentations: c05_augmentations.Parameters
    augmentation_images: Enough
    imagenet: WithWeights
    imagenet_data: str
    imagenet_images: Enough
    turns: tuple[str, ...]
    shifts: tuple[str, ...]
    imagenet_shifts: tuple[str, ...]
    rulers: Annotated[tuple[str, ...], Field(min_length=1)]
    timed_images: Enough
    seed: Seed

    _profile = field_validator("tasks", "augmentations", mode="before")(of_this_profile)

    @field_validator("rulers")
    @classmethod
    def _known(cls, rulers: tuple[str, ...]) -> tuple[str, ...]:
        check_rulers(rulers)
        return rulers


def runs(p: Parameters) -> list[Stored]:
    """Every network, trained and untrained, and what the rulers cost."""
    return [*_residual(p), *_of_tasks(p), *_of_augmentations(p), *_imagenet(p), *_timed(p)]


def tables(p: Parameters, store: Store | None = None) -> Results:
    """Tables `rulers` and `cost`."""
    return run_all(runs(p), store)


def claims(found: Results, p: Parameters, corrected: bool = False) -> list[Verdict]:
    """The verdicts on B14 and B15, on scores as they are or corrected for chance."""
    column, table = CORRECTED if corrected else SCORE, found.tables["rulers"]
    return [claim_b14(judged_by_rulers(table, column)), claim_b15(table, column)]


def claim_b14(verdicts: pd.DataFrame) -> Verdict:
    """The findings keep their verdict: each applicable cell beside the paper's ruler.

    verdicts: rows of `judged_by_rulers`. Cells that a ruler can not judge do not count.
    """
    able = verdicts[verdicts["verdict"] != CAN_NOT]
    own = able[able["ruler"] == CHANNEL].set_index("claim")["verdict"]
    others = able[(able["ruler"] != CHANNEL) & able["claim"].isin(own.index)]
    pairs = {
        f"{row.claim} by {RULERS[row.ruler].title}": (own[row.claim], row.verdict)
        for row in others.itertuples()
    }
    verdict = kept("B14", pairs, "under other rulers")
    settled = own[own.isin(SETTLED)].index
    said = f"The best channel settles {count_words(len(settled), 'claim')} here"
    said += f" ({', '.join(settled)}). " if len(settled) else ". "
    reasons = verdicts[verdicts["reason"] == UNCORRECTED] if "reason" in verdicts else ()
    more = " The local error has no correction for chance and is not counted." * bool(len(reasons))
    if verdict.verdict == "not judged":
        return verdict
    return replace(verdict, reason=said + verdict.reason + more)


def claim_b15(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """A linear map finds more rotation equivariance than the best channel, most in the middle.

    The effect is a trained network's mean score by the linear map minus that by the best channel of
    the same sums, over layers before pooling, which must be above .1; and that of the middle part
    minus the mean of the early and late ones, above 0. The interval is over networks; the runs of
    one network are one network.
    """
    gained = gains(table, column, "rotation")
    both = gained.dropna(subset=BEFORE_POOLING[0])
    smallest = CLAIMS["B15"].smallest
    inside = both[list(BEFORE_POOLING)].mean(axis=1)
    middle = (both["middle"] - both[["early", "late"]].mean(axis=1)).dropna()
    components = [
        mean(
            "before pooling",
            "before pooling a linear map finds more than the best channel over all images jointly, "
            "by {0}",
            _sample(inside.dropna()),
            unit="network",
            above=smallest,
            smallest=smallest,
        ),
        mean(
            "middle part",
            "it finds more in the middle part than in the mean of the early and late ones, by {0}",
            _sample(middle),
            unit="network",
            above=0,
            smallest=0.05,
        ),
    ]
    return judge("B15", components, needs=NETWORKS_NEEDED)


def _residual(p: Parameters) -> list[Ruled]:
    transforms = [*p.turns, *p.shifts]
    found = []
    for name, weights in p.networks.items():
        network = given_or_trained(name, weights, p, p.train_data, p.images, p.seed)
        base = taken_up("rulers", name, network, p.data, p.images)
        groups = {"sort": "residual", "family": "cnn"}
        found += _with_twin(p, base, p.residual_images, transforms, groups)
    return found


def _of_tasks(p: Parameters) -> list[Ruled]:
    return _trained_here(p, c04_tasks.runs(p.tasks), "7-layer CNN", "task", p.task_images, p.turns)


def _of_augmentations(p: Parameters) -> list[Ruled]:
    name = f"{title_of(p.augmentations.network)}, trained here"
    every, images = c05_augmentations.runs(p.augmentations), p.augmentation_images
    return _trained_here(p, every, name, "augmentation", images, p.shifts)


def _trained_here(
    p: Parameters,
    every: Sequence[Training],
    name: str,
    sort: str,
    images: int,
    transforms: Sequence[str],
) -> list[Ruled]:
    """The runs of one network, and the twin of the first."""
    groups = {"network": name, "sort": sort, "family": "cnn"}
    return [
        one
        for number, base in enumerate(every)
        for one in _with_twin(p, base, images, transforms, groups, twin=number == 0)
    ]


def _imagenet(p: Parameters) -> list[Ruled]:
    transforms = [*p.turns, *p.imagenet_shifts]
    found = []
    for row in p.imagenet:
        place = p.imagenet_data, p.imagenet_images, p.seed
        base = taken_up("rulers", row.name, of_row(row), *place)
        groups = {"network": row.name, "sort": "imagenet", "family": row.family, "top1": row.top1}
        found += _with_twin(p, base, p.imagenet_images, transforms, groups)
    return found


def _timed(p: Parameters) -> list[Timed]:
    first = next(iter(_residual(p)), None)
    if first is None:
        return []
    return [
        Timed(
            base=first.base,
            images=p.timed_images,
            groups=first.groups,
            transforms=p.turns,
            rulers=p.rulers,
        )
    ]


def _with_twin(
    p: Parameters,
    base,
    images: int,
    transforms: Sequence[str],
    groups: dict[str, object],
    twin: bool = True,
) -> list[Ruled]:
    """A network and, where it is asked for, its untrained twin."""
    trained = Ruled(
        base=base,
        images=min(images, base.images),
        groups={**groups, "state": "trained"},
        transforms=transforms,
        rulers=p.rulers,
    )
    if not twin:
        return [trained]
    untrained = replace(trained, groups={**groups, "state": "untrained"}, untrained=True)
    return [trained, untrained]


def _sample(values: pd.Series) -> Sample:
    lacking = "" if len(values) > 1 else f"{len(values)} of them"
    return Sample(values.to_numpy(dtype=float), lacking)
