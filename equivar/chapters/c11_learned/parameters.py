"""What the chapter is made with: parameters of other chapters, and what is measured of them."""

from __future__ import annotations

from pydantic import field_validator

from equivar.chapters import c03_accuracy, c04_tasks, c05_augmentations, c06_capacity
from equivar.runs.parameters import ChapterParameters, Images, Seeds, of_this_profile


class Parameters(ChapterParameters):
    """What the chapter is made with.

    residual: of `equivar.networks`, each with the name of its weights, measured on `images` images
    of `data`. compared: parameters of chapters 03 and 07; alike: of the networks that chapter 07
    trains alike, whose twins are measured as they are there, or None; tasks, augmentations,
    capacity: of chapters 04, 05 and 06, whose networks are measured under `transforms` on so many
    of their test images, those of 04 and 05 along their training as well. twins: the seeds of the
    twins of a residual network, compared_twins: of one of chapter 03; a network that is trained
    here has its own beginning. match: as in `equivar.measure`.
    """

    residual: dict[str, str]
    data: str
    images: Images
    transforms: tuple[str, ...]
    match: str
    twins: Seeds
    compared: c03_accuracy.Parameters
    compared_twins: Seeds
    alike: c03_accuracy.Parameters | None
    tasks: c04_tasks.Parameters
    augmentations: c05_augmentations.Parameters
    capacity: c06_capacity.Parameters

    _profile = field_validator(
        "compared", "alike", "tasks", "augmentations", "capacity", mode="before"
    )(of_this_profile)
