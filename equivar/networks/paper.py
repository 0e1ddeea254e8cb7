"""The paper's networks, in one table of named entries.

    model = build("resnet44", num_classes=10, in_channels=3, seed=0)

Names: `toy-invariant`, `toy-equivariant` (section 4.1); `cnn7` (4.3); `resnet20`, ... (3.3, 4.4);
`wrn-40-4`, ... (4.5); `mini-vit`, ..., small relatives of the pretrained networks of 4.2 and 4.6
(`equivar.networks.small`). `MODELS` holds them all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from equivar.names import unknown_name
from equivar.networks.cnn7 import CNN7
from equivar.networks.resnet import ResNet, WideResNet
from equivar.networks.toy import GaussianCNN


def _relative(name: str, *sizes: int, **options: object) -> nn.Module:
    """A network of `small`, which is imported late: timm and torchvision take two seconds."""
    import equivar.networks.small as small

    return getattr(small, name)(*sizes, **options)


MODELS: dict[str, Callable[..., nn.Module]] = {
    "toy-invariant": partial(GaussianCNN, "invariant"),
    "toy-equivariant": partial(GaussianCNN, "equivariant"),
    "cnn7": CNN7,
    **{f"resnet{depth}": partial(ResNet, depth) for depth in (8, 14, 20, 32, 44, 56, 110)},
    **{
        f"wrn-{depth}-{widen}": partial(WideResNet, depth, widen)
        for depth in (10, 16, 40)
        for widen in (1, 2, 4, 8)
    },
    "wrn-28-10": partial(WideResNet, 28, 10),
    "mini-efficientnet-1": partial(_relative, "efficientnet", 1),
    "mini-efficientnet-2": partial(_relative, "efficientnet", 2),
    "mini-resnext": partial(_relative, "resnext"),
    "mini-inception": partial(_relative, "inception"),
    "mini-vit": partial(_relative, "vit"),
    "mini-mixer": partial(_relative, "mixer"),
}


def build(name: str, *, seed: int = 0, **options: object) -> nn.Module:
    """Build the network `name`, with weights that depend on `seed` alone.

    The options are those that the network has: num_classes, in_channels, width, padding (`cnn7`),
    channels and kernel_size (the toy networks, which have no num_classes), side, patch (pixels),
    width and depth (`mini-vit` and `mini-mixer`). Weights are drawn as in He et al. (2015), or by
    timm for its own classes. The state of the global RNG does not change. Raises ValueError for an
    unknown name (the message lists near ones) and TypeError for an unknown option.
    """
    if name not in MODELS:
        raise unknown_name("model", name, MODELS)
    if name.startswith("toy-"):
        return MODELS[name](seed=seed, **options)
    if name.startswith("mini-"):
        with torch.random.fork_rng(devices=[]):  # timm draws from the global RNG
            torch.manual_seed(seed)
            return MODELS[name](**options)
    with torch.device("meta"):  # shapes only: nothing is drawn
        model = MODELS[name](**options)
    return initialise(model.to_empty(device="cpu"), seed)


def initialise(model: nn.Module, seed: int) -> nn.Module:
    """Draw the weights of `model` again, in place, from a generator of its own.

    Weights of convolutions are normal with variance 2 / fan-in (He et al. 2015), those of linear
    layers with variance 1 / fan-in. Biases are 0. Batch norm has weight 1 and bias 0. Raises
    TypeError for a module with other parameters.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            gain = "relu" if isinstance(module, nn.Conv2d) else "linear"
            nn.init.kaiming_normal_(module.weight, nonlinearity=gain, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif [*module.parameters(recurse=False), *module.buffers(recurse=False)]:
            raise TypeError(f"{name} ({type(module).__name__}) has weights of an unknown sort")
    return model


def parameter_count(model: nn.Module) -> int:
    """How many numbers the parameters of `model` hold."""
    return sum(parameter.numel() for parameter in model.parameters())
