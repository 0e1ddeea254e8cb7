"""Four more readings of one network: what they change is drawn layer by layer.

Mean maps taken away, the best channel chosen on other images, chance against images of the same
class, and images of an odd number of pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor, nn

from equivar.data.folder import DatasetImages, drawn_order
from equivar.features import default_layers
from equivar.figures import COLOURS, SMALL, WIDTH, Words, end_labels, number
from equivar.measure import measure, parts_of, run_session
from equivar.measure.comparison import Options
from equivar.names import SORTS, WITHOUT_CELLS
from equivar.networks import fastest
from equivar.runs import Derived, Made, Spec, Store
from equivar.runs.scores import with_sorts
from equivar.runs.spec import MEASURE_DEFAULTS, moved_defaults
from equivar.transforms import parse_transforms

REVISION = 1  # raise it when the same parameters would give another result
BYTES = 2**31  # for the channel-by-channel sums
PLACE = ["transforms", "layer", "index", "part", "kind"]
READINGS = {  # of each check, in the order in which they are drawn
    "common": ("kept", "taken away"),
    "halves": ("the same images", "the other half"),
    "neighbours": ("in a drawn order", "sorted by class"),
}


SHADES = ("#333333", "#117A8B", "#6CBAC6")  # of readings, in their order
VALUES = {"score": "equivariance", "corrected": "corrected equivariance", "chance": "chance"}


@dataclass(frozen=True, kw_only=True)
class Checked(Derived):
    """One network under the four readings. sizes: sides of its images, in pixels."""

    transforms: Sequence[str]
    sizes: Sequence[int]

    @property
    def spec(self) -> Spec:
        """What the run is stored under: the base's facts, the transforms, the sizes."""
        facts = self.facts | {"transforms": list(self.transforms), "sizes": list(self.sizes)}
        facts |= moved_defaults(measure, MEASURE_DEFAULTS)
        return Spec("readings-checks", REVISION, facts, self.base.spec.inputs, str(self))

    def __str__(self) -> str:
        return f"further readings, {self.columns['network']}"

    def make(self, work: Path, store: Store) -> Made:
        """The table `checks`: means by sort of transformation, `check` and `reading`."""
        model, images, _ = self.opened(store)
        model.to(fastest())
        transforms = parse_transforms(self.transforms)
        drawn = _reordered(images, drawn_order(len(images.dataset), 0))
        kept = measure(model, drawn, transforms)
        by_class = _reordered(images, torch.argsort(images.labels, stable=True).tolist())
        found = {
            ("common", "kept"): kept,
            ("common", "taken away"): measure(model, drawn, transforms, common="remove"),
            ("neighbours", "in a drawn order"): kept,
            ("neighbours", "sorted by class"): measure(model, by_class, transforms),
            **_halves(model, drawn, transforms),
        }
        for side in self.sizes:
            found["sizes", f"{side} pixels"] = measure(model, _of_side(drawn, side), transforms)
        tables = [
            _means(scores).assign(check=check, reading=reading)
            for (check, reading), scores in found.items()
        ]
        return Made({"checks": pd.concat(tables, ignore_index=True)}, None, {"images": self.images})


def _means(scores: pd.DataFrame) -> pd.DataFrame:
    """Over the transformations of each sort."""
    means = with_sorts(scores).groupby(PLACE, sort=False)
    return means[[name for name in VALUES if name in scores]].mean().reset_index()


def _reordered(images: DatasetImages, order: Sequence[int]) -> DatasetImages:
    dataset, labels = images.dataset[list(order)], images.labels[list(order)]
    return DatasetImages(images.name, dataset, images.input, images.batch_size, labels)


def _of_side(images: DatasetImages, side: int) -> DatasetImages:
    taken = replace(images.input, height=side, width=side, resize=(side, side))
    return DatasetImages(images.name, images.dataset, taken, images.batch_size, images.labels)


def _halves(model: nn.Module, images: DatasetImages, transforms) -> dict[tuple[str, str], object]:
    """Equivariance where each channel's match is chosen on the same half of the images, or not."""
    named = default_layers(model)
    session = run_session(
        model, images, transforms, named, Options(chance=False), 128, None, BYTES, False, True
    )
    names, parts = session.layers.names, parts_of(named, session.layers)
    found = {reading: [] for reading in READINGS["halves"]}
    for (i, transform), comparison in session.comparisons.items():
        groups = comparison.groups
        one, other = (comparison.similarities(some) for some in (groups[::2], groups[1::2]))
        place = {"layer": names[i], "index": i, "part": parts[i], "transform": transform.name}
        for reading, pairs in zip(
            found, ([(one, one), (other, other)], [(one, other), (other, one)]), strict=True
        ):
            score = float(np.mean([_read_at(*pair) for pair in pairs]))
            found[reading].append(place | {"kind": "equivariance", "score": score})
    return {("halves", reading): pd.DataFrame(rows) for reading, rows in found.items()}


