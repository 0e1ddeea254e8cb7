"""The parameters of each chapter: frozen, checked, unknown names refused.

A notebook's first cell holds literals; they become one of these classes and are not touched again.
What a profile changes stands in notebooks/profiles/<profile>.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
TRAIN = "train"  # weights that the run itself makes


class Parameters(BaseModel):
    """What all chapters have; every value is checked against its type and range."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    profile: str

    @classmethod
    def of(cls, names: Mapping[str, object]) -> Self:
        """The parameters out of a notebook's variables. ValueError: a missing or wrong one."""
        return cls(**{name: names[name] for name in cls.model_fields if name in names})


class Toy(Parameters):
    """Chapter 01 (section 4.1): networks of Gaussian filters.

    data: a data set of `equivar.datasets`; images: how many are measured; shown: the number of the
    one that is drawn; channels: of the layers, in fours; kernel_size: odd; margin: how near to 1
    counts as exactly 1.
    """

    data: str
    images: Count
    shown: Annotated[int, Field(ge=0)]
    channels: tuple[Count, ...]
    kernel_size: Count
    seed: Seed
    margin: Annotated[float, Field(gt=0)]


class Schedule(Parameters):
    """How networks are trained: fields of `equivar.training.Recipe`."""

    epochs: Count
    batch_size: Count
    optimizer: str
    lr: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    schedule: str
    milestones: tuple[Count, ...]

    @property
    def recipe(self) -> dict[str, object]:
        """The fields, as `training.train` takes them."""
        return {name: getattr(self, name) for name in Schedule.model_fields if name != "profile"}


class Similarities(Schedule):
    """Chapter 02 (section 3.3): cosine against correlation.

    maps, side, offset: random maps of side x side cells, and what is added to them. networks: of
    `equivar.models`, each with the name of its weights under weights/, or "" to train it in the
    run, on `train_data` with random crops and flips. data: what is measured, its last split;
    images: how many. match: as in `equivar.measure`.
    """

    maps: Annotated[int, Field(ge=2)]
    side: Annotated[int, Field(ge=2)]
    offset: float
    networks: Annotated[dict[str, str], Field(min_length=1)]
    train_data: str
    data: str
    images: Annotated[int, Field(ge=2)]
    match: str
    seed: Seed


class Own(Parameters):
    """Chapter 09: a network of the reader's own.

    network, weights, options: as in `equivar.networks.load`. images: a folder, a data set of
    `equivar.datasets`, or "" for the embedded one; count: how many of them; size: pixels a
    side, 0 for the network's own. transforms: as `equivar.transforms.parse_transforms` reads
    them; layers: by name, none for the network's own blocks. match: as in `equivar.measure`.
    shown: the number of the image whose maps are drawn, shown_layer: of which layer ("": the
    first of the middle part), pairs: how many channels of either sort.
    """

    network: str
    weights: str
    options: dict[str, object]
    images: str
    count: Annotated[int, Field(ge=2)]
    size: Annotated[int, Field(ge=0)]
    transforms: tuple[str, ...]
    layers: tuple[str, ...]
    match: str
    batch_size: Count
    shown: Annotated[int, Field(ge=0)]
    shown_layer: str
    pairs: Count
    seed: Seed


