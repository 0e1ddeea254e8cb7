"""The data sets of the paper and two that need no file, in one table of named entries.

    train = datasets.load("shapes", "train")
    task = datasets.mnist6(datasets.load("mnist", "train"), "rot-inv")

Two sets are embedded: `digits` (from scikit-learn) and `shapes` (drawn by this package). The others
are read from files under the data root: `mnist`, `cifar10`, `cifar10-jpeg`, `cifar10-train-head`,
`imagenet-sample`, `imagenet`. The data root is an argument, or else the variable EQUIVAR_DATA, or
else data/raw. What is read is checked against the registry (equivar.data.registry). No function
here uses a global RNG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from equivar.data import finders, identity
from equivar.data.alike import Alike, same_content, same_pixels, same_statistics
from equivar.data.embedded import photograph, read_digits, read_shapes
from equivar.data.imagenet import categories, read_imagenet
from equivar.data.images import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    ImageData,
    normalise,
    picture,
)
from equivar.data.mnist6 import mnist6
from equivar.data.readers import (
    ReadResult,
    read_cifar10,
    read_head,
    read_mnist,
    read_sample,
    read_tables,
)
from equivar.data.registry import FILES, File, fingerprint_of
from equivar.data.shapes import OUTLINES, draw_shapes
from equivar.data.sheet import Sheet
from equivar.files import DataDamaged, DataMissing, data_root
from equivar.names import unknown_name

__all__ = [
    "DATASETS",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "DataDamaged",
    "DataMissing",
    "ImageData",
    "Sheet",
    "data_root",
    "draw_shapes",
    "fingerprint",
    "load",
    "mnist6",
    "normalise",
    "other_bytes",
    "photograph",
    "picture",
    "sheet_of",
    "verify",
]

CIFAR_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
DIGIT_CLASSES = tuple("0123456789")


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One row of `DATASETS`: how to read a split, and what is known of its images.

    read: makes images and labels of what `find` returns. find: gives the files of a split (see
    `finders`). It is None for an embedded set, which is read by the name of the split and
    identified by `revision`; raise `revision` when such a set gives other images. classes: their
    names in the order of the labels, or a function that returns them. mean, std: of each channel,
    for pixels in [0, 1]. shape: (C, H, W) of every image where all have one size; every class must
    then have images. parts: writes images and labels in the plain form that identifies them (see
    `identity`); None where the bytes of the files identify them. alike: which files with other
    bytes are accepted.
    """

    read: Callable[..., ReadResult]
    splits: tuple[str, ...] = ("train", "test")
    classes: tuple[str, ...] | Callable[[], tuple[str, ...]]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    find: finders.Finder | None = None
    revision: int = 1
    shape: tuple[int, int, int] | None = None
    parts: Callable[[Tensor, Tensor], Iterable[bytes]] | None = None
    alike: Alike | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes in the order of the labels."""
        return self.classes() if callable(self.classes) else self.classes


def load(name: str, split: str = "train", root: str | Path | None = None, **options) -> ImageData:
    """Read one split of the data set `name` into memory and check it against the registry.

    `imagenet-sample` and `imagenet` take the options size=224 (pixels a side), resize=256 (pixels
    of the shorter side before the central crop) and interpolation="bilinear" or "bicubic".
    `imagenet` also takes count=2000 images, the first of an order drawn with seed=0.

    Raises ValueError for an unknown name or split (the message lists near ones) and TypeError for
    an unknown option. Raises DataMissing or DataDamaged for a file that is absent or broken or
    holds other data; the message names the file, its place and how to get it.

    >>> images = load("digits", "test")
    >>> len(images), images.images.shape
    (500, torch.Size([500, 1, 28, 28]))
    """
    entry = _entry(name, split)
    if entry.find is None:
        images, labels = entry.read(split, **options)
    else:
        paths = entry.find(split, data_root(root))
        images, labels = entry.read(paths, **options)
        _check(entry, name, split, paths, images, labels)
    return ImageData(name, split, images, labels, entry.class_names, entry.mean, entry.std)


def sheet_of(
    name: str,
    embedded: str,
    draw: Callable[[ImageData], Sheet],
    rows: Iterable[str],
    kept: Iterable[Path] = (),
) -> Sheet:
    """What `draw` makes of the training images of `name`, for a page that shows a few of them.

    Where the files of `name` are missing, it is the first of the `kept` sheets that shows `name` in
    these `rows`; without one, what `draw` makes of the set `embedded`.
    """
    try:
        return draw(load(name))
    except DataMissing:
        rows = list(rows)
        for sheet in map(Sheet.read, kept):
            if sheet.source == name and set(rows) <= set(sheet.rows):
                return sheet.of(rows)
        return draw(load(embedded))


def fingerprint(name: str, split: str, root: str | Path | None = None) -> str:
    """A text that identifies the images and labels of a split, for the keys of stored runs.

    For an embedded set it holds the revision. For a set in the registry it is made from the
    recorded sha256s; the files are not read and need not be there. For any other set it is made
    from the sha256s of the files. Raises ValueError, DataMissing and DataDamaged as `load` does.

    >>> fingerprint("digits", "test")
    'embedded-r1'
    """
    entry = _entry(name, split)
    if entry.find is None:
        return f"embedded-r{entry.revision}"
    if (name, split) in FILES:
        return fingerprint_of(file.sha256 for file in FILES[name, split])
    return fingerprint_of(identity.file_digests(entry.find(split, data_root(root))))


def verify(name: str, split: str, root: str | Path | None = None) -> bool:
    """Check the files of a split against the registry; False if the registry lacks the split.

    The result is True for an embedded set. JPEG images are not decoded, unless the bytes of the
    files are not those on record. Raises DataDamaged for files that differ from the registry;
    otherwise raises as `load` does.

    >>> verify("digits", "test")
    True
    """
    entry = _entry(name, split)
    if entry.find is None:
        return True
    paths = entry.find(split, data_root(root))
    if entry.parts:
        _check(entry, name, split, paths, *entry.read(paths))
    elif (name, split) in FILES:
        _check_files(entry, paths, FILES[name, split])
    return (name, split) in FILES


def other_bytes(name: str, split: str, root: str | Path | None = None) -> str:
    """What files of a split hold, in words, where their bytes are not those on record; else ""."""
    entry = _entry(name, split)
    if entry.alike is None or (name, split) not in FILES:
        return ""
    found = identity.file_digests(entry.find(split, data_root(root)))
    return "" if found == [file.sha256 for file in FILES[name, split]] else entry.alike.words


def _entry(name: str, split: str) -> DataSet:
    if name not in DATASETS:
        raise unknown_name("data set", name, DATASETS)
    if split not in DATASETS[name].splits:
        raise unknown_name(f"split of {name}", split, DATASETS[name].splits)
    return DATASETS[name]


def _check(
    entry: DataSet, name: str, split: str, paths: list[Path], images: Tensor, labels: Tensor
) -> None:
    """Raise DataDamaged, naming the files, unless they hold what the entry and registry say."""
    where = ", ".join(str(path) for path in paths)
    if not len(labels):
        raise DataDamaged(f"{where}: no images")
    if entry.shape and images.shape[1:] != entry.shape:
        found, wanted = tuple(images.shape[1:]), entry.shape
        raise DataDamaged(f"{where}: images (C, H, W) of {found}, those of {name} are {wanted}")
    if not 0 <= labels.min() <= labels.max() < len(entry.class_names):
        found = f"{int(labels.min())}..{int(labels.max())}"
        classes = len(entry.class_names)
        raise DataDamaged(f"{where}: labels {found}, but {name} has {classes} classes")
    counts = torch.bincount(labels, minlength=len(entry.class_names)).tolist()
    absent = [label for label, count in zip(entry.class_names, counts, strict=True) if not count]
    if entry.shape and absent:
        raise DataDamaged(f"{where}: no image of class {', '.join(absent)} of {name}")
    if (name, split) not in FILES:
        return
    if entry.parts:
        identity.check(paths, identity.digests(entry.parts(images, labels)), FILES[name, split])
    else:
        _check_files(entry, paths, FILES[name, split])


def _check_files(entry: DataSet, paths: list[Path], files: tuple[File, ...]) -> None:
    """Raise DataDamaged, naming the files, unless they are those on record, or alike."""
    found, differs = identity.file_digests(paths), ""
    if entry.alike and found != [file.sha256 for file in files]:
        differs = entry.alike.differs(paths, files)
        if not differs:
            return
    identity.check(paths, found, files, differs)


_CIFAR = {"classes": CIFAR_CLASSES, "mean": CIFAR_MEAN, "std": CIFAR_STD, "shape": (3, 32, 32)}
_IMAGENET = {"classes": categories, "mean": IMAGENET_MEAN, "std": IMAGENET_STD}

DATASETS: dict[str, DataSet] = {
    "digits": DataSet(read=read_digits, classes=DIGIT_CLASSES, mean=(0.1592,), std=(0.2983,)),
    "shapes": DataSet(
        read=read_shapes,
        classes=tuple(OUTLINES),
        mean=(0.4996, 0.4995, 0.4999),
        std=(0.2346, 0.2342, 0.2339),
    ),
    "mnist": DataSet(
        find=finders.find_mnist,
        read=read_mnist,
        classes=DIGIT_CLASSES,
        mean=(0.1307,),
        std=(0.3081,),
        shape=(1, 28, 28),
        parts=identity.mnist_parts,
    ),
    "cifar10": DataSet(
        find=finders.find_cifar10, read=read_cifar10, parts=identity.cifar10_parts, **_CIFAR
    ),
    "cifar10-jpeg": DataSet(
        find=finders.table_finder("cifar10-jpeg", "cifar10-jpeg"),
        read=read_tables,
        alike=Alike("the same images and labels in another file", same_content),
        **_CIFAR,
    ),
    "cifar10-train-head": DataSet(
        find=finders.find_cifar10_head,
        read=read_head,
        splits=("train",),
        alike=Alike("the same images and labels in another file", same_pixels),
        **_CIFAR,
    ),
    "imagenet-sample": DataSet(
        find=finders.find_imagenet_sample,
        read=read_sample,
        splits=("train",),
        alike=Alike("mean and deviation of each image within 2 grey levels", same_statistics),
        **_IMAGENET,
    ),
    "imagenet": DataSet(
        find=finders.find_imagenet, read=read_imagenet, splits=("val",), **_IMAGENET
    ),
}
