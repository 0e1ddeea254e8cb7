"""The runs of the chapter: networks of others, with one layer at a time made equivariant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import Tensor, nn

from equivar.measure import measure
from equivar.networks import fastest, parameter_count
from equivar.orbits import first_and_blocks
from equivar.priors import BLANK, OPERATIONS, WAYS, symmetrise
from equivar.runs import Derived, Made, Spec, Store, Training
from equivar.transforms import rotations

REVISION = 2  # raise it when the same parameters would give another result
DIGITS = 5  # of what is kept in tables
WITHOUT_ORBITS = ("matched", "own", "random", BLANK)
SAVED = 3 / 4  # of a layer's weights, where they are shared over four turns


@dataclass(frozen=True, kw_only=True)
class Forced(Derived):
    """A network whose layers are made equivariant one by one; one of its columns is `network`.

    labels: whether accuracy is read, or agreement with the network's own answer alone. orbits:
    whether orbits are searched, and as many other channels changed.
    """

    rate: float
    seed: int
    labels: bool = True
    orbits: bool = True

    @property
    def spec(self) -> Spec:
        """What the run is stored under: the base's facts, and what is done with it."""
        facts = self.facts | {"rate": self.rate, "seed": self.seed}
        facts |= {"labels": self.labels, "orbits": self.orbits}
        return Spec("priors", REVISION, facts, self.base.spec.inputs, str(self))

    def __str__(self) -> str:
        return f"priors, {self.columns['network']}"

    def make(self, work: Path, store: Store) -> Made:
        """Change the first convolution and the blocks, and measure them.

        `kept`: rows of `equivar.symmetrise`. `measured`: a row for each layer with its scores for
        rotations, means over the three turns. `weights`: how many a layer has.
        """
        model, images, _ = self.opened(store)
        first = images[:1] if isinstance(images, Tensor) else next(iter(images))[:1]
        layers = first_and_blocks(model, first)
        settings = {"rate": self.rate, "seed": self.seed, "device": fastest(), "batch_size": 64}
        settings["operations"] = OPERATIONS if self.labels else OPERATIONS[:2]
        settings["ways"] = WAYS if self.orbits else WITHOUT_ORBITS
        table = symmetrise(model, images, self._labels(images), layers, **settings)
        scores = measure(model, images, rotations(), layers=layers, device=fastest())
        tables = {
            "kept": table.round(dict.fromkeys(("accuracy", "kept", "se", "agreement"), DIGITS)),
            "measured": _by_layer(scores),
            "weights": weights(model, layers),
        }
        facts = {"accuracy": table.attrs["accuracy"], "classes": table.attrs["classes"]}
        return Made(tables, None, facts | {"images": self.images})

    def _labels(self, images) -> Tensor | None:
        if not self.labels:
            return None
        if isinstance(self.base, Training):
            return self.base.load("test").subset(self.images).labels
        return images.labels


def weights(model: nn.Module, layers) -> pd.DataFrame:
    """For each layer the weights of its convolutions and linear layers, and the network's all."""
    rows = []
    for name in layers:
        inside = model.get_submodule(name).modules()
        some = sum(m.weight.numel() for m in inside if isinstance(m, nn.Conv2d | nn.Linear))
        rows.append((name, some, parameter_count(model)))
    return pd.DataFrame(rows, columns=["layer", "weights", "network_weights"])


def _by_layer(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores of both kinds side by side: means over the turns, one row for each layer."""
    means = scores.groupby(["layer", "index", "part", "kind"], sort=False)
    means = means[["score", "chance", "corrected"]].mean().unstack("kind")
    means.columns = [f"{kind}_{column}" for column, kind in means.columns]
    return means.reset_index().sort_values("index", ignore_index=True).round(DIGITS)
