"""Images for a network of the reader's own: a folder of files, or a data set by its name.

    images = open_images("photos", network.input, count=200)
    equivar.measure(network.model, images, equivar.rotations())

Both kinds give normalised batches (B, C, H, W) and can be read several times. An image is read or
resized only when its batch is needed.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from equivar import data as datasets
from equivar.data.input import Input
from equivar.data.readers import open_image
from equivar.files import DataDamaged
from equivar.names import unknown_name

ENDINGS = frozenset(
    (
        *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
        *(".avif", ".jp2", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"),
    )
)
EMBEDDED = "shapes"
_GREY = (0.299, 0.587, 0.114)  # of red, green and blue, as in ITU-R 601
_FINER = 2  # a JPEG is decoded to at least this many times the size it is resized to


class FolderImages:
    """The image files of a folder and its subfolders, in batches.

    count: the largest number of images. They are spread evenly over the files sorted by name, so
    that all classes are included where each class has a folder. order: the seed of the order in
    which they come; None: sorted by name. skip_unreadable: leave out files that cannot be decoded;
    `skipped` then says which, and why. Raises FileNotFoundError for a folder that does not exist,
    ValueError for one without images and, while reading, DataDamaged, which names the file that
    cannot be decoded.
    """

    def __init__(
        self,
        folder: str | Path,
        wanted: Input,
        count: int | None = None,
        batch_size: int = 32,
        skip_unreadable: bool = False,
        order: int | None = None,
    ):
        self.folder, self.input = Path(folder).expanduser(), wanted
        paths = image_files(self.folder)
        if count is not None and count < len(paths):
            paths = [paths[i * len(paths) // count] for i in range(count)]
        if order is not None:
            paths = [paths[i] for i in drawn_order(len(paths), order)]
        self.dataset: Sequence[Path] = paths  # `measure` reads the number of images from it
        self.batch_size, self.skip_unreadable = batch_size, skip_unreadable
        self.skipped: dict[Path, str] = {}

    @property
    def name(self) -> str:
        """The path of the folder."""
        return str(self.folder)

    def __len__(self) -> int:
        """The number of batches, unreadable images included."""
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        threads = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
        waiting: deque[list[Future]] = deque()
        some = False
        try:
            for start in range(0, len(self.dataset) + self.batch_size, self.batch_size):
                paths = self.dataset[start : start + self.batch_size]
                waiting.append([threads.submit(self._read, path) for path in paths])
                if len(waiting) > 1:  # the next batch is decoded while this one is measured
                    images = [image for f in waiting.popleft() if (image := f.result()) is not None]
                    if images:
                        some = True
                        yield self._normalised(images)
        finally:
            threads.shutdown(cancel_futures=True)
        if not some:
            raise DataDamaged(f"none of the {len(self.dataset)} images in {self.name} can be read")

    def _read(self, path: Path) -> np.ndarray | None:
        try:
            return read_image(path, self.input)
        except DataDamaged as error:
            if not self.skip_unreadable:
                raise
            self.skipped[path] = str(error)
            return None

    def _normalised(self, images: list[np.ndarray]) -> Tensor:
        batch = torch.from_numpy(np.stack(images))  # uint8 (B, C, H, W)
        return datasets.normalise(batch, self.input.mean, self.input.std)


class DatasetImages:
    """Images in memory, uint8 (N, C, h, w), resized to what the network takes, in batches.

    Colour becomes grey, or grey is repeated, where the network's channels ask for it. labels: int64
    (N,), or None where they are not known.
    """

    def __init__(
        self,
        name: str,
        images: Tensor,
        wanted: Input,
        batch_size: int = 32,
        labels: Tensor | None = None,
    ):
        self.name, self.dataset, self.input, self.batch_size = name, images, wanted, batch_size
        self.labels = labels
        self.skipped: dict[Path, str] = {}

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        wanted = self.input
        for images in self.dataset.split(self.batch_size):
            pixels = _with_channels(images.float(), wanted.channels)
            if pixels.shape[2:] != (wanted.height, wanted.width):
                size = (wanted.height, wanted.width)
                pixels = F.interpolate(pixels, size, mode="bilinear", antialias=True)
            yield datasets.normalise(pixels, wanted.mean, wanted.std)


def open_images(
    where: str | Path,
    wanted: Input,
    count: int | None = None,
    batch_size: int = 32,
    skip_unreadable: bool = False,
    order: int | None = None,
) -> FolderImages | DatasetImages:
    """Images of a data set, by its name; of a folder; or, for "", of the embedded set `shapes`.

    A text that names a data set never stands for a folder of the same name; give "./mnist" or
    Path("mnist") for that. count: the largest number of images. order: the seed of the order in
    which they are drawn, so that neighbours, by which `equivar.measure` tells chance, have nothing
    in common; None: as they lie. Raises FileNotFoundError or ValueError where `where` is neither,
    and ValueError for a count below 2.
    """
    if count is not None and count < 2:
        raise ValueError(f"{count} images: at least 2 are needed, one to tell chance by")
    name = str(where) or EMBEDDED
    if name not in datasets.DATASETS or (where and isinstance(where, Path)):
        return FolderImages(where, wanted, count, batch_size, skip_unreadable, order)
    split = datasets.DATASETS[name].splits[-1]
    options = {}
    if name in ("imagenet-sample", "imagenet") and wanted.height == wanted.width:
        method = wanted.interpolation if wanted.interpolation == "bicubic" else "bilinear"
        options = {"size": wanted.height, "resize": wanted.resize[0], "interpolation": method}
    if name == "imagenet":
        options["count"] = count
    data = datasets.load(name, split, **options)
    if order is not None:
        data = data.subset(drawn_order(len(data), order)[:count])
    elif count:
        data = data.subset(count)
    return DatasetImages(f"{name} {split}", data.images, wanted, batch_size, data.labels)


def drawn_order(count: int, seed: int) -> list[int]:
    """The numbers 0 to count - 1 in an order drawn with `seed`."""
    return np.random.default_rng(seed).permutation(count).tolist()


def image_files(folder: Path) -> list[Path]:
    """All image files in a folder and below, sorted by name; hidden ones are left out.

    Raises FileNotFoundError for a folder that does not exist, and ValueError for a file or a folder
    without images.
    """
    if not folder.exists():
        near = "" if os.sep in str(folder) else f" ({_near_data_set(str(folder))})"
        raise FileNotFoundError(f"no folder {folder}{near}")
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file: give the folder that the images are in")
    found = []
    for at, folders, names in os.walk(folder, followlinks=True):
        above = {os.path.realpath(path) for path in (at, *Path(at).parents)}
        folders[:] = [  # a link to a folder that it lies in would never end
            name
            for name in folders
            if name[0] not in "._" and os.path.realpath(Path(at, name)) not in above
        ]
        found += [
            Path(at, name)
            for name in names
            if name[0] != "." and Path(name).suffix.lower() in ENDINGS
        ]
    if not found:
        endings = ", ".join(sorted(ending[1:] for ending in ENDINGS))
        raise ValueError(f"no images in {folder} or below it ({endings})")
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def read_image(path: Path, wanted: Input) -> np.ndarray:
    """Read one image file as the network takes it: uint8 (C, H, W).

    The image is turned as its EXIF orientation says. Alpha is dropped, and the first of several
    frames is taken. Raises DataDamaged, which names the file, where it cannot be decoded.
    """
    try:
        with open_image(path) as image:
            if image.format == "JPEG":
                least = _FINER * max(wanted.resize)
                image.draft(image.mode, (least, least))
            return wanted.prepare(_eight_bits(ImageOps.exif_transpose(image)))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataDamaged(f"{path} can not be read as an image: {error}") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits, since Pillow would clip it; other images stay as they are."""
    if image.mode == "F":
        raise ValueError("its pixels are real numbers of unknown range")
    if image.mode == "I" or image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) // 256).clip(0, 255).astype(np.uint8))
    return image


def _with_channels(pixels: Tensor, channels: int) -> Tensor:
    """(B, 1 or 3, H, W) -> (B, channels, H, W)."""
    if pixels.shape[1] == channels:
        return pixels
    if channels == 1:
        return (pixels * torch.tensor(_GREY)[:, None, None]).sum(1, keepdim=True)
    return pixels.expand(-1, channels, -1, -1)


def _near_data_set(name: str) -> str:
    return str(unknown_name("data set", name, datasets.DATASETS)).rstrip(".")
