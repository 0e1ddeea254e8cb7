"""The first convolution, whose filters can be looked at, and one image along an orbit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equivar.features import Layers, default_layers
from equivar.names import WITHOUT_CELLS
from equivar.orbits.shares import FIRST


def first_convolution(model: nn.Module, images: Tensor) -> str:
    """The name of the convolution that reads the images (B, C, H, W).

    Raises ValueError for a network that has none.

    >>> import torch
    >>> from equivar import networks
    >>> first_convolution(networks.build("resnet8"), torch.zeros(1, 3, 32, 32))
    'conv1'
    """
    names = {module: name for name, module in model.named_modules()}
    called: list[str] = []

    def note(module: nn.Conv2d, inputs: tuple):
        """Note a convolution whose input has the shape of the images."""
        if inputs and inputs[0].shape[1:] == images.shape[1:]:
            called.append(names[module])

    convolutions = [module for module in names if isinstance(module, nn.Conv2d)]
    handles = [module.register_forward_pre_hook(note) for module in convolutions]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    if not called:
        raise ValueError(f"{type(model).__name__} has no convolution that reads the images")
    return called[0]


def first_and_blocks(model: nn.Module, images: Tensor) -> dict[str, str | None]:
    """The first convolution and the network's own blocks: layer name -> part, as `layers` takes.

    Layers of one cell (pool, final) are left out. Raises ValueError for a network without such a
    convolution or without known blocks.

    >>> import torch
    >>> from equivar import networks
    >>> list(first_and_blocks(networks.build("resnet8"), torch.zeros(1, 3, 32, 32)))
    ['conv1', 'layer1.0', 'layer2.0', 'layer3.0']
    """
    blocks = {
        name: part for name, part in default_layers(model).items() if part not in WITHOUT_CELLS
    }
    return {first_convolution(model, images): FIRST} | blocks


def filters_of(model: nn.Module, layer: str) -> np.ndarray:
    """The filters of a convolution, (C, I, k, k); ValueError for another sort of layer.

    >>> from equivar import networks
    >>> filters_of(networks.build("resnet8"), "conv1").shape
    (16, 3, 3, 3)
    """
    module = model.get_submodule(layer)
    if not isinstance(module, nn.Conv2d):
        raise ValueError(f"layer {layer!r} is a {type(module).__name__}, which has no filters")
    return module.weight.detach().float().cpu().numpy()


def along_orbit(
    model: nn.Module, layer: str, image: Tensor, members: Sequence[int], most: int = 56
) -> tuple[np.ndarray, np.ndarray]:
    """Maps of one image (C, H, W) along an orbit of L channels: two arrays, (L, h, w) each.

    The two are alike where the channels are an orbit. The first holds the maps of all members for
    the image. The second holds the first member's map of the image turned by 0, 1, 2, ... quarter
    turns, turned back. Maps of more than `most` cells a side are averaged down to that.
    """
    turned = [torch.rot90(image, turns, dims=(-2, -1)) for turns in range(len(members))]
    with Layers(model, [layer]) as hooked:
        maps = [_maps(hooked, picture[None]) for picture in turned]
    one, other = [], []
    for turns, member in enumerate(members):
        one.append(_smaller(maps[0][member], most))
        back = torch.rot90(maps[turns][members[0]], -turns, dims=(-2, -1))
        other.append(_smaller(back, most))
    return np.stack(one), np.stack(other)


def _maps(hooked: Layers, image: Tensor) -> Tensor:
    """The layer's maps of one image, (C, h, w)."""
    output = hooked.probe(image)[0]
    return hooked.shapes[0].maps(output)[0].permute(2, 0, 1).float()


def _smaller(plane: Tensor, most: int) -> np.ndarray:
    size = [min(side, most) for side in plane.shape]
    return F.adaptive_avg_pool2d(plane[None], size)[0].cpu().numpy()
