"""One sort of run: a network that is trained elsewhere is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from equivar import data as datasets
from equivar import networks
from equivar.data import DataDamaged, ImageData
from equivar.data.folder import DatasetImages, open_images
from equivar.data.input import Input
from equivar.features import Layers
from equivar.measure import measure
from equivar.names import title_of, unknown_name
from equivar.networks import fastest
from equivar.networks.untrained import PREFIX, drawn_as_zero
from equivar.runs.folder import Made
from equivar.runs.parameters import NetworkRow, Schedule
from equivar.runs.scores import measured, replicates, without_common
from equivar.runs.spec import MEASURE_DEFAULTS, Spec, moved_defaults
from equivar.runs.store import Store
from equivar.runs.trained import Training, trained_network

REVISION = 1  # raise it when the same parameters would give another result


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """A network of `equivar.networks`, its weights, and what its images are to be.

    network, weights, options: as `networks.load` takes them. input: changes to the network's own
    images, as `Input.changed` takes them, for weights that were trained on others. seed: of weights
    that are drawn.
    """

    network: str
    weights: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    input: Mapping[str, object] = field(default_factory=dict)
    seed: int = 0

    @property
    def facts(self) -> dict[str, object]:
        """What goes into the key of a run that measures the network."""
        facts = asdict(self)
        if not self.seed:  # networks whose weights are loaded keep the keys that they had
            del facts["seed"]
        return facts

    @property
    def drawn(self) -> bool:
        """Whether it is an untrained twin, which needs the statistics of images."""
        return self.network.startswith(PREFIX)

    def untrained(self, seed: int) -> Pretrained:
        """The network before it was trained, with weights drawn from `seed`."""
        return replace(self, network=f"{PREFIX}{self.network}", weights="", seed=seed)

    @property
    def inputs(self) -> dict[str, str]:
        """The fingerprint of the weights, for the key."""
        return {"weights": networks.fingerprint(self.network, self.weights)}

    def load(self, store: Store) -> tuple[nn.Module, Input]:
        """The network in eval mode. DataDamaged: weights that are not those on record."""
        loaded = networks.load(self.network, self.weights, options=self.options, seed=self.seed)
        expected = self.inputs["weights"]
        if networks.on_record(self.weights) and loaded.sha256 != expected:
            raise DataDamaged(
                f"{loaded.weights} should have sha256 {expected}, but has {loaded.sha256}: "
                "damaged, or other weights. make data says where they come from."
            )
        loaded = loaded.with_input(**self.input)
        networks.check(loaded)
        return loaded.model, loaded.input


@dataclass(frozen=True)
class TrainedHere:
    """A network that a run of `Training` gives; drawn: the one that it began with."""

    training: Training
    drawn: bool = False

    @property
    def facts(self) -> dict[str, object]:
        """What goes into the key: all that the training run depends on."""
        return {"training": self.training.spec.facts} | ({"drawn": True} if self.drawn else {})

    def untrained(self, seed: int) -> TrainedHere:
        """The network that the run began with, whatever the seed."""
        return replace(self, drawn=True)

    @property
    def inputs(self) -> dict[str, str]:
        """None beside those of the training run."""
        return {}

    def load(self, store: Store) -> tuple[nn.Module, Input]:
        """The network from the store, or trained now; its images are those of its training."""
        data = self.training.load("test")
        drawn = self.drawn
        model = self.training.untrained(data) if drawn else trained_network(self.training, store)
        return model, input_of(data)


def input_of(data: ImageData) -> Input:
    """What a network takes that was trained on such images."""
    _, channels, height, width = data.images.shape
    return Input(channels, height, width, (height, width), mean=data.mean, std=data.std)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One network measured on the first images of a split, and its accuracy on them.

    groups: what tells the run apart from others of its chapter, columns of the tables. data: of
    `equivar.data`; images: how many. transforms: as `parse_transforms` reads them. options:
    what else `equivar.measure` takes. activation: adds the column `mean_activation`, the mean
    output of the layer over images, channels and cells. order: the seed of the order in which the
    images of the split are taken; None takes the first ones. removed_images: adds the table
    `removed`, of so many of the images, with each channel's mean map taken away. replicates: adds
    the table of that name.
    """

    experiment: str
    groups: Mapping[str, object]
    network: Pretrained | TrainedHere
    data: str
    images: int
    transforms: Sequence[str]
    options: Mapping[str, object] = field(default_factory=dict)
    activation: bool = False
    order: int | None = None
    removed_images: int = 0
    replicates: bool = field(default=False, compare=False)
    batch_size: int = field(default=64, compare=False)

    @property
    def columns(self) -> dict[str, object]:
        """What tells the run apart from others of its chapter."""
        return dict(self.groups)

    @property
    def spec(self) -> Spec:
        """What the run is stored under. DataMissing: data that have no fingerprint on record."""
        parameters = {
            "network": self.network.facts,
            "data": self.data,
            "images": self.images,
            "transforms": list(self.transforms),
            "activation": self.activation,
        }
        options = moved_defaults(measure, MEASURE_DEFAULTS, self.options)
        parameters["options"] = {**self.options, **options}
        if self.order is not None:  # where they are not used, runs keep the keys that they had
            parameters["order"] = self.order
        if self.removed_images:
            parameters["removed_images"] = self.removed_images
        if self.data not in datasets.DATASETS:
            raise unknown_name("data set", self.data, datasets.DATASETS)
        split = datasets.DATASETS[self.data].splits[-1]
        inputs = {
            f"{self.data} {split}": datasets.fingerprint(self.data, split),
            **self.network.inputs,
        }
        return Spec(self.experiment, REVISION, parameters, inputs, str(self))

    def __str__(self) -> str:
        return ", ".join([self.experiment, *(str(value) for value in self.groups.values())])

    def opened(self, store: Store, count: int) -> tuple[nn.Module, DatasetImages, Input]:
        """The network, the first `count` of its images, and what they are to be.

        An untrained twin has the statistics of these images.
        """
        model, wanted = self.network.load(store)
        images = open_images(self.data, wanted, count, self.batch_size, order=self.order)
        if self.network.drawn:
            model = networks.with_statistics(model, images)
        return model, images, wanted

    def make(self, work: Path, store: Store) -> Made:
        """Measure; the tables of `equivar.runs.scores`."""
        model, images, wanted = self.opened(store, self.images)
        if len(images.dataset) < self.images:
            raise ValueError(
                f"{self.images} images asked for, {images.name} has {len(images.dataset)}"
            )
        model.to(fastest())
        tables = measured(model, images, self.transforms, self.options)
        scores = tables["scores"]
        if self.replicates:
            tables["replicates"] = replicates(scores)
        if self.removed_images:
            few = open_images(
                self.data, wanted, self.removed_images, self.batch_size, order=self.order
            )
            tables["removed"] = without_common(model, few, self.transforms, self.options)
        if self.activation:
            means = mean_activation(model, images, list(dict.fromkeys(scores["layer"])))
            scores["mean_activation"] = scores["layer"].map(means)
        facts = {
            "accuracy": accuracy(model, images),
            "parameters": networks.parameter_count(model),
            "data": images.name,
            "images": len(images.dataset),
            "input": str(wanted),
        }
        if self.network.drawn:
            facts["drawn_as_zero"] = ", ".join(drawn_as_zero(model))
        return Made(tables, None, facts)


