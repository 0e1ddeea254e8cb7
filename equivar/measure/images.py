"""The images to be measured, in chunks: checked, on the device, in the network's precision."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader


def chunks(images, size: "ChunkSize", device, dtype) -> Iterator[Tensor]:
    """Chunks `(b, C, H, W)` of at most `size.images` images, from a tensor or from batches.

    Raises ValueError for an empty set, for a batch that is not made of floating-point images
    (naming the batch) and for NaN or infinity (naming the images), and TypeError for a batch that
    is not a tensor.
    """
    batches = [images] if isinstance(images, Tensor) else images
    count = 0
    for number, batch in enumerate(batches):
        batch = _checked(batch, number, isinstance(images, Tensor))
        start = 0
        while start < len(batch):
            # a chunk ends where the images so far are a multiple of the size
            chunk = batch[start : start + size.images - count % size.images]
            start += len(chunk)
            count += len(chunk)
            chunk = chunk.to(device=device, dtype=dtype)
            _check_finite(chunk, count - len(chunk))
            yield chunk
    if count == 0:
        raise ValueError("there are no images to measure: `images` is empty")


class ChunkSize:
    """How many images go through the network at once; it may change between two chunks."""

    def __init__(self, images: int):
        self.images = images


def count_images(images) -> int | None:
    """The number of images if it is known without reading them, else None."""
    if isinstance(images, Tensor):
        return len(images)
    if isinstance(images, DataLoader):
        return _of_loader(images)
    dataset = getattr(images, "dataset", None)
    if dataset is not None:
        images = dataset
    elif not isinstance(images, (list, tuple)):
        return None
    elif all(isinstance(batch, Tensor) for batch in images):
        return sum(len(batch) for batch in images)
    else:
        return None
    return len(images) if hasattr(images, "__len__") else None


def _of_loader(loader: DataLoader) -> int | None:
    """How many images a loader gives: as many as its sampler, not as its data set."""
    batches = loader.batch_sampler
    if type(batches) is not BatchSampler:
        return None  # batches of the caller's own making
    try:
        count = len(batches.sampler)
    except (TypeError, NotImplementedError):
        return None
    return count - count % batches.batch_size if batches.drop_last else count


def check_images(images):
    """Raise TypeError for what can never be images, before the network is used."""
    if not isinstance(images, (Tensor, Iterable)) or isinstance(images, (str, bytes, dict)):
        raise TypeError(
            f"images should be a (N, C, H, W) tensor or an iterable of batches, "
            f"not {type(images).__name__}"
        )


def is_one_pass(images) -> bool:
    """Whether the images can be read only once (a generator)."""
    return not isinstance(images, Tensor) and iter(images) is images


def _checked(batch, number: int, whole: bool) -> Tensor:
    where = "`images`" if whole else f"batch {number}"
    if isinstance(batch, (tuple, list)) and batch:
        batch = batch[0]
    if not isinstance(batch, Tensor):
        raise TypeError(f"{where} should be a tensor (N, C, H, W), not {type(batch).__name__}")
    if batch.dim() != 4:
        hint = " (a single image needs a first dimension of 1)" if batch.dim() == 3 else ""
        raise ValueError(f"{where} should have shape (N, C, H, W), not {tuple(batch.shape)}{hint}")
    if not batch.is_floating_point():
        raise ValueError(
            f"{where}: {batch.dtype} images; give floating-point images, scaled and normalised "
            "as the network expects them"
        )
    return batch


def _check_finite(chunk: Tensor, first: int):
    finite = torch.isfinite(chunk).flatten(1).all(dim=1)
    if not finite.all():
        bad = [first + i for i in torch.nonzero(~finite).flatten().tolist()]
        shown = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        raise ValueError(f"NaN or infinity in the pixels of image {shown}: leave such images out")
