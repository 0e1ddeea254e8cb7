"""The ruler `consistency`: whether the network's answer stays."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from equivar.rulers.about import Reading, corrected


def consistency(answer: Tensor, moved: Tensor) -> Reading:
    """The share of images whose answer stays when they are transformed (Zhang, ICML 2019).

    Formula: the mean over images of [argmax f(x) = argmax f(T x)], for the whole network. Zhang
    compares two random shifts of each image; here it is the image as it is and transformed.

    answer, moved: the classes that the network gives to each image and each transformed one, (N,).
    Range: 0 to 1, larger is more invariant. Chance: the share of images whose transformed one gets
    the answer of the image before, so that the corrected score is Cohen's kappa. The error is that
    of a share. It needs a classifier, and no labels.

    Cost: none beside the forward passes that the other rulers need.

    >>> import torch
    >>> consistency(torch.tensor([0, 1, 2, 1]), torch.tensor([0, 1, 1, 1])).score
    0.75
    """
    same = (answer == moved).double()
    other = (answer == moved.roll(-1)).double().mean().item()
    share = same.mean().item()
    error = (share * (1 - share) / len(same)) ** 0.5
    return Reading(share, error, other, corrected("consistency", share, other))


def answers(output: object) -> Tensor:
    """The class of the largest output of each image, (B,).

    TypeError: the network does not answer with one vector an image.
    """
    if isinstance(output, Mapping):
        output = output.get("logits", output)
    if not (isinstance(output, Tensor) and output.dim() == 2 and output.shape[1] > 1):
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise TypeError(
            f"the ruler 'consistency' asks for one answer an image, (images, classes), but the "
            f"network gives {found}: leave it out of `rulers`"
        )
    return torch.argmax(output.detach(), dim=1).cpu()
