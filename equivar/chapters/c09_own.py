"""Chapter 09, a network of the reader's own: measured, summed up, and looked at."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor, nn

from equivar import networks
from equivar.data import picture
from equivar.data.folder import DatasetImages, FolderImages, open_images
from equivar.features import Layers
from equivar.figures import WIDTH, Words, bare, number
from equivar.measure import measure, summarise
from equivar.names import KINDS, WITHOUT_CELLS, sort_of
from equivar.networks import Network
from equivar.rulers import COLUMNS, RULERS, compare
from equivar.runs.parameters import ChapterParameters, Count, Images, Seed
from equivar.similarity import pairwise
from equivar.transforms import Rotation, Shift, parse_transforms
from equivar.verdicts import SE_95, Claim, Verdict, count_words

MATCHED = 100  # images over which the channels that are drawn are matched
_PAIRS_BYTES = 2**28  # of the channel-by-channel similarities of a batch
CLAIMS: dict[str, Claim] = {}


class Parameters(ChapterParameters):
    """What the chapter is made with.

    network, weights, options: as in `equivar.networks.load`. images: a folder, a data set of
    `equivar.data`, or "" for the embedded one; count: how many of them; size: pixels a
    side, 0 for the network's own. transforms: as `equivar.transforms.parse_transforms` reads
    them; layers: by name, none for the network's own blocks. match: as in `equivar.measure`.
    rulers: of `equivar.rulers`, by which it is measured as well. shown: the number of the image
    whose maps are drawn, shown_layer: of which layer ("": the first of the middle part), pairs: how
    many channels of either sort.
    """

    network: str
    weights: str
    options: dict[str, object]
    images: str
    count: Images
    size: Annotated[int, Field(ge=0, strict=True)]
    transforms: tuple[str, ...]
    layers: tuple[str, ...]
    match: str
    rulers: tuple[str, ...]
    batch_size: Count
    shown: Annotated[int, Field(ge=0, strict=True)]
    shown_layer: str
    pairs: Count
    seed: Seed


def runs(p: Parameters) -> list:
    """None: what is measured is the reader's, and not kept."""
    return []


@dataclass(frozen=True)
class Channel:
    """One channel beside its match: maps of one image and their similarity there."""

    channel: int
    match: int
    similarity: float
    f: np.ndarray  # F = T f(x) of the match, (h, w) compared cells
    g: np.ndarray  # G = f(T x) of the channel


@dataclass(frozen=True)
class Examples:
    """One image in one layer: the channels that are most and least equivariant."""

    layer: str
    transform: str
    image: np.ndarray  # (H, W, 3) or (H, W), values 0..1
    moved: np.ndarray  # T x
    most: list[Channel]
    least: list[Channel]


@dataclass(frozen=True)
class OwnNetwork:
    """The scores, those of other rulers, what was measured in words, and channels to look at.

    ruled: rows of `equivar.rulers.compare`, empty where no rulers are named. notes: what is to be
    said of them.
    """

    table: pd.DataFrame
    ruled: pd.DataFrame
    notes: list[str]
    examples: Examples
    facts: pd.Series


def tables(p: Parameters) -> OwnNetwork:
    """Any network on any images, and one image's maps in one layer.

    Measured on the GPU where PyTorch has one.
    """
    network = networks.load(p.network, p.weights, options=p.options, seed=p.seed)
    network = network.with_input(size=p.size or None)
    images = open_images(p.images, network.input, p.count, p.batch_size, order=p.seed)
    networks.check(network)
    network = network.on(images)
    transforms = parse_transforms(p.transforms)
    options = {"layers": list(p.layers) or None, "match": p.match, "device": networks.fastest()}
    table = measured(measure, network, images, transforms, **options)
    ruled, notes = _ruled(p, network, images, transforms)
    layer = p.shown_layer or first_of_middle(table)
    examples = look(network, images, layer, transforms[0], p.shown, p.pairs)
    facts = {
        "network": network.name,
        "weights": Path(network.weights).name + ("" if network.trained else ": untrained"),
        "images": f"{table['images'].min()} of {images.name}",
        "input": str(network.input),
        "transformations": ", ".join(p.transforms),
        "layers": table["layer"].nunique(),
        "image shown": p.shown,
        "layer shown": layer,
    }
    return OwnNetwork(table, ruled, notes, examples, pd.Series(facts, name=""))


