"""Two networks whose answers are known: what each way keeps of them."""

from __future__ import annotations

import pandas as pd
import torch
from torch import Tensor, nn

from equivar import data as datasets
from equivar import networks
from equivar.priors import BLANK, symmetrise

CLASSES = 6
SIDE = 16  # of the images, pixels
LAYERS = {"an equivariant layer": "equivariant", "an invariant layer": "invariant"}


class Headed(nn.Module):
    """A toy network of chapter 01, then random weights that read every cell.

    Its scores are centred and scaled over the images, so that all classes occur. Whether the head
    minds a turn does not matter: what it is given is turned back.
    """

    def __init__(self, kind: str, images: Tensor, seed: int) -> None:
        super().__init__()
        self.trunk = networks.build(f"toy-{kind}", seed=seed)
        with torch.no_grad():
            maps = self.trunk(images).flatten(1)
            generator = torch.Generator().manual_seed(seed)
            self.weight = torch.randn(maps.shape[1], CLASSES, generator=generator)
            scores = maps @ self.weight
        self.mean, self.std = scores.mean(dim=0), scores.std(dim=0)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) -> scores (B, 6)."""
        scores = self.trunk(images).flatten(1) @ self.weight
        return (scores - self.mean) / self.std


def known_answers(count: int = 60, seed: int = 0) -> pd.DataFrame:
    """What is kept of the last layer of the two toy networks, under `turned`, by each way.

    The labels are the networks' own answers. Matched channels keep exactly 1 of both; each
    channel's own map keeps 1 of the invariant network alone.
    """
    images = datasets.load("shapes", "test").subset(count).normalised()
    images = nn.functional.adaptive_avg_pool2d(images, SIDE)
    rows = {}
    for words, kind in LAYERS.items():
        model = Headed(kind, images, seed)
        with torch.no_grad():
            labels = model(images).argmax(dim=1)
        table = symmetrise(
            model, images, labels, ["trunk.layers.2"], operations=["turned"],
            ways=["matched", "own", "random", BLANK], progress=False, seed=seed,
        )  # fmt: skip
        rows[words] = table.set_index("way")["kept"]
    names = {BLANK: "mean maps"}
    return pd.DataFrame(rows).T.rename_axis(columns=None).rename(columns=names)
