"""One sort of run: a network is trained and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
from torch import nn

from equivar import data as datasets
from equivar import networks, training
from equivar.data import ImageData
from equivar.measure import measure
from equivar.networks import fastest
from equivar.runs.folder import Made, Run
from equivar.runs.scores import measured, replicates, without_common
from equivar.runs.spec import MEASURE_DEFAULTS, RECIPE_DEFAULTS, Spec, moved_defaults
from equivar.runs.store import CHECKPOINT, Store
from equivar.transforms import parse_transforms

REVISION = 1  # raise it when the same parameters would give another result
SNAPSHOTS = "snapshots"  # the folder of a run that is being made


@dataclass(frozen=True, kw_only=True)
class Training:
    """One network: how it is trained, and what is measured of it.

    groups: what tells the run apart from others of its chapter, columns of the tables. task: of
    `datasets.mnist6`, or "". train_images: how many images of the training split, 0 for all.
    recipe: of `training.Recipe`, without the seed. images: how many of the test split, of which
    accuracy and scores are taken. transforms: as `parse_transforms` reads them. replicates: adds
    the table of that name.
    """

    experiment: str
    groups: Mapping[str, object]
    network: str
    options: Mapping[str, object] = field(default_factory=dict)
    data: str
    task: str = ""
    train_images: int = 0
    recipe: Mapping[str, object]
    seed: int
    images: int
    transforms: Sequence[str]
    match: str = "dataset"
    replicates: bool = field(default=False, compare=False)

    @property
    def columns(self) -> dict[str, object]:
        """What tells the run apart from others of its chapter."""
        return {**self.groups, "seed": self.seed}

    @property
    def spec(self) -> Spec:
        """What the run is stored under. DataMissing: data that have no fingerprint on record."""
        facts = asdict(self)
        for name in ("experiment", "groups", "replicates"):  # no part of what is made
            del facts[name]
        recipe = facts["recipe"]
        facts["recipe"] = recipe | moved_defaults(training.Recipe, RECIPE_DEFAULTS, recipe)
        facts |= moved_defaults(measure, MEASURE_DEFAULTS, facts)
        inputs = {
            f"{self.data} {split}": datasets.fingerprint(self.data, split)
            for split in ("train", "test")
        }
        return Spec(self.experiment, REVISION, facts, inputs, str(self))

    def __str__(self) -> str:
        groups = [str(value) for value in self.groups.values()]
        return ", ".join([self.experiment, *groups, f"seed {self.seed}"])

    def load(self, split: str) -> ImageData:
        """A split of the data, as the task has it."""
        data = datasets.load(self.data, split)
        turns = 0 if split == "train" else 1  # the seed of each split's turns
        return datasets.mnist6(data, self.task, seed=turns) if self.task else data

    def network_of(self, run: Run) -> nn.Module:
        """The trained network of a run that has weights, in eval mode."""
        model = self._build(run.facts["classes"], run.facts["channels"])
        model.load_state_dict(run.weights())
        return model.eval()

    def untrained(self, data: ImageData) -> nn.Module:
        """The network before its first step, for a split that `load` gave, in eval mode."""
        return self._build(len(data.classes), data.images.shape[1]).eval()

    def _build(self, classes: int, channels: int) -> nn.Module:
        return networks.build(
            self.network,
            num_classes=classes,
            in_channels=channels,
            seed=self.seed,
            **self.options,
        )

    def make(self, work: Path, store: Store) -> Made:
        """Train, going on from a checkpoint in `work`, and measure."""
        data, test = self.load("train"), self.load("test")
        if len(test) < self.images:
            raise ValueError(f"{self.images} images asked for, {test.name} test has {len(test)}")
        if self.train_images:
            data = data.subset(self.train_images)
        test = test.subset(self.images)
        model = self._build(len(data.classes), data.images.shape[1])
        # what the measure refuses, it refuses before anything is trained
        transforms = parse_transforms(self.transforms)
        measure(model, test.normalised(4), transforms, match=self.match, progress=False)
        history = training.train(
            model, data, validation=test, device=fastest(), checkpoint=work / CHECKPOINT,
            snapshots=work / SNAPSHOTS, seed=self.seed, **self.recipe,
        )  # fmt: skip
        tables = self.tables(model, test)
        accuracy, train_accuracy = (training.accuracy(model, one) for one in (test, data))
        model.cpu()
        facts = {
            "accuracy": accuracy,
            "train_accuracy": train_accuracy,  # on the training images as they are, not augmented
            "images_per_second": round(history["images_per_second"].median()),
            "parameters": networks.parameter_count(model),
            "classes": len(data.classes),
            "channels": data.images.shape[1],
            "data": data.name,
            "train_images": len(data),
            "test_images": len(test),
        }
        history = history.drop(columns="images_per_second")  # another one each time
        snapshots = sorted((work / SNAPSHOTS).glob("snapshot-*"))
        files = {path.name: path.read_bytes() for path in snapshots}
        return Made({**tables, "history": history}, model.state_dict(), facts, files)

    def tables(self, model: nn.Module, test: ImageData) -> dict[str, pd.DataFrame]:
        """What is measured of a network on test images: `scores`, `parts`, `removed`."""
        images, options = test.normalised(), {"match": self.match}
        tables = measured(model, images, self.transforms, options)
        if self.replicates:
            tables["replicates"] = replicates(tables["scores"])
        tables["removed"] = without_common(model, images, self.transforms, options)
        return tables

    def measured_again(self, run: Run) -> Made:
        """The run with its tables measured anew, as this version does; its weights are needed."""
        test = self.load("test").subset(self.images)
        model = self.network_of(run).to(fastest())
        tables = self.tables(model, test)
        weights = run.weights()
        return Made(
            {**tables, "history": run.table("history")}, weights, run.facts, run.snapshot_files
        )


def trained_network(one: Training, store: Store | None = None) -> nn.Module:
    """The network of one run, from the store or trained now."""
    return one.network_of((store or Store()).make(one, weights=True))
