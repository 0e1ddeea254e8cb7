"""The network's answers where a layer's output is replaced, image by image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from equivar.features import Layers
from equivar.measure.images import ChunkSize, chunks
from equivar.priors.choosing import Chosen, Gathering
from equivar.priors.halves import Half
from equivar.priors.operations import Carried, turned_back

PROBE_IMAGES = 8  # in the first pass, before the memory that outputs take is known
_COPIES = 6  # of a layer's output that are held: for each turn, and two to work on
BLANK = "blank"
Place = tuple[int, str, str]  # layer, operation, way


@dataclass
class Answers:
    """For each image: the network's own answer, and for each place what share of passes agrees."""

    own: np.ndarray  # (N,) classes
    agrees: dict[Place, np.ndarray] = field(default_factory=dict)  # (N,) each
    hits: dict[Place, np.ndarray] = field(default_factory=dict)  # shares that give the label
    own_hits: np.ndarray | None = None  # (N,) whether the own answer is the label

    def note_own(self, at: np.ndarray, found: np.ndarray, labels: Tensor | None):
        """Note the network's own answers for the images `at`."""
        self.own[at] = found
        if labels is not None:
            if self.own_hits is None:
                self.own_hits = np.full(len(self.own), np.nan)
            self.own_hits[at] = found == labels.numpy()[at]

    def note(self, place: Place, at: np.ndarray, found: list[Tensor], labels: Tensor | None):
        """Note the answers (passes, B) of the images `at`."""
        answers = torch.stack(found).cpu().numpy()
        count = len(self.own)
        agrees = self.agrees.setdefault(place, np.full(count, np.nan))
        agrees[at] = (answers == self.own[at]).mean(axis=0)
        if labels is not None:
            hits = self.hits.setdefault(place, np.full(count, np.nan))
            hits[at] = (answers == labels.numpy()[at]).mean(axis=0)

    def filled(self, values: dict[Place, np.ndarray], place: Place, before: np.ndarray):
        """The values of a place (N,); where nothing was changed, those of before."""
        of = values.get(place, before)
        return np.where(np.isnan(of), before, of)


