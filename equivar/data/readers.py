"""Read the files of the known data sets into tensors. Nothing is unpickled."""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow
import pyarrow.parquet
import torch
from PIL import Image
from torch import Tensor

from equivar.files import DataDamaged

Decoder = Callable[[Image.Image], Image.Image]
ReadResult = tuple[Tensor, Tensor]  # images uint8 (N, C, H, W), labels int64 (N,)
_UNREADABLE = (pyarrow.ArrowException, OSError, UnicodeDecodeError)  # for a damaged table
HEAD = 4000  # images of cifar10-train-head
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA")


def read_mnist(paths: list[Path]) -> ReadResult:
    """Read MNIST from its idx files (images, labels) or from parquet image tables, in grey.

    Raises DataDamaged for broken files and for images that do not go with their labels.
    """
    if paths[0].suffix == ".parquet":
        return read_tables(paths, mode="L")
    images, labels = (read_idx(path) for path in paths)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DataDamaged(f"{paths[0]} does not go with its labels: {len(images)}, {len(labels)}")
    return images[:, None], labels.long()  # (N, 28, 28) -> (N, 1, 28, 28)


def read_cifar10(paths: list[Path]) -> ReadResult:
    """Read CIFAR-10 from its binary files or from parquet image tables."""
    return read_tables(paths) if paths[0].suffix == ".parquet" else read_cifar_binary(paths)


def read_head(paths: list[Path]) -> ReadResult:
    """Read the first images of CIFAR-10, from a table of them or a binary file of more."""
    images, labels = read_cifar10(paths)
    return images[:HEAD], labels[:HEAD]


def read_sample(
    paths: list[Path], size: int = 224, resize: int = 256, interpolation: str = "bilinear"
) -> ReadResult:
    """Read parquet image tables of images of any size; each image is resized and cropped."""
    return read_tables(paths, prepare=resize_and_crop(size, resize, interpolation))


