"""Chapter 02, section 3.3: cosine against correlation."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import torch

from equivar.experiments.measured import Measurement, Pretrained, TrainedHere
from equivar.experiments.stored import Results, run_all
from equivar.experiments.trained import Training
from equivar.profiles import Readings, Similarities
from equivar.similarity import SIMILARITIES, pairwise
from equivar.store import Store


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


def similarity_runs(p: Similarities) -> list[Measurement]:
    """Each network measured by both similarities, every residual block."""
    return [
        Measurement(
            experiment="similarities",
            groups={"network": name, "similarity": similarity},
            network=network_of(p, name, weights),
            data=p.data,
            images=p.images,
            transforms=["rotation-90"],
            options={"similarity": similarity, "match": p.match},
            activation=True,
        )
        for name, weights in p.networks.items()
        for similarity in SIMILARITIES
    ]


def similarity_by_block(p: Similarities, store: Store | None = None) -> Results:
    """Section 3.3, figure 2b: one quarter turn, both similarities beside the mean activation.

    The scores are those of the residual blocks alone.
    """
    results = run_all(similarity_runs(p), store)
    blocks = results.scores[~results.scores["part"].isin(["pool", "final"])]
    return replace(results, tables={**results.tables, "scores": blocks})


def network_of(p: Similarities | Readings, name: str, weights: str) -> Pretrained | TrainedHere:
    """A residual network from a file of weights, or trained in the run with crops and flips."""
    if weights:
        return Pretrained(network=f"equivar:{name}", weights=weights)
    return TrainedHere(
        Training(
            experiment="similarities-network",
            groups={"network": name},
            network=name,
            data=p.train_data,
            recipe={**p.recipe, "augment": ["crop", "flip"]},
            seed=p.seed,
            images=p.images,
            transforms=["rotation-90"],
            match="dataset",
        )
    )
