"""`equivar.symmetrise`: a model, images and labels in, a table of what is kept out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from equivar.features import Layers, Tokens
from equivar.measure import named_layers, parts_of, run_session
from equivar.measure.comparison import Options
from equivar.measure.images import count_images
from equivar.measure.model import original, ready
from equivar.measure.session import Session
from equivar.names import WITHOUT_CELLS
from equivar.priors.choosing import Chosen, choose
from equivar.priors.halves import Half, halves
from equivar.priors.kept import kept
from equivar.priors.permutation import TURNS
from equivar.priors.reading import BLANK, Answers, Reader
from equivar.transforms import Rotation, Shift, parse_transforms, rotations

OPERATIONS = ("turned", "rescaled", "averaged")
WAYS = ("matched", "own", "random", "orbits", "others", BLANK)
COLUMNS = [
    *("layer", "index", "part", "channels", "operation", "way", "channels_changed"),
    *("accuracy", "kept", "se", "agreement", "images"),
]
LEAST_CHANNELS = 2  # fewer have nothing to exchange
LEAST_IMAGES = 8  # four in each half
LEAST_FOR_ORBITS = 40  # twenty in each half, as `equivar.orbits` asks for


def symmetrise(
    model: nn.Module,
    images: Tensor | Iterable,
    labels: Tensor | Sequence[int] | None = None,
    layers: Sequence[str] | Mapping[str, str | Tokens] | None = None,
    transforms: Sequence[Rotation] | str | None = None,
    operations: Sequence[str] = ("turned", "averaged"),
    ways: Sequence[str] = WAYS,
    *,
    rate: float = 0.05,
    seed: int = 0,
    batch_size: int = 128,
    device: torch.device | str | None = None,
    max_memory: int = 2 * 2**30,
    progress: bool = True,
) -> pd.DataFrame:
    """What a network keeps of its accuracy when one layer is made equivariant by force.

    If a layer f is equivariant to quarter turns, the rest of the network may be given the maps of
    the turned image, turned back and with channels put where they belong, and will hardly notice.
    That is done to one layer's output at a time; the rest of the network stays as it is. P is a
    permutation of channels with P^4 = 1.

    Parameters
    ----------
    model, batch_size, device, max_memory, progress
        As in `equivar.measure`. The model answers with a score for each class, (B, K).
    images : Tensor (N, C, H, W) or iterable of such batches
        As in `equivar.measure`, square, and readable several times. Every second image is one half.
        On each half the channels are chosen, and with this choice the accuracy is read on the
        other.
    labels : (N,) whole numbers from 0 to K - 1, or None
        None: accuracy and kept are NaN, and only `agreement` is told.
    layers : list of names, {name: part}, {name: Tokens}, or None
        As in `equivar.measure`. None: the network's own blocks, without those that have a single
        cell or a single channel; `table.attrs["left_out"]` tells which.
    transforms : list of Rotation, or text
        The quarter turns k that `turned` and `rescaled` are averaged over; None: all three. P is
        chosen by all three, and `averaged` is a mean over all four, whatever is named here.
    operations : of "turned", "rescaled", "averaged"
        "turned": T^-k P^-k f(T^k x) takes the place of f(x), and the accuracy is averaged over k.
        "rescaled": the same, with the mean and deviation of each channel made again what they are
        in f(x); a correlation minds neither. "averaged": 1/4 sum_k T^-k P^-k f(T^k x), what a layer
        with a designed prior would give. A mean loses variance, so the mean and deviation of each
        cycle of channels are made again what they are in f(x).
    ways : of "matched", "own", "random", "orbits", "others", "blank"
        How P is chosen. "matched": so that the sum of S over channels and turns is large.
        "own": every channel stays (forced invariance). "random": cycles of the same lengths, of
        channels that are drawn. "orbits": only channels of orbits that `equivar.orbits` finds are
        changed. "others": as many channels drawn from the rest, matched among themselves. "blank":
        each channel's mean map takes the place of anything: the floor.
    rate : float
        The share of false cycles among orbits, as in `equivar.orbits`.
    seed : int
        Of channels that are drawn.

    Returns
    -------
    pandas.DataFrame
        One row per layer, operation and way. `layer`, `index`, `part`, `channels` as in
        `equivar.measure`. `channels_changed`: how many are (the mean of the two halves; there is no
        row where no orbits are found, or too few others are left). `accuracy`: over all images.
        `kept`: (accuracy - 1/K) / (own accuracy - 1/K) for K classes; it may exceed 1 or lie below
        0. `se`: of `kept`, by a bootstrap over images, paired. `agreement`: the share of images for
        which the answer is the one that the network gives as it is. `images`: how many.
        `table.attrs` has the network's own `accuracy`, its `classes` and the settings.

    Raises
    ------
    ValueError
        As `equivar.measure`; also for labels of another number than the images or out of range,
        fewer than 8 images (40 with "orbits" or "others"), images that are not square, a named
        layer that has a single cell, a single channel, or that nothing follows, and an answer
        without a score for each class.
    TypeError
        Labels that are no whole numbers, and what `equivar.measure` refuses.

    Cost: 12 N images through the network to choose and to collect (9 N for "turned" alone), and for
    each layer and way 3 N for "turned" and for "rescaled" and N for "averaged", from that layer on.

    >>> import torch, equivar
    >>> from equivar import networks
    >>> model = networks.build("cnn7", in_channels=1, num_classes=6)
    >>> images = torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    >>> table = equivar.symmetrise(model, images, layers=["layers.0"], progress=False)
    >>> table[["layer", "operation", "way"]]
          layer operation      way
    0  layers.0    turned  matched
    1  layers.0    turned      own
    2  layers.0    turned   random
    3  layers.0    turned    blank
    4  layers.0  averaged  matched
    5  layers.0  averaged      own
    6  layers.0  averaged   random
    7  layers.0  averaged    blank
    """
    turns, labels = _turns(transforms), _as_labels(labels)
    operations, ways = _chosen("operations", operations, OPERATIONS), _chosen("ways", ways, WAYS)
    model = original(model)
    both = halves(images)
    _check_count(count_images(images), labels, ways)
    passes = _Passes(model, batch_size, device, max_memory, progress)
    found = passes.look_at(both[0], named_layers(model, layers), layers is not None)
    chosen, count = [], 0
    for half in both:
        session = passes.compare(half, found.layers)
        count += session.count
        generator = np.random.default_rng((seed, half.first))
        chosen.append(choose(session, ways, rate, generator))
    _check_count(count, labels, ways)
    _check_range(labels, found.classes)
    answers = passes.read(both, found, chosen, operations, turns, labels, count, BLANK in ways)
    rows = _rows(found, chosen, answers, operations, ways, seed)
    table = pd.DataFrame(rows, columns=COLUMNS)
    own = float("nan") if labels is None else float((answers.own == labels.numpy()).mean())
    table.attrs = {
        **{"model": type(model).__name__, "classes": found.classes, "accuracy": own},
        **{"rate": rate, "seed": seed, "left_out": found.left_out},
        "versions": {package: version(package) for package in ("equivar", "torch")},
    }
    return table


@dataclass(frozen=True)
class _Found:
    """The layers that can be changed, by name in depth order, and the number of classes."""

    layers: dict[str, str | Tokens]
    parts: list[str]
    channels: list[int]
    left_out: dict[str, str]
    classes: int


@dataclass(frozen=True)
class _Passes:
    """Everything for which images go through the network."""

    model: nn.Module
    batch_size: int
    device: torch.device | str | None
    max_memory: int
    progress: bool

    def look_at(self, half: Half, named: Mapping[str, str | Tokens | None], wanted: bool) -> _Found:
        """The layers that can be changed, from the first images. ValueError: a wanted one can not.

        wanted: whether the caller named them.
        """
        left_out = {}
        if not wanted:
            left_out = {n: "a single cell" for n, part in named.items() if part in WITHOUT_CELLS}
            named = {name: part for name, part in named.items() if name not in left_out}
        with self._opened(named, lenient=not wanted) as reader:
            hooked = reader.hooked
            classes = reader.probe(half)
            usable, more = _usable(hooked)
            if more and (wanted or not usable):
                raise ValueError("nothing can be changed: " + "; ".join(more.values()))
            for reason in more.values():
                warnings.warn(f"{reason}; it is left out", stacklevel=3)
            reader.check_followed(half, usable)
            parts = parts_of(named, hooked)
            layers = {hooked.names[i]: named[hooked.names[i]] for i in usable}
            channels = [hooked.shapes[i].channels for i in usable]
            left_out |= hooked.left_out | more
        return _Found(layers, [parts[i] for i in usable], channels, left_out, classes)

    def compare(self, half: Half, layers: Mapping[str, str | Tokens | None]) -> Session:
        """S of every pair of channels over one half, for the three turns."""
        model, options = self.model, Options()
        settings = (self.batch_size, self.device, self.max_memory, self.progress)
        return run_session(model, half, rotations(), layers, options, *settings)

    def read(
        self,
        both: tuple[Half, Half],
        found: _Found,
        chosen: Sequence[Sequence[Chosen]],
        operations: Sequence[str],
        turns: Sequence[int],
        labels: Tensor | None,
        count: int,
        blank: bool,
    ) -> Answers:
        """The answers for each half, with what was chosen on the other."""
        answers = Answers(np.zeros(count, dtype=np.int64))
        total = count * passes_each(chosen[0], operations, turns, blank)
        with (
            tqdm(
                total=total,
                desc=f"symmetrising {type(self.model).__name__}",
                unit="img",
                disable=not self.progress,
            ) as bar,
            self._opened(found.layers, advance=bar.update) as reader,
        ):
            reader.probe(both[0])
            for half, one in zip(both, chosen, strict=True):
                reader.gather(half, one, operations)
            for half, one in zip(both, reversed(chosen), strict=True):
                reader.read(half, one, operations, turns, answers, labels, blank)
        return answers

    @contextmanager
    def _opened(
        self,
        named: Mapping[str, str | Tokens | None],
        lenient: bool = False,
        advance: Callable[[int], object] = lambda images: None,
    ) -> Iterator[Reader]:
        told = {name: part for name, part in named.items() if isinstance(part, Tokens)}
        with (
            ready(self.model, self.device) as place,
            Layers(self.model, list(named), told, lenient) as hooked,
        ):
            yield Reader(hooked, place, self.batch_size, self.max_memory, advance)


def passes_each(
    chosen: Sequence[Chosen], operations: Sequence[str], turns: Sequence[int], blank: bool
) -> int:
    """How many passes each image takes after the channels are chosen, whole ones and parts."""
    turned = ("turned" in operations) + ("rescaled" in operations)
    each = len(turns) * turned + ("averaged" in operations)
    gathering = 1 if operations == ("turned",) else 4
    collecting = gathering + (4 if "averaged" in operations else 1 + len(turns))
    return collecting + sum(len(one.ways) * each + blank for one in chosen)


def _usable(hooked: Layers) -> tuple[list[int], dict[str, str]]:
    """The layers that can be changed, and why others can not."""
    usable, reasons = [], {}
    for i, (name, shape) in enumerate(zip(hooked.names, hooked.shapes, strict=True)):
        grid = shape.grid
        if not shape.spatial:
            reasons[name] = f"layer {name!r} has a single cell, which a turn leaves where it is"
        elif grid.height != grid.width:
            reasons[name] = (
                f"layer {name!r} has maps of {grid.height} x {grid.width} cells: turned by a "
                "quarter they do not fit into the place of others"
            )
        elif shape.channels < LEAST_CHANNELS:
            reasons[name] = f"layer {name!r} has {shape.channels} channel: there is none to turn to"
        else:
            usable.append(i)
    return usable, reasons


def _rows(
    found: _Found,
    chosen: Sequence[Sequence[Chosen]],
    answers: Answers,
    operations: Sequence[str],
    ways: Sequence[str],
    seed: int,
) -> list[tuple]:
    """The table's rows; of a way that only one half has, the other half is left as it is."""
    places = [
        (i, operation, way)
        for i in range(len(found.layers))
        for operation in operations
        for way in ways
        if way == BLANK or any(way in half[i].ways for half in chosen)
    ]
    sources = [(i, "" if way == BLANK else operation, way) for i, operation, way in places]
    same = np.ones(len(answers.own))
    agreement = [answers.filled(answers.agrees, one, same).mean() for one in sources]
    accuracy = value = error = np.full(len(places), np.nan)
    if answers.hits:
        before = answers.own_hits
        hits = np.array([answers.filled(answers.hits, one, before) for one in sources])
        accuracy = hits.mean(axis=1)
        value, error = kept(hits, before, found.classes, seed)
    names, rows = list(found.layers), []
    for row, (i, operation, way) in enumerate(places):
        changed = np.mean([_changed(half[i], way, found.channels[i]) for half in chosen])
        rows.append((
            *(names[i], i, found.parts[i], found.channels[i], operation, way, changed),
            *(accuracy[row], value[row], error[row], agreement[row], len(answers.own)),
        ))  # fmt: skip
    return rows


