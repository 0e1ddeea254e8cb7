"""Parameters of chapters: those of a profile, and the smallest ones, with which tests train."""

import chapters
from places import ROOT

from equivar.chapters import room

SCHEDULE = {
    "profile": "quick", "epochs": 1, "batch_size": 64, "optimizer": "adam", "lr": 0.01,
    "weight_decay": 0.0, "schedule": "one-cycle", "milestones": (),
}  # fmt: skip
TASKS = SCHEDULE | {
    "data": "digits", "tasks": ("plain", "rot-inv", "rot-eq"), "padding": 0, "seeds": (0, 1),
    "images": 20, "match": "dataset",
}  # fmt: skip
UNDER_SHIFTS = SCHEDULE | {
    "data": "shapes", "train_images": 64, "seeds": (0, 1), "images": 20, "shifts": (1, 4),
    "match": "dataset",
}  # fmt: skip
SHIFTS = UNDER_SHIFTS | {"network": "resnet8", "augmentations": ("none", "crop")}


def of_chapter(values):
    """The values as parameters within those of another chapter, whose profile they have."""
    return {name: value for name, value in values.items() if name != "profile"}


def values_of(chapter, profile):
    """What a chapter runs with under a profile."""
    notebook = ROOT / "notebooks" / f"{chapter}.ipynb"
    return chapters.declared(notebook) | chapters.for_chapter(ROOT, notebook, profile)


def parameters_of(chapter, profile, changes=()):
    """The same, but for the changes, as the parameters of its room."""
    return room(chapter).Parameters.checked(values_of(chapter, profile) | dict(changes))
