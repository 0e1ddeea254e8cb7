"""Files with other bytes that hold the data on record nevertheless.

A parquet table has other bytes when another version writes it, and a JPEG when another Pillow does.
Each function returns "" where the files hold the same, and else says how they differ.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from equivar.data.identity import cifar10_parts, digests
from equivar.data.readers import image_column, read_columns, read_head
from equivar.data.registry import File
from equivar.data.sample import differences, statistics


@dataclass(frozen=True)
class Alike:
    """When files with another sha256 are accepted. words: what they then hold.

    differs: takes the files and those of the registry; "" where they hold the same, else how not.
    """

    words: str
    differs: Callable[[list[Path], tuple[File, ...]], str]


def rows(paths: list[Path]) -> list[tuple[bytes, int]]:
    """(image file, label) of each row of image tables."""
    found = []
    for path in paths:
        column = image_column(path)
        table = read_columns(path, [f"{column}.bytes", "label"])
        files = table[column].combine_chunks().field("bytes").to_pylist()
        found += zip(files, table["label"].to_pylist(), strict=True)
    return found


def content_digest(paths: list[Path]) -> str:
    """One sha256 of the labels and the image files of tables, however the tables are written."""
    digest = hashlib.sha256()
    for image, label in rows(paths):
        digest.update(struct.pack("<qq", label, len(image or b"")))
        digest.update(image or b"")
    return digest.hexdigest()


def same_content(paths: list[Path], files: tuple[File, ...]) -> str:
    """Labels and image files are those on record, in their order."""
    found = content_digest(paths)
    return "" if found == files[0].content else f"images and labels of sha256 {found}"


def same_pixels(paths: list[Path], files: tuple[File, ...]) -> str:
    """The first images of CIFAR-10, by pixels and labels, are those on record."""
    found = digests(cifar10_parts(*read_head(paths)))[0]
    return "" if found == files[0].content else f"pixels and labels of sha256 {found}"


def same_statistics(paths: list[Path], files: tuple[File, ...] = ()) -> str:
    """Each image has the size on record, and its mean and deviation within two grey levels."""
    found = rows(paths)
    return differences(statistics([image for image, _ in found]), [label for _, label in found])
