"""Two halves of the images: on one the channels are chosen, on the other the answers are read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from torch import Tensor

from equivar.measure.images import ChunkSize, check_images, chunks, count_images, is_one_pass


class Half:
    """Every second image, in batches, beginning with the image number `first`, 0 or 1."""

    def __init__(self, images: Tensor | Iterable, first: int):
        self.images, self.first = images, first
        count = count_images(images)
        if count is not None:
            self.dataset = range(first, count, 2)  # the measure reads the number of images from it

    def __iter__(self) -> Iterator[Tensor]:
        at = 0
        for batch in chunks(self.images, ChunkSize(sys.maxsize), None, None):
            if batch.shape[2] != batch.shape[3]:
                raise ValueError(
                    f"images of {batch.shape[2]} x {batch.shape[3]} pixels: turned by a quarter, "
                    "maps fit into the place of others only where they are square; crop the images"
                )
            some = batch[(self.first - at) % 2 :: 2]
            at += len(batch)
            if len(some):
                yield some


def halves(images: Tensor | Iterable) -> tuple[Half, Half]:
    """The two halves. TypeError: no images; ValueError: they can be read only once."""
    check_images(images)
    if is_one_pass(images):
        raise ValueError(
            "symmetrise takes several passes over the images, but these can be read only once; "
            "give a tensor, a list or a DataLoader"
        )
    return Half(images, 0), Half(images, 1)
