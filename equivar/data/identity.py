"""What identifies a split of a data set, and whether files hold it.

The identity does not depend on how the data are stored: images and labels are written in the plain
form whose sha256s are published (`mnist_parts`, `cifar10_parts`). JPEGs are the exception, since
decoders differ in the last bit: they are identified by the bytes of their files, or where these
differ by what `equivar.data.alike` compares.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

import torch
from torch import Tensor

from equivar.data.registry import File
from equivar.files import DataDamaged

CIFAR10_PART = 10_000  # images in each binary file


def mnist_parts(images: Tensor, labels: Tensor) -> Iterator[bytes]:
    """Images (N, 1, H, W) and labels (N,) as the two unpacked idx files of MNIST."""
    for array in (images[:, 0], labels.to(torch.uint8)):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        yield header + array.numpy().tobytes()


def cifar10_parts(images: Tensor, labels: Tensor) -> Iterator[bytes]:
    """Images (N, 3, 32, 32) and labels (N,) as the binary files of CIFAR-10."""
    for start in range(0, len(labels), CIFAR10_PART):
        part = slice(start, start + CIFAR10_PART)
        records = torch.cat([labels[part, None].to(torch.uint8), images[part].flatten(1)], dim=1)
        yield records.numpy().data


def digests(parts: Iterable[bytes]) -> list[str]:
    """The sha256 of each part; one is hashed while the next is made."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda part: hashlib.sha256(part).hexdigest(), parts))


def file_digests(paths: Iterable[Path]) -> list[str]:
    """The sha256 of each file; for a folder, that of the names and sizes of all files below it."""
    return [_digest(path, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]


@functools.lru_cache(maxsize=1024)
def _digest(path: Path, _size: int, _changed: int) -> str:
    if path.is_dir():  # 50,000 images of ImageNet: reading them all would take minutes
        files = sorted(file for file in path.rglob("*") if file.is_file())
        lines = [f"{file.relative_to(path).as_posix()} {file.stat().st_size}" for file in files]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(
    paths: list[Path], found: list[str], expected: tuple[File, ...], differs: str = ""
) -> None:
    """Raise DataDamaged, naming the files, unless the sha256s `found` are the `expected` ones.

    differs: how the content differs, in words, where that is known.
    """
    one_each = len(paths) == len(found) == len(expected)
    problems = []
    for i, (file, digest) in enumerate(zip_longest(expected, found)):
        if file is None or digest != file.sha256:
            where = paths[i] if one_each else ", ".join(str(path) for path in paths)
            part = f"the content of {Path(file.place).name}" if file else "nothing more"
            wanted = f", sha256 {file.sha256}" if file else ""
            problems.append(f"{where} should hold {part}{wanted}, but has {digest or 'less'}")
    if problems:
        fetched = any(file.download or file.original or file.instead for file in expected)
        hint = " Once it is removed, make data fetches it anew." if fetched else ""
        told = "; ".join([*problems, *([differs] if differs else [])])
        raise DataDamaged(f"damaged, or other data: {told}.{hint}")