class Reader:
    """Passes over halves of the images, in chunks that fit into `max_memory`.

    advance: called with the number of images after every pass.
    """

    def __init__(
        self,
        hooked: Layers,
        place: tuple[torch.device, torch.dtype | None],
        batch_size: int,
        max_memory: int,
        advance: Callable[[int], None],
    ):
        self.hooked, self.place, self.advance = hooked, place, advance
        self.batch_size, self.max_memory = batch_size, max_memory

    def probe(self, half: Half) -> int:
        """Learn the layers' shapes from the first images, and how many images fit at once.

        Returns the number of classes. ValueError: an answer without a score for each class.
        """
        images = self._laid_out(next(self._chunks(half, PROBE_IMAGES)))
        outputs = self.hooked.probe(images)
        needed = sum(x.numel() * x.element_size() for x in outputs) * _COPIES // len(images)
        self.batch_size = max(1, min(self.batch_size, self.max_memory // max(needed, 1)))
        return scores_of(self.hooked.run(images, lambda i, output: None), len(images)).shape[1]

    def check_followed(self, half: Half, layers: Sequence[int]):
        """ValueError: the answer to the first images does not hang on what a layer gives."""
        images = self._laid_out(next(self._chunks(half, PROBE_IMAGES)))
        outputs: dict[int, Tensor] = {}

        def keep(i: int, output: Tensor):
            """Keep what the layer gives."""
            outputs[i] = output.clone()

        own = scores_of(self.hooked.run(images, keep), len(images)).clone()
        generator = torch.Generator().manual_seed(0)
        for i in layers:
            noise = torch.randn(outputs[i].shape, generator=generator).to(outputs[i])
            answer = scores_of(self.hooked.rerun(images, i, noise, outputs), len(images))
            if torch.equal(answer, own):
                raise ValueError(
                    f"layer {self.hooked.names[i]!r} is not followed by anything: the answer does "
                    "not hang on what it gives; leave it out of `layers`"
                )

    def gather(self, half: Half, chosen: Sequence[Chosen], operations: Sequence[str]):
        """What the ways need of the half on which they were chosen: means and deviations."""
        sums = [Gathering(shape, c) for shape, c in zip(self.hooked.shapes, chosen, strict=True)]
        for images in self._chunks(half, self.batch_size):
            back, _ = self._turns(images, turns=(0,) if operations == ("turned",) else range(4))
            for i, one in enumerate(sums):
                one.add({k: outputs[i] for k, outputs in back.items()}, operations)
        for one in sums:
            one.finish(operations)

    def read(
        self,
        half: Half,
        chosen: Sequence[Chosen],
        operations: Sequence[str],
        turns: Sequence[int],
        answers: Answers,
        labels: Tensor | None,
        blank: bool,
    ):
        """Note the answers for every layer, operation and way, on the other half."""
        at = half.first
        for images in self._chunks(half, self.batch_size):
            places = np.arange(at, at + 2 * len(images), 2)
            at = places[-1] + 2
            wanted = range(4) if "averaged" in operations else (0, *turns)
            back, scores = self._turns(images, wanted)
            answers.note_own(places, scores.argmax(dim=1).cpu().numpy(), labels)
            images, known = self._laid_out(images), dict(enumerate(back[0]))
            for i, one in enumerate(chosen):
                of_layer = {k: outputs[i] for k, outputs in back.items()}
                made = self._outputs(i, of_layer, one, operations, turns, blank)
                for operation, way, outputs in made:
                    found = [self._answer(images, i, output, known) for output in outputs]
                    answers.note((i, operation, way), places, found, labels)

    def _outputs(
        self,
        i: int,
        back: dict[int, Tensor],
        chosen: Chosen,
        operations: Sequence[str],
        turns: Sequence[int],
        blank: bool,
    ) -> Iterator[tuple[str, str, Iterator[Tensor]]]:
        """(operation, way, what is to take the place of layer i's output)."""
        shape = self.hooked.shapes[i]
        for way, choice in chosen.ways.items():
            carried = Carried(shape, back, choice)
            if "turned" in operations:
                yield "turned", way, map(carried.turned, turns)
            if "rescaled" in operations:
                yield (
                    "rescaled",
                    way,
                    (chosen.rescaled[way, k].into(shape, carried.turned(k).clone()) for k in turns),
                )
            if "averaged" in operations:
                mean = carried.averaged()
                yield "averaged", way, iter([chosen.restored[way].into(shape, mean)])
        if blank:
            # the same for both operations: of a mean map, nothing is turned
            yield "", BLANK, iter([chosen.blank.to(back[0]).expand_as(back[0]).contiguous()])

    def _answer(self, images: Tensor, i: int, output: Tensor, known: dict[int, Tensor]) -> Tensor:
        """The class (B,) with the largest score."""
        scores = scores_of(self.hooked.rerun(images, i, output, known), len(images))
        self.advance(len(images))
        return scores.argmax(dim=1)

    def _turns(
        self, images: Tensor, turns: Sequence[int]
    ) -> tuple[dict[int, list[Tensor]], Tensor]:
        """For each number of turns the layers' outputs, turned back; the scores of no turn."""
        back: dict[int, list[Tensor]] = {}
        for k in turns:
            outputs: list[Tensor | None] = [None] * len(self.hooked.names)

            def keep(i: int, output: Tensor, k=k, outputs=outputs):
                """Keep a copy: the network may write into its output."""
                shape = self.hooked.shapes[i]
                outputs[i] = output.clone() if k == 0 else turned_back(shape, output, k)

            moved = torch.rot90(images, k, dims=(-2, -1))
            answer = self.hooked.run(self._laid_out(moved), keep)
            self.advance(len(images))
            back[k] = outputs
            if k == 0:
                scores = scores_of(answer, len(images))
        return back, scores

    def _chunks(self, half: Half, most: int) -> Iterator[Tensor]:
        device, dtype = self.place
        return chunks(half, ChunkSize(most), device, dtype)

    def _laid_out(self, images: Tensor) -> Tensor:
        return images.contiguous(memory_format=torch.channels_last)


def scores_of(answer, images: int) -> Tensor:
    """A score for each class and image, (B, K), of what a network answers.

    ValueError: the answer has no such tensor.
    """
    items = [answer]
    if isinstance(answer, (tuple, list, Mapping)):
        items = list(answer.values()) if isinstance(answer, Mapping) else list(answer)
    for item in items:
        fits = isinstance(item, Tensor) and item.dim() == 2 and len(item) == images
        if fits and item.shape[1] > 1:
            return item
    raise ValueError(
        "the network gives no score for each class, (images, classes): what it keeps can not be "
        "told"
    )
