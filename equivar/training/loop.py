"""The steps of training: images stay in memory as bytes and are normalised batch by batch.

Networks run in the memory layout that is fastest for them, and under autocast where the processor
multiplies bfloat16 in hardware. Every random number comes from a generator that is made from the
seed and the place in the run; the global RNG is not used. So the same seed gives the same weights,
bit by bit, on the same machine with the same number of threads (on a GPU, up to its own rounding).
A run that goes on from a checkpoint draws the same numbers as a run without a stop.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from equivar.data import ImageData, normalise
from equivar.features import in_eval_mode
from equivar.names import unknown_name
from equivar.training.augment import AUGMENTATIONS
from equivar.training.checkpoint import Checkpoint, Progress, save_snapshot, snapshot_epochs
from equivar.training.recipe import Recipe

PRECISIONS = ("auto", "bfloat16", "float32")
CHUNK = 16  # batches that are augmented together, to share the cost of a call
SAVE_EVERY = 60.0  # seconds between checkpoints within an epoch


class TrainingDiverged(RuntimeError):
    """The loss became infinite or not a number; the message names the epoch and the step."""


def train(
    model: nn.Module,
    data: ImageData,
    *,
    validation: ImageData | None = None,
    device: torch.device | str | None = None,
    precision: str = "auto",
    checkpoint: str | Path | None = None,
    snapshots: str | Path | None = None,
    progress: bool = True,
    **recipe: object,
) -> pd.DataFrame:
    """Train `model` in place with cross entropy, as `Recipe(**recipe)` says; one row per epoch.

    Columns: epoch (from 1), loss and accuracy (means over the augmented batches while the model was
    trained on them), images_per_second, and, with `validation`, validation_accuracy in the
    precision of the training.

    precision: "auto" (bfloat16 autocast where `fast_bfloat16`), "bfloat16" or "float32". device:
    where to train; None is the device of the model. The model stays there, in eval mode.
    checkpoint: a file to which the state is written after every epoch and every minute. A run that
    was stopped goes on from it, with the same result bit by bit. snapshots: a folder for the
    weights during training, with a file for each of `snapshot_epochs`.

    Raises ValueError for a wrong recipe, for no images, and for images or labels that do not fit
    the model; TrainingDiverged for a loss that is not finite; CheckpointDamaged where the file at
    `checkpoint` is not one of this run; OSError where the checkpoint or a snapshot could not be
    written. A checkpoint that was written before is kept.
    """
    plan = Recipe(**recipe)
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    device = torch.device(device) if device else next(model.parameters()).device
    layout = _layout(model, device)
    model.to(device=device, memory_format=layout)
    classes = _check_fit(model, data, device)
    optimizer = _optimizer(model, plan)
    keeper = Checkpoint(Path(checkpoint) if checkpoint else None, _identity(model, data, plan))
    done = keeper.load(model, optimizer)
    wanted = snapshot_epochs(plan.epochs) if snapshots else ()
    if 0 in wanted and not done.rows and not done.steps:
        save_snapshot(model, Path(snapshots), 0)
    resident = (data.images.to(device), data.labels.to(device))
    before = len(done.rows) * len(data) + done.seen
    with tqdm(
        total=plan.epochs * len(data), initial=before, unit=" images", disable=not progress
    ) as bar:
        while len(done.rows) < plan.epochs:
            bar.set_description(f"epoch {len(done.rows) + 1}/{plan.epochs}")
            batches = _batches(*resident, classes, data, plan, done, layout)
            _train_epoch(model, batches, optimizer, plan, done, bar, precision, keeper)
            more = {}
            if validation is not None:
                more["validation_accuracy"] = accuracy(model, validation, precision=precision)
            done.end_epoch(**more)
            # before the checkpoint: a run that is stopped between the two writes the snapshot again
            if len(done.rows) in wanted:
                save_snapshot(model, Path(snapshots), len(done.rows))
            keeper.save(model, optimizer, done)
    model.eval()
    return pd.DataFrame(done.rows)


def accuracy(
    model: nn.Module, data: ImageData, batch_size: int = 500, precision: str = "float32"
) -> float:
    """The share of images that `model` puts into their class, 0 to 1.

    The model runs in eval mode; its mode is restored. precision: as in `train`. Raises ValueError
    as `train` does.
    """
    device = next(model.parameters()).device
    _check_fit(model, data, device)
    correct = 0
    with in_eval_mode(model), torch.inference_mode():
        for start in range(0, len(data), batch_size):
            chosen = slice(start, start + batch_size)
            batch = normalise(data.images[chosen].to(device), data.mean, data.std)
            with _autocast(device, precision):
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
    done: Progress,
    bar: tqdm,
    precision: str,
    keeper: Checkpoint,
) -> None:
    """Train on the rest of the epoch's batches; `done` is updated."""
    model.train()
    epoch, saved = len(done.rows), time.perf_counter()
    meter = _Meter(done, bar, eager=next(model.parameters()).device.type == "cpu")
    for share, images, targets in batches:
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(epoch + share)
        with _autocast(images.device, precision):
            logits = model(images)
        logits = logits.float()  # (B, classes)
        loss = F.cross_entropy(logits, targets)
        meter.add(loss, logits, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if time.perf_counter() - saved > SAVE_EVERY:
            meter.flush()
            keeper.save(model, optimizer, done)
            saved = time.perf_counter()
    meter.flush()


class _Meter:
    """Sums of loss and right answers, read from the device only when needed.

    Reading a number from a GPU makes the processor wait for all work before it, so a few steps are
    read together. On the CPU each step is read before its update, at no cost.
    """

    def __init__(self, done: Progress, bar: tqdm, eager: bool) -> None:
        self.done, self.bar, self.every = done, bar, 1 if eager else CHUNK
        self.waiting: list[tuple[Tensor, Tensor, int]] = []
        self.read = time.perf_counter()

    def add(self, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """Take the loss of one step, and its hits from logits and targets, (B, classes) each."""
        hits = (logits.argmax(1) == targets.argmax(1)).sum()
        self.waiting.append((loss.detach(), hits, len(targets)))
        if len(self.waiting) >= self.every:
            self.flush()

    def flush(self) -> None:
        """Read what waits. Raises TrainingDiverged at the first loss that is not finite."""
        if not self.waiting:
            return
        done, (losses, hits, counts) = self.done, zip(*self.waiting, strict=True)
        pairs = torch.stack([torch.stack(losses).double(), torch.stack(hits).double()], 1)
        for (loss, right), count in zip(pairs.tolist(), counts, strict=True):
            done.steps += 1
            if not math.isfinite(loss):
                where = f"epoch {len(done.rows) + 1}, step {done.steps}"
                raise TrainingDiverged(f"the loss is {loss} in {where}; try a lower lr")
            done.seen, done.loss = done.seen + count, done.loss + loss * count
            done.hits += right
        now = time.perf_counter()
        done.seconds, self.read = done.seconds + now - self.read, now
        self.waiting.clear()
        shares = {"loss": done.loss / done.seen, "accuracy": done.hits / done.seen}
        texts = {name: f"{value:.3f}" for name, value in shares.items()}
        self.bar.set_postfix(texts, refresh=False)
        self.bar.update(sum(counts))


def _batches(
    images: Tensor,
    labels: Tensor,
    classes: int,
    data: ImageData,
    plan: Recipe,
    done: Progress,
    layout: torch.memory_format,
) -> Iterator[tuple[float, Tensor, Tensor]]:
    """Give every image once, in random order, augmented and normalised, from step `done.steps` on.

    Yields the share of the epoch before the batch, images (B, C, H, W) and targets (B, classes).
    """
    epoch, first = len(done.rows), done.steps
    order = torch.randperm(len(labels), generator=_generator(plan.seed, epoch)).to(labels.device)
    chunks = order.split(CHUNK * plan.batch_size)
    for number, chosen in enumerate(chunks[first // CHUNK :], start=first // CHUNK):
        generator = _generator(plan.seed, epoch, number)
        pixels, targets = images[chosen], F.one_hot(labels[chosen], classes).float()
        for name in plan.augment:
            pixels, targets = AUGMENTATIONS[name](pixels, targets, generator)
        pairs = zip(pixels.split(plan.batch_size), targets.split(plan.batch_size), strict=True)
        for step, (batch, goal) in enumerate(pairs, start=number * CHUNK):
            if step >= first:
                batch = normalise(batch, data.mean, data.std)
                batch = batch.contiguous(memory_format=layout)
                yield step * plan.batch_size / len(order), batch, goal


def _generator(*place: int) -> torch.Generator:
    """The generator that belongs to (seed, epoch) or (seed, epoch, chunk), well mixed."""
    state = np.random.SeedSequence(place).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))


def _identity(model: nn.Module, data: ImageData, plan: Recipe) -> str:
    """What a checkpoint must have in common with the run that goes on from it."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    facts = [asdict(plan), data.name, data.split, tuple(data.images.shape), shapes]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _optimizer(model: nn.Module, plan: Recipe) -> torch.optim.Optimizer:
    options = {"lr": plan.lr, "weight_decay": plan.weight_decay, "fused": True}
    parameters = [value for value in model.parameters() if value.requires_grad]
    if plan.optimizer == "sgd":
        return torch.optim.SGD(parameters, momentum=plan.momentum, **options)
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[plan.optimizer](parameters, **options)


def _layout(model: nn.Module, device: torch.device) -> torch.memory_format:
    """How maps lie in memory: with the channels of a cell side by side, where that is faster.

    On a CPU it is not faster where a number of channels is not a multiple of 16: the gradient of
    batch norm then takes half of each step of the 7-layer CNN with its 20 channels
    (benchmarks/training_speed.py).
    """
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    odd = device.type == "cpu" and any(conv.out_channels % 16 for conv in convolutions)
    return torch.contiguous_format if odd else torch.channels_last


def _autocast(device: torch.device, precision: str) -> torch.autocast:
    enabled = precision == "bfloat16" or (precision == "auto" and fast_bfloat16(device))
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def _check_fit(model: nn.Module, data: ImageData, device: torch.device) -> int:
    """Try one image, so that what does not fit is reported before training.

    Returns the number of the model's outputs. Raises ValueError.
    """
    if not len(data):
        raise ValueError(f"{data.name} ({data.split}) has no images")
    try:
        with in_eval_mode(model), torch.inference_mode():
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
    return logits.shape[1]
