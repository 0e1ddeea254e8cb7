"""Where a network's Pool and Final are (section 4.2); see `defaults`."""

from __future__ import annotations

from torch import nn

from equivar.features.tree import (
    Node,
    is_activation,
    is_convolution,
    is_global_pool,
    is_norm,
    is_sequence,
    weights,
)

Named = list[tuple[str, nn.Module]]


def pool_and_final(
    model: nn.Module, nodes: list[Node], last: Node
) -> tuple[str | None, str | None]:
    """The names of Pool and Final, given the last layer before them; None for what is not there.

    Final is the last linear layer, or a convolution in its place. Pool is the module that pools
    globally, or else what enters Final.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    rest = _after(nodes, last)
    linear = [name for name, module in rest if isinstance(module, nn.Linear)]
    pools = _outermost([name for name, module in rest if is_global_pool(module)])
    if not linear:
        return _with_convolution(modules, rest, last, pools)
    final = linear[-1]
    # where modules are not registered in calling order, the pooling may stand before the layers
    early = [n.name for n in nodes if is_global_pool(n.module) and not n.weights]
    pools = [name for name in pools or early[-1:] if not final.startswith(f"{name}.")]
    normed = [n for n, m in rest if n.endswith("fc_norm") and not isinstance(m, nn.Identity)]
    distilled = [n for n, m in rest if n.endswith("head_dist") and weights(m)]
    if distilled:  # the module around both classifiers averages them
        return (pools or [_entering(modules, linear[0])])[-1], distilled[0].rpartition(".")[0]
    if normed and not pools:  # timm's transformers: a pooling method, `fc_norm`, classifier
        return f"{normed[-1]}:input", final
    return (pools or [_entering(modules, final)])[-1], final


def _after(nodes: list[Node], last: Node) -> Named:
    """Every module after the last layer, with all the modules inside."""
    return [
        (f"{node.name}.{name}".rstrip("."), module)
        for node in nodes[nodes.index(last) + 1 :]
        for name, module in node.module.named_modules()
    ]


def _outermost(names: list[str]) -> list[str]:
    return [n for n in names if not any(n.startswith(f"{other}.") for other in names)]


def _entering(modules: dict[str, nn.Module], name: str) -> str:
    """The name of what enters a module: the output before it in its nn.Sequential, or its input."""
    parent, _, key = name.rpartition(".")
    keys = list(modules[parent]._modules)
    if is_sequence(modules[parent]) and keys.index(key):
        before = f"{parent}.{keys[keys.index(key) - 1]}".lstrip(".")
        if sum(module is modules[before] for module in modules.values()) == 1:
            return before
    return f"{name}:input"


def _with_convolution(
    modules: dict[str, nn.Module], rest: Named, last: Node, pools: list[str]
) -> tuple[str | None, str | None]:
    """Pool and Final where a convolution gives the logits, after or before global pooling."""
    if not pools:
        return None, None
    pool = pools[-1]
    if is_convolution(last.module):
        rest = [(last.name, last.module), *rest]
    kinds = [(name, kind) for name, module in rest if (kind := _kind(module, name == pool))]
    at = kinds.index((pool, "pool"))
    if kinds[-1][1] == "convolution":  # no norm or activation follows: the logits
        return pool, kinds[-1][0]
    before = [name for name, kind in kinds[:at] if kind != "activation"]
    if before and getattr(modules[before[-1]], "kernel_size", None) == (1, 1):  # maps of classes
        return pool, _around(modules, pool)
    return pool, None


def _kind(module: nn.Module, is_pool: bool) -> str | None:
    if is_pool:
        return "pool"
    if is_convolution(module):
        return "convolution"
    if is_norm(module) and any(True for _ in module.parameters()):
        return "norm"
    return "activation" if is_activation(module) else None


def _around(modules: dict[str, nn.Module], pool: str) -> str:
    """What follows the pooling in its nn.Sequential, or else the module around it."""
    parent, _, key = pool.rpartition(".")
    keys = [key for key, _ in modules[parent].named_children()]
    if is_sequence(modules[parent]) and keys[-1] != key:
        return f"{parent}.{keys[-1]}".lstrip(".")
    return parent
