"""The runs of the chapter: networks of other chapters under every ruler, and what rulers cost."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from equivar.measure import measure
from equivar.networks import fastest
from equivar.rulers import compare
from equivar.runs import Derived, Made, Spec, Store
from equivar.transforms import parse_transforms

REVISION = 1  # raise it when the same parameters would give another result
DIGITS = dict.fromkeys(("score", "se", "chance", "corrected"), 5)


@dataclass(frozen=True, kw_only=True)
class Ruled(Derived):
    """A network under some rulers; transforms: as `parse_transforms` reads them."""

    transforms: Sequence[str]
    rulers: Sequence[str]

    @property
    def spec(self) -> Spec:
        """What the run is stored under: the base's facts, what is measured, and by what."""
        facts = self.facts | {"transforms": list(self.transforms), "rulers": list(self.rulers)}
        return Spec("rulers", REVISION, facts, self.base.spec.inputs, str(self))

    def __str__(self) -> str:
        columns = self.columns
        told = [str(columns[name]) for name in ("task", "augment") if name in columns]
        told += [f"seed {columns['seed']}"] if "seed" in columns else []
        return ", ".join(["rulers", columns["network"], *told, columns["state"]])

    def make(self, work: Path, store: Store) -> Made:
        """The table `rulers`: rows of `equivar.rulers.compare`."""
        model, images, _ = self.opened(store)
        with warnings.catch_warnings():  # layers with too few cells: their rows are NaN
            warnings.filterwarnings("ignore", message=".*take more images than")
            table = compare(
                model,
                images,
                parse_transforms(self.transforms),
                rulers=self.rulers,
                device=fastest(),
            )
        return Made({"rulers": table.round(DIGITS)}, None, {"images": self.images})


@dataclass(frozen=True, kw_only=True)
class Timed(Ruled):
    """What each ruler costs beside `equivar.measure` on the same layers, in processor time."""

    @property
    def spec(self) -> Spec:
        """As of `Ruled`, under a name of its own."""
        return Spec(
            "rulers-cost", REVISION, super().spec.parameters, super().spec.inputs, str(self)
        )

    def __str__(self) -> str:
        return f"cost of rulers, {self.columns['network']}"

    def make(self, work: Path, store: Store) -> Made:
        """The table `cost`: a row for each ruler, and for those of one pass together, `ratio`."""
        model, images, _ = self.opened(store)
        transforms = parse_transforms(self.transforms)

        def ruled(*names: str) -> Callable[[], object]:
            return lambda: compare(model, images, transforms, rulers=names, progress=False)

        def plain():
            return measure(model, images, transforms, progress=False)

        shared = [name for name in self.rulers if name != "lie"]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*take more images than")
            _seconds(plain)  # the first use of a layout is slow
            unit = _seconds(plain)
            rows = {name: _seconds(ruled(name)) / unit for name in self.rulers}
            rows["one pass"] = _seconds(ruled(*shared)) / unit
        table = pd.DataFrame({"ruler": list(rows), "ratio": [round(x, 2) for x in rows.values()]})
        return Made({"cost": table}, None, {"images": self.images})


def _seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start
