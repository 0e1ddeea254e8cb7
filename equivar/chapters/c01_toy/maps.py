"""What both networks see of one image, and of its quarter turn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equivar.figures import WIDTH, bare, signed_image

FRAMES = ("#E69F00", "#009E73", "#56B4E9", "#CC79A7")  # of channels, as far as they are drawn


def turned_maps(image: np.ndarray, maps: np.ndarray, answers: np.ndarray,
                partners: np.ndarray, beyond: bool = False) -> Figure:  # fmt: skip
    """f(x), F = T f(x) and G = f(T x) of a few channels, for a quarter turn T.

    image: x, (H, W) or (H, W, 3). maps: f(x), (C, H, W); answers: G. partners: for each channel c
    the c' whose F is most like G_c, (C,). A frame has the colour of the channel, and around G that
    of its partner. beyond: draw what each map has beyond the mean of those that are drawn.
    """
    count = len(FRAMES)
    maps, answers = maps[:count], answers[:count]
    if beyond:
        maps, answers = maps - maps.mean(axis=0), answers - answers.mean(axis=0)
    turned = np.rot90(maps, axes=(-2, -1))
    fig, axes = plt.subplots(3, count + 1, figsize=(WIDTH, 0.66 * WIDTH))
    for row, (sort, drawn) in enumerate(
        (("f(x)", maps), ("F = T f(x)", turned), ("G = f(T x)", answers))
    ):
        for c, (ax, values) in enumerate(zip(axes[row, 1:], drawn, strict=True)):
            other = partners[c] if row == 2 else c
            signed_image(values, ax) if beyond else ax.imshow(values, cmap="viridis", vmin=0)
            title = (f"channel {c + 1}", f"F{c + 1}", f"G{c + 1} = F{other + 1}")[row]
            _framed(ax, title, FRAMES[other] if other < count else "white")
        axes[row, 1].set_ylabel(sort)
    for ax, shown, title in ((axes[0, 0], image, "x"), (axes[2, 0], np.rot90(image), "T x")):
        ax.imshow(shown, vmin=0, vmax=1)
        ax.set_title(title, fontsize="small", loc="center")
        bare(ax)
    axes[1, 0].text(0.5, 0.5, "T: a quarter\nturn", ha="center", va="center")
    axes[1, 0].axis("off")
    return fig


def _framed(ax: Axes, title: str, colour: str):
    """No ticks, a thick frame, and a title in the middle."""
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize="small", loc="center")
    for spine in ax.spines.values():
        spine.set(visible=True, color=colour, linewidth=2.5)
