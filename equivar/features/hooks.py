"""The outputs of named layers, handed over while the network runs.

A layer's name is a module name as in `model.named_modules()`, with an optional suffix:
`linear:input` is what enters the module, `lstm:0` an item of a tuple, `head:logits` of a dict.
"""

import warnings
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from equivar.features.geometry import GridTracker
from equivar.features.maps import MapShape, read_shape
from equivar.names import near_names

Consumer = Callable[[int, Tensor], None]


class Layers:
    """Forward hooks on the named layers of a model, gone when the `with` block ends.

    ```
    with Layers(model, ["layer1.0", "linear:input"]) as layers:
        outputs = layers.probe(images)           # once: shapes, strides, number of calls
        layers.run(images, consume)              # consume(i, output of layer i), in calling order
    ```
    A layer that is called several times is read at its last call.
    Raises ValueError for an unknown name (naming near ones) and for a layer that is never called.
    """

    def __init__(self, model: nn.Module, names: list[str]):
        self.model, self.names = model, names
        self.shapes: list[MapShape] = []
        self.order: list[int] = []  # layer indices in the order of their (last) calls
        self.overwritten = [False] * len(names)  # by an in-place operation after the layer
        self._calls = [0] * len(names)
        self._expected: list[int | None] = [None] * len(names)  # known once probed
        self._consume: Consumer | None = None
        self._modules = [_find(model, name) for name in names]
        self._handles = []

    def __enter__(self) -> "Layers":
        for i, (module, suffix) in enumerate(self._modules):
            if suffix == "input":
                hook = module.register_forward_pre_hook(self._input_hook(i), with_kwargs=True)
            else:
                hook = module.register_forward_hook(self._output_hook(i, suffix))
            self._handles.append(hook)
        return self

    def __exit__(self, *exc):
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def probe(self, images: Tensor) -> list[Tensor]:
        """The layers' outputs for the first images, learning shapes, strides, order and calls."""
        seen: dict[int, tuple[Tensor, int, Tensor]] = {}
        grids = {}

        def keep(i: int, output: Tensor):
            seen.pop(i, None)  # the order of last calls
            seen[i] = output, output._version, output.clone()
            grids[i] = tracker.grid_of(output)

        self._calls = [0] * len(self.names)
        self._expected = [None] * len(self.names)
        self._consume = keep
        with GridTracker(images) as tracker, torch.no_grad():
            self.model(images)
        self._check_called()
        self._expected = list(self._calls)
        self.order = list(seen)
        self.overwritten = [seen[i][0]._version != seen[i][1] for i in range(len(self.names))]
        outputs = [seen[i][2] for i in range(len(self.names))]
        self.shapes = [
            read_shape(name, outputs[i], images, grids[i], self.model)
            for i, name in enumerate(self.names)
        ]
        return outputs

    def run(self, images: Tensor, consume: Consumer):
        """One forward pass; `consume(i, output)` is called inside it, once a layer.

        The output may be overwritten as soon as `consume` returns, where `overwritten[i]`.
        """
        self._calls = [0] * len(self.names)
        self._consume = consume
        with torch.no_grad():
            self.model(images)
        for name, calls, expected in zip(self.names, self._calls, self._expected, strict=True):
            if expected not in (None, calls):
                raise ValueError(
                    f"layer {name!r} was called {expected} times for the first images and {calls} "
                    "times for others: its last call is not the same layer for all of them"
                )

    def _check_called(self):
        for name, calls in zip(self.names, self._calls, strict=True):
            if calls == 0:
                raise ValueError(
                    f"layer {name!r} is never called in the forward pass of "
                    f"{type(self.model).__name__}: leave it out of `layers`"
                )
            if calls > 1:
                warnings.warn(
                    f"layer {name!r} is called {calls} times in one forward pass: "
                    "its last call is measured",
                    stacklevel=4,
                )

    def _output_hook(self, i: int, suffix: str):
        def hook(module, args, output):
            self._pass_on(i, _item(self.names[i], output, suffix))

        return hook

    def _input_hook(self, i: int):
        def hook(module, args, kwargs):
            inputs = [*args, *kwargs.values()]
            self._pass_on(i, _item(self.names[i], inputs[0] if inputs else None, ""))

        return hook

    def _pass_on(self, i: int, output: Tensor):
        self._calls[i] += 1
        if self._expected[i] in (None, self._calls[i]):
            self._consume(i, output)


def _find(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The module and suffix of a layer name; ValueError with near names if there is none."""
    modules = dict(model.named_modules(remove_duplicate=False))
    path, _, suffix = name.partition(":")
    if path not in modules:
        near = near_names(path, modules, 5)
        hint = f"near names: {', '.join(near)}" if near else "see model.named_modules()"
        raise ValueError(f"no layer {path!r} in {type(model).__name__}; {hint}")
    return modules[path], suffix


def _item(name: str, output, suffix: str) -> Tensor:
    """The tensor that a layer name means, out of whatever the module gave."""
    if suffix:
        key = int(suffix) if suffix.isdigit() else suffix
        try:
            output = output[key]
        except (LookupError, TypeError):
            raise ValueError(f"layer {name!r}: the output has no item {key!r}") from None
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        keys = ", ".join(f"'{name}:{key}'" for key in output)
        raise ValueError(f"layer {name!r} gives a dict of items; name one: {keys}")
    if isinstance(output, (tuple, list)):
        items = ", ".join(f"'{name}:{i}'" for i in range(len(output)))
        raise ValueError(f"layer {name!r} gives a tuple of {len(output)} items; name one: {items}")
    raise ValueError(f"layer {name!r} gives {type(output).__name__}, not a tensor")