def _ruled(p: Parameters, network: Network, images, transforms) -> tuple[pd.DataFrame, list[str]]:
    """The table of the rulers that the parameters name, and what it warns of."""
    if not p.rulers:
        return pd.DataFrame(columns=COLUMNS), []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        table = measured(
            compare,
            network,
            images,
            transforms,
            rulers=p.rulers,
            layers=list(p.layers) or None,
            device=networks.fastest(),
        )
    return table, [str(one.message) for one in told]


def claims(found: OwnNetwork, p: Parameters) -> list[Verdict]:
    """None: the paper says nothing of the reader's network."""
    return []


def measured(
    by: Callable[..., pd.DataFrame],
    network: Network,
    images: FolderImages | DatasetImages,
    transforms: Sequence[Rotation | Shift],
    **options: object,
) -> pd.DataFrame:
    """The table of `equivar.measure` or `equivar.rulers.compare`, and in `attrs` what it is of.

    by: which of the two; options: its own. The network is checked, and has its statistics.
    """
    table = by(network.model, images, transforms, **options)
    packages = ("timm", "torchvision", "numpy")
    table.attrs |= {
        "network": network.name,
        "weights": network.weights,
        "weights_sha256": network.sha256,
        "input": asdict(network.input),
        "transforms": [transform.name for transform in transforms],
        "images": images.name,
        "images_chosen": len(images.dataset),
        "images_skipped": [str(path) for path in images.skipped],
        "layers": list(dict.fromkeys(table["layer"])),
        "versions": table.attrs.get("versions", {}) | {name: version(name) for name in packages},
    }
    return table


def by_part(table: pd.DataFrame) -> pd.DataFrame:
    """Means by sort of transformation and part, of both kinds.

    The score with its 95 % half interval, chance, and the score corrected for it; of equivariance
    also what it adds to invariance. Rows (transforms, part), columns (kind, value).
    """
    sort = table["transform"].map(sort_of) + "s"
    summary = summarise(table.assign(transforms=sort), by=["transforms", "part"])
    summary["±"] = SE_95 * summary["se"]
    values = ["score", "±", "chance", "corrected", "excess"]
    wide = summary.pivot(index=["transforms", "part"], columns="kind", values=values)
    order = list(dict.fromkeys(zip(summary["transforms"], summary["part"], strict=True)))
    columns = [(value, kind) for kind in KINDS for value in values]
    columns.remove(("excess", "invariance"))
    wide = wide.loc[sorted(order, key=lambda row: row[0]), columns].swaplevel(axis=1)
    return wide.rename_axis(columns=(None, None)).astype(float)


def profile_seen(table: pd.DataFrame) -> Words:
    """Where equivariance lies most and least above chance, for each sort of transformation."""
    rows = table[(table["kind"] == "equivariance") & ~table["part"].isin(WITHOUT_CELLS)]
    told = []
    for sort, of in rows.groupby(rows["transform"].map(sort_of), sort=False):
        means = of.groupby("layer")[["score", "chance", "corrected"]].mean().dropna()
        if means.empty:
            continue
        score, chance, _ = means.mean()
        most, least = means["corrected"].idxmax(), means["corrected"].idxmin()
        told.append(
            f"for {sort}s equivariance is {number(score)} on average over the layers before "
            f"pooling, and chance {number(chance)}; corrected for chance it is highest in `{most}` "
            f"({number(means['corrected'].max())}) and lowest in `{least}` "
            f"({number(means['corrected'].min())})"
        )
    return Words(". ".join(one[:1].upper() + one[1:] for one in told) + ".")


