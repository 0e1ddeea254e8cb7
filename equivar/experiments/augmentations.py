"""Chapter 05, section 4.4: do augmentations make features equivariant to shifts?"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from equivar import training
from equivar.datasets import picture
from equivar.experiments.stored import Results, run_all
from equivar.experiments.trained import Training, beside_reported, to_show, under_shifts
from equivar.profiles import Augmentations
from equivar.store import Store


def augmentation_runs(p: Augmentations) -> list[Training]:
    """The networks of the chapter: each augmentation, alone, with each seed."""
    return [
        under_shifts(
            p,
            experiment="augmentations",
            groups={"augment": augment},
            network=p.network,
            augment=[] if augment == "none" else [augment],
            seed=seed,
        )
        for seed in p.seeds  # so that a first seed of every augmentation is there first
        for augment in p.augmentations
    ]


def augmentations(p: Augmentations, store: Store | None = None) -> Results:
    """Section 4.4: every augmentation, under diagonal shifts."""
    networks = dict.fromkeys(p.augmentations, p.network)
    return beside_reported(run_all(augmentation_runs(p), store), "augment", networks, p.data)


def augmented_pictures(p: Augmentations, count: int = 8) -> dict[str, list[np.ndarray]]:
    """The same training images under each augmentation, (H, W, 3) each.

    Of embedded images where the data are not at hand.
    """
    data = to_show(p.data, "shapes").subset(count)
    targets = F.one_hot(data.labels, len(data.classes)).float()
    shown = {}
    for name in p.augmentations:
        images = data.images
        if name != "none":
            generator = torch.Generator().manual_seed(p.seeds[0])
            images, _ = training.AUGMENTATIONS[name](images, targets, generator)
        shown[name] = [picture(image) for image in images]
    return shown
