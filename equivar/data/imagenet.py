"""The validation images of ImageNet; only those that are asked for are decoded."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet
import torch

from equivar.data.finders import IMAGENET_CLASSES
from equivar.data.readers import (
    ReadResult,
    decode_all,
    image_column,
    read_columns,
    resize_and_crop,
)
from equivar.files import DataDamaged


@cache
def categories() -> tuple[str, ...]:
    """The names of the 1000 classes, in the order of their WordNet numbers (wnids)."""
    from torchvision.models import ResNet18_Weights  # imported late: it takes a second

    return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])


def read_imagenet(
    paths: list[Path],
    size: int = 224,
    resize: int = 256,
    interpolation: str = "bilinear",
    count: int = 2000,
    seed: int = 0,
) -> ReadResult:
    """Read the first `count` images of an order drawn with `seed`, resized and cropped.

    paths: an ImageFolder, or parquet image tables. Images are uint8 (count, 3, size, size); labels
    number the classes in the order of their wnids. Both sources give the same images where the
    tables keep the file names of the images. Raises DataDamaged for a class without an image, a
    label out of range and an image that cannot be decoded, and ValueError where there are fewer
    than `count` images.
    """
    prepare = resize_and_crop(size, resize, interpolation)
    source = _Folder(paths[0]) if paths[0].is_dir() else _Tables(paths)
    missing = sorted(set(range(IMAGENET_CLASSES)) - set(source.labels))
    if missing:
        raise DataDamaged(
            f"{paths[0]}: {len(missing)} of {IMAGENET_CLASSES} classes have no image, the first "
            f"one is number {missing[0]}"
        )
    if not 1 <= count <= len(source.labels):
        raise ValueError(f"{count} images asked for, imagenet has {len(source.labels)}")
    chosen = np.random.default_rng(seed).permutation(len(source.labels))[:count].tolist()
    files, names = source.open(chosen)
    images = decode_all(files, names, prepare=prepare)
    return images, torch.tensor([source.labels[i] for i in chosen])


class _Folder:
    """An ImageFolder: files sorted by class and name."""

    def __init__(self, folder: Path):
        from torchvision.datasets import ImageFolder  # imported late, as above

        try:
            samples = ImageFolder(folder).samples
        except FileNotFoundError as error:  # a class without any file
            raise DataDamaged(f"{folder}: {error}") from error
        self.paths = [Path(path) for path, _ in samples]
        self.labels = [label for _, label in samples]

    def open(self, chosen: list[int]):
        """Functions that open the chosen files, and their names."""
        paths = [self.paths[i] for i in chosen]
        return [lambda path=path: path.open("rb") for path in paths], [str(path) for path in paths]


class _Tables:
    """Parquet image tables: images sorted by label and file name (where there is one)."""

    def __init__(self, paths: list[Path]):
        self.tables = paths
        rows = []  # (label, file name, table, row)
        for number, path in enumerate(paths):
            names, labels = _names_and_labels(path)
            rows += [(labels[i], names[i], number, i) for i in range(len(labels))]
        rows.sort()
        self.rows = [row[2:] for row in rows]
        self.labels = [row[0] for row in rows]
        if not 0 <= self.labels[0] <= self.labels[-1] < IMAGENET_CLASSES:
            raise DataDamaged(
                f"{paths[0]}: labels {self.labels[0]}..{self.labels[-1]}, but {IMAGENET_CLASSES} "
                "classes"
            )

    def open(self, chosen: list[int]):
        """The same as for a folder.

        All tables hold gigabytes, so only one group of rows at a time is in memory.
        """
        encoded: dict[tuple[int, int], bytes] = dict.fromkeys(self.rows[i] for i in chosen)
        for number, path in enumerate(self.tables):
            wanted = {row for table, row in encoded if table == number}
            for row, content in _encoded(path, wanted):
                encoded[number, row] = content
        rows = [self.rows[i] for i in chosen]
        names = [f"image {row} of {self.tables[number]}" for number, row in rows]
        return [lambda row=row: io.BytesIO(encoded[row] or b"") for row in rows], names


def _names_and_labels(path: Path) -> tuple[list[str], list[int]]:
    """The name of each image's file ("" where the table has none) and its label."""
    column = image_column(path)
    has_path = pyarrow.parquet.read_schema(path).field(column).type.get_field_index("path") >= 0
    table = read_columns(path, ["label", *([f"{column}.path"] if has_path else [])])
    labels = table["label"].to_pylist()
    if not has_path:
        return [""] * len(labels), labels
    names = table[column].combine_chunks().field("path").to_pylist()
    return [Path(name or "").name for name in names], labels


def _encoded(path: Path, wanted: set[int]):
    """Give (row, image file) for the wanted rows of a table, one group of rows at a time."""
    column = image_column(path)
    try:
        file, start = pyarrow.parquet.ParquetFile(path), 0
        for group in range(file.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            rows = sorted(row for row in wanted if start <= row < stop)
            if rows:
                table = file.read_row_group(group, columns=[f"{column}.bytes"])
                contents = table[column].combine_chunks().field("bytes")
                yield from ((row, contents[row - start].as_py()) for row in rows)
            start = stop
    except (pyarrow.ArrowException, OSError) as error:
        raise DataDamaged(f"{path} can not be read as a parquet table: {error}") from error
