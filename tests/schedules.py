"""Parameters of chapters: those of a profile, and the shortest training that they allow."""

from pathlib import Path

import chapters

from equivar.chapters import room

ROOT = Path(__file__).resolve().parents[1]
SCHEDULE = {
    "profile": "quick", "epochs": 1, "batch_size": 64, "optimizer": "adam", "lr": 0.01,
    "weight_decay": 0.0, "schedule": "one-cycle", "milestones": (),
}  # fmt: skip


def values_of(chapter, profile):
    """What a chapter runs with under a profile."""
    notebook = ROOT / "notebooks" / f"{chapter}.ipynb"
    return chapters.declared(notebook) | chapters.for_chapter(ROOT, notebook, profile)


def parameters_of(chapter, profile, changes=()):
    """The same, but for the changes, as the parameters of its room."""
    return room(chapter).Parameters.checked(values_of(chapter, profile) | dict(changes))
