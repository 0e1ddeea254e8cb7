"""Another output in the place of the one that a module gives."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def giving(outputs: Mapping[nn.Module, Tensor]) -> Iterator[None]:
    """The modules give copies of these tensors, and compute nothing, inside the `with` block."""
    before = {module: vars(module).get("forward") for module in outputs}
    try:
        for module, output in outputs.items():
            # a copy: what follows may write into it
            module.forward = lambda *args, _output=output, **kwargs: _output.clone()
        yield
    finally:
        for module, forward in before.items():
            if forward is None:
                vars(module).pop("forward", None)
            else:
                module.forward = forward


def changed_at(output, keys: tuple, values: Tensor):
    """The output with other values in the place that the keys lead to."""
    if not keys:
        return values
    inner = changed_at(output[keys[0]], keys[1:], values)
    if isinstance(output, tuple):
        items = [*output[: keys[0]], inner, *output[keys[0] + 1 :]]
        return type(output)(*items) if hasattr(output, "_fields") else tuple(items)
    changed = copy.copy(output)
    changed[keys[0]] = inner
    return changed
