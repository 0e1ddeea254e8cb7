"""The sample of ImageNet: how its images are made smaller, and what is on record of each.

Most images got a shorter side of 288 pixels; small ones stayed, and those whose file would not have
become smaller. A JPEG that is made smaller has other bytes with another Pillow or another libjpeg.
So the sample is also known by the size, mean and deviation of each image, in imagenet_sample.csv.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from equivar.data.readers import open_image
from equivar.files import DataDamaged

QUALITY = 90  # of JPEG
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
LEVELS = 2.0  # of 256 grey levels, by which a mean or a deviation may differ
ON_RECORD = Path(__file__).with_name("imagenet_sample.csv")


def on_record() -> pd.DataFrame:
    """A row for each image in the order of the classes: name, width, height, mean, deviation."""
    return pd.read_csv(ON_RECORD)


def resized(content: bytes, name: str, size: tuple[int, int]) -> bytes:
    """A JPEG of another (width, height); the file itself where it has that size.

    Raises DataDamaged, naming the image, where it can not be decoded.
    """
    try:
        with open_image(io.BytesIO(content)) as opened:
            if opened.size == size:
                return content
            written = io.BytesIO()
            smaller = opened.convert("RGB").resize(size, Image.Resampling.BICUBIC)
            smaller.save(written, "JPEG", quality=QUALITY)
    except UNREADABLE as error:
        raise DataDamaged(f"{name} can not be decoded: {error}") from error
    return written.getvalue()


def statistics(images: Sequence[bytes]) -> pd.DataFrame:
    """A row for each image file: width, height, and mean and deviation of its grey levels."""
    found = []
    for number, content in enumerate(images):
        try:
            with open_image(io.BytesIO(content or b"")) as opened:
                pixels = np.asarray(opened.convert("RGB"), dtype=np.float64)
        except UNREADABLE as error:
            raise DataDamaged(f"image {number} can not be decoded: {error}") from error
        height, width = pixels.shape[:2]
        found.append((width, height, pixels.mean().round(2), pixels.std().round(2)))
    return pd.DataFrame(found, columns=["width", "height", "mean", "deviation"])


def differences(found: pd.DataFrame, labels: Sequence[int]) -> str:
    """How images differ from those on record, in words; "" where they are close enough."""
    known = on_record()
    if len(found) != len(known) or list(labels) != list(range(len(known))):
        return f"{len(found)} images, not one for each of {len(known)} classes in their order"
    size = (found[["width", "height"]] != known[["width", "height"]]).any(axis=1)
    if size.any():
        return f"{size.sum()} images of another size, the first one {known['name'][size.idxmax()]}"
    off = (found[["mean", "deviation"]] - known[["mean", "deviation"]]).abs().max(axis=1)
    if off.max() > LEVELS:
        worst = known["name"][off.idxmax()]
        return f"mean or deviation differs by {off.max():.1f} grey levels, most in {worst}"
    return ""
