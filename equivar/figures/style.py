"""One table of colours, markers and labels for the whole book.

Colours are Okabe and Ito's, told apart by colour-blind readers; markers and dashes repeat what
they say, for print in grey.
"""

from __future__ import annotations

from math import ceil

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equivar.figures.numbers import keep_numbers
from equivar.verdicts.verdict import COLOURS as VERDICT_COLOURS

COLOURS = {
    "invariance": "#0072B2",
    "equivariance": "#D55E00",
    "chance": "#8c8c8c",
    "correlation": "#0072B2",
    "cosine": "#E69F00",
    "mean activation": "#CC3311",
    # the tasks of section 4.3
    "plain": "#333333",
    "rot-inv": "#009E73",
    "rot-eq": "#CC79A7",
    # augmentations
    "none": "#333333",
    "crop": "#009E73",
    "flip": "#56B4E9",
    "cutmix": "#CC79A7",
    "randaugment": "#E69F00",
    # families of networks
    "cnn": "#0072B2",
    "vit": "#D55E00",
    "mixer": "#009E73",
    # parts of a network: the deeper, the darker
    "early": "#F0C24B",
    "middle": "#E2813A",
    "late": "#B5425A",
    "pool": "#7A2A74",
    "final": "#2B1250",
    **VERDICT_COLOURS,
    # widths of a network: the wider, the darker
    1: "#B5C92B",
    2: "#35A779",
    4: "#2C718E",
    8: "#440154",
}
MARKERS = {
    "invariance": {"marker": "o", "ms": 4, "zorder": 3},
    "equivariance": {"marker": "s", "ms": 8, "mfc": "none"},  # open: often just behind the other
    "correlation": {"marker": "o", "ms": 4},
    "cosine": {"marker": "D", "ms": 4},
    "plain": {"marker": "o", "ms": 4},
    "rot-inv": {"marker": "s", "ms": 4},
    "rot-eq": {"marker": "^", "ms": 5},
    "none": {"marker": "o", "ms": 4},
    "crop": {"marker": "s", "ms": 4},
    "flip": {"marker": "v", "ms": 5},
    "cutmix": {"marker": "^", "ms": 5},
    "randaugment": {"marker": "D", "ms": 4},
    1: {"marker": "o", "ms": 4},
    2: {"marker": "s", "ms": 4},
    4: {"marker": "^", "ms": 5},
    8: {"marker": "D", "ms": 4},
}
LABELS = {
    "invariance": "invariance",
    "equivariance": "equivariance",
    "correlation": "correlation",
    "cosine": "cosine",
    "plain": "MNIST6",
    "rot-inv": "Rot-Inv",
    "rot-eq": "Rot-Eq",
    "none": "no augmentation",
    "crop": "random crops",
    "flip": "horizontal flips",
    "cutmix": "CutMix",
    "randaugment": "RandAugment",
    1: "width 1",
    2: "width 2",
    4: "width 4",
    8: "width 8",
}
CHANCE = {"ls": ":", "lw": 1.3}  # how a line of what chance scores is drawn
WIDTH = 7.2  # inches, the text's width


def style():
    """Set the book's style for all figures and tables that follow.

    In a notebook, figures keep the numbers that they show (`equivar.figures.numbers`).
    """
    keep_numbers()
    pd.set_option("display.max_colwidth", None)
    pd.set_option("display.float_format", "{:.3g}".format)
    sns.set_theme(context="notebook", style="ticks", font_scale=0.85)
    mpl.rcParams.update(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "axes.titlelocation": "left",
            "figure.constrained_layout.use": True,
            "figure.dpi": 220,  # twice the pixels of the text width, for fine screens
            "image.cmap": "gray",
            "legend.frameon": False,
            "savefig.dpi": 220,
            "svg.fonttype": "path",
        }
    )


def signed_image(values: np.ndarray, ax: Axes):
    """An image of positive (orange) and negative (purple) values about white."""
    limit = np.abs(values).max() or 1.0
    ax.imshow(values, cmap="PuOr_r", vmin=-limit, vmax=limit)
    bare(ax)


def first_to_last(ax: Axes, first: float = 0, last: float = 1, name: str = "first", **text):
    """Ticks at both ends of a depth axis, whose words stay inside it."""
    ax.set_xticks([first, last], [name, "last"], **text)
    for label, side in zip(ax.get_xticklabels(), ("left", "right"), strict=True):
        label.set_ha(side)


def bare(ax: Axes):
    """Neither ticks nor frame."""
    ax.set(xticks=[], yticks=[])
    sns.despine(ax=ax, left=True, bottom=True)


def shared_legend(fig: Figure, *axes: Axes, ncols: int = 4):
    """One legend below all Axes, each label once; what is dotted (chance) comes last.

    ncols: at most, and fewer where they fill the same number of rows evenly.
    """
    entries = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    labels = sorted(entries, key=lambda label: "chance" in label)
    rows = ceil(len(labels) / ncols)
    fig.legend(
        [entries[label] for label in labels],
        labels,
        loc="outside lower center",
        ncols=ceil(len(labels) / max(rows, 1)),
    )
