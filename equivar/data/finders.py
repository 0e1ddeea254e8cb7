"""Where the files of each data set lie under the data root.

Each finder takes a split and the data root, and returns the files in order. It raises DataMissing,
which names the missing file, its place and how to get it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from equivar.data.registry import how_to_get
from equivar.files import DataDamaged, DataMissing, first_existing

Finder = Callable[[str, Path], list[Path]]

IMAGENET_CLASSES = 1000
IMAGENET_HELP = (
    "Put the validation images of ImageNet there, one folder for each class named by its wnid "
    "(n01440764, ...), as torchvision's ImageFolder reads them; parquet image tables "
    "validation-*.parquet beside that folder do as well."
)


def tables(folder: Path, split: str) -> list[Path]:
    """The parquet files of a split in a folder: one table, or its parts; [] if there is none.

    They are named <split>.parquet, or <split>-00000-of-00002.parquet and so on. Raises DataMissing
    where some parts are there and others are not.
    """
    whole = folder / f"{split}.parquet"
    if whole.exists():
        return [whole]
    parts = sorted(folder.glob(f"{split}-*.parquet"))
    total = re.search(r"-of-(\d+)$", parts[0].stem) if parts else None
    if total and len(parts) != int(total[1]):
        raise DataMissing(
            f"{folder} has {len(parts)} of the {int(total[1])} parts of {split}, "
            f"{split}-*-of-{total[1]}.parquet"
        )
    return parts


def table_finder(folder: str, name: str) -> Finder:
    """The finder of a data set that is an image table in its own folder."""

    def find(split: str, root: Path) -> list[Path]:
        """The table of a split, or its parts."""
        found = tables(root / folder, split)
        return found or [
            first_existing([root / folder / f"{split}.parquet"], how_to_get(name, split))
        ]

    return find


def find_mnist(split: str, root: Path) -> list[Path]:
    """The parquet image table of MNIST where there is one, else its idx files: images, labels."""
    found = tables(root / "mnist", split)
    if found:
        return found
    prefix = "train" if split == "train" else "t10k"
    folders = [root / "mnist" / "MNIST" / "raw", root / "MNIST" / "raw"]
    help_text = _or_table("mnist", split, root / "mnist")
    return [
        first_existing([f / f"{stem}{end}" for f in folders for end in (".gz", "")], help_text)
        for stem in (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")
    ]


def find_cifar10(split: str, root: Path) -> list[Path]:
    """The parquet image table of CIFAR-10 where there is one, else the official binary files."""
    found = tables(root / "cifar10", split)
    if found:
        return found
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] if split == "train" else ["test_batch.bin"]
    folders = [root / "cifar10" / "cifar-10-batches-bin", root / "cifar-10-batches-bin"]
    help_text = _or_table("cifar10", split, root / "cifar10")
    return [first_existing([folder / name for folder in folders], help_text) for name in names]


def find_cifar10_head(split: str, root: Path) -> list[Path]:
    """The table of the first images where there is one, else the official file they begin."""
    found = tables(root / "cifar10-lossless-head", split)
    batch = "cifar-10-batches-bin/data_batch_1.bin"
    places = [root / "cifar10" / batch, root / batch]
    if not found and not any(place.exists() for place in places):
        places = [root / "cifar10-lossless-head" / f"{split}.parquet", places[0]]
    return found or [first_existing(places, how_to_get("cifar10-train-head", split))]


def _or_table(name: str, split: str, folder: Path) -> str:
    return f"{how_to_get(name, split)} A parquet image table {folder / split}.parquet does as well."


def find_imagenet_sample(split: str, root: Path) -> list[Path]:
    """The only table of the sample, whatever the split is called."""
    place = root / "imagenet-sample" / "sample.parquet"
    return [first_existing([place], how_to_get("imagenet-sample", split))]


def find_imagenet(split: str, root: Path) -> list[Path]:
    """The folder of the validation images, or parquet image tables of them.

    Raises DataDamaged for a folder without exactly 1000 folders of classes, named by wnids.
    """
    home = root / "imagenet"
    found = tables(home, "validation")
    if found:
        return found
    folder = first_existing([home / split], IMAGENET_HELP)
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if len(classes) != IMAGENET_CLASSES:
        some = ", ".join(classes[:3]) + (", ..." if len(classes) > 3 else "")
        raise DataDamaged(
            f"{folder} has {len(classes)} folders of classes{f' ({some})' if some else ''}, not "
            f"{IMAGENET_CLASSES}. {IMAGENET_HELP}"
        )
    unnamed = [name for name in classes if not re.fullmatch(r"n\d{8}", name)]
    if unnamed:  # labels follow the sorted names, other names would give other labels
        raise DataDamaged(f"{folder} has folders that are no wnids: {', '.join(unnamed[:3])}")
    return [folder]
