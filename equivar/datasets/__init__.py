"""The data sets of the paper and two that need no file, in one table of named entries.

    train = datasets.load("shapes", "train")
    task = datasets.mnist6(datasets.load("mnist", "train"), "rot-inv")

Embedded: `digits` (scikit-learn), `shapes` (drawn by this package). From files under the data
root (an argument, else the variable EQUIVAR_DATA, else data/raw): `mnist`, `cifar10`,
`cifar10-jpeg`, `cifar10-train-head`, `imagenet-sample`. No function here uses a global RNG.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sklearn.datasets
import torch
import torchvision
from torch import Tensor
from torch.nn import functional as F

from equivar.datasets.images import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    ImageData,
    normalise,
    picture,
)
from equivar.datasets.mnist6 import mnist6
from equivar.datasets.readers import read_cifar_binary, read_idx, read_parquet, resize_and_crop
from equivar.datasets.shapes import OUTLINES, draw_shapes
from equivar.files import DataDamaged, DataMissing, data_root, first_existing, unknown_name

__all__ = [
    "DATASETS",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "DataDamaged",
    "DataMissing",
    "ImageData",
    "data_root",
    "draw_shapes",
    "load",
    "mnist6",
    "normalise",
    "picture",
]

CIFAR_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
DIGIT_CLASSES = tuple("0123456789")
DIGITS_SEED = 0  # of the split into training and test images

ReadResult = tuple[Tensor, Tensor]  # images uint8 (N, C, H, W), labels int64 (N,)


@dataclass(frozen=True)
class Entry:
    """One row of `DATASETS`: how to read a split, and what belongs to it."""

    read: Callable[..., ReadResult]
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def load(name: str, split: str = "train", root: str | Path | None = None, **options) -> ImageData:
    """One split of the data set `name`, all of it in memory.

    Options: `imagenet-sample` takes size=224 (pixels a side), resize=256 (the shorter side before
    the central crop) and interpolation="bilinear" or "bicubic".
    ValueError: an unknown name (the message has near ones) or split. TypeError: an unknown
    option. DataMissing, DataDamaged: a file that is absent or broken, with its name, its place
    and how to get it.
    """
    if name not in DATASETS:
        raise unknown_name("data set", name, DATASETS)
    entry = DATASETS[name]
    if split not in entry.splits:
        raise unknown_name(f"split of {name}", split, entry.splits)
    images, labels = entry.read(split, data_root(root), **options)
    return ImageData(name, split, images, labels, entry.classes, entry.mean, entry.std)


def _read_digits(split: str, root: Path) -> ReadResult:
    """scikit-learn's 1797 digits of 8 x 8, enlarged to 20 x 20 in 28 x 28 as MNIST has them."""
    source = sklearn.datasets.load_digits()
    order = np.random.default_rng(DIGITS_SEED).permutation(len(source.target))
    order = order[:1297] if split == "train" else order[1297:]
    small = torch.tensor(source.images[order, None] / 16, dtype=torch.float32)  # (N, 1, 8, 8)
    large = F.interpolate(small, size=(20, 20), mode="bicubic", align_corners=False)
    images = F.pad((255 * large.clamp(0, 1)).round().to(torch.uint8), (4, 4, 4, 4))
    return images, torch.tensor(source.target[order], dtype=torch.int64)


def _read_shapes(split: str, root: Path) -> ReadResult:
    """10,000 training and 2,000 test images, as many of each class, in random order."""
    count, seed = (10_000, 0) if split == "train" else (2_000, 1)
    labels = np.random.default_rng([seed, 1]).permutation(np.arange(count) % len(OUTLINES))
    return torch.from_numpy(draw_shapes(labels, [seed, 0])), torch.from_numpy(labels)


def _read_mnist(split: str, root: Path) -> ReadResult:
    prefix = "train" if split == "train" else "t10k"
    folders = [root / "mnist" / "MNIST" / "raw", root / "MNIST" / "raw"]
    parts = []
    for stem in (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"):
        candidates = [folder / f"{stem}{end}" for folder in folders for end in (".gz", "")]
        path = first_existing(candidates, "Get it from any mirror of MNIST.")
        parts.append((path, read_idx(path)))
    (path, images), (_, labels) = parts
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DataDamaged(f"{path} does not go with its labels: {len(images)}, {len(labels)}")
    return images[:, None], labels.long()  # (N, 28, 28) -> (N, 1, 28, 28)


def _read_cifar10(split: str, root: Path) -> ReadResult:
    """A parquet table where there is one, else the binary version of the official archive."""
    tables = _tables(root / "cifar10", split)
    if tables:
        return read_parquet(tables)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] if split == "train" else ["test_batch.bin"]
    folders = [root / "cifar10" / "cifar-10-batches-bin", root / "cifar-10-batches-bin"]
    help_text = (
        f"Get it by unpacking cifar-10-binary.tar.gz of "
        f"https://www.cs.toronto.edu/~kriz/cifar.html there; a parquet image table at "
        f"{root / 'cifar10' / f'{split}.parquet'} does as well."
    )
    return read_cifar_binary(
        first_existing([folder / name for folder in folders], help_text) for name in names
    )


def _tables(folder: Path, split: str) -> list[Path]:
    """<folder>/<split>.parquet, or its parts <split>-00000-of-00002.parquet, ..."""
    whole = folder / f"{split}.parquet"
    return [whole] if whole.exists() else sorted(folder.glob(f"{split}-*.parquet"))


def _table_reader(folder: str, how_to_get: str) -> Callable[..., ReadResult]:
    def read(split: str, root: Path) -> ReadResult:
        tables = _tables(root / folder, split)
        return read_parquet(
            tables or [first_existing([root / folder / f"{split}.parquet"], how_to_get)]
        )

    return read


def _read_imagenet_sample(
    split: str,
    root: Path,
    size: int = 224,
    resize: int = 256,
    interpolation: str = "bilinear",
) -> ReadResult:
    path = first_existing(
        [root / "imagenet-sample" / "sample.parquet"],
        "Put a parquet image table of ImageNet images there (columns image and label, 0..999).",
    )
    return read_parquet([path], resize_and_crop(size, resize, interpolation))


def _imagenet_classes() -> tuple[str, ...]:
    return tuple(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"])


BOTH = ("train", "test")
BY_HAND = "Put a parquet image table (columns img and label) there."

DATASETS: dict[str, Entry] = {
    "digits": Entry(_read_digits, BOTH, DIGIT_CLASSES, (0.1592,), (0.2983,)),
    "shapes": Entry(
        _read_shapes, BOTH, tuple(OUTLINES), (0.4996, 0.4995, 0.4999), (0.2346, 0.2342, 0.2339)
    ),
    "mnist": Entry(_read_mnist, BOTH, DIGIT_CLASSES, (0.1307,), (0.3081,)),
    "cifar10": Entry(_read_cifar10, BOTH, CIFAR_CLASSES, CIFAR_MEAN, CIFAR_STD),
    "cifar10-jpeg": Entry(
        _table_reader("cifar10-jpeg", BY_HAND), BOTH, CIFAR_CLASSES, CIFAR_MEAN, CIFAR_STD
    ),
    "cifar10-train-head": Entry(
        _table_reader("cifar10-lossless-head", BY_HAND),
        ("train",),
        CIFAR_CLASSES,
        CIFAR_MEAN,
        CIFAR_STD,
    ),
    "imagenet-sample": Entry(
        _read_imagenet_sample, ("train",), _imagenet_classes(), IMAGENET_MEAN, IMAGENET_STD
    ),
}
