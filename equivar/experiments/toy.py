"""Chapter 01, section 4.1: networks whose in- and equivariance are built in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from equivar import datasets, models
from equivar.datasets import picture
from equivar.measure import measure
from equivar.profiles import Toy
from equivar.transforms import Rotation, rotations


@dataclass(frozen=True)
class ToyNetwork:
    """Chapter 01, one of the two networks: its scores, and arrays to look at."""

    table: pd.DataFrame
    filters: list[np.ndarray]  # per layer (C', C, k, k)
    image: np.ndarray  # (H, W) or (H, W, 3), values 0..1
    maps: np.ndarray  # of the last layer, f(x): (C, H, W)
    turned_maps: np.ndarray  # of the turned image, f(T x): (C, H, W)


def toy(p: Toy) -> dict[str, ToyNetwork]:
    """Section 4.1: the invariant and the equivariant network, measured under quarter turns."""
    data = datasets.load(p.data, "test")
    if p.shown >= len(data):
        raise ValueError(f"image {p.shown} is to be shown, but {p.data} has {len(data)}")
    pixels = data.images.float() / 255  # the toy networks take plain pixels
    images, shown = pixels[: p.images], pixels[p.shown : p.shown + 1]
    networks = {}
    for kind in ("invariant", "equivariant"):
        model = models.build(
            f"toy-{kind}",
            in_channels=images.shape[1],
            channels=p.channels,
            kernel_size=p.kernel_size,
            seed=p.seed,
        )
        table = measure(model, images, rotations())
        with torch.no_grad():
            maps, turned = (model(x)[0].numpy() for x in (shown, Rotation(1).on_images(shown)))
        filters = [layer.conv.weight.detach().numpy() for layer in model.layers]
        networks[kind] = ToyNetwork(
            table.assign(network=kind), filters, picture(shown[0]), maps, turned
        )
    return networks
