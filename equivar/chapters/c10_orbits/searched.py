"""The runs of the chapter: networks of other chapters, searched for orbits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor, nn

from equivar import data as datasets
from equivar.data.folder import DatasetImages
from equivar.data.input import Input
from equivar.networks import fastest
from equivar.orbits import FIRST, along_orbit, filters_of, first_and_blocks, members, orbits
from equivar.runs import Derived, Made, Results, Spec, Store
from equivar.runs.spec import moved_defaults

REVISION = 1  # raise it when the same parameters would give another result
ORBITS_DEFAULTS = {"over": "image", "similarity": "correlation", "matching": "maximum"}  # at first
LARGEST = 11  # sides of filters that are kept to be drawn
CELLS = 44  # sides of the maps that are kept
DIGITS = 4  # of their values
SCORES = ("weakest", "mean", "chance", "law_180", "score_180", "law_270", "score_270", "stable")


@dataclass(frozen=True, kw_only=True)
class Searched(Derived):
    """A network searched for orbits; one of its columns is `network`."""

    rate: float

    @property
    def spec(self) -> Spec:
        """What the run is stored under: the base's facts, the number of images, the rate."""
        facts = self.facts | {"rate": self.rate} | moved_defaults(orbits, ORBITS_DEFAULTS)
        return Spec("orbits", REVISION, facts, self.base.spec.inputs, str(self))

    def __str__(self) -> str:
        return f"orbits, {self.columns['network']}"

    def make(self, work: Path, store: Store) -> Made:
        """Search the first convolution and the blocks; tables for the pictures of the first.

        `orbits`: rows of `equivar.orbits`. `filters`: those of found cycles. `pictures`: maps of a
        photograph (`equivar.data.photograph`), along the strongest orbit of the largest filters.
        """
        model, images, wanted = self.opened(store)
        layers = first_and_blocks(model, next(iter(_batches(images)))[:1])
        table = orbits(model, images, layers, rate=self.rate, device=fastest())
        layer = next(iter(layers))
        found = table[table["found"] & (table["layer"] == layer)]
        tables = {
            "orbits": _lean(table),
            "filters": _filters(model, layer, found),
            "pictures": _pictures(model, layer, found, wanted),
        }
        return Made(tables, None, {"images": self.images, "first": layer})


def filters_in(results: Results, network: str) -> dict[int, np.ndarray]:
    """The kept filters of a network's first convolution: channel -> (I, k, k)."""
    table = results.tables["filters"]
    rows = table[table["network"] == network]
    return {row.channel: _array(row).reshape(-1, row.side, row.side) for row in rows.itertuples()}


def picture_along(results: Results, network: str) -> dict[str, object]:
    """What `orbit_picture` draws: filters, image, maps, maps of turned images, members.

    ValueError: the network has no orbit in its first convolution.
    """
    table = results.tables["pictures"]
    rows = table[table["network"] == network]
    if rows.empty:
        raise ValueError(f"no orbit was found in the first convolution of {network}")
    planes = {what: [_plane(r) for r in of.itertuples()] for what, of in rows.groupby("what")}
    image = datasets.picture(datasets.photograph()[0])
    if "image" in planes:  # runs of the first edition drew one themselves
        image = np.stack(planes["image"], axis=-1).squeeze()
    return {
        "filters": filters_in(results, network),
        "image": image,
        "maps": np.stack(planes["maps"]),
        "turned": np.stack(planes["turned"]),
        "members": rows.loc[rows["what"] == "maps", "channel"].tolist(),
    }


def best_orbit(results: Results) -> str | None:
    """The network whose orbit is best to look at: the largest filters, then the strongest cycle."""
    cycles, filters = results.tables["orbits"], results.tables["filters"]
    first = cycles[cycles["found"] & (cycles["part"] == FIRST) & (cycles["kind"] == "orbit")]
    drawn = set(results.tables["pictures"]["network"]) & set(filters["network"])
    there = first[first["network"].isin(drawn)]
    if there.empty:
        return None
    sides = filters.groupby("network")["side"].max()
    order = there.assign(side=there["network"].map(sides)).sort_values(["side", "weakest"])
    return str(order["network"].iloc[-1])


def _batches(images: Tensor | Iterable) -> Iterable[Tensor]:
    return [images] if isinstance(images, Tensor) else images


def _lean(table: pd.DataFrame) -> pd.DataFrame:
    """With fewer digits: ImageNet's networks have thousands of cycles."""
    return table.round(dict.fromkeys(SCORES, DIGITS) | {"by_chance": 6, "q": 6})


def _filters(model: nn.Module, layer: str, found: pd.DataFrame) -> pd.DataFrame:
    """The filters of found cycles, a row each, where they are small enough to be looked at."""
    kernels = filters_of(model, layer)
    channels = sorted({c for text in found["members"] for c in members(text)})
    if kernels.shape[-1] > LARGEST:
        channels = []
    rows = [(c, kernels.shape[-1], _text(kernels[c])) for c in channels]
    return pd.DataFrame(rows, columns=["channel", "side", "numbers"])


def _pictures(model: nn.Module, layer: str, found: pd.DataFrame, wanted: Input) -> pd.DataFrame:
    """The maps of the photograph along the strongest orbit: a row for each plane."""
    planes: list[tuple[str, int, np.ndarray]] = []
    strongest = found[found["kind"] == "orbit"].sort_values("weakest")
    if len(strongest):
        cycle = members(strongest["members"].iloc[-1])
        image = next(iter(DatasetImages("photograph", datasets.photograph(), wanted)))[0]
        maps, turned = along_orbit(model, layer, image, cycle, CELLS)
        planes += [("maps", c, plane) for c, plane in zip(cycle, maps, strict=True)]
        planes += [("turned", cycle[0], plane) for plane in turned]
    rows = [(what, c, *plane.shape, _text(plane)) for what, c, plane in planes]
    return pd.DataFrame(rows, columns=["what", "channel", "height", "width", "numbers"])


def _text(values: np.ndarray) -> str:
    return " ".join(f"{value:.{DIGITS}g}" for value in values.flatten())


def _array(row) -> np.ndarray:
    return np.array(row.numbers.split(), dtype=float)


def _plane(row) -> np.ndarray:
    return _array(row).reshape(row.height, row.width)
