"""Chapter 08: what the paper leaves open about its measure, varied on trained networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd
import torch

from equivar import chance
from equivar.experiments.again import Again
from equivar.experiments.augmentations import augmentation_runs
from equivar.experiments.devices import fastest
from equivar.experiments.measured import Measurement
from equivar.experiments.similarities import network_of
from equivar.experiments.stored import Results, Stored, run_all
from equivar.experiments.tasks import task_runs
from equivar.measure import CHOICES, measure
from equivar.profiles import Readings
from equivar.similarity import pairwise
from equivar.store import Made, Spec, Store
from equivar.transforms import parse_transforms

REVISION = 1  # raise it when the same parameters would give another result
MATCHING = ("over", "match", "sign")  # the readings that rotations have too
OPTIONS = (*MATCHING, "border", "subpixel")
DEFAULTS = {name: CHOICES[name][0] for name in OPTIONS}
AT_ONCE = 20  # images of noise
PLACE = ["transforms", "index", "layer", "part", "channels", "height", "width", "kind"]


@dataclass(frozen=True, kw_only=True)
class Reread(Again):
    """A network measured again under several readings: name -> options of `equivar.measure`."""

    readings: Mapping[str, Mapping[str, str]]
    transforms: Sequence[str]

    @property
    def spec(self) -> Spec:
        base = self.base.spec
        facts = {
            "base": base.facts,
            "readings": {name: dict(options) for name, options in self.readings.items()},
            "transforms": list(self.transforms),
            "images": self.images,
        }
        return Spec("readings", REVISION, facts, base.inputs, str(self))

    def __str__(self) -> str:
        return ", ".join(["readings", *(f"{name} {value}" for name, value in self.columns.items())])

    def make(self, work: Path) -> Made:
        """Measure under each reading; the table `scores` has means over each sort of transform."""
        model, images, _ = self.opened(Store(work.parent))
        model.to(fastest())
        transforms, tables = parse_transforms(self.transforms), []
        for name, options in self.readings.items():
            scores = measure(model, images, transforms, **options)
            sort = scores["transform"].str.partition("-")[0]
            means = scores.assign(transforms=sort).groupby(PLACE, sort=False)
            means = means[["score", "se", "chance"]].mean().reset_index()
            tables.append(means.assign(reading=name, images=scores["images"].min()))
        return Made({"scores": pd.concat(tables, ignore_index=True)}, None, {"images": self.images})


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


def reading_runs(p: Readings) -> list[Stored]:
    """One network under every combination; those of chapters 04 and 05 under each choice."""
    return [_grid(p), *_task_networks(p), *_augmented_networks(p)]


def every_combination(p: Readings, store: Store | None = None) -> pd.DataFrame:
    """One network's scores by layer, with a column for each option of `OPTIONS`."""
    scores = run_all([_grid(p)], store).scores
    options = pd.DataFrame.from_dict(combinations(), orient="index").rename_axis("reading")
    return scores.merge(options.reset_index(), on="reading")


def task_readings(p: Readings, store: Store | None = None) -> Results:
    """The networks of chapter 04 under each reading; other paddings are readings too."""
    return run_all(_task_networks(p), store)


def augmentation_readings(p: Readings, store: Store | None = None) -> Results:
    """The networks of chapter 05 under each reading."""
    return run_all(_augmented_networks(p), store)


def chance_of_best(
    channels: Sequence[int], cells: Sequence[int], images: int, seed: int = 0
) -> pd.DataFrame:
    """The best of several channels by chance, where maps are independent noise.

    A row for each number of channels and cells: `formula` and `simulated`, of one image
    (`match` "image") and of the average over `images` ("dataset").
    """
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for count, n in product(channels, cells):
        best, total = 0.0, torch.zeros(count, count)
        for some in torch.arange(images).split(AT_ONCE):
            g, f = torch.randn(2, len(some), count, n, 1, generator=generator)
            s = pairwise(g, f)  # (b, C, C)
            best += s.amax(2).mean(1).sum().item()
            total += s.sum(0)
        simulated = {"image": best, "dataset": total.amax(1).mean().item()}
        for match, value in simulated.items():
            formula = chance.best_of(count, n, images if match == "dataset" else 1)
            rows.append((count, n, match, formula, value / images))
    return pd.DataFrame(rows, columns=["channels", "cells", "match", "formula", "simulated"])


def _grid(p: Readings) -> Reread:
    base = Measurement(
        experiment="readings",
        groups={"network": p.network},
        network=network_of(p, p.network, p.weights),
        data=p.data,
        images=p.images,
        transforms=p.transforms,
    )
    return Reread(base=base, readings=combinations(), transforms=p.transforms, images=p.measured)


def _task_networks(p: Readings) -> list[Reread]:
    runs = []
    for padding in p.paddings:
        tasks = p.tasks.model_copy(update={"padding": padding})
        readings = one_at_a_time(MATCHING)
        if padding != p.tasks.padding:
            readings = {f"padding = {padding}": {}}
        runs += [
            Reread(
                base=one,
                readings=readings,
                transforms=("rotations",),
                images=p.tasks.images,
                groups={"padding": padding},
            )
            for one in task_runs(tasks)
        ]
    return runs


def _augmented_networks(p: Readings) -> list[Reread]:
    readings = one_at_a_time(OPTIONS)
    return [
        Reread(base=one, readings=readings, transforms=p.shifts, images=p.shift_images)
        for one in augmentation_runs(p.augmentations)
    ]