def _changed(chosen: Chosen, way: str, channels: int) -> int:
    """How many channels a way changes."""
    if way == BLANK:
        return channels
    return len(chosen.ways[way].channels) if way in chosen.ways else 0


def _turns(transforms) -> tuple[int, ...]:
    """The numbers of quarter turns, of what `transforms` may be."""
    if transforms is None:
        return TURNS
    named = parse_transforms(transforms) if isinstance(transforms, str) else transforms
    named = [named] if isinstance(named, Rotation | Shift) else list(named)
    wrong = [one for one in named if not isinstance(one, Rotation) or one.quarter_turns % 4 == 0]
    if wrong or not named:
        raise ValueError(
            f"transforms={transforms!r}: give quarter turns, such as equivar.rotations(); only "
            "they map square maps onto themselves and come back to where they began"
        )
    return tuple(dict.fromkeys(one.quarter_turns % 4 for one in named))


def _chosen(name: str, values: str | Sequence[str], choices: Sequence[str]) -> tuple[str, ...]:
    values = (values,) if isinstance(values, str) else tuple(values)
    for value in values:
        if value not in choices:
            known = ", ".join(map(repr, choices))
            raise ValueError(f"{name}: there is no {value!r}; choose of {known}")
    if not values:
        raise ValueError(f"`{name}` is empty: choose of {', '.join(map(repr, choices))}")
    return tuple(one for one in choices if one in values)


def _as_labels(labels) -> Tensor | None:
    if labels is None:
        return None
    labels = torch.as_tensor(labels).cpu()
    if labels.dim() != 1 or labels.is_floating_point() or labels.is_complex():
        raise TypeError(
            f"labels should be whole numbers, one for each image, not {labels.dtype} of shape "
            f"{tuple(labels.shape)}"
        )
    return labels.long()


def _check_count(count: int | None, labels: Tensor | None, ways: Sequence[str]):
    if count is None:
        return
    least = LEAST_FOR_ORBITS if {"orbits", "others"} & set(ways) else LEAST_IMAGES
    if count < least:
        more = ", or leave out the ways 'orbits' and 'others'" if least > LEAST_IMAGES else ""
        raise ValueError(f"{count} images are too few for two halves: give {least} or more{more}")
    if labels is not None and len(labels) != count:
        raise ValueError(f"there are {len(labels)} labels for {count} images")


def _check_range(labels: Tensor | None, classes: int):
    if labels is not None and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(
            f"labels from {int(labels.min())} to {int(labels.max())}, but the network has "
            f"{classes} classes: they should lie in 0 .. {classes - 1}"
        )
