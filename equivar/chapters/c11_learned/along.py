"""The runs of the chapter: networks trained here, before, along and after their training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import Tensor

from equivar.measure import measure
from equivar.networks import fastest, with_statistics
from equivar.networks.untrained import drawn_as_zero
from equivar.runs import Derived, Made, Run, Spec, Store
from equivar.runs.scores import measured, without_common
from equivar.runs.spec import MEASURE_DEFAULTS, moved_defaults
from equivar.runs.trained import Training

REVISION = 1  # raise it when the same parameters would give another result


@dataclass(frozen=True, kw_only=True)
class Along(Derived):
    """A network of `Training`, measured before its first step and after its last one.

    between: also after the epochs of which the run kept snapshots. At epoch 0 its batch norms have
    the statistics of the images; later they have those of its training. transforms: as
    `parse_transforms` reads them; match: as in `equivar.measure`.
    """

    base: Training
    transforms: Sequence[str]
    match: str
    between: bool = True

    @property
    def spec(self) -> Spec:
        """What the run is stored under: the base's facts, what is measured, and when."""
        facts = self.facts | {
            "transforms": list(self.transforms),
            "match": self.match,
            "between": self.between,
        }
        facts |= moved_defaults(measure, MEASURE_DEFAULTS, facts)
        return Spec("learned", REVISION, facts, self.base.spec.inputs, str(self))

    def __str__(self) -> str:
        return f"learned, {self.base}"

    def make(self, work: Path, store: Store) -> Made:
        """Measure; tables with the columns `state` ("untrained", "trained") or `epoch`.

        `scores`, `parts`, `removed`: as in `equivar.runs.scores`, for both states. `dynamics`:
        `parts` by epoch, with the accuracy on the test images.
        """
        run = store.make(self.base, weights=True)
        data = self.base.load("test").subset(self.images)
        images, model = data.normalised(), self.base.untrained(data)
        history = run.table("history").set_index("epoch")["validation_accuracy"]
        last = int(history.index[-1])
        moments = self._moments(run.snapshots(), last, run.weights())
        tables: dict[str, list[pd.DataFrame]] = {"scores": [], "parts": [], "removed": []}
        along, zero = [], drawn_as_zero(model)
        for epoch, weights in moments.items():
            if epoch:
                model.load_state_dict(weights)
            else:  # the weights are drawn
                model = with_statistics(model, images)
            model.to(fastest())
            if epoch in (0, last):
                found = self._measured(model, images)
                for name, table in found.items():
                    state = "trained" if epoch else "untrained"
                    tables[name].append(table.assign(state=state))
                parts = found["parts"]
            else:
                parts = measured(model, images, self.transforms, self.options)["parts"]
            along.append(parts.assign(epoch=epoch, accuracy=history.get(epoch)))
        made = {name: pd.concat(of, ignore_index=True) for name, of in tables.items()}
        made["dynamics"] = pd.concat(along, ignore_index=True)
        return Made(made, None, _facts(run, self.images, zero))

    @property
    def options(self) -> dict[str, object]:
        """What else `equivar.measure` takes."""
        return {"match": self.match, "progress": False}

    def _measured(self, model, images: Tensor) -> dict[str, pd.DataFrame]:
        tables = measured(model, images, self.transforms, self.options)
        tables["removed"] = without_common(model, images, self.transforms, self.options)
        return tables

    def _moments(
        self, snapshots: Mapping[int, Mapping], last: int, weights: Mapping[str, Tensor]
    ) -> dict[int, Mapping[str, Tensor]]:
        """{epoch: state dict} in order; epoch 0 has none, as its weights are drawn again."""
        between = snapshots if self.between else {}
        kept = {epoch: of for epoch, of in sorted(between.items()) if 0 < epoch < last}
        return {0: {}, **kept, last: weights}


@dataclass(frozen=True, kw_only=True)
class Beside(Derived):
    """A network of `Training` before its first step, beside the tables that its own run has of it.

    The run's weights are not needed. Both are measured on the same images in the same way.
    """

    base: Training

    @property
    def spec(self) -> Spec:
        """What the run is stored under: the base's facts."""
        facts = self.facts | {"beside": "untrained"}
        return Spec("learned", REVISION, facts, self.base.spec.inputs, str(self))

    def __str__(self) -> str:
        return f"learned, {self.base}"

    def make(self, work: Path, store: Store) -> Made:
        """`scores`, `parts` and `removed` of both, by `state` ("untrained", "trained")."""
        run = store.make(self.base)
        data = self.base.load("test").subset(self.images)
        model = self.base.untrained(data)
        zero = drawn_as_zero(model)
        model = with_statistics(model, data.normalised()).to(fastest())
        made = {}
        for name, untrained in self.base.tables(model, data).items():
            states = {"untrained": untrained, "trained": run.table(name)}
            made[name] = pd.concat(
                [table.assign(state=state) for state, table in states.items()], ignore_index=True
            )
        return Made(made, None, _facts(run, self.images, zero))


def _facts(run: Run, images: int, zero: Sequence[str]) -> dict[str, object]:
    facts = {name: run.facts[name] for name in ("accuracy", "parameters", "data")}
    return facts | {"images": images, "drawn_as_zero": ", ".join(zero)}
