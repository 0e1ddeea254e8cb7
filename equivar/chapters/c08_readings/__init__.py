"""Chapter 08: what the paper leaves open about its measure, varied on trained networks.

The networks are those of chapters 02, 04 and 05, measured again under other readings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field, field_validator

from equivar.chapters import c04_tasks, c05_augmentations
from equivar.chapters.c08_readings.chance import best_of, chance_of_best
from equivar.chapters.c08_readings.checks import (
    Checked,
    check_profiles,
    check_words,
    halves_change,
)
from equivar.chapters.c08_readings.pictures import (
    chance_curves,
    chance_shares,
    matching_profiles,
    reading_changes,
    verdict_grid,
)
from equivar.measure import CHOICES, measure
from equivar.names import title_of
from equivar.networks import fastest
from equivar.runs import Derived, Made, Measurement, Results, Spec, Store, Stored, run_all
from equivar.runs.measured import given_or_trained
from equivar.runs.parameters import Count, Images, Schedule, Seed, of_this_profile
from equivar.runs.scores import with_sorts
from equivar.runs.spec import MEASURE_DEFAULTS, moved_defaults
from equivar.transforms import parse_transforms
from equivar.verdicts import Claim, Runs, Verdict, judge, kept, mean

__all__ = [
    "CLAIMS",
    "OPTIONS",
    "Checked",
    "Parameters",
    "Reread",
    "Tables",
    "best_of",
    "chance_curves",
    "chance_of_best",
    "chance_shares",
    "check_profiles",
    "check_words",
    "claim_b1",
    "claim_b3",
    "claims",
    "combinations",
    "halves_change",
    "matching_profiles",
    "one_at_a_time",
    "reading_changes",
    "runs",
    "tables",
    "verdict_grid",
    "verdicts_by_reading",
]

REVISION = 1  # raise it when the same parameters would give another result
MATCHING = ("over", "match", "sign")  # the readings that rotations have too
OPTIONS = (*MATCHING, "border", "subpixel")
DEFAULTS = {name: CHOICES[name][0] for name in OPTIONS}
PLACE = ["transforms", "index", "layer", "part", "channels", "height", "width", "kind"]
CLAIMS = {
    "B1": Claim(
        "Matched for each image, more than half of the late part's rotation equivariance is "
        "chance.",
        "fig-matching",
        smallest=0.02,
        why="a fiftieth of the scale",
        unit="training runs",
    ),
    "B3": Claim(
        "The claims of sections 4.3 and 4.4 keep their verdict under every reading of the measure.",
        "fig-verdicts-tasks",
    ),
}


class Parameters(Schedule):
    """What the chapter is made with.

    network: of `equivar.networks`, measured under every combination; weights, train_data, data,
    images and the schedule: as in chapter 02, and the same network where they are alike;
    measured: how many of the images the combinations are measured on.
    transforms: of that network, as `equivar.transforms.parse_transforms` reads them. tasks,
    augmentations: parameters of chapters 04 and 05, whose networks are measured again under each
    reading; paddings: of the 7-layer CNN; shifts, shift_images: of the networks of chapter 05.
    sizes: sides of the images on which the one network is measured as well.
    """

    network: str
    weights: str
    train_data: str
    data: str
    images: Images
    measured: Images
    transforms: tuple[str, ...]
    tasks: c04_tasks.Parameters
    paddings: Annotated[tuple[int, ...], Field(min_length=1)]
    augmentations: c05_augmentations.Parameters
    shifts: tuple[str, ...]
    shift_images: Images
    sizes: Annotated[tuple[Count, ...], Field(min_length=1)]
    seed: Seed

    _profile = field_validator("tasks", "augmentations", mode="before")(of_this_profile)


@dataclass(frozen=True, kw_only=True)
class Reread(Derived):
    """A network measured again under several readings: name -> options of `equivar.measure`."""

    readings: Mapping[str, Mapping[str, str]]
    transforms: Sequence[str]

    @property
    def spec(self) -> Spec:
        """What the run is stored under: the base's facts, the readings, the transforms."""
        facts = self.facts | {
            "readings": {name: dict(options) for name, options in self.readings.items()},
            "transforms": list(self.transforms),
        }
        facts |= moved_defaults(measure, MEASURE_DEFAULTS)
        return Spec("readings", REVISION, facts, self.base.spec.inputs, str(self))

    def __str__(self) -> str:
        return ", ".join(["readings", *(f"{name} {value}" for name, value in self.columns.items())])

    def make(self, work: Path, store: Store) -> Made:
        """Measure under each reading; the table `scores` has means over each sort of transform."""
        model, images, _ = self.opened(store)
        model.to(fastest())
        transforms, tables = parse_transforms(self.transforms), []
        for name, options in self.readings.items():
            scores = measure(model, images, transforms, **options)
            means = with_sorts(scores).groupby(PLACE, sort=False)
            means = means[["score", "se", "chance", "corrected", "excess"]].mean().reset_index()
            tables.append(means.assign(reading=name, images=scores["images"].min()))
        return Made({"scores": pd.concat(tables, ignore_index=True)}, None, {"images": self.images})


