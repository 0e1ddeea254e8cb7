"""`equivar.orbits`: a model and images in, a table of cycles out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version

import pandas as pd
import torch
from torch import Tensor, nn

from equivar.measure import named_layers, parts_of, run_session
from equivar.measure.comparison import Options
from equivar.measure.images import count_images
from equivar.measure.model import original
from equivar.measure.session import Session
from equivar.names import WITHOUT_CELLS
from equivar.orbits.layer import TURNS, LayerScores, layer_cycles
from equivar.orbits.matching import MATCHINGS
from equivar.transforms import Rotation

COLUMNS = [
    *("layer", "index", "part", "channels", "live", "height", "width", "over", "matching"),
    *("kind", "length", "members", "weakest", "mean", "chance", "by_chance", "q", "found"),
    *("law_180", "score_180", "law_270", "score_270", "stable", "images"),
]
LEAST_IMAGES = 20  # enough for a map of channels, and one from each half
LEAST_SCORED = 10  # images in which a pair of channels needs a score
LEAST_CHANNELS = 4


def orbits(
    model: nn.Module,
    images: Tensor | Iterable,
    layers: Sequence[str] | Mapping[str, str] | None = None,
    *,
    over: str = "image",
    similarity: str = "correlation",
    matching: str | Sequence[str] = "maximum",
    rate: float = 0.05,
    batch_size: int = 128,
    device: torch.device | str | None = None,
    max_memory: int = 2 * 2**30,
    progress: bool = True,
) -> pd.DataFrame:
    """The groups of channels that quarter turns of the image turn into one another.

    For every layer, `equivar.measure` with `match="dataset"` gives a map: channel c of the turned
    image, `G_c`, is most like the turned channel `F_c'` of the image. The map is followed from
    channel to channel until it comes back. A cycle of one channel is an invariant feature
    ("fixed"), one of two channels is alike after half a turn ("pair"), and one of four is an
    "orbit". A cycle of another length is none of these ("other"), and never counts as found.

    Parameters
    ----------
    model, images, over, similarity, batch_size, device, max_memory, progress
        As in `equivar.measure`. Scores averaged over images, the default, weigh every image alike;
        over the data set, bright images and strong responses count for more.
    layers : list of names, {name: part}, or None
        As in `equivar.measure`. None: the network's own blocks, without those that have a single
        cell or fewer than 4 channels with a score; `table.attrs["left_out"]` tells which.
    matching : "maximum" or "assignment"
        The best channel, as in the paper, where one channel may be the best for several; or one to
        one, so that the sum of all scores is largest. Naming both takes hardly more time.
    rate : float
        The share of false cycles allowed among those found (see `equivar.orbits.decision`).

    Returns
    -------
    pandas.DataFrame
        One row per cycle and layer. `layer`, `index`, `part`, `channels`, `height`, `width` as in
        `equivar.measure`; `live`: the number of channels with a score. `kind` and `length` of the
        cycle; `members`: its channel numbers from 0 as text, in the order of the map. The feature
        of each is that of the next, turned by 90 degrees counter-clockwise. `weakest` and `mean`
        score along the cycle; `chance`: the mean of the members' best scores with the image before.
        `by_chance`: the number of cycles of that kind that chance would make as strong; `q`: the
        share of false ones expected among cycles at least as unlikely; `found`: q is at most
        `rate`.
        The last columns are not used to find a cycle. `law_180` and `law_270`: the share of members
        whose match under two (three) quarter turns is the channel that two (three) steps of the map
        lead to; `score_180` and `score_270`: the mean score of members with these channels.
        `stable`: the share of members whose match is the same on both halves of the images.

    Raises
    ------
    ValueError
        As `equivar.measure`; also for fewer than 20 images, an unknown matching, and for a named
        layer that has a single cell or fewer than 4 channels with a score.

    Cost: 4 N images pass through the network for N images. Memory is as in `equivar.measure`.

    >>> import torch, equivar
    >>> from equivar import networks
    >>> model = networks.build("toy-equivariant", in_channels=1, channels=(8, 8), kernel_size=5)
    >>> images = torch.rand(24, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    >>> cycles = equivar.orbits(model, images, progress=False)
    >>> cycles[cycles["found"]][["layer", "kind", "members"]]
          layer   kind  members
    0  layers.0  orbit  0 3 2 1
    1  layers.0  orbit  4 7 6 5
    2  layers.1  orbit  0 3 2 1
    3  layers.1  orbit  4 7 6 5
    """
    matchings = [matching] if isinstance(matching, str) else list(matching)
    _check(matchings, rate, images)
    model = original(model)
    named = named_layers(model, layers)
    left_out = {}
    if layers is None:
        left_out = {name: "a single cell" for name, part in named.items() if part in WITHOUT_CELLS}
        named = {name: part for name, part in named.items() if name not in left_out}
    options = Options(similarity=similarity, over=over)
    turns = [Rotation(k) for k in TURNS]
    session = run_session(
        model,
        images,
        turns,
        named,
        options,
        batch_size,
        device,
        max_memory,
        progress,
        lenient=layers is None,
    )
    left_out |= session.layers.left_out
    names = session.layers.names
    _check_count(session.count)
    rows = []
    for i, (name, part) in enumerate(zip(names, parts_of(named, session.layers), strict=True)):
        shape = session.layers.shapes[i]
        scores = layer_scores(session, i) if shape.spatial else None
        live = 0 if scores is None else len(scores.live())
        if live < LEAST_CHANNELS:
            left_out[name] = _reason(shape, live)
            continue
        place = {
            **{"layer": name, "index": i, "part": part, "channels": shape.channels, "live": live},
            **{"height": shape.grid.height, "width": shape.grid.width},
            **{"over": over, "images": session.count},
        }
        for one in matchings:
            rows += [place | {"matching": one} | row for row in layer_cycles(scores, one, rate)]
    _say_what_is_left_out(left_out, names, wanted=layers is not None, some=bool(rows))
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.attrs = {
        **{"model": type(model).__name__, "similarity": similarity, "over": over},
        **{"matching": matchings, "rate": rate, "left_out": left_out},
        "versions": {package: version(package) for package in ("equivar", "torch")},
    }
    return table


def layer_scores(session: Session, i: int) -> LayerScores:
    """The channel-by-channel scores of a layer, of a session of the three quarter turns."""
    comparisons = {k: session.comparisons[i, Rotation(k)] for k in TURNS}
    one = comparisons[1]
    halves = (one.similarities(one.groups[half::2], LEAST_SCORED // 2) for half in (0, 1))
    return LayerScores(
        {k: of.similarities(least=LEAST_SCORED).cpu().numpy() for k, of in comparisons.items()},
        one.similarities_by_chance(LEAST_SCORED - 1).cpu().numpy(),
        tuple(half.cpu().numpy() for half in halves),
    )


def _reason(shape, live: int) -> str:
    if not shape.spatial:
        return "a single cell, of which a turn shows nothing"
    dead = shape.channels - live
    told = f", of which {dead} are constant or nearly always so" if dead else ""
    return f"{shape.channels} channels{told}: an orbit takes {LEAST_CHANNELS}"


def _say_what_is_left_out(left_out: Mapping[str, str], named, wanted: bool, some: bool):
    reasons = [f"layer {name!r} has {left_out[name]}" for name in named if name in left_out]
    if reasons and (wanted or not some):
        raise ValueError(f"no orbits can be found: {'; '.join(reasons)}")
    if not some:
        raise ValueError("no orbits can be found: the network has no layers with more than a cell")
    for reason in reasons:
        warnings.warn(f"{reason}; it is left out", stacklevel=3)


def _check(matchings: list[str], rate: float, images):
    for matching in matchings:
        if matching not in MATCHINGS:
            choices = ", ".join(map(repr, MATCHINGS))
            raise ValueError(f"matching={matching!r}: choose one of {choices}")
    if not 0 < rate < 1:
        raise ValueError(f"rate={rate!r}: a share of false ones lies between 0 and 1")
    count = count_images(images) if isinstance(images, Tensor | Iterable) else None
    if count is not None:
        _check_count(count)


def _check_count(count: int):
    if count < LEAST_IMAGES:
        raise ValueError(
            f"{count} images are too few to tell an orbit from chance: give {LEAST_IMAGES} or more"
        )
