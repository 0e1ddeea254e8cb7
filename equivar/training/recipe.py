"""How a network is trained: the numbers of a schedule, checked once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from equivar.names import unknown_name
from equivar.training.augment import AUGMENTATIONS


def steps_factor(done: float, epochs: int, milestones: Sequence[int]) -> float:
    """The factor of the learning rate after `done` epochs: a tenth at each milestone."""
    return 0.1 ** sum(done >= milestone for milestone in milestones)


def one_cycle_factor(done: float, epochs: int, milestones: Sequence[int] = ()) -> float:
    """The factor of the learning rate after `done` of `epochs`.

    It rises from 0 to 1 in the first 30 %, then falls to 0 as a cosine.
    """
    share = done / epochs
    if share < 0.3:
        return share / 0.3
    return 0.5 + 0.5 * math.cos(math.pi * (share - 0.3) / 0.7)


SCHEDULES: dict[str, Callable[..., float]] = {
    "steps": steps_factor,
    "one-cycle": one_cycle_factor,
}
OPTIMIZERS = ("sgd", "adam", "adamw")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained; the defaults are those of section 4.4, which has 200 epochs.

    epochs: passes over the data. lr: the learning rate ("one-cycle": its peak). momentum: of "sgd".
    weight_decay: an L2 penalty on all parameters ("adamw": weights shrink by it apart from the
    gradient, Loshchilov and Hutter 2019). schedule: "steps" (a tenth at each of
    `milestones`, in epochs) or "one-cycle". augment: names in `AUGMENTATIONS`, in the order in
    which they are applied. seed: of the order of the images and of the augmentation. Raises
    ValueError for an unknown name, and for epochs, batch_size or lr that are not above 0.
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
        """The learning rate after `done` epochs, which may be a fraction."""
        return self.lr * SCHEDULES[self.schedule](done, self.epochs, self.milestones)
