"""The parameters of a chapter: frozen, checked in this one place, unknown names refused.

A notebook's first cell holds literals; they become the `Parameters` of the chapter's room and are
not touched again. What a profile changes stands in notebooks/profiles/<profile>.yaml.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Annotated, Literal, Self, get_args, get_origin

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from equivar.names import unknown_name

Count = Annotated[int, Field(ge=1, strict=True)]
Seed = Annotated[int, Field(ge=0, strict=True)]
Seeds = Annotated[tuple[Seed, ...], Field(min_length=1)]
Images = Annotated[int, Field(ge=2, strict=True)]  # one, and another to tell chance by
Number = Annotated[float, Field(strict=True)]
Positive = Annotated[float, Field(gt=0, strict=True)]
PLAIN = {  # pydantic's words -> ours
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid tuple": "a list",
    "a valid dictionary": "a mapping",
}
TRAIN = "train"  # weights that the run itself makes


class WrongParameter(ValueError):
    """A chapter has no such parameter, or it takes no such value; the message says which."""


class ChapterParameters(BaseModel):
    """What all chapters have; every value is checked against its type and range.

    A text where a list or a number belongs is read as one, as YAML or Python write it: papermill's
    `-p seeds "[0, 1]"` hands on text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    profile: str

    @classmethod
    def of(cls, names: Mapping[str, object]) -> Self:
        """The parameters out of a notebook's variables, of which others are left alone.

        WrongParameter, a ValueError: one is missing or wrong.
        """
        return cls.checked({name: names[name] for name in cls.model_fields if name in names})

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> Self:
        """The parameters with these values. WrongParameter: also for a name that there is not."""
        for name in values:
            if name not in cls.model_fields:
                raise WrongParameter(str(unknown_name("parameter", name, cls.model_fields)))
        try:
            return cls(**values)
        except ValidationError as error:
            raise WrongParameter("\n".join(map(_in_words, error.errors()))) from None

    @model_validator(mode="before")
    @classmethod
    def _read_texts(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        return {
            name: _read(value, cls.model_fields[name].annotation)
            if isinstance(value, str) and name in cls.model_fields
            else value
            for name, value in values.items()
        }


def _read(text: str, kind: object) -> object:
    """What a text says where another kind of value belongs."""
    if kind is str:
        return text
    value = _literal(text)
    if isinstance(value, str):  # a number in quotes, as shells may leave it
        value = _literal(value)
    several = get_origin(kind) is tuple and str in get_args(kind)  # one may come alone
    return [word.strip() for word in value.split(",")] if several and value == text else value


def _literal(text: str) -> object:
    """A value as Python or else YAML writes it; the text itself where neither does."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _in_words(error: Mapping[str, object]) -> str:
    """One line for one wrong value: which parameter, what it is, and what it should be."""
    place = ".".join(str(part) for part in error["loc"])
    said = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    if error["type"] == "missing":
        return f"parameter '{place}' is missing"
    for theirs, ours in PLAIN.items():
        said = said.replace(theirs, ours)
    return (
        f"parameter '{place}' is {error['input']!r}: it {said}"
        if said.startswith("should")
        else f"parameter '{place}': {said}"
    )


def of_this_profile(values: object, info: ValidationInfo) -> object:
    """The parameters of another chapter, which stand among a chapter's own: of its profile."""
    if isinstance(values, Mapping):
        return {**values, "profile": info.data.get("profile")}
    return values


class Schedule(ChapterParameters):
    """How networks are trained: fields of `equivar.training.Recipe`."""

    epochs: Count
    batch_size: Count
    optimizer: str
    lr: Positive
    weight_decay: Annotated[float, Field(ge=0, strict=True)]
    schedule: str
    milestones: tuple[Count, ...]

    @property
    def recipe(self) -> dict[str, object]:
        """The fields, as `training.train` takes them."""
        return {name: getattr(self, name) for name in Schedule.model_fields if name != "profile"}


class NetworkRow(BaseModel):
    """A row of the table of networks of chapters 03 and 07.

    name: as figures show it. family: its architecture. network, weights, options: as in
    `equivar.networks.load`; the weights "train", the default, are trained in the run, for networks
    "equivar:NAME". input: what differs from the images that the library knows for the network, as
    in `equivar.data.input.Input.changed`. top1: published accuracy in per cent, and its source;
    none leaves the network out of correlations, but for one trained in the run, which takes its
    own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    family: Literal["cnn", "vit", "mixer"]
    network: str
    weights: str = TRAIN
    options: dict[str, object] = {}
    input: dict[str, object] = {}
    top1: Annotated[float, Field(gt=0, le=100, strict=True)] | None = None
    source: str = ""


def _with_weights(networks: tuple[NetworkRow, ...]) -> tuple[NetworkRow, ...]:
    untrained = [one.name for one in networks if one.weights == TRAIN]
    if untrained:
        raise ValueError(f"{', '.join(untrained)}: name weights, nothing is trained here")
    return networks


WithWeights = Annotated[tuple[NetworkRow, ...], AfterValidator(_with_weights)]  # rows of a table
