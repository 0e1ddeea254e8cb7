"""The outputs of named layers, handed over while the network runs.

A layer's name is a module name as in `model.named_modules()`, with an optional suffix:
`linear:input` is what enters the module, `lstm:0` an item of a tuple, `head:logits` of a dict.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equivar.features.cells import Layout
from equivar.features.maps import MapShape, Tokens, read_shape
from equivar.features.replacing import changed_at, giving
from equivar.features.tracker import CellTracker
from equivar.names import near_names

Consumer = Callable[[int, Tensor], Tensor | None]
_SHOWN = 3  # layers in a call that a message suggests


@dataclass(frozen=True)
class Output:
    """One tensor of what a module gave: the keys that lead to it, its values, its layout."""

    path: tuple
    values: Tensor
    layout: Layout | None


@dataclass
class Slot:
    """One layer: its module, which item of the output is meant, and what is learned of it."""

    name: str
    module: nn.Module
    suffix: str
    index: int | None  # its number among the layers, None once it is left out
    calls: int = 0
    expected: int | None = None  # calls in a forward pass, known once probed
    path: tuple = ()  # keys of the tensor inside the output
    outputs: tuple[Output, ...] = ()  # of the last call with the first images
    last: int = 0  # when that was, among all calls

    @property
    def key(self) -> tuple:
        """The key of the item that the suffix names; empty where it is the whole output."""
        if self.suffix in ("", "input"):
            return ()
        return (int(self.suffix) if self.suffix.isdigit() else self.suffix,)

    @property
    def computed_once(self) -> bool:
        """Whether the layer is all that its module gives, in a single call of Python code."""
        whole = self.suffix == "" and self.path == ()
        return whole and self.expected == 1 and not isinstance(self.module, torch.jit.ScriptModule)

    def item(self, output):
        """What the suffix names; ValueError where the output has no such item."""
        for key in self.key:
            try:
                return output[key]
            except (LookupError, TypeError):
                raise ValueError(f"layer {self.name!r}: the output has no item {key!r}") from None
        return output


class Layers:
    """Forward hooks on the named layers of a model, which are removed when the `with` block ends.

    ```
    with Layers(model, ["layer1.0", "linear:input"]) as layers:
        outputs = layers.probe(images)           # once: shapes, strides, number of calls
        layers.run(images, consume)              # consume(i, output of layer i), in calling order
    ```

    A layer that is called several times is read at its last call. One that gives several tensors is
    read by the only one of them that is a map. told: how tokens lie, where the caller says so.
    lenient: for layers that nobody named: what is never called or can not be read is left out, with
    one warning. ends: names among these that are only a pool or a head if the network classifies.

    Raises ValueError for an unknown name (the message lists near ones) and, unless lenient, for a
    layer that is never called or can not be read.
    """

    def __init__(
        self,
        model: nn.Module,
        names: Sequence[str],
        told: Mapping[str, Tokens] | None = None,
        lenient: bool = False,
        ends: Collection[str] = (),
    ):
        self.model, self.names = model, list(names)
        self.told, self.lenient, self.ends = dict(told or {}), lenient, set(ends)
        self.shapes: list[MapShape] = []
        self.order: list[int] = []  # layer indices in the order of their (last) calls
        self.left_out: dict[str, str] = {}  # name -> reason
        self._slots = [
            Slot(name, *_find(model, name), index) for index, name in enumerate(self.names)
        ]
        self._consume: Consumer | None = None
        self._keep: Callable[[Slot, object], None] | None = None
        self._handles: list = []

    def __enter__(self) -> Layers:
        for slot in self._slots:
            if slot.suffix == "input":
                hook = slot.module.register_forward_pre_hook(self._input(slot), with_kwargs=True)
            else:
                hook = slot.module.register_forward_hook(self._output(slot))
            self._handles.append(hook)
        return self

    def __exit__(self, *exc):
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def probe(self, images: Tensor) -> list[Tensor]:
        """Run the first images (B, C, H, W) to learn the layers' shapes, strides, order and calls.

        Returns the layers' outputs. Raises ValueError for a layer that is never called or cannot be
        read as feature maps, and warns of one that is called several times.
        """
        calls = 0

        def keep(slot: Slot, output):
            """Copy what the module gave: nobody can write into the copy."""
            nonlocal calls
            calls += 1
            slot.last = calls
            slot.outputs = tuple(
                Output(path, tensor.clone(), tracker.layout_of(tensor))
                for path, tensor in _tensors(slot.item(output))
            )

        for slot in self._slots:
            slot.calls, slot.expected, slot.path = 0, None, ()
        self._keep = keep
        try:
            with CellTracker(images) as tracker, torch.no_grad():
                answer = self.model(images)
            answers = [Output(path, x, tracker.layout_of(x)) for path, x in _tensors(answer)]
        finally:
            self._keep = None
        dense = self.lenient and self._is_dense(answers, images)
        outputs = self._read(images, dense)
        for slot in self._slots:
            slot.expected, slot.outputs = slot.calls, ()
        return outputs

    def run(self, images: Tensor, consume: Consumer):
        """Run one forward pass, inside which `consume(i, output)` is called once for each layer.

        The output may change as soon as `consume` returns. A tensor that it returns takes the place
        of the output. Returns the model's answer. Raises ValueError for a layer that is called more
        or fewer times than with the first images.
        """
        answer = self._forward(images, consume)
        for slot in self._slots:
            if slot.index is not None and slot.calls != slot.expected:
                raise ValueError(
                    f"layer {slot.name!r} was called {slot.expected} times for the first images "
                    f"and {slot.calls} times for others: its last call is not the same layer for "
                    "all of them"
                )
        return answer

    def rerun(self, images: Tensor, i: int, output: Tensor, known: Mapping[int, Tensor]):
        """The model's answer to the images, where layer i gives another `output`.

        known: outputs of layers for the same images. Those of them that are called before layer i
        are not computed again, where a module gives them as they are.
        """
        stubs = {}
        for j in self.order[: self.order.index(i) + 1]:
            slot = next(slot for slot in self._slots if slot.index == j)
            if (j == i or j in known) and slot.computed_once:
                stubs[slot.module] = output if j == i else known[j]
        given = any(slot.index == i and slot.module in stubs for slot in self._slots)
        # a copy, as above: what follows may write into it
        consume = None if given else lambda j, _: output.clone() if j == i else None
        with giving(stubs):
            return self._forward(images, consume)

    def _forward(self, images: Tensor, consume: Consumer | None):
        for slot in self._slots:
            slot.calls = 0
        self._consume = consume
        with torch.no_grad():
            return self.model(images)

    def _read(self, images: Tensor, dense: bool) -> list[Tensor]:
        """Which tensor each layer means, and its shape; what is left out, in lenient mode."""
        kept: list[tuple[Slot, Output, MapShape]] = []
        for slot in self._slots:
            if dense and slot.name in self.ends:
                slot.index = None
                continue
            try:
                output, shape = self._one(slot, images)
            except ValueError as error:
                if not self.lenient:
                    raise
                self.left_out[slot.name], slot.index = str(error), None
                continue
            slot.index, slot.path = len(kept), output.path
            kept.append((slot, output, shape))
            if slot.calls > 1:
                warnings.warn(
                    f"layer {slot.name!r} is called {slot.calls} times in one forward pass: "
                    "its last call is measured",
                    stacklevel=4,
                )
        self.names = [slot.name for slot, *_ in kept]
        self.shapes = [shape for *_, shape in kept]
        self.order = sorted(range(len(kept)), key=lambda i: kept[i][0].last)
        self._tell()
        return [output.values for _, output, _ in kept]

    def _one(self, slot: Slot, images: Tensor) -> tuple[Output, MapShape]:
        """The tensor that a layer means, and how it is read."""
        if not slot.calls:
            what = f"layer {slot.name!r} is never called in the forward pass of "
            what += type(self.model).__name__
            raise ValueError(what if self.lenient else f"{what}: leave it out of `layers`")
        readable, reasons = [], []
        for output in slot.outputs:
            try:
                told = self.told.get(slot.name)
                shape = read_shape(
                    slot.name, output.values, images, output.layout, self.model, told
                )
                readable.append((output, shape))
            except ValueError as error:
                reasons.append(error)
        maps = [pair for pair in readable if pair[1].spatial]
        if len(slot.outputs) == 1:
            if reasons:
                raise reasons[0]
            return readable[0]
        if len(maps) == 1:
            return maps[0]
        if not slot.outputs:
            raise ValueError(f"layer {slot.name!r} gives no tensor")
        items = ", ".join(repr(_named(slot.name, output.path)) for output in slot.outputs)
        raise ValueError(
            f"layer {slot.name!r} gives {len(slot.outputs)} tensors, of which {len(maps)} are "
            f"maps; name one: {items}"
        )

    def _tell(self) -> None:
        """Say what is left out, once; ValueError with a call to copy where nothing is left."""
        if not self.left_out:
            return
        told = "; ".join(self.left_out.values())
        if any(shape.spatial for shape in self.shapes):
            warnings.warn(f"left out: {told}", stacklevel=6)
            return
        candidates = [
            _named(slot.name, output.path)
            for slot in self._slots
            for output in slot.outputs[:1]
            if slot.name not in self.ends
        ]
        call = f"equivar.measure(model, images, equivar.rotations(), layers={candidates[:_SHOWN]})"
        raise ValueError(
            f"none of the layers that {type(self.model).__name__} would be measured at can be "
            f"read: {told}. Name layers that give maps, such as {call}"
        )

    def _is_dense(self, answers: list[Output], images: Tensor) -> bool:
        """Whether the network answers with maps, or boxes, and not with one vector an image."""
        if any(x.values.dim() == 2 and len(x.values) == len(images) for x in answers):
            return False
        for answer in answers:
            try:
                shape = read_shape("", answer.values, images, answer.layout, self.model, None)
            except ValueError:
                continue
            if shape.spatial:
                return True
        return not answers or all(x.values.dim() < 2 or x.path for x in answers)

    def _output(self, slot: Slot):
        def hook(module, args, output):
            """Pass on the output of the module."""
            return self._pass_on(slot, output)

        return hook

    def _input(self, slot: Slot):
        def hook(module, args, kwargs):
            """Pass on the first argument of the module."""
            inputs = [*args, *kwargs.values()]
            changed = self._pass_on(slot, inputs[0] if inputs else None)
            if changed is None:
                return None
            if args:
                return (changed, *args[1:]), kwargs
            return args, {**kwargs, next(iter(kwargs)): changed}

        return hook

    def _pass_on(self, slot: Slot, output):
        """Hand the output over; what is to take its place, None where it stays."""
        slot.calls += 1
        if self._keep:
            with _ordinary():
                self._keep(slot, output)
        elif self._consume and slot.index is not None and slot.calls == slot.expected:
            values = slot.item(output)
            for key in slot.path:
                values = values[key]
            with _ordinary():
                values = values.clone() if values.is_inference() else values
                changed = self._consume(slot.index, values)
            return None if changed is None else changed_at(output, slot.key + slot.path, changed)
        return None


@contextmanager
def in_eval_mode(model: nn.Module) -> Iterator[None]:
    """The model in eval mode; each module in its own mode again afterwards.

    By the model's own `train`, which may do more than set flags, such as merge weights; where all
    of it is in eval mode already, nothing is called.
    """
    modes = {module: module.training for module in model.modules()}
    changes = any(modes.values())
    try:
        if changes:
            model.eval()
        yield
    finally:
        if changes:
            for module, mode in modes.items():  # from the outside in
                if module.training != mode:
                    module.train(mode)
            for module, mode in modes.items():
                module.training = mode


@contextmanager
def _ordinary() -> Iterator[None]:
    """Tensors made inside can be written to outside, though the network runs in inference mode."""
    with torch.inference_mode(False), torch.no_grad():
        yield


def _find(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The module and suffix of a layer name; ValueError with near names if there is none."""
    modules = dict(model.named_modules(remove_duplicate=False))
    path, _, suffix = name.partition(":")
    if path not in modules:
        near = near_names(path, modules, 5)
        hint = f"near names: {', '.join(near)}" if near else "see model.named_modules()"
        raise ValueError(f"no layer {path!r} in {type(model).__name__}; {hint}")
    return modules[path], suffix


def _tensors(output, path: tuple = ()) -> Iterator[tuple[tuple, Tensor]]:
    """The tensors inside tuples, lists and mappings, with the keys that lead to them."""
    if isinstance(output, Tensor):
        yield path, output
    elif isinstance(output, Mapping):
        for key, item in output.items():
            yield from _tensors(item, (*path, key))
    elif isinstance(output, (tuple, list)):
        for key, item in enumerate(output):
            yield from _tensors(item, (*path, key))


def _named(name: str, path: tuple) -> str:
    """The name of a tensor inside a layer's output, as `layers` takes it."""
    return ":".join([name, *map(str, path[:1])])
