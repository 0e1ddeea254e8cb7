"""Chapter 01: the toy networks' filters, maps and scores."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from equivar.figures.profile import depth_profile
from equivar.figures.style import WIDTH, bare, shared_legend, signed_image


def toy_profiles(networks: dict) -> Figure:
    """Scores of both toy networks by layer, side by side."""
    fig, axes = plt.subplots(1, len(networks), figsize=(WIDTH, 2.7), sharey=True)
    for ax, (name, network) in zip(axes, networks.items(), strict=True):
        depth_profile(network.table, ax)
        names = network.table.drop_duplicates("index")["index"]
        ax.set(title=f"{name} network", ylim=(-0.1, 1.08), xticks=names, xticklabels=names + 1)
    axes[1].set_ylabel("")
    shared_legend(fig, axes[0])
    return fig


def filters(networks: dict, channel: int = 0, shown: int = 8) -> Figure:
    """The filters of each layer that read one input channel, one row a layer."""
    fig, axes = plt.subplots(
        sum(len(n.filters) for n in networks.values()),
        shown,
        figsize=(WIDTH, 0.82 * sum(len(n.filters) for n in networks.values())),
    )
    row = 0
    for name, network in networks.items():
        for depth, weight in enumerate(network.filters):
            for ax, kernel in zip(axes[row], weight[:shown, channel], strict=True):
                signed_image(kernel, ax)
            title = f"{name} network, layer {depth + 1}"
            axes[row, 0].set_title(title, fontsize="small")
            row += 1
    return fig


def turned_maps(network, channels: int = 4, name: str = "") -> Figure:
    """One image and its quarter turn: T f(x) above f(T x), for the first channels.

    In an invariant network each column holds the same map twice. In an equivariant one the map
    below stands above in another column.
    """
    fig, axes = plt.subplots(2, channels + 1, figsize=(WIDTH, 3.2))
    turned = np.rot90(network.maps, axes=(-2, -1))
    for row, (image, maps, text) in enumerate(
        (
            (network.image, turned, "F = T f(x)"),
            (np.rot90(network.image), network.turned_maps, "G = f(T x)"),
        )
    ):
        axes[row, 0].imshow(image, vmin=0, vmax=1)
        axes[row, 0].set_ylabel(text)
        axes[row, 0].set_title("x" if row == 0 else "T x", fontsize="small")
        bare(axes[row, 0])
        for c in range(channels):
            ax = axes[row, c + 1]
            ax.imshow(maps[c], cmap="viridis", vmin=0)
            ax.set_title(f"{'F' if row == 0 else 'G'}, channel {c + 1}", fontsize="small")
            bare(ax)
    if name:
        fig.suptitle(f"{name} network, last layer", x=0.01, ha="left", fontsize="medium")
    return fig
