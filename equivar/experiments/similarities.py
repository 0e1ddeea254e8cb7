"""Chapter 02, section 3.3: cosine against correlation."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from equivar import datasets, models
from equivar.datasets import IMAGENET_MEAN, IMAGENET_STD
from equivar.experiments.trained import Training, trained_network
from equivar.features import Layers, default_layers
from equivar.measure import measure
from equivar.profiles import Similarities
from equivar.similarity import SIMILARITIES, pairwise
from equivar.transforms import Rotation

PER_PASS = 64  # images of a forward pass outside the measure


def random_maps(p: Similarities) -> pd.DataFrame:
    """Figure 2a: pairs of random maps, compared before and after a constant is added to both.

    One row per pair x similarity: `before`, `after`.
    """
    generator = torch.Generator().manual_seed(p.seed)
    g, f = torch.rand(2, p.maps, 1, p.side, p.side, generator=generator)
    frames = []
    for similarity in SIMILARITIES:
        before, after = (
            pairwise(g + add, f + add, similarity).flatten().numpy() for add in (0, p.offset)
        )
        frames.append(pd.DataFrame({"similarity": similarity, "before": before, "after": after}))
    return pd.concat(frames, ignore_index=True)


@dataclass(frozen=True)
class Blocks:
    """Figure 2b: scores of each residual block by both similarities, beside its activation."""

    table: pd.DataFrame
    network: str
    accuracy: float
    data: str


def similarity_by_block(p: Similarities) -> Blocks:
    """Section 3.3: one quarter turn, every residual block, both similarities."""
    model, data, images = _network_and_images(p)
    layers = [name for name, part in default_layers(model).items() if part not in ("pool", "final")]
    activation = mean_activation(model, images, layers)
    frames = [
        measure(
            model, images, [Rotation(1)], layers=layers, similarity=similarity, match=p.match
        ).assign(similarity=similarity)
        for similarity in SIMILARITIES
    ]
    table = pd.concat(frames, ignore_index=True)
    table["mean_activation"] = table["layer"].map(activation)
    return Blocks(table, p.network, _accuracy(model, images, data.labels), data.name)


def mean_activation(model: nn.Module, images: Tensor, layers: list[str]) -> dict[str, float]:
    """The mean output of each layer over images, channels and cells."""
    totals = torch.zeros(len(layers), dtype=torch.float64)

    def add(i: int, output: Tensor):
        totals[i] += output.double().mean() * len(output)

    with Layers(model, layers) as hooked:
        for batch in images.split(PER_PASS):
            hooked.run(batch, add)
    return dict(zip(layers, (totals / len(images)).tolist(), strict=True))


def _network_and_images(p: Similarities) -> tuple[nn.Module, datasets.ImageData, Tensor]:
    """The network, trained in the run or loaded, and images normalised as in its training."""
    data = datasets.load(p.data, p.split).subset(p.images)
    if len(data) < p.images:
        raise ValueError(f"{p.images} images asked for, {p.data} {p.split} has {len(data)}")
    if p.weights:
        model = models.build(p.network, num_classes=len(data.classes))
        models.load_weights(model, models.weights_path(p.weights))
        return model.eval(), data, data.normalised(mean=IMAGENET_MEAN, std=IMAGENET_STD)
    return trained_network(_training(p)), data, data.normalised()


def _training(p: Similarities) -> Training:
    """The chapter's own network, trained with crops and flips."""
    return Training(
        experiment="similarities",
        groups={},
        network=p.network,
        data=p.train_data,
        recipe={
            "epochs": p.epochs,
            "batch_size": p.batch_size,
            "lr": p.lr,
            "optimizer": "adam",  # which learns most in a few hundred steps
            "schedule": "one-cycle",
            "augment": ["crop", "flip"],
        },
        seed=p.seed,
        images=p.images,
        transforms=("rotation-90",),
        match=p.match,
    )


@torch.no_grad()
def _accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    answers = torch.cat([model(batch).argmax(1) for batch in images.split(PER_PASS)])
    return (answers == labels).double().mean().item()