@dataclass(frozen=True)
class Tables:
    """What the chapter shows.

    grid: one network's scores by layer under every combination, with a column for each option of
    `OPTIONS`. tasks, augmentations: the networks of chapters 04 and 05 under each reading, whose
    scores have the column `reading`; other paddings are readings too. checks: the one network
    under four more readings, with the columns `check` and `reading`.
    """

    grid: pd.DataFrame
    tasks: Results
    augmentations: Results
    checks: pd.DataFrame

    @property
    def missing(self) -> tuple[str, ...]:
        """The runs that are not there, in words, with the reason."""
        return self.tasks.missing + self.augmentations.missing


def runs(p: Parameters) -> list[Stored]:
    """One network under every combination; those of chapters 04 and 05 under each choice."""
    return [_grid(p), _checks(p), *_task_networks(p), *_augmented_networks(p)]


def tables(p: Parameters, store: Store | None = None) -> Tables:
    """All networks under all readings."""
    options = pd.DataFrame.from_dict(combinations(), orient="index").rename_axis("reading")
    return Tables(
        run_all([_grid(p)], store).scores.merge(options.reset_index(), on="reading"),
        run_all(_task_networks(p), store),
        run_all(_augmented_networks(p), store),
        run_all([_checks(p)], store).tables["checks"],
    )


def claims(found: Tables, p: Parameters) -> list[Verdict]:
    """The verdicts on B1 and B3."""
    scores = found.tasks.scores
    per_image = scores[scores["reading"] == "match = image"]
    again = pd.concat(verdicts_by_reading(found, p).values(), ignore_index=True)
    return [claim_b1(per_image), claim_b3(again)]


def verdicts_by_reading(
    found: Tables, p: Parameters, corrected: bool = False
) -> dict[str, pd.DataFrame]:
    """The verdicts on sections 4.3 and 4.4 under each reading, a table a section.

    Rows: claim, reading, effect, low, high, verdict, reason.
    """
    sections = {
        "4.3": (c04_tasks.claims, found.tasks, p.tasks),
        "4.4": (c05_augmentations.claims, found.augmentations, p.augmentations),
    }
    return {
        name: _judged_again(judged, results, of, corrected)
        for name, (judged, results, of) in sections.items()
    }


def _judged_again(
    judged: Callable[..., list[Verdict]], results: Results, p: object, corrected: bool
) -> pd.DataFrame:
    frames = [
        pd.DataFrame(
            map(vars, judged(replace(results, tables={"scores": rows}), p, corrected))
        ).assign(reading=name)
        for name, rows in results.scores.groupby("reading", sort=False)
    ]
    return pd.concat(frames, ignore_index=True)


def claim_b1(table: pd.DataFrame) -> Verdict:
    """Matched per image, most of the late part's rotation equivariance is chance (section 3).

    The effect is what chance scores minus half of the score, a comparison for each task of 4.3.
    `table`: scores under the reading `match="image"`, with a column `task`.
    """
    scores, chance, gap = (
        Runs(table.assign(score=values), "task")
        for values in (table["score"], table["chance"], table["chance"] - table["score"] / 2)
    )
    late = ("equivariance", "late")
    components = [
        mean(
            words,
            f"in {words} late equivariance is {{0}} and its chance {{1}}, above half of it by",
            gap.score(task, *late),
            [scores.score(task, *late), chance.score(task, *late)],
            above=0,
            smallest=CLAIMS["B1"].smallest,
        )
        for task, words in c04_tasks.TASKS.items()
    ]
    return judge("B1", components)


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


def one_at_a_time(options: Iterable[str]) -> dict[str, dict[str, str]]:
    """The default reading, and each choice that differs from it in one option."""
    others = {
        f"{name} = {choice}": {name: choice} for name in options for choice in CHOICES[name][1:]
    }
    return {"default": {}, **others}


def combinations(options: Sequence[str] = OPTIONS) -> dict[str, dict[str, str]]:
    """Every combination. Over the data set there is but one match, so that one is left out."""
    found = {}
    for choices in product(*(CHOICES[name] for name in options)):
        reading = dict(zip(options, choices, strict=True))
        if not (reading["over"] == "dataset" and reading["match"] != DEFAULTS["match"]):
            found[", ".join(choices)] = reading
    return found


def _grid(p: Parameters) -> Reread:
    return Reread(
        base=_one_network(p),
        readings=combinations(),
        transforms=p.transforms,
        images=p.measured,
    )


def _checks(p: Parameters) -> Checked:
    return Checked(base=_one_network(p), transforms=p.transforms, images=p.measured, sizes=p.sizes)


def _one_network(p: Parameters) -> Measurement:
    return Measurement(
        experiment="readings",
        groups={"network": title_of(p.network)},
        network=given_or_trained(p.network, p.weights, p, p.train_data, p.images, p.seed),
        data=p.data,
        images=p.images,
        transforms=p.transforms,
    )


def _task_networks(p: Parameters) -> list[Reread]:
    found = []
    for padding in p.paddings:
        tasks = p.tasks.model_copy(update={"padding": padding})
        readings = one_at_a_time(MATCHING)
        if padding != p.tasks.padding:
            readings = {f"padding = {padding}": {}}
        found += [
            Reread(
                base=one,
                readings=readings,
                transforms=("rotations",),
                images=p.tasks.images,
                groups={"padding": padding},
            )
            for one in c04_tasks.runs(tasks)
        ]
    return found


def _augmented_networks(p: Parameters) -> list[Reread]:
    readings = one_at_a_time(OPTIONS)
    return [
        Reread(base=one, readings=readings, transforms=p.shifts, images=p.shift_images)
        for one in c05_augmentations.runs(p.augmentations)
    ]