def taken_up(
    experiment: str, name: str, network, data: str, images: int, order: int | None = None
) -> Measurement:
    """A network that a run of another sort takes up (`Derived`), as a measurement that is its base.

    name: of the network, in tables as `title_of` has it. order: as in `Measurement`.
    """
    return Measurement(
        experiment=experiment,
        groups={"network": title_of(name)},
        network=network,
        data=data,
        images=images,
        transforms=["rotations"],
        order=order,
        batch_size=32,
    )


def of_row(row: NetworkRow) -> Pretrained:
    """The network of a row of the table of networks, which has weights."""
    return Pretrained(
        network=row.network, weights=row.weights, options=row.options, input=row.input
    )


def given_or_trained(
    name: str, weights: str, schedule: Schedule, data: str, images: int, seed: int
) -> Pretrained | TrainedHere:
    """A network of `equivar.networks` from a file of weights; without one ("") trained in the run.

    It is then trained on `data` by the schedule, with random crops and flips.
    """
    if weights:
        return Pretrained(network=f"equivar:{name}", weights=weights)
    return TrainedHere(
        Training(
            experiment="similarities-network",
            groups={"network": name},
            network=name,
            data=data,
            recipe={**schedule.recipe, "augment": ["crop", "flip"]},
            seed=seed,
            images=images,
            transforms=["rotation-90"],
            match="dataset",
        )
    )


def mean_activation(model: nn.Module, images: DatasetImages, layers: list[str]) -> dict[str, float]:
    """The mean output of each layer over images, channels and cells."""
    totals, count = torch.zeros(len(layers), dtype=torch.float64), 0

    def add(i: int, output: Tensor):
        totals[i] += output.double().mean().cpu() * len(output)

    with Layers(model, layers) as hooked:
        for batch in images:
            if not count:
                hooked.probe(batch.to(_device(model)))
            hooked.run(batch.to(_device(model)), add)
            count += len(batch)
    return dict(zip(layers, (totals / count).tolist(), strict=True))


@torch.no_grad()
def accuracy(model: nn.Module, images: DatasetImages) -> float:
    """The share of images whose class has the largest output."""
    answers = torch.cat([model(batch.to(_device(model))).argmax(1).cpu() for batch in images])
    return (answers == images.labels).double().mean().item()


def _device(model: nn.Module) -> torch.device:
    """Where a network is."""
    return next((one.device for one in model.parameters()), torch.device("cpu"))
