"""Which layers of a network are measured when nobody names them (section 4.2 of the paper).

The layers are found in the tree of modules alone, without a forward pass: the network's own blocks
in the order in which they were registered, then global average pooling, then the logits.

1. *Lists* (nn.Sequential, nn.ModuleList), *stages* (modules that hold a numbered list of blocks
   and at most one more layer) and *wrappers* (more than half of the network) are opened.
2. A module that is not opened and has two or more weighted layers inside is a *block*, if there
   are several of its class or if it stands in a numbered list. Such a module is also a block if
   it stands between two blocks. Modules of one convolution before the blocks count as well if
   there are three of them (Inception) or if they stand in a stage (EfficientNetV2). These do not
   count: the stem of a ResNet or MobileNet, whatever is called stem, transitions between stages,
   and convolutions after the last block.
3. A network without blocks (VGG, AlexNet, plain nn.Sequential) has its convolutions as layers,
   each measured after the normalisation and activation that follow it.
4. After the last of these layers come Pool and Final: see `equivar.features.heads`.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from torch import nn

from equivar.features.heads import pool_and_final
from equivar.features.tree import (
    Node,
    is_activation,
    is_convolution,
    is_global_pool,
    is_norm,
    is_sequence,
    main_path,
    weights,
)
from equivar.names import PARTS

_SHOWN = 12  # names per kind in an error


class UnknownStructure(ValueError):
    """The layers of a network cannot be told from its modules: the caller must name them."""


def default_layers(model: nn.Module) -> dict[str, str]:
    """The layers of `model` in depth order, each with its part: early, middle, late, pool, final.

    The blocks before global average pooling are cut into equal thirds: early, middle and late. Then
    come Pool and Final, where the network has them (section 4.2; the paper keeps the two apart to
    see what pooling does and what the classifier does):

    - pool: the output of global average pooling. Where no module gives it, or the network does
      not pool (class tokens, VGG): the vector that enters the classifier's last layer.
    - final: the logits. SqueezeNet pools maps of classes: there `pool` is the pooling module and
      `final` the classifier around it, with the same numbers. A distilled transformer in eval
      mode averages two classifiers: `final` is the model's own output, whose name is "".

    Names are those of `model.named_modules()`; `linear:input` is what enters that module. DenseNets
    are measured at every dense layer, which gives only the channels that it adds, so that no
    channel is measured twice. The order is that in which modules are registered, which is nearly
    always the order of their calls. Raises UnknownStructure, a ValueError that lists modules to
    choose from.

    >>> from equivar import networks
    >>> layers = default_layers(networks.build("resnet8"))
    >>> layers["layer1.0"], layers["layer3.0"], layers["linear"]
    ('early', 'late', 'final')
    """
    nodes = main_path(model)
    layers = _blocks(nodes) or _convolutions(nodes)
    if not layers:
        raise UnknownStructure(_advice(model))
    names = [_activated(node, nodes) for node in layers]
    pool, final = pool_and_final(model, nodes, layers[-1])
    ends = {name: part for name, part in ((pool, "pool"), (final, "final")) if name is not None}
    return dict(zip(names, depth_parts(names), strict=True)) | ends


def depth_parts(names: list[str]) -> list[str]:
    """Early, middle or late for each of the layers in depth order: equal thirds (section 4.2).

    As in `numpy.array_split`, earlier parts get the layers that are left over: 11 become 4, 4, 3.

    >>> depth_parts(["conv1", "conv2", "conv3", "conv4"])
    ['early', 'early', 'middle', 'late']
    """
    thirds = np.array_split(np.arange(len(names)), 3)
    return [part for part, third in zip(PARTS, thirds, strict=False) for _ in third]


def _blocks(nodes: list[Node]) -> list[Node]:
    """Rule 2 above: the blocks, and single convolutions that count too; empty without blocks."""
    nodes = [node for node in nodes if not node.stem]
    kinds = {type(node.module) for node in nodes if node.weights > 1}
    compound = [node for node in nodes if type(node.module) in kinds]
    count = Counter(type(node.module) for node in compound)

    def repeated(node: Node) -> bool:
        """Whether several modules are of its class."""
        return count[type(node.module)] > 1

    sure = [node for node in compound if repeated(node) or node.numbers]
    if sure and _is_classifier(sure[-1], nodes) and not repeated(sure[-1]):
        sure.pop()
    if len(sure) < 2:
        return []
    first, last = nodes.index(sure[0]), nodes.index(sure[-1])
    single = [n for n in nodes[:last] if n.convolves and any(n.module.children())]
    stem = [node for node in nodes[:first] if node in single]
    counted = single if len(stem) >= 3 else [node for node in stem if node.numbers > 1]
    blocks = set(counted) | {node for node in nodes[first : last + 1] if node in compound}
    return [node for node in nodes if node in blocks]


def _is_classifier(node: Node, nodes: list[Node]) -> bool:
    """Whether a module is several linear layers at the very end of the network."""
    after = nodes[nodes.index(node) + 1 :]
    return not node.convolves and not any(other.weights for other in after)


def _convolutions(nodes: list[Node]) -> list[Node]:
    """Rule 3 above: the convolutions up to global pooling or the first linear layer."""
    trunk = []
    for node in nodes:
        if trunk and (is_global_pool(node.module) or isinstance(node.module, nn.Linear)):
            break
        if node.convolves:
            trunk.append(node)
    return trunk


def _activated(node: Node, nodes: list[Node]) -> str:
    """The name of what gives a layer's activated maps: the layer, or the activation after it.

    Only a single convolution has its activation outside. In an nn.Sequential, the next module in
    the list is also the next one to be called. Elsewhere this is assumed only if every convolution
    of the parent has an activation of its own after it. Otherwise, and where one activation serves
    several convolutions, the convolution's own output is measured.
    """
    if node.weights > 1 or any(map(is_activation, node.module.modules())):
        return node.name
    siblings = [n for n in nodes if n.parent is node.parent and n.convolves]
    pairs = all(any(is_activation(n.module) for n in _followers(s, nodes)) for s in siblings)
    followers = _followers(node, nodes) if is_sequence(node.parent) or pairs else []
    return followers[-1].name if followers else node.name


def _followers(node: Node, nodes: list[Node]) -> list[Node]:
    """The normalisation and the activation registered right after a convolution."""
    found = []
    for other in nodes[nodes.index(node) + 1 :]:
        if other.parent is not node.parent or other.shared:
            break
        if is_activation(other.module):
            return [*found, other]
        if not is_norm(other.module):
            break
        found.append(other)
    return found


def _advice(model: nn.Module) -> str:
    """What to do when the layers cannot be told: the modules to choose from, and the call."""
    named = dict(model.named_modules())
    classes = Counter(type(m) for m in named.values() if weights(m) > 1)
    kinds = {
        "blocks": [n for n, m in named.items() if n and classes[type(m)] > 1],
        "convolutions": [n for n, m in named.items() if n and is_convolution(m)],
        "linear layers": [n for n, m in named.items() if n and isinstance(m, nn.Linear)],
        "other modules": [n for n, m in named.items() if n and not weights(m)],
    }
    lines = [
        f"  {kind}: {', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''}"
        for kind, names in kinds.items()
        if names
    ]
    example = next((str(names[:2]) for names in kinds.values() if names), "[...]")
    return "\n".join(
        [
            f"cannot tell the layers of {type(model).__name__} from its modules: it has neither "
            "two blocks in a row nor convolutions. Name them in depth order:",
            f"  equivar.measure(model, images, equivar.rotations(), layers={example})",
            "or with their parts, layers={name: 'early', ...}. Candidates:",
            *(lines or ["  none, it has no modules inside"]),
        ]
    )
