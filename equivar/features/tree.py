"""The tree of a network's modules, opened as far down as its blocks; see `defaults`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch.fx
from torch import nn

# beside the main path, or not a feature map: auxiliary classifiers, blocks for the class token
# alone, transitions, the convolutions of timm's VGG that stand for fully connected layers
_ASIDE = re.compile(r"^aux|^pre_logits$|token_only|cls_attn|^downsample", re.IGNORECASE)
_STEM = re.compile(r"^stem|^patch_embed")
_LISTED = re.compile(r"(?<!conv)\d$")  # blocks are not called conv1, conv2
_SKIP = re.compile(r"shortcut|skip", re.IGNORECASE)
_ACTIVATION = re.compile(r"elu|silu|swish|mish|sigmoid|tanh|act(?!ional)|softplus", re.IGNORECASE)
# classes that may have 4-dimensional tensors, but are no convolutions
_NO_CONVOLUTION = re.compile(r"pool|blur|norm|embed|lazy", re.IGNORECASE)
_NORM = re.compile(r"norm|dropout|identity", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Node:
    """A module of the main path that is not opened further."""

    name: str
    module: nn.Module
    parent: nn.Module
    shared: bool = False  # registered in several places, so probably called several times

    @cached_property
    def weights(self) -> int:
        """The number of weighted layers in it: 1 is a layer, 2 or more may be a block."""
        return weights(self.module)

    @cached_property
    def convolves(self) -> bool:
        """Whether it is or holds a convolution."""
        return any(map(is_convolution, self.module.modules()))

    @property
    def numbers(self) -> int:
        """How many numbered lists it stands in: 1 for `denselayer2`, 2 for `layer1.0`."""
        return sum(key[-1].isdigit() for key in self.name.split("."))

    @property
    def stem(self) -> bool:
        """Whether a part of its name says that it is a stem."""
        return any(_STEM.search(key) for key in self.name.split("."))


def main_path(model: nn.Module) -> list[Node]:
    """The network's modules in order of registration; lists, stages and wrappers are opened.

    A wrapper is a module with more than half of the network's weighted layers, such as the
    `backbone` of a model, or `module` under nn.DataParallel.
    """
    if isinstance(model, torch.fx.GraphModule):
        return _called(model)
    stages = _stage_classes(model)
    half = weights(model) / 2

    def opened(module: nn.Module) -> bool:
        """Whether to look inside a module rather than take it as one."""
        return is_list(module) or type(module) in stages or (1 < weights(module) > half)

    uses = Counter(id(module) for _, module in model.named_modules(remove_duplicate=False))
    once: dict[int, Node] = {}
    for node in _opened(model, opened):
        once.setdefault(id(node.module), replace(node, shared=uses[id(node.module)] > 1))
    return list(once.values())


def _called(model: torch.fx.GraphModule) -> list[Node]:
    """The modules that a traced network calls, in order; it keeps others that it never calls."""
    targets = [node.target for node in model.graph.nodes if node.op == "call_module"]
    return [
        Node(
            name,
            model.get_submodule(name),
            model.get_submodule(name.rpartition(".")[0]),
            shared=targets.count(name) > 1,
        )
        for name in dict.fromkeys(targets)
    ]


def _opened(module: nn.Module, opened: Callable[[nn.Module], bool], at="") -> Iterator[Node]:
    for key, child in module.named_children():
        if _ASIDE.search(key) or "Aux" in type(child).__name__:
            continue
        name = f"{at}.{key}" if at else key
        if opened(child):
            yield from _opened(child, opened, name)
        else:
            yield Node(name, child, module)


def _stage_classes(model: nn.Module) -> set[type]:
    """The classes of which all instances are stages (a block may look like one by chance)."""
    stages, others = set(), set()
    for module in model.modules():
        if weights(module) > 1 and not is_list(module):
            (stages if _is_stage(module) else others).add(type(module))
    return stages - others


def _is_stage(module: nn.Module) -> bool:
    """Whether a module is a numbered list of blocks with at most one more layer.

    A module with a shortcut is a block.
    """
    if any(_SKIP.search(key) for key, _ in module.named_children()):
        return False
    parts = [node for node in _opened(module, is_list) if node.weights]
    blocks = [node for node in parts if node.weights > 1 and _LISTED.search(node.name)]
    return bool(blocks) and len(parts) - len(blocks) <= 1


def is_list(module: nn.Module) -> bool:
    """Whether a module only holds others.

    One convolution with its norm and activation is a layer, not a list.
    """
    if isinstance(module, (nn.ModuleList, nn.ModuleDict)):
        return type(module).forward is nn.Module.forward
    if not is_sequence(module):
        return False
    parts = (is_convolution(m) or is_norm(m) or is_activation(m) for m in module.children())
    return weights(module) != 1 or not all(parts)


def is_sequence(module: nn.Module) -> bool:
    """Whether a module is an nn.Sequential that calls its modules in order, as listed."""
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def weights(module: nn.Module) -> int:
    """The number of convolutions and linear layers in a module, itself included."""
    return sum(isinstance(m, nn.Linear) or is_convolution(m) for m in module.modules())


def is_convolution(module: nn.Module) -> bool:
    """Whether a module is a convolution.

    That is PyTorch's own, or a module without children that has a 4-dimensional tensor.
    """
    if isinstance(module, nn.modules.conv._ConvNd):
        return True
    if any(True for _ in module.children()) or _NO_CONVOLUTION.search(type(module).__name__):
        return False
    own = (*module.parameters(recurse=False), *module.buffers(recurse=False))
    return any(tensor.dim() >= 4 for tensor in own)


def is_norm(module: nn.Module) -> bool:
    """Whether a module normalises, or changes nothing in eval mode, by the name of its class."""
    return bool(_NORM.search(type(module).__name__)) and not weights(module)


def is_activation(module: nn.Module) -> bool:
    """Whether a module is an activation, by the name of its class."""
    return bool(_ACTIVATION.search(type(module).__name__)) and not weights(module)


def is_global_pool(module: nn.Module) -> bool:
    """Whether a module pools each map to one cell.

    A pooling with a kernel size is not counted, since the size does not tell this.
    """
    if "pool" not in type(module).__name__.lower() or hasattr(module, "kernel_size"):
        return False
    size = getattr(module, "output_size", 1)
    sizes = size if isinstance(size, (tuple, list)) else (size,)
    return all(side == 1 for side in sizes) and getattr(module, "pool_type", "avg") != ""
