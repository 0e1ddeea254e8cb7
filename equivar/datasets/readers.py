"""Files of the known data sets -> tensors. Nothing is unpickled."""

from __future__ import annotations

import gzip
import io
import math
import struct
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import torch
from PIL import Image
from torch import Tensor

from equivar.files import DataDamaged

Decoder = Callable[[Image.Image], Image.Image]


def read_idx(path: Path) -> Tensor:
    """An idx file of bytes, gzipped or not (the format of MNIST) -> uint8, its own shape.

    DataDamaged: not such a file, or shorter or longer than its header says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            raw = file.read()
        zero, kind, rank = struct.unpack(">HBB", raw[:4])
        shape = struct.unpack(f">{rank}I", raw[4 : 4 + 4 * rank])
    except (OSError, EOFError, struct.error) as error:
        raise DataDamaged(f"{path} can not be read as an idx file: {error}") from error
    body = raw[4 + 4 * rank :]
    if zero != 0 or kind != 8 or len(body) != math.prod(shape):
        raise DataDamaged(
            f"{path} is no idx file of bytes, or only half of one: its header promises "
            f"{math.prod(shape)} bytes of data, it has {len(body)}"
        )
    return torch.frombuffer(bytearray(body), dtype=torch.uint8).reshape(shape)


def read_cifar_binary(paths: Iterable[Path]) -> tuple[Tensor, Tensor]:
    """The binary version of CIFAR-10: uint8 (N, 3, 32, 32) and labels (N,).

    A record is one byte of label and 3 x 32 x 32 bytes of image. DataDamaged: a broken record.
    """
    parts = []
    for path in paths:
        raw = np.fromfile(path, dtype=np.uint8)
        if raw.size == 0 or raw.size % 3073:
            raise DataDamaged(f"{path} has {raw.size} bytes, not a multiple of 3073: incomplete")
        parts.append(raw.reshape(-1, 3073))
    records = torch.from_numpy(np.concatenate(parts))
    return records[:, 1:].reshape(-1, 3, 32, 32).contiguous(), records[:, 0].long()


def read_parquet(paths: Iterable[Path], prepare: Decoder | None = None) -> tuple[Tensor, Tensor]:
    """Parquet image tables -> uint8 (N, 3, H, W) and labels (N,).

    Columns: `img` or `image`, a struct with `bytes` (an image file), and `label`. Every image is
    decoded as RGB, then passed to `prepare`; all must then have one size. DataDamaged otherwise.
    """
    encoded: list[bytes] = []
    labels: list[int] = []
    for path in paths:
        files, numbers = _parquet_columns(path)
        encoded += files
        labels += numbers

    def decode(row: int) -> np.ndarray:
        try:
            image = Image.open(io.BytesIO(encoded[row])).convert("RGB")
        except OSError as error:
            raise DataDamaged(f"image {row} of {path} can not be decoded: {error}") from error
        return np.asarray(prepare(image) if prepare else image)  # (H, W, 3)

    with ThreadPoolExecutor() as pool:
        images = list(pool.map(decode, range(len(encoded))))
    if len({image.shape for image in images}) > 1:
        raise DataDamaged(f"the images of {path} have several sizes")
    stacked = torch.from_numpy(np.stack(images))  # (N, H, W, 3)
    return stacked.permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)


def _parquet_columns(path: Path) -> tuple[list[bytes], list[int]]:
    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataDamaged(f"{path} can not be read as a parquet table: {error}") from error
    column = next((name for name in ("img", "image") if name in table.column_names), None)
    if column is None or "label" not in table.column_names or not table.num_rows:
        raise DataDamaged(f"{path} has {table.num_rows} rows of {table.column_names}: no images")
    rows = table.column(column).combine_chunks()
    return rows.field("bytes").to_pylist(), table.column("label").to_pylist()


def resize_and_crop(size: int, resize: int, interpolation: str = "bilinear") -> Decoder:
    """Resize of the shorter side to `resize` pixels, antialiased, then the central size x size."""
    if interpolation not in ("bilinear", "bicubic"):
        raise ValueError(f"interpolation {interpolation!r} is neither 'bilinear' nor 'bicubic'")
    method = Image.Resampling[interpolation.upper()]
    if not 1 <= size <= resize:
        raise ValueError(f"a crop of {size} pixels does not fit an image resized to {resize}")

    def prepare(image: Image.Image) -> Image.Image:
        scale = resize / min(image.size)
        width, height = (max(resize, round(side * scale)) for side in image.size)
        image = image.resize((width, height), method)
        left, top = (width - size) // 2, (height - size) // 2
        return image.crop((left, top, left + size, top + size))

    return prepare
