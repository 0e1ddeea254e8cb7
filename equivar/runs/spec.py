"""What determines a run, and the key made of it."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

# What parameters were that no key names, when keys were first made. Never to be changed.
RECIPE_DEFAULTS = {"momentum": 0.9, "augment": ()}  # of `equivar.training.Recipe`
MEASURE_DEFAULTS = {  # of `equivar.measure`
    "similarity": "correlation",
    "over": "image",
    "match": "dataset",
    "border": "zero",
    "subpixel": "bilinear",
    "sign": "keep",
    "chance": True,
}


@dataclass(frozen=True)
class Spec:
    """Everything that a run depends on; two equal specs ask for the same run.

    experiment: a name for the sort of run. revision: raised by whoever changes what the program
    does with the same parameters, so that older runs are not taken for new ones. parameters:
    numbers, texts, lists and mappings. inputs: fingerprints of data and weights, by name.
    label: for people, not part of the key. TypeError, ValueError: parameters that JSON has
    not, or an experiment that can not name a folder.

    >>> Spec("a-trial", 1, {"epochs": 3}).name == Spec("a-trial", 1, {"epochs": 3}).name
    True
    """

    experiment: str
    revision: int
    parameters: Mapping[str, object]
    inputs: Mapping[str, str] = field(default_factory=dict)
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", self.experiment):
            raise ValueError(
                f"experiment {self.experiment!r}: a folder is named by it, so it may hold letters, "
                "digits, - and _ only"
            )
        _text(self.facts)

    @property
    def facts(self) -> dict[str, object]:
        """What goes into the key."""
        return {
            "experiment": self.experiment,
            "revision": self.revision,
            "parameters": dict(self.parameters),
            "inputs": dict(self.inputs),
        }

    @property
    def key(self) -> str:
        """sha256 of the facts, in one order and one spelling."""
        return hashlib.sha256(_text(self.facts).encode()).hexdigest()

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return f"{self.experiment}-{self.key[:12]}"

    def __str__(self) -> str:
        return self.label or self.name


def _text(facts: dict[str, object]) -> str:
    return json.dumps(facts, sort_keys=True, allow_nan=False, separators=(",", ":"))


def moved_defaults(
    function: Callable, before: Mapping[str, object], given: Container[str] = ()
) -> dict[str, object]:
    """The defaults of `function` that are no longer what they were, {name: default}.

    They belong into a run's parameters: a run made with the default of before must not be taken
    for one with that of today. `given`: names whose values stand in the parameters anyway.
    """
    today = inspect.signature(function).parameters
    return {
        name: today[name].default
        for name, value in before.items()
        if name not in given and today[name].default != value
    }