def rulers_seen(found: OwnNetwork) -> Words:
    """Each ruler's equivariance and chance in the layers that all of them have, in sentences."""
    rows = found.ruled[found.ruled["kind"] == "equivariance"]
    if rows.empty:
        return Words("No other ruler of equivariance is named in `rulers`.")
    place = [rows["transform"].map(sort_of), "layer"]
    wide = rows.pivot_table(index=place, columns="ruler", values=["score", "chance"])
    there = wide.dropna()
    told = []
    for sort, of in there.groupby(level=0, sort=False):
        numbers = [
            f"{RULERS[ruler].title} {number(of['score', ruler].mean())} (chance "
            f"{number(of['chance', ruler].mean())})"
            for ruler in dict.fromkeys(rows["ruler"])
        ]
        told.append(f"for {sort}s, over {count_words(len(of), 'layer')}: {', '.join(numbers)}")
    lacking = rows[rows["score"].isna()].groupby("ruler", sort=False)["layer"].unique()
    notes = [
        f"The {RULERS[ruler].title} has no score in {', '.join(f'`{one}`' for one in layers)}: to "
        "fit it takes more images than were measured."
        for ruler, layers in lacking.items()
    ]
    first = ". ".join(one[:1].upper() + one[1:] for one in told) + "." if told else ""
    return Words(" ".join([first, *notes]).strip())


def pairs_seen(examples: Examples) -> Words:
    """How alike the pairs of maps are that are drawn."""
    most, least = ([one.similarity for one in of] for of in (examples.most, examples.least))
    return Words(
        f"In `{examples.layer}` under {examples.transform} the upper pairs have S from "
        f"{number(min(most))} to {number(max(most))}, the lower ones from {number(min(least))} to "
        f"{number(max(least))}."
    )


def by_ruler(table: pd.DataFrame) -> pd.DataFrame:
    """Means by ruler, sort of transformation, kind and part: score, chance, corrected."""
    rows = table.assign(transforms=table["transform"].map(sort_of) + "s")
    by = ["ruler", "transforms", "kind", "part"]
    means = rows.groupby(by, sort=False)[["score", "chance", "corrected"]].mean()
    first = {name: number for number, name in enumerate(dict.fromkeys(table["ruler"]))}
    order = sorted(range(len(means)), key=lambda i: (first[means.index[i][0]], means.index[i][1]))
    return means.iloc[order]


def first_of_middle(table: pd.DataFrame) -> str:
    """The first layer of the middle part that has maps; of the network, where there is none."""
    spatial = table[table["height"] * table["width"] > 1]
    if spatial.empty:
        raise ValueError("no layer has more than one cell, so there are no maps to show")
    middle = spatial[spatial["part"] == "middle"]
    return (spatial if middle.empty else middle).sort_values("index")["layer"].iloc[0]


