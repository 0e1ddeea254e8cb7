"""The idea in one picture: what a trained network sees of a digit, and of the digit turned.

The network is one of chapter 04. The repository holds it for the live page (`book/live.md`), with
twelve test digits, so that this picture needs neither data nor training.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from torch import Tensor, nn

from equivar import networks
from equivar.data import normalise
from equivar.figures import COLOURS, WIDTH, Words, bare, number
from equivar.files import PROJECT
from equivar.similarity import pairwise
from equivar.transforms import Rotation

LIVE = PROJECT / "book" / "_static" / "live" / "weights.js"
TASK = "rot-eq"
LAYERS = 4  # the first ones, whose maps have at least 8 cells a side; fewer show little
TURN = Rotation(1)


@dataclass(frozen=True)
class Pair:
    """A channel c of a layer, a channel c' that it is compared with, and their maps of one image.

    maps: {channel: f(x), F = T f(x)}, (2, h, w); answer: G = f(T x) of c, (h, w). score: of the two
    on this image; mean: over all images; own: of c with itself on this image.
    """

    layer: int  # from 1
    channel: int
    other: int
    maps: dict[int, np.ndarray]
    answer: np.ndarray
    score: float
    mean: float
    own: float


@dataclass(frozen=True)
class Idea:
    """An image, the channel that stands still and the one that another channel answers for."""

    image: np.ndarray  # (H, W), 0..255
    still: Pair
    moved: Pair
    images: int  # the channels were chosen on so many
    about: dict  # how the network was trained


def idea(shown: int = 0) -> Idea:
    """Figure 1 of the paper with maps of a trained network, by a quarter turn.

    The channels are chosen by rule. S(G_c, F_c') is averaged over the digits of the live page; of
    all channels of the first layers, the highest with c' = c is shown, and the highest with
    another c'. shown: the number of the digit, of twelve; ValueError for another one.
    """
    script = LIVE.read_text(encoding="utf-8")
    data = json.loads(script[script.index("{") : script.rindex("};") + 1])
    entry = next(one for one in data["networks"] if one["task"] == TASK and one["trained"])
    pixels = _array(data["digits"]["pixels"], np.uint8).reshape(-1, 1, 28, 28)
    if not 0 <= shown < len(pixels):
        raise ValueError(f"digit {shown} is to be shown, but {LIVE.name} has {len(pixels)}")
    x = normalise(torch.from_numpy(pixels), [data["mean"]], [data["std"]])  # (N, 1, 28, 28)
    model = _network(entry)
    pairs = [
        pair
        for layer, f, g in zip(
            range(1, LAYERS + 1), _maps(model, x), _maps(model, TURN.on_images(x)), strict=True
        )
        for pair in _best(layer, f, g, shown)
    ]
    still, moved = (max(some, key=lambda pair: pair.mean) for some in (pairs[::2], pairs[1::2]))
    return Idea(pixels[shown, 0], still, moved, len(x), data["about"])


def idea_picture(found: Idea) -> Figure:
    """f(x), F = T f(x) and G = f(T x): of a channel that stands still, and of one that does not.

    Each map is drawn on its own scale, as a correlation sees it.
    """
    fig, axes = plt.subplots(3, 4, figsize=(WIDTH, 0.92 * WIDTH), layout="constrained")
    fig.get_layout_engine().set(hspace=0.08)  # room for the lines
    turned = np.rot90(found.image)
    for ax, image, words in ((axes[0, 0], found.image, "x"), (axes[2, 0], turned, "T x")):
        ax.imshow(image, vmin=0, vmax=255)
        ax.set_title(words, fontsize="small", loc="center")
    _arrow(axes[0, 0], axes[2, 0], "T, a\nquarter\nturn")
    for column, channel, pair in (
        (axes[:, 1], found.still.channel, found.still),
        (axes[:, 2], found.moved.channel, found.moved),
        (axes[:2, 3], found.moved.other, found.moved),
    ):
        shown = (*pair.maps[channel], pair.answer)  # f(x), F, G
        for ax, values in zip(column, shown, strict=False):
            ax.imshow(values, cmap="viridis")
        column[0].set_title(f"channel {channel}", fontsize="small", loc="center")
    for ax, words in zip(axes[:, 1], ("f(x)", "F = T f(x)", "G = f(T x)"), strict=True):
        ax.set_ylabel(words)
    for ax, pair, kind in (
        (axes[0, 1], found.still, "invariance"),
        (axes[0, 2], found.moved, "equivariance"),
    ):
        _heading(ax, f"{kind.capitalize()}\nin layer {pair.layer}", COLOURS[kind])
    _line(axes[2, 1], axes[1, 1], found.still.score, COLOURS["invariance"])
    _line(axes[2, 2], axes[1, 2], found.moved.own, "dimgray")
    _line(axes[2, 2], axes[1, 3], found.moved.score, COLOURS["equivariance"])
    for ax in axes.flat:
        bare(ax)
    for ax in (axes[1, 0], axes[2, 3]):
        ax.axis("off")
    return fig


def idea_seen(found: Idea) -> Words:
    """What the picture shows, with its numbers, and what it is made of."""
    still, moved, about = found.still, found.moved, found.about
    return Words(
        f"The map of channel {still.channel} of layer {still.layer} turns with the digit: S is "
        f"{number(still.score)} for this one and {number(still.mean)} over {found.images} digits, "
        f"the most that any channel of the first {LAYERS} layers reaches with its own map. "
        f"Channel {moved.channel} of layer {moved.layer} sees other strokes in the turned digit "
        f"than in the upright one, and its match with itself is {number(moved.own)}. But what it "
        f"sees now, channel {moved.other} saw before: S is {number(moved.score)} for this digit "
        f"and {number(moved.mean)} over all, the most for any two channels of these layers. The "
        f"network is one of chapter 04, trained for {about['epochs']} epochs on "
        f"{about['train_images']:,} digits of {about['data'].upper()} to name the digit and its "
        "turn (Rot-Eq)."
    )


def _heading(ax: Axes, words: str, colour: str):
    """Words above the title of a panel, which begin at its left side."""
    ax.annotate(words, (0, 1.2), xycoords="axes fraction", color=colour, weight="bold")


def _line(below: Axes, above: Axes, score: float, colour: str):
    """A line between two panels with the score of their maps."""
    start, end = {"xyA": (0.5, 1.02), "coordsA": below.transAxes}, {"xyB": (0.5, -0.02)}
    line = ConnectionPatch(**start, **end, coordsB=above.transAxes, color=colour, lw=2)
    below.figure.add_artist(line)
    words = above.annotate(
        f"S = {number(score)}", (0.5, 0), xycoords=above.transAxes, xytext=(7, -13),
        textcoords="offset points", color=colour, fontsize="small",
    )  # fmt: skip
    words.set_in_layout(False)


def _arrow(above: Axes, below: Axes, words: str):
    """An arrow from a panel down to another, and what it stands for."""
    start, end = {"xyA": (0.3, -0.1), "coordsA": above.transAxes}, {"xyB": (0.3, 1.2)}
    head = {"arrowstyle": "-|>", "mutation_scale": 12, "color": "black", "lw": 1.2}
    arrow = ConnectionPatch(**start, **end, coordsB=below.transAxes, **head)
    above.figure.add_artist(arrow)
    words = above.annotate(words, (0.4, -0.7), xycoords="axes fraction", va="center")
    words.set_in_layout(False)


def _best(layer: int, f: Tensor, g: Tensor, shown: int) -> list[Pair]:
    """The best pair of a layer with c' = c, and the best with another c'. f, g: (N, C, h, w)."""
    turned = TURN.on_images(f)
    scores = pairwise(g, turned).numpy()  # (N, C, C')
    sums, defined = np.nansum(scores, axis=0), (~np.isnan(scores)).sum(axis=0)
    means = np.where(defined == len(f), sums / len(f), -1)  # a pair must be defined in every image
    same = np.eye(len(means), dtype=bool)
    pairs = []
    for allowed in (same, ~same):
        best = np.where(allowed, means, -1).argmax()
        c, other = map(int, np.unravel_index(best, means.shape))
        maps = {k: torch.stack((f[shown, k], turned[shown, k])).numpy() for k in (c, other)}
        pairs.append(
            Pair(
                layer, c, other, maps, g[shown, c].numpy(),
                float(scores[shown, c, other]), float(means[c, other]), float(scores[shown, c, c]),
            )
        )  # fmt: skip
    return pairs


def _array(text: str, dtype: type) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.dtype(dtype).newbyteorder("<")).copy()


def _network(entry: dict) -> nn.Module:
    """The network of an entry, whose weights stand in the order of the state dict, no counters."""
    model = networks.build("cnn7", in_channels=1, num_classes=len(entry["classes"]))
    values = [v for name, v in model.state_dict().items() if "num_batches" not in name]
    weights = torch.from_numpy(_array(entry["weights"], np.float16)).float()
    parts = weights.split([value.numel() for value in values])
    for value, part in zip(values, parts, strict=True):
        value.copy_(part.view_as(value))
    return model.eval()


def _maps(model: nn.Module, images: Tensor) -> list[Tensor]:
    """What each of the first layers gives, (N, C, h, w)."""
    kept = []
    layers = model.layers[:LAYERS]
    hooks = [layer.register_forward_hook(lambda *call: kept.append(call[2])) for layer in layers]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return kept
