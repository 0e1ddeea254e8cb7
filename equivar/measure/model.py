"""The network while it is measured: as written, in eval mode, in full precision, on its device."""

import sys
import warnings
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from equivar.features import in_eval_mode


def original(model: nn.Module) -> nn.Module:
    """The module that `torch.compile` was given: hooks would make it compile all anew."""
    return getattr(model, "_orig_mod", model)


@contextmanager
def ready(model: nn.Module, device: torch.device | str | None):
    """The model ready for passes: as written, in eval mode, on the device, without gradients.

    Yields the device and the precision of its weights. Everything is restored afterwards.
    """
    with (
        torch.inference_mode(False),  # what is made here is written to, whoever calls
        torch.no_grad(),
        _as_written(),
        _evaluating(model, device) as place,
    ):
        yield place


def _as_written():
    """Compiled modules run uncompiled inside: else the hooks in them would be compiled too."""
    if "torch._dynamo" in sys.modules:  # importing it takes a second, compiling imports it
        return torch.compiler.set_stance("force_eager")
    return nullcontext()


@contextmanager
def _evaluating(model: nn.Module, device):
    """The model in eval mode on the device, in full precision; everything restored afterwards."""
    tensors = [*model.parameters(), *model.buffers()]
    home = tensors[0].device if tensors else torch.device("cpu")
    place = torch.device(device) if device is not None else home
    dtype = next((x.dtype for x in tensors if x.is_floating_point()), None)
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    tf32 = [backend.allow_tf32 for backend in backends]
    with in_eval_mode(model):
        try:
            if place != home:
                model.to(place)
            for backend in backends:
                backend.allow_tf32 = False  # its 10 bits of mantissa would show in the scores
            yield place, dtype
        finally:
            for backend, allowed in zip(backends, tf32, strict=True):
                backend.allow_tf32 = allowed
            if place != home:
                model.to(home)


def warn_of_batch_statistics(model: nn.Module) -> None:
    """Say it once where batch norm has no running statistics: scores then depend on the batch."""
    found = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None
    ]
    if found:
        warnings.warn(
            f"{len(found)} batch norms ({', '.join(found[:3])}) have no running statistics and "
            "take those of each batch: scores depend on batch_size and on the order of the images",
            stacklevel=4,
        )
