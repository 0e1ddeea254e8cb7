"""Chapter 04: what the three tasks ask for."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from equivar.figures.style import LABELS, WIDTH, bare


def task_pictures(pictures: dict) -> Figure:
    """A row of images for each task, each with the name of its class."""
    count = max(len(shown.images) for shown in pictures.values())
    fig, axes = plt.subplots(
        len(pictures), count, figsize=(WIDTH, 1.12 * len(pictures)), squeeze=False
    )
    for row, (task, shown) in zip(axes, pictures.items(), strict=True):
        row[0].set_ylabel(LABELS[task], fontsize="small")
        for ax, image, label in zip(row, shown.images, shown.labels, strict=True):
            ax.imshow(image, vmin=0, vmax=255)
            digit, _, turn = label.partition("-")
            ax.set_title(f"{digit}, {turn}°" if turn else digit, fontsize="small", loc="center",
                         pad=3)  # fmt: skip
            bare(ax)
    return fig