def _read_at(chosen: Tensor, read: Tensor) -> float:
    """The mean of `read` (C, C) where each row of `chosen` has its maximum; NaN takes no part."""
    best = chosen.nan_to_num(nan=-2).argmax(dim=1)
    return read[torch.arange(len(read)), best].nanmean().item()


def check_profiles(checks: pd.DataFrame, check: str, value: str = "score") -> Figure:
    """Equivariance, or another column, by layer: a line for each reading."""
    rows = checks[(checks["check"] == check) & (checks["kind"] == "equivariance")]
    readings = list(dict.fromkeys(rows["reading"]))
    fig, axes = plt.subplots(1, len(SORTS), figsize=(WIDTH, 2.7), sharey=True)
    for ax, (transforms, words) in zip(axes, SORTS.items(), strict=True):
        for i, reading in enumerate(readings):
            of = rows[(rows["transforms"] == transforms) & (rows["reading"] == reading)]
            ax.plot(of["index"] + 1, of[value], color=SHADES[i % 3], label=reading, lw=1.3,
                    marker="osD"[i % 3], ms=3, ls=("-", "--", ":")[i % 3])  # fmt: skip
        _by_layer(ax, rows, words)
    axes[0].set_ylabel("equivariance" if value == "score" else VALUES[value])
    end_labels(axes[-1])
    return fig


def halves_change(checks: pd.DataFrame) -> Figure:
    """By layer, what equivariance loses where its matches are chosen on the other half of images.

    A bar is the score with matches of the other half minus that with matches of the same images.
    """
    rows = checks[(checks["check"] == "halves") & (checks["kind"] == "equivariance")]
    wide = rows.pivot_table(index=["transforms", "index"], columns="reading", values="score")
    same, other = READINGS["halves"]
    change = wide[other] - wide[same]
    fig, axes = plt.subplots(1, len(SORTS), figsize=(WIDTH, 2.5), sharey=True)
    for ax, (transforms, words) in zip(axes, SORTS.items(), strict=True):
        of = change[transforms]
        ax.bar(of.index + 1, of, width=0.6, lw=0, color=COLOURS["equivariance"], label=other)
        _by_layer(ax, rows, words)
    lowest = min(change.min(), -0.05)
    axes[0].set_ylim(1.1 * lowest, max(0.01, 1.1 * change.max()))
    axes[0].set_ylabel("change of equivariance")
    return fig


def _by_layer(ax: Axes, rows: pd.DataFrame, title: str):
    """The axis of layers, with a line at zero, and a ground for those without cells."""
    ends = rows[rows["part"].isin(WITHOUT_CELLS)].drop_duplicates("index")
    if len(ends):
        first, last = ends["index"].min() + 0.5, ends["index"].max() + 1.5
        ax.axvspan(first, last, color="#f1f1ef", lw=0, zorder=-1)
        words = "\n".join(dict.fromkeys(ends.sort_values("index")["part"]))
        ax.text((first + last) / 2, 1.01, words, transform=ax.get_xaxis_transform(), ha="center",
                va="bottom", fontsize=SMALL, color="#555555", linespacing=0.95)  # fmt: skip
    ax.axhline(0, color="black", lw=0.6, zorder=0)
    ax.set(title=title, xlabel="layer")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def check_words(checks: pd.DataFrame, check: str, value: str = "score") -> Words:
    """By how much the last reading of a check differs from the first, in a sentence.

    Of sizes: an odd one from the even one.
    """
    rows = checks[(checks["check"] == check) & (checks["kind"] == "equivariance")]
    readings = list(dict.fromkeys(rows["reading"]))
    wide = rows.pivot_table(index=["transforms", "part", "layer"], columns="reading", values=value)
    if check == "sizes":
        readings.sort(key=lambda reading: int(reading.partition(" ")[0]) % 2)
    first, other = readings[0], readings[-1]
    change = wide[other] - wide[first]
    ends = change.index.get_level_values("part").isin(WITHOUT_CELLS)
    inside, last = change[~ends], change[ends]
    return Words(
        f"With “{other}” instead of “{first}” the {VALUES[value]} of a layer before pooling "
        f"changes by {inside.mean():+.3f} on average and by {number(inside.abs().max(), 3)} at "
        f"most; Pool and Final change by {last.mean():+.3f} on average."
    )
