"""One measurement: forward passes of images and transformed images, and the sums they feed."""

import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from equivar.features import Layers
from equivar.measure.comparison import CHANCE_ROWS, Comparison, Options, Original, Transform
from equivar.measure.correction import Result
from equivar.measure.groups import Groups
from equivar.measure.images import ChunkSize, chunks, count_images, is_one_pass
from equivar.measure.mean_maps import MeanMaps
from equivar.measure.workspace import Workspace
from equivar.names import KINDS
from equivar.similarity import NotFiniteError, piece, unit_maps
from equivar.transforms import Rotation, Shift

LEAST_IMAGES = 4  # for a correlation over images to say anything
_PROBE_IMAGES = 8  # in the first chunk, before shapes and the memory they need are known
_GROUPS = (10, 8, 6, 5, 4)  # of images for the jackknife: as many as memory allows


@dataclass(frozen=True)
class Limits:
    """What a session may use: images in a forward pass, bytes for sums, device and precision."""

    batch_size: int
    max_memory: int
    device: torch.device
    dtype: torch.dtype | None


class Session:
    """Passes over the images with hooks on the layers; `comparisons` then hold the scores.

    The first chunk is small: it shows shapes and strides, from which the use of memory is planned.
    `advance(n)` is called after every forward pass of n images.
    """

    keeps_maps = False  # whether maps of the images as they are are kept where unit maps would do

    def __init__(
        self,
        layers: Layers,
        images,
        transforms: list[Transform],
        options: Options,
        limits: Limits,
        advance: Callable[[int], None],
    ):
        self.layers, self.images, self.transforms = layers, images, transforms
        self.options, self.limits, self.advance = options, limits, advance
        self.comparisons: dict[tuple[int, Transform], Comparison] = {}
        self._turns = [t for t in transforms if isinstance(t, Rotation)]
        self._shifts = [t for t in transforms if isinstance(t, Shift)]
        self.workspace = Workspace()
        self.count = 0  # images measured
        self.at_once = len(transforms)  # transformations in one pass over the images
        self.means: MeanMaps | None = None  # where they are to be taken away
        self._summing_means = False  # in the pass that comes before
        self._size = ChunkSize(min(_PROBE_IMAGES, limits.batch_size))
        self._layout = torch.channels_last  # a CPU convolves much faster in it

    def run(self):
        """Measure every transformation: in one pass over the images if memory allows."""
        remove = self.options.common == "remove"
        if remove and is_one_pass(self.images):
            raise ValueError(
                'common="remove" takes two passes over the images, but these can be read only '
                "once; give a tensor, a list or a DataLoader"
            )
        todo = self.transforms
        while todo:
            self.means = MeanMaps() if remove else None
            for self._summing_means in (True, False) if remove else (False,):
                self.count = 0
                for chunk in chunks(self.images, self._size, self.limits.device, self.limits.dtype):
                    self._measure(chunk, todo)
            todo = todo[self.at_once :]

    def results(self, i: int, transform: Transform) -> dict[str, Result]:
        """kind -> what the table says of layer i.

        NaN for a layer without cells and fewer than `LEAST_IMAGES`: its scores are correlations
        over the images.
        """
        if self.count < LEAST_IMAGES and not self.layers.shapes[i].spatial:
            return dict.fromkeys(KINDS, Result())
        return self.comparisons[i, transform].results()

    def _measure(self, chunk: Tensor, todo: list[Transform]):
        """Measure one chunk of images and its transformations; halve it where memory runs out."""
        self._check_shifts(chunk)
        originals = self._attempt(lambda: self._originals(chunk), len(chunk))
        if originals is None:
            half = len(chunk) // 2
            self._measure(chunk[:half], todo)
            self._measure(chunk[half:], todo)
            return
        for transform in todo[: self.at_once]:
            self._compare(transform, chunk, originals, self.count, frozenset())
        self.count += len(chunk)

    def _originals(self, chunk: Tensor) -> list[Original]:
        """The layers' maps of the images as they are."""
        if not self.layers.shapes:
            outputs = self._probe(chunk)
            originals = [self._original(i, output) for i, output in enumerate(outputs)]
            self._plan(originals, len(chunk))
        else:
            originals = [None] * len(self.layers.names)

            def keep(i: int, output: Tensor):
                originals[i] = self._original(i, output)

            self.layers.run(self._laid_out(chunk), keep)
        if self._summing_means:
            for i, original in enumerate(originals):
                with self._naming(i, len(chunk)):
                    self.means.add(i, None, original.maps)
        self.advance(len(chunk))
        return originals

    def _probe(self, chunk: Tensor) -> list[Tensor]:
        try:
            return self.layers.probe(self._laid_out(chunk))
        except RuntimeError as error:
            if "view size is not compatible" not in str(error):
                error.add_note(f"while the first images, {tuple(chunk.shape)}, went through")
                raise
            self._layout = torch.contiguous_format  # the network's own code needs it
            return self.layers.probe(self._laid_out(chunk))

    def _original(self, i: int, output: Tensor) -> Original:
        maps, unit = self._read(i, output), None
        if self.means and not self._summing_means:
            maps = self.means.remove(i, None, maps)
        if self._summing_means:
            return Original(maps.clone(), None)
        if self.layers.shapes[i].spatial and self.options.over == "image":
            if self._turns:
                with self._naming(i, len(output)):
                    cells = maps.flatten(1, 2)
                    out = self.workspace.take(i, cells.shape, cells)
                    scratch = self.workspace.take("scratch", piece(cells), cells)
                    unit, defined = unit_maps(cells, self.options.similarity, out, scratch)
                unit = unit.view(maps.shape), defined
            if not (self._shifts or self.keeps_maps):
                return Original(None, unit)
        # a copy: the network may write into its output at any time, by ways that no counter sees
        return Original(maps.clone() if maps.dtype == output.dtype else maps, unit)

    def _read(self, i: int, output: Tensor, turned: bool = False) -> Tensor:
        """A layer's output as (B, H, W, C), in at least single precision."""
        maps = self.layers.shapes[i].maps(output, turned)
        return maps if maps.dtype == torch.float64 else maps.float()

    def _compare(self, transform, chunk, originals: list[Original], first: int, done: frozenset):
        """Compare transformed images with the originals, layer by layer inside one forward pass."""
        finished = set(done)
        moved = self._laid_out(transform.on_images(chunk, self.options.border))

        def consume(i: int, output: Tensor):
            """Compare the maps of layer i, unless that was done before."""
            comparison = self.comparisons[i, transform]
            if i not in finished and comparison.measurable:
                maps = self._read(i, output, transform.swaps_sides)
                self._check_grid(i, maps, transform)
                with self._naming(i, len(output), first), _no_second_try(self.layers.names[i]):
                    self._add(i, transform, originals[i], maps, first)
                finished.add(i)  # not again, should a later layer run out of memory

        if self._attempt(lambda: (self.layers.run(moved, consume),), len(chunk)):
            self.advance(len(chunk))
            return
        half, skip = len(chunk) // 2, frozenset(finished)
        for part in (slice(0, half), slice(half, None)):
            some = [original.images(part) for original in originals]
            self._compare(transform, chunk[part], some, first + (part.start or 0), skip)

    def _add(self, i: int, transform, original: Original, maps: Tensor, first: int):
        """Compare maps of transformed images with the original ones, or add to their mean."""
        if self._summing_means:
            self.means.add(i, transform, maps)
            return
        if self.means:
            maps = self.means.remove(i, transform, maps)
        self.comparisons[i, transform].add(original, maps, first, self.workspace)

    def _attempt(self, forward: Callable, images: int):
        """What `forward` returns, or None where memory ran out and fewer images may fit."""
        try:
            return forward()
        except RuntimeError as error:  # torch.OutOfMemoryError is one
            if not _short_of_memory(error) or images < 2:
                raise
        if self.limits.device.type == "cuda":
            torch.cuda.empty_cache()
        self._size.images = max(1, min(self._size.images, images) // 2)
        warnings.warn(
            f"out of memory with {images} images at once: going on with {self._size.images}",
            stacklevel=2,
        )
        return None

    def _laid_out(self, images: Tensor) -> Tensor:
        return images.contiguous(memory_format=self._layout)

    def _plan(self, originals: list[Original], images: int):
        """Choose groups, transformations per pass and images per chunk to fit in `max_memory`."""
        limit = self.limits.max_memory
        groups = next(
            (g for g in _GROUPS if self._sums_bytes(g) * len(self.transforms) <= limit), _GROUPS[-1]
        )
        bytes_each = self._sums_bytes(groups)
        self.at_once = min(len(self.transforms), max(1, limit // max(bytes_each, 1)))
        if self.at_once < len(self.transforms) and is_one_pass(self.images):
            needed = bytes_each * len(self.transforms)
            raise ValueError(
                f"the channel-by-channel sums need {needed / 2**30:.1f} GiB, more than max_memory: "
                "several passes over the images are needed, but they can be read only once; "
                f"give a tensor, a list or a DataLoader, or max_memory={needed}"
            )
        held = sum(original.bytes() for original in originals) // images
        self._size.images = max(1, min(self.limits.batch_size, limit // max(2 * held, 1)))
        dealt = Groups.of(groups, count_images(self.images))
        for i, shape in enumerate(self.layers.shapes):
            for transform in self.transforms:
                self.comparisons[i, transform] = Comparison(shape, transform, self.options, dealt)

    def _sums_bytes(self, groups: int) -> int:
        """The memory that the sums of one transformation take."""
        total = 0
        for shape in self.layers.shapes:
            matrices = shape.channels * (groups + int(self.options.chance))
            if self.options.chance:
                matrices += groups * min(shape.channels, CHANCE_ROWS)
            if self.options.over == "dataset" or not shape.spatial:
                total += 4 * shape.channels * matrices
            elif self.options.match == "dataset":
                total += 6 * shape.channels * matrices  # with counters of 2 bytes
            if self.means:  # in double precision; those of the original images are few beside them
                total += 8 * shape.channels * shape.grid.cells
        return total

    def _check_shifts(self, chunk: Tensor):
        height, width = chunk.shape[2:]
        for transform in self._shifts:
            far = abs(transform.pixels) >= min(height, width)
            if far and self.options.border == "zero":
                raise ValueError(
                    f"{transform.name} leaves nothing of an image of {height} x {width} pixels"
                )

    def _check_grid(self, i: int, maps: Tensor, transform: Transform):
        grid = self.layers.shapes[i].grid
        grid = grid.turned() if transform.swaps_sides else grid
        if tuple(maps.shape[1:3]) != (grid.height, grid.width):
            raise ValueError(
                f"layer {self.layers.names[i]!r} gives {maps.shape[1]} x {maps.shape[2]} cells for "
                f"{transform.name}, where {grid.height} x {grid.width} are needed to compare them: "
                "are all images of one size, and does the network treat both sides alike?"
            )

    @contextmanager
    def _naming(self, i: int, images: int, first: int | None = None):
        """Say which layer and images a feature map that is not finite belongs to."""
        try:
            yield
        except NotFiniteError:
            first = self.count if first is None else first
            raise ValueError(
                f"NaN or infinity in the output of layer {self.layers.names[i]!r} "
                f"for images {first} to {first + images - 1}"
            ) from None


def _short_of_memory(error: RuntimeError) -> bool:
    """Whether a device or the machine could not give a tensor its memory."""
    return isinstance(error, torch.OutOfMemoryError) or "t allocate memory" in str(error)


@contextmanager
def _no_second_try(layer: str):
    """Stop where memory runs out here: a sum may be only partly added, so going on is wrong."""
    try:
        yield
    except RuntimeError as error:
        if not _short_of_memory(error):
            raise
        raise MemoryError(
            f"out of memory while scoring layer {layer!r}: give a smaller batch_size"
        ) from error