def look(
    network: Network,
    images: FolderImages | DatasetImages,
    layer: str,
    transform: Rotation | Shift,
    shown: int = 0,
    pairs: int = 3,
) -> Examples:
    """The channels of `layer` that are most and least equivariant for one image, and their maps.

    The match of channel c, the c' with the largest mean of S(G_c, F_c'), is chosen over the first
    images as the measure does; channels are ordered by S with their match on the image `shown`.
    """
    sums = counts = 0
    kept, first = None, 0
    for batch in images:
        if first >= max(MATCHED, shown + 1):
            break
        for part in batch.split(8):
            f, g = layer_maps(network.model, layer, part, transform)
            if first <= shown < first + len(part):
                at = shown - first
                kept = part[at], f[at], g[at]
            if first < MATCHED:
                total, count = _summed(g, f)
                sums, counts = sums + total, counts + count
            first += len(part)
    if kept is None:
        raise ValueError(f"image {shown} is to be shown, but there are only {first}")
    best = torch.where(counts > 0, sums / counts, -torch.inf).max(dim=1)
    x, f, g = kept
    channels = _channels(f, g, best.indices.masked_fill(best.values.isinf(), -1))
    if not channels:
        raise ValueError(f"layer {layer!r}: no channel varies over image {shown}")
    pictures = [_picture(image, network) for image in (x, transform.on_images(x))]
    pairs = max(1, min(pairs, len(channels) // 2))
    return Examples(layer, transform.name, *pictures, channels[:pairs], channels[-pairs:])


def _channels(f: Tensor, g: Tensor, match: Tensor) -> list[Channel]:
    """Each channel of one image beside its match, the most alike first; undefined ones left out."""
    kept = torch.nonzero(match >= 0).flatten().tolist()
    found = []
    for c in kept:
        other = int(match[c])
        s = pairwise(g[None, c : c + 1], f[None, other : other + 1]).item()
        found.append(Channel(c, other, s, f[other].numpy(), g[c].numpy()))
    found = [channel for channel in found if not np.isnan(channel.similarity)]
    return sorted(found, key=lambda channel: -channel.similarity)


def layer_maps(
    model: nn.Module, layer: str, images: Tensor, transform: Rotation | Shift
) -> tuple[Tensor, Tensor]:
    """`F = T f(x)` and `G = f(T x)` of one layer at the compared cells, (B, C, h, w) each."""
    moved: list[Tensor] = []
    with Layers(model, [layer]) as hooked:
        f = hooked.probe(images)[0]
        hooked.run(transform.on_images(images), lambda _, output: moved.append(output.clone()))
        shape = hooked.shapes[0]
    f = shape.maps(f).permute(0, 3, 1, 2).float()  # (B, C, H, W)
    g = shape.maps(moved[0], transform.swaps_sides).permute(0, 3, 1, 2).float()
    if isinstance(transform, Rotation):
        return transform.on_images(f), g
    both = transform.steps(shape.grid, "zero", "bilinear")
    if both is None:
        raise ValueError(f"{transform.name} leaves no cell of layer {layer!r} to compare")
    for dim, steps in enumerate(both, start=2):
        f, g = steps.source(f, dim), steps.target(g, dim)
    return f, g


def _summed(g: Tensor, f: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over images of S(G_c, F_c') and how many images have it, (C, C') each."""
    few = max(1, _PAIRS_BYTES // (4 * g.shape[1] ** 2))
    parts = [pairwise(*pair) for pair in zip(g.split(few), f.split(few), strict=True)]
    return (
        sum(part.nansum(dim=0) for part in parts),
        sum((~part.isnan()).sum(dim=0) for part in parts),
    )


def _picture(image: Tensor, network: Network) -> np.ndarray:
    """A normalised image (C, H, W) as pixels (H, W, 3) or (H, W) in 0..1; shifted-in ones grey."""
    mean, std = (torch.tensor(x)[:, None, None] for x in (network.input.mean, network.input.std))
    return picture((image * std + mean).clamp(0, 1))


def channel_pairs(examples: Examples) -> Figure:
    """F = T f(x) beside G = f(T x): the most equivariant channels above, the least below.

    The number of each map's channel stands beside F and G; S is the pair's correlation on this
    image. Every map is on its own scale.
    """
    fig, axes = plt.subplots(2, 2 * len(examples.most) + 2, figsize=(WIDTH, 2.7))
    for row, (word, channels) in enumerate((("most", examples.most), ("least", examples.least))):
        panels = [("x", examples.image, None), ("T x", examples.moved, None)]
        for one in channels:
            panels.append((f"F {one.match + 1}", one.f, None))
            panels.append(
                (f"G {one.channel + 1}", one.g, f"S = {round(one.similarity, 2) + 0:.2f}")
            )
        for ax, (name, values, text) in zip(axes[row], panels, strict=True):
            limits = {"vmin": 0, "vmax": 1} if name.endswith("x") else {"cmap": "viridis"}
            ax.imshow(values, **limits)
            ax.set_title(name, fontsize="small", loc="center", pad=3)
            ax.set_xlabel(text or " ", fontsize="x-small")
            bare(ax)
        axes[row, 0].set_ylabel(f"{word} equivariant", fontsize="small")
    return fig
