"""One training loop for every network of the paper (sections 4.3 to 4.5).

    history = training.train(model, data, epochs=6, lr=0.1, schedule="one-cycle",
                             augment=("crop", "flip"), seed=0)

`recipe` holds the numbers of a schedule, `augment` the augmentations, `loop` the steps,
`checkpoint` the state on disk from which a run that was stopped goes on.
"""

from equivar.training.augment import AUGMENTATIONS, random_crop, random_flip
from equivar.training.checkpoint import CheckpointDamaged, snapshot_epochs
from equivar.training.loop import TrainingDiverged, accuracy, fast_bfloat16, train
from equivar.training.recipe import OPTIMIZERS, SCHEDULES, Recipe

__all__ = [
    "AUGMENTATIONS",
    "OPTIMIZERS",
    "SCHEDULES",
    "CheckpointDamaged",
    "Recipe",
    "TrainingDiverged",
    "accuracy",
    "fast_bfloat16",
    "random_crop",
    "random_flip",
    "snapshot_epochs",
    "train",
]