class Shifts(Schedule):
    """What chapters 05 and 06 have in common.

    data: a data set of `equivar.datasets`, or a split of one; train_images: how many of its
    training images, 0 for all; seeds: one network each and group; images: how many test images
    are measured; shifts: in pixels, down and right; match: as in `equivar.measure`; margin: within
    which scores count as equal (4.4b, 4.4c, 4.5b).
    """

    data: str
    train_images: Annotated[int, Field(ge=0)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    images: Annotated[int, Field(ge=2)]
    shifts: Annotated[tuple[Count, ...], Field(min_length=1)]
    match: str
    margin: Annotated[float, Field(gt=0)]


class Augmentations(Shifts):
    """Chapter 05 (section 4.4): one network under several augmentations.

    network: of `equivar.models`; augmentations: of `equivar.training`, and "none".
    """

    network: str
    augmentations: Annotated[tuple[str, ...], Field(min_length=1)]


class Capacity(Shifts):
    """Chapter 06 (section 4.5): wide residual networks of several widths.

    depth, widths: of the networks wrn-<depth>-<width>; augment: of `equivar.training`.
    """

    depth: Count
    widths: Annotated[tuple[Count, ...], Field(min_length=1)]
    augment: tuple[str, ...]


class Tasks(Schedule):
    """Chapter 04 (section 4.3): the tasks MNIST6, MNIST6-Rot-Inv and MNIST6-Rot-Eq.

    data: a data set of digits; tasks: of `equivar.datasets.mnist6`; padding: of the 7-layer CNN;
    seeds: one network each and task; images: how many test images are measured; margin: within
    which tasks count as equal (4.3c). match: as in `equivar.measure`.
    """

    data: str
    tasks: Annotated[tuple[str, ...], Field(min_length=1)]
    padding: Annotated[int, Field(ge=0, le=1)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    images: Annotated[int, Field(ge=2)]
    match: str
    margin: Annotated[float, Field(gt=0)]


def of_this_profile(values: object, info: ValidationInfo) -> object:
    """The parameters of another chapter, which stand among a chapter's own: of its profile."""
    if isinstance(values, Mapping):
        return {**values, "profile": info.data.get("profile")}
    return values


class Readings(Schedule):
    """Chapter 08: the measure under other readings of what the paper leaves open.

    network: of `equivar.models`, measured under every combination; weights, train_data, data,
    images and the schedule: as in `Similarities`, and the same network where they are alike;
    measured: how many of the images the combinations are measured on.
    transforms: of that network, as `equivar.transforms.parse_transforms` reads them. tasks,
    augmentations: parameters of chapters 04 and 05, whose networks are measured again under each
    reading; paddings: of the 7-layer CNN; shifts, shift_images: of the networks of chapter 05.
    margin: of the claims on shifts, as in `Shifts`.
    """

    network: str
    weights: str
    train_data: str
    data: str
    images: Annotated[int, Field(ge=2)]
    measured: Annotated[int, Field(ge=2)]
    transforms: tuple[str, ...]
    tasks: Tasks
    paddings: Annotated[tuple[int, ...], Field(min_length=1)]
    augmentations: Augmentations
    shifts: tuple[str, ...]
    shift_images: Annotated[int, Field(ge=2)]
    seed: Seed

    _profile = field_validator("tasks", "augmentations", mode="before")(of_this_profile)


class Network(BaseModel):
    """A row of the table of networks of chapters 03 and 07.

    name: as figures show it. family: its architecture. network, weights, options: as in
    `equivar.networks.load`; the weights "train", the default, are trained in the run, for networks
    of `equivar.models`. input: what differs from the images that the library knows for the network,
    as in `equivar.inputs.Input.changed`. top1: published accuracy in per cent, and its source; none
    leaves the network out of correlations, but for one trained in the run, which takes its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    family: Literal["cnn", "vit", "mixer"]
    network: str
    weights: str = TRAIN
    options: dict[str, object] = {}
    input: dict[str, object] = {}
    top1: Annotated[float, Field(gt=0, le=100)] | None = None
    source: str = ""


class Architectures(Schedule):
    """Chapters 03 (section 4.2) and 07 (4.6): networks of several architectures.

    networks: rows as in `Network`. train_data: what rows with the weights "train" are trained on,
    by the schedule. data, images: what is measured, and how many of it. transforms: as
    `equivar.transforms.parse_transforms` reads them. match: as in `equivar.measure`. margin: within
    which scores count as equal (4.6b). counts: numbers of images at which the first network is
    measured, to see whether there are enough of them.
    """

    networks: Annotated[tuple[Network, ...], Field(min_length=1)]
    train_data: str
    data: str
    images: Annotated[int, Field(ge=2)]
    transforms: tuple[str, ...]
    match: str
    margin: Annotated[float, Field(gt=0)]
    counts: tuple[Count, ...]
    seed: Seed

    @field_validator("networks")
    @classmethod
    def _each_name_once(cls, networks: tuple[Network, ...]) -> tuple[Network, ...]:
        names = [one.name for one in networks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"two networks are called {', '.join(twice)}: figures need other names"
            )
        return networks


class Orbits(Schedule):
    """Chapter 10: orbits of trained networks.

    networks: of `equivar.models`, each with the name of its weights, or "" to train it in the run
    as in `Similarities`, on `train_data`; data, images: what they are searched on. tasks:
    parameters of chapter 04, whose networks are searched on `task_images` of their test images.
    imagenet: rows as in `Network`, with weights, searched on `imagenet_images` of `imagenet_data`.
    rate: of false ones among what is found. simulated: random networks, to see that rate kept.
    """

    networks: dict[str, str]
    train_data: str
    data: str
    images: Annotated[int, Field(ge=20)]
    tasks: Tasks
    task_images: Annotated[int, Field(ge=20)]
    imagenet: tuple[Network, ...]
    imagenet_data: str
    imagenet_images: Annotated[int, Field(ge=20)]
    rate: Annotated[float, Field(gt=0, lt=1)]
    simulated: Annotated[int, Field(ge=1)]
    seed: Seed

    _profile = field_validator("tasks", mode="before")(of_this_profile)

    @field_validator("imagenet")
    @classmethod
    def _with_weights(cls, networks: tuple[Network, ...]) -> tuple[Network, ...]:
        untrained = [one.name for one in networks if one.weights == TRAIN]
        if untrained:
            raise ValueError(f"{', '.join(untrained)}: name weights, nothing is trained here")
        return networks
