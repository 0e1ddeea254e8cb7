"""The untrained twin of a network: the same architecture before it has learned anything.

Convolution gives a network some equivariance whatever its weights, so that what a trained network
has is not all learned. The twin's weights are drawn anew by the architecture's own initialisation.
Its batch norms take their statistics from the images: without them, activations of a deep network
with drawn weights vanish or explode.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

PREFIX = "untrained:"
BATCH = 50  # images of a batch from which statistics are taken


def with_statistics(
    model: nn.Module, images: Tensor | Iterable, batch_size: int = BATCH
) -> nn.Module:
    """A copy of `model` in eval mode whose batch norms have the statistics of the images.

    One pass over the images with only the batch norms in training mode: their running mean and
    variance become the means over batches of `batch_size` images. The last images, where they are
    fewer than a batch, are left out; if there is no whole batch, all images are one batch. The
    model given is not touched, and one without batch norm comes out as it is.

    images: (N, C, H, W), or an iterable of such batches (a tuple's first item is taken). Raises
    ValueError for fewer than two images, and names a batch norm whose statistics are not finite.
    """
    model = copy.deepcopy(model).eval()
    norms = {name: one for name, one in model.named_modules() if _takes_statistics(one)}
    if not norms:
        return model
    device = next(model.parameters()).device
    momenta = {name: norm.momentum for name, norm in norms.items()}
    for norm in norms.values():
        norm.reset_running_stats()
        norm.momentum = None  # all batches count alike
        norm.training = True  # the norm alone: `train` would reach what it contains
    with torch.no_grad():
        for batch in _whole(images, batch_size):
            model(batch.to(device))
    for name, norm in norms.items():
        norm.momentum, norm.training = momenta[name], False
        if not (norm.running_mean.isfinite().all() and norm.running_var.isfinite().all()):
            raise ValueError(
                f"the statistics of batch norm {name!r} are not finite: with the weights that were "
                "drawn, the activations before it overflow"
            )
    return model


def drawn_as_zero(model: nn.Module) -> list[str]:
    """The names of weights that are all zero, such as the last scale of a residual branch.

    Some architectures draw them so. What they multiply is constant until it is trained. Biases are
    no weights.
    """
    return [
        name
        for name, value in model.named_parameters()
        if name.rpartition(".")[2] != "bias" and not value.detach().count_nonzero()
    ]


def check_drawn(name: str, model: nn.Module, again: nn.Module) -> None:
    """ValueError unless two networks made with different seeds differ: `name` can be drawn anew."""
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError(f"{name} is a scripted module, which has no initialisation of its own")
    pairs = zip(model.parameters(), again.parameters(), strict=True)
    if all(torch.equal(one, other) for one, other in pairs):
        raise ValueError(
            f"{name} has the same weights whatever the seed: it loads them, or has none. Name a "
            "callable that makes the network and draws its weights"
        )


def _takes_statistics(module: nn.Module) -> bool:
    return isinstance(module, _BatchNorm) and module.running_mean is not None


def _whole(images: Tensor | Iterable, size: int) -> Iterator[Tensor]:
    """Batches of `size` images, without what is left over; all of them where there are fewer."""
    waiting, given = None, False
    for batch in [images] if isinstance(images, Tensor) else images:
        batch = batch[0] if isinstance(batch, (tuple, list)) else batch
        waiting = batch if waiting is None else torch.cat([waiting, batch])
        while len(waiting) >= size:
            yield waiting[:size]
            waiting, given = waiting[size:], True
    if given:
        return
    there = 0 if waiting is None else len(waiting)
    if there < 2:
        raise ValueError(f"batch norms take their statistics from two images or more, not {there}")
    yield waiting
