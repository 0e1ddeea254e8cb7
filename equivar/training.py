"""One training loop for every network of the paper (sections 4.3 to 4.5).

    history = training.train(model, data, epochs=6, lr=0.1, schedule="one-cycle",
                             augment=("crop", "flip"), seed=0)

Data lie in memory as bytes; a batch is cropped, flipped and normalised at once. Networks run in
channels-last order and, where the processor multiplies bfloat16 in hardware, under autocast.
Every random choice comes from a generator seeded by `seed`, the global RNG is not used: the same
seed gives the same weights, bit by bit, on the same machine with as many threads (on a GPU, up to
its own rounding).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from equivar.datasets import ImageData, normalise
from equivar.files import unknown_name


class TrainingDiverged(RuntimeError):
    """The loss became infinite or not a number; the message names the epoch and the step."""


def random_crop(images: Tensor, generator: torch.Generator, padding: int = 4) -> Tensor:
    """Crop each image of a batch, padded with black, at an offset of its own.

    (B, C, H, W) -> same. Offsets are uniform on 0..2 padding in both directions, so an image
    moves by -padding..padding pixels.
    """
    count, _, height, width = images.shape
    offsets = torch.randint(2 * padding + 1, (2, count), generator=generator).to(images.device)
    windows = F.pad(images, (padding,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    which = torch.arange(count, device=images.device)
    return windows[which, :, offsets[0], offsets[1]]  # of (B, C, 2 p + 1, 2 p + 1, H, W), a view


def random_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image of a batch left to right with probability 1/2. (B, C, H, W) -> same."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(-1), images)


AUGMENTATIONS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "crop": random_crop,
    "flip": random_flip,
}


def steps_factor(done: float, epochs: int, milestones: Sequence[int]) -> float:
    """Factor of the learning rate after `done` epochs: a tenth at each milestone."""
    return 0.1 ** sum(done >= milestone for milestone in milestones)


def one_cycle_factor(done: float, epochs: int, milestones: Sequence[int] = ()) -> float:
    """Factor after `done` of `epochs`: 0 up to 1 in the first 30 %, then down to 0 as a cosine."""
    share = done / epochs
    if share < 0.3:
        return share / 0.3
    return 0.5 + 0.5 * math.cos(math.pi * (share - 0.3) / 0.7)


SCHEDULES: dict[str, Callable[..., float]] = {
    "steps": steps_factor,
    "one-cycle": one_cycle_factor,
}
OPTIMIZERS = ("sgd", "adam")
PRECISIONS = ("auto", "bfloat16", "float32")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained; the defaults are those of section 4.4, which has 200 epochs.

    epochs: passes over the data. lr: the learning rate ("one-cycle": its peak). momentum: of
    "sgd". weight_decay: an L2 penalty on all parameters. schedule: "steps" (a tenth at each of
    `milestones`, in epochs) or "one-cycle". augment: names in `AUGMENTATIONS`, in the order in
    which they are applied. seed: of the order of the images and of the augmentation.
    ValueError: an unknown name, or a number that makes no sense.
    """

    epochs: int
    batch_size: int = 128
    lr: float = 0.1
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: str = "steps"
    milestones: Sequence[int] = ()
    augment: Sequence[str] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for kind, name, table in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
            *(("augmentation", name, AUGMENTATIONS) for name in self.augment),
        ):
            if name not in table:
                raise unknown_name(kind, name, table)
        for what in ("epochs", "batch_size", "lr"):
            if not getattr(self, what) > 0:
                raise ValueError(f"{what} is {getattr(self, what)}: it must be above 0")

    def rate(self, done: float) -> float:
        """The learning rate after `done` epochs, a fraction between two of them."""
        return self.lr * SCHEDULES[self.schedule](done, self.epochs, self.milestones)


def train(
    model: nn.Module,
    data: ImageData,
    *,
    validation: ImageData | None = None,
    device: torch.device | str | None = None,
    precision: str = "auto",
    progress: bool = True,
    **recipe: object,
) -> pd.DataFrame:
    """Train `model` in place by cross entropy, after `Recipe(**recipe)`; one row per epoch.

    Columns: epoch (from 1), loss and accuracy (means over the batches as they came, augmented
    and under way), images_per_second, and validation_accuracy with `validation`.

    precision: "auto" (bfloat16 autocast where `fast_bfloat16`), "bfloat16" or "float32".
    device: None is the one that the model is on. The model ends in eval mode, channels-last.

    ValueError: a wrong recipe, no images, or images or labels that the model does not take.
    TrainingDiverged: a loss that is not finite.
    """
    plan = Recipe(**recipe)
    device = torch.device(device) if device else next(model.parameters()).device
    model.to(device=device, memory_format=torch.channels_last)
    _check_fit(model, data, device)
    images, labels = data.images.to(device), data.labels.to(device)
    optimizer = _optimizer(model, plan)
    generator = torch.Generator().manual_seed(plan.seed)
    rows = []
    with tqdm(total=plan.epochs * len(data), unit=" images", disable=not progress) as bar:
        for epoch in range(1, plan.epochs + 1):
            bar.set_description(f"epoch {epoch}/{plan.epochs}")
            batches = _batches(images, labels, data, plan, generator)
            row = _train_epoch(model, batches, optimizer, plan, epoch, bar, precision)
            if validation is not None:
                row["validation_accuracy"] = accuracy(model, validation)
            rows.append(row)
    model.eval()
    return pd.DataFrame(rows)