def read_idx(path: Path) -> Tensor:
    """Read an idx file of bytes, the format of MNIST, gzipped or not: uint8, in its own shape.

    Raises DataDamaged for any other file, and for one shorter or longer than its header says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            raw = file.read()
        zero, kind, rank = struct.unpack(">HBB", raw[:4])
        shape = struct.unpack(f">{rank}I", raw[4 : 4 + 4 * rank])
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise DataDamaged(f"{path} can not be read as an idx file: {error}") from error
    body = raw[4 + 4 * rank :]
    if zero != 0 or kind != 8 or len(body) != math.prod(shape):
        raise DataDamaged(
            f"{path} is no idx file of bytes, or only half of one: its header promises "
            f"{math.prod(shape)} bytes of data, it has {len(body)}"
        )
    return torch.frombuffer(bytearray(body), dtype=torch.uint8).reshape(shape)


def read_cifar_binary(paths: Iterable[Path]) -> ReadResult:
    """Read the binary version of CIFAR-10: images uint8 (N, 3, 32, 32) and labels int64 (N,).

    A record is one byte of label and 3 x 32 x 32 bytes of image. Raises DataDamaged for a file that
    does not consist of whole records.
    """
    parts = []
    for path in paths:
        raw = np.fromfile(path, dtype=np.uint8)
        if raw.size == 0 or raw.size % 3073:
            raise DataDamaged(f"{path} has {raw.size} bytes, not a multiple of 3073: incomplete")
        parts.append(raw.reshape(-1, 3073))
    records = torch.from_numpy(np.concatenate(parts))
    return records[:, 1:].reshape(-1, 3, 32, 32).contiguous(), records[:, 0].long()


def read_tables(
    paths: Iterable[Path], mode: str = "RGB", prepare: Decoder | None = None
) -> ReadResult:
    """Read parquet image tables: images uint8 (N, C, H, W) and labels int64 (N,).

    The columns are `label` and `img` or `image`, a struct whose field `bytes` holds an image file.
    Every image is decoded in `mode` ("RGB", or "L" for grey) and then passed to `prepare`. Raises
    DataDamaged for other tables, and where the images then differ in size.
    """
    encoded: list[tuple[str, bytes]] = []
    labels: list[int] = []
    for path in paths:
        column = image_column(path)
        table = read_columns(path, [f"{column}.bytes", "label"])
        files = table[column].combine_chunks().field("bytes").to_pylist()
        encoded += [(f"image {row} of {path}", file) for row, file in enumerate(files)]
        labels += table["label"].to_pylist()
    images = decode_all(
        [lambda file=file: io.BytesIO(file or b"") for _, file in encoded],
        [where for where, _ in encoded],
        mode,
        prepare,
    )
    return images, torch.tensor(labels)


def image_column(path: Path) -> str:
    """The name of the column of images in a parquet image table; else raises DataDamaged."""
    try:
        schema = pyarrow.parquet.read_schema(path)
        rows = pyarrow.parquet.read_metadata(path).num_rows
    except _UNREADABLE as error:
        raise DataDamaged(f"{path} can not be read as a parquet table: {error}") from error
    column = next((name for name in ("img", "image") if name in schema.names), None)
    if column is None or "label" not in schema.names or not rows:
        raise DataDamaged(f"{path} has {rows} rows of {schema.names}: no images with labels")
    kind = schema.field(column).type
    if not (pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0):
        raise DataDamaged(f"{path}: column {column} is {kind}, not a struct with the field bytes")
    if not pyarrow.types.is_integer(schema.field("label").type):
        kind = schema.field("label").type
        raise DataDamaged(f"{path}: column label is {kind}, not whole numbers")
    return column


def read_columns(path: Path, columns: list[str]) -> pyarrow.Table:
    """Read some columns of a table with labels.

    Raises DataDamaged where the table cannot be read or labels are missing.
    """
    try:
        table = pyarrow.parquet.ParquetFile(path).read(columns=columns)
    except _UNREADABLE as error:
        raise DataDamaged(f"{path} can not be read as a parquet table: {error}") from error
    if table["label"].null_count:
        raise DataDamaged(f"{path}: {table['label'].null_count} images have no label")
    return table


def decode_all(
    files: list[Callable[[], io.BufferedIOBase]],
    names: list[str],
    mode: str = "RGB",
    prepare: Decoder | None = None,
) -> Tensor:
    """Decode image files in threads: uint8 (N, C, H, W).

    Raises DataDamaged, naming the file, for one that cannot be decoded and for one whose size
    differs from that of the first.
    """

    def decode(row: int) -> np.ndarray:
        """Decode one image and prepare it: uint8 (H, W, 3), or (H, W) in grey."""
        try:
            with files[row]() as file, open_image(file) as opened:
                image = opened.convert(mode)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise DataDamaged(f"{names[row]} can not be decoded: {error}") from error
        return np.asarray(prepare(image) if prepare else image)

    with ThreadPoolExecutor() as pool:
        images = list(pool.map(decode, range(len(files))))
    other = next((i for i, image in enumerate(images) if image.shape != images[0].shape), None)
    if other is not None:
        sizes = [" x ".join(map(str, images[i].shape[:2])) for i in (other, 0)]
        raise DataDamaged(f"several sizes: {names[other]} is {sizes[0]}, {names[0]} is {sizes[1]}")
    stacked = torch.from_numpy(np.stack(images))  # (N, H, W, 3), or (N, H, W)
    return stacked[:, None] if mode == "L" else stacked.permute(0, 3, 1, 2).contiguous()


def open_image(file: Path | BinaryIO) -> Image.Image:
    """Open an image with Pillow, in the formats of photographs and data sets only.

    Otherwise Pillow would pass a PostScript image, whatever its name, to Ghostscript, which runs it
    as a program. Raises UnidentifiedImageError, an OSError, for any other format.
    """
    Image.init()  # so that OPEN holds every format that this Pillow was built with
    return Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])


def resize_and_crop(size: int, resize: int, interpolation: str = "bilinear") -> Decoder:
    """A function that resizes the shorter side to `resize` pixels and cuts out the centre.

    Resizing is antialiased; the centre has `size` x `size` pixels. Raises ValueError for an unknown
    interpolation, and for a centre that is larger than the resized image.
    """
    if interpolation not in ("bilinear", "bicubic"):
        raise ValueError(f"interpolation {interpolation!r} is neither 'bilinear' nor 'bicubic'")
    method = Image.Resampling[interpolation.upper()]
    if not 1 <= size <= resize:
        raise ValueError(f"a crop of {size} pixels does not fit an image resized to {resize}")

    def prepare(image: Image.Image) -> Image.Image:
        """Resize one image and cut out its centre."""
        scale = resize / min(image.size)
        width, height = (max(resize, round(side * scale)) for side in image.size)
        image = image.resize((width, height), method)
        left, top = (width - size) // 2, (height - size) // 2
        return image.crop((left, top, left + size, top + size))

    return prepare
