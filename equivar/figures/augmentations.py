"""Chapter 05: what each augmentation does to an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from equivar.figures.style import LABELS, WIDTH, bare


def augmented_pictures(pictures: Mapping[str, Sequence[np.ndarray]]) -> Figure:
    """The same images in every row, a row for each augmentation."""
    count = max(len(images) for images in pictures.values())
    fig, axes = plt.subplots(
        len(pictures), count, figsize=(WIDTH, 0.87 * len(pictures)), squeeze=False
    )
    for row, (name, images) in zip(axes, pictures.items(), strict=True):
        for ax, image in zip(row, images, strict=True):
            ax.imshow(image)
            bare(ax)
        row[0].set_ylabel(LABELS[name].replace(" ", "\n"), fontsize="x-small", rotation=0,
                          ha="right", va="center")  # fmt: skip
    return fig