def accuracy(model: nn.Module, data: ImageData, batch_size: int = 500) -> float:
    """The share of images that `model` puts into their class, 0 to 1.

    In eval mode and float32; the model's mode is restored. ValueError: as `train`.
    """
    device = next(model.parameters()).device
    _check_fit(model, data, device)
    correct = 0
    with _eval_mode(model), torch.inference_mode():
        for start in range(0, len(data), batch_size):
            chosen = slice(start, start + batch_size)
            batch = normalise(data.images[chosen].to(device), data.mean, data.std)
            answers = model(batch).argmax(1)  # (B,)
            correct += int((answers == data.labels[chosen].to(device)).sum())
    return correct / len(data)


def fast_bfloat16(device: torch.device) -> bool:
    """Whether `device` multiplies bfloat16 in hardware (CPU: AVX512-BF16 or AMX)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, name, bool)() for name in checks)


def _train_epoch(
    model: nn.Module,
    batches: Iterator[tuple[float, Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    plan: Recipe,
    epoch: int,
    bar: tqdm,
    precision: str,
) -> dict[str, float]:
    """One pass over the batches; the row of the history."""
    model.train()
    begin, seen, losses, hits = time.perf_counter(), 0, 0.0, 0
    for step, (share, images, labels) in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(epoch - 1 + share)
        with _autocast(images.device, precision):
            logits = model(images)
        logits = logits.float()  # (B, classes)
        loss = F.cross_entropy(logits, labels)
        value = loss.item()
        if not math.isfinite(value):
            where = f"epoch {epoch}, step {step + 1}"
            raise TrainingDiverged(f"the loss is {value} in {where}; a lower lr than {plan.lr:g}?")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen, losses = seen + len(labels), losses + value * len(labels)
        hits += int((logits.argmax(1) == labels).sum())
        bar.set_postfix(loss=f"{losses / seen:.3f}", accuracy=f"{hits / seen:.3f}", refresh=False)
        bar.update(len(labels))
    means = {"loss": losses / seen, "accuracy": hits / seen}
    return {"epoch": epoch, **means, "images_per_second": seen / (time.perf_counter() - begin)}


def _batches(
    images: Tensor, labels: Tensor, data: ImageData, plan: Recipe, generator: torch.Generator
) -> Iterator[tuple[float, Tensor, Tensor]]:
    """Every image once, in random order, augmented and normalised.

    Yields the share of the epoch that was before, images (B, C, H, W) and labels (B,).
    """
    order = torch.randperm(len(labels), generator=generator).to(labels.device)
    for start in range(0, len(order), plan.batch_size):
        chosen = order[start : start + plan.batch_size]
        batch = images[chosen]  # uint8
        for name in plan.augment:
            batch = AUGMENTATIONS[name](batch, generator)
        batch = normalise(batch, data.mean, data.std)
        batch = batch.contiguous(memory_format=torch.channels_last)
        yield start / len(order), batch, labels[chosen]


def _optimizer(model: nn.Module, plan: Recipe) -> torch.optim.Optimizer:
    options = {"lr": plan.lr, "weight_decay": plan.weight_decay, "fused": True}
    parameters = [value for value in model.parameters() if value.requires_grad]
    if plan.optimizer == "adam":
        return torch.optim.Adam(parameters, **options)
    return torch.optim.SGD(parameters, momentum=plan.momentum, **options)


def _autocast(device: torch.device, precision: str) -> torch.autocast:
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    enabled = precision == "bfloat16" or (precision == "auto" and fast_bfloat16(device))
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


@contextmanager
def _eval_mode(model: nn.Module) -> Iterator[None]:
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in training.items():
            module.training = mode


def _check_fit(model: nn.Module, data: ImageData, device: torch.device) -> None:
    """Try one image, so that what does not fit is named before any work is done."""
    if not len(data):
        raise ValueError(f"{data.name} ({data.split}) has no images")
    try:
        with _eval_mode(model), torch.inference_mode():
            logits = model(data.normalised(1).to(device))
    except (RuntimeError, ValueError) as error:
        shape = tuple(data.images.shape[1:])
        raise ValueError(
            f"the model does not take images {shape} of {data.name}: {error}"
        ) from error
    if logits.ndim != 2:
        raise ValueError(f"the model gives {tuple(logits.shape[1:])} per image, not class scores")
    if int(data.labels.max()) >= logits.shape[1]:
        raise ValueError(
            f"{data.name} has labels up to {int(data.labels.max())}, "
            f"but the model has {logits.shape[1]} outputs"
        )
