"""One pass over the images for all rulers: the session of `equivar.measure`, with more sums."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from equivar.measure.images import count_images
from equivar.measure.session import Session
from equivar.rulers.about import Reading
from equivar.rulers.cca import cca
from equivar.rulers.channel import channel_dataset
from equivar.rulers.consistency import answers, consistency
from equivar.rulers.folds import COUNTS, LEAST_IN_FOLD, Folds
from equivar.rulers.lie import MOTIONS, LieError
from equivar.rulers.linear import images_needed, linear
from equivar.rulers.sums import Cross, Gram, Pairing, Units
from equivar.rulers.variance import Variance
from equivar.similarity import NotFiniteError
from equivar.transforms import Rotation

FITTED = ("linear", "cca")
OF_SUMS = ("channel-dataset", *FITTED)
LEAST_IMAGES = COUNTS[0] * LEAST_IN_FOLD
Readings = dict[str, Reading]  # kind -> what a ruler says


class RulerSession(Session):
    """`Session`, where each pair of `F` and `G` feeds the rulers that are asked for.

    Raises ValueError where the number of images is not known, or too small for folds.
    """

    def __init__(self, *arguments, rulers: Collection[str]):
        super().__init__(*arguments)
        self.rulers = set(rulers)
        self.total = count_images(self.images)
        if self.total is None:
            raise ValueError(
                "rulers are judged on folds of the images, so that their number must be known: "
                "give a tensor, a list of tensors or a DataLoader"
            )
        if self.total < LEAST_IMAGES:
            raise ValueError(
                f"{self.total} images are too few for rulers that are fitted on one half and "
                f"judged on the other: give {LEAST_IMAGES} or more"
            )
        self.folds = Folds(self.total, COUNTS[0])
        self.pairings: dict[tuple, Pairing] = {}
        self.variances: dict[tuple, Variance] = {}
        self.lies: dict[tuple[int, str], LieError] = {}
        self._grams: dict[tuple, Gram] = {}
        self._units: dict[int, Units] = {}
        self._told: dict[tuple, Tensor] = {}  # F in units, of these images, for all turns
        self._answers: dict[object, list[Tensor]] = {}
        self._now: object = ...  # whose answers come next: None for the images as they are
        self._nudged = 0  # images of which small motions are done

    @property
    def keeps_maps(self) -> bool:
        """Whether maps of the images as they are must be kept beside unit maps."""
        return True

    @property
    def motions(self) -> list[str]:
        """The sorts of small motion that `lie` needs."""
        if "lie" not in self.rulers:
            return []
        return [sort for sort, of in (("rotation", self._turns), ("shift", self._shifts)) if of]

    def run(self):
        """Measure every transformation; the answers of the network are noted on the way."""
        if "consistency" not in self.rulers:
            super().run()
            return
        handle = self.layers.model.register_forward_hook(self._answered)
        try:
            super().run()
        finally:
            handle.remove()

    def readings(self, ruler: str, i: int, transform) -> Readings:
        """What a ruler of layers says of one; for `lie`, `transform` is a sort of motion."""
        if ruler == "channel":
            found = self.results(i, transform)
            return {
                kind: Reading(one.score.score, one.score.se, one.chance, one.corrected)
                for kind, one in found.items()
            }
        if ruler == "lie":
            return {"equivariance": self.lies[i, transform].reading()}
        if ruler == "variance":
            one = self.variances.get((i, transform))
            return {"invariance": one.reading() if one else Reading()}
        sums = self.pairings.get((i, transform))
        if ruler == "channel-dataset":
            kinds = ("invariance", "equivariance")
            return channel_dataset(sums) if sums else dict.fromkeys(kinds, Reading())
        if sums is None or self.images_needed(i, transform) > self.total:
            return {"equivariance": Reading()}
        return {"equivariance": linear(sums) if ruler == "linear" else cca(sums)}

    def images_needed(self, i: int, transform) -> int:
        """How many images a fitted ruler takes for a layer."""
        sums = self.pairings.get((i, transform))
        if sums is None:
            return 0
        cells = int(sums.f.cells.sum()) // self.total
        return images_needed(self.layers.shapes[i].channels, cells, LEAST_IMAGES)

    def answer(self, transform) -> Reading:
        """What `consistency` says of the whole network."""
        return consistency(*(torch.cat(self._answers[key]) for key in (None, transform)))

    def forget(self, i: int):
        """Let go of what was worked out of the sums of a layer, when its rulers are read."""
        for (layer, *_), gram in self._grams.items():
            if layer == i:
                gram.kept.clear()

    def _measure(self, chunk: Tensor, todo: list):
        first = self.count
        super()._measure(chunk, todo)
        self._told.clear()
        self._now = ...
        if self._nudged < first + len(chunk):  # not again after halves, or in a second pass
            for sort in self.motions:
                self._nudge(chunk, sort, first)
            self._nudged = first + len(chunk)

    def _originals(self, chunk: Tensor):
        self._now = None
        self._told.clear()
        if self.count == 0:
            self._answers[None] = []
        return super()._originals(chunk)

    def _compare(self, transform, chunk, originals, first: int, done: frozenset):
        self._now = transform
        super()._compare(transform, chunk, originals, first, done)

    def _add(self, i: int, transform, original, maps: Tensor, first: int):
        if self.rulers & {*OF_SUMS, "variance"}:
            self._add_pairs(i, transform, original, maps, first)
        if "channel" in self.rulers:
            super()._add(i, transform, original, maps, first)

    def _add_pairs(self, i: int, transform, original, maps: Tensor, first: int):
        f, g = self.comparisons[i, transform].pair(original, maps)
        if i not in self._units:
            self._units[i] = Units.of(original.maps)
        units, some = self._units[i], (i, first, len(f))
        turn = isinstance(transform, Rotation)
        x = self._told[some] if turn and some in self._told else units.told(f)
        if turn:
            self._told[some] = x
        y = units.told(g)
        if self.rulers & set(OF_SUMS):
            self._pairing(i, transform).add(x, y, first)
        if "variance" in self.rulers:
            if (i, transform) not in self.variances:
                self.variances[i, transform] = Variance(self.folds, units)
            self.variances[i, transform].add(x, y, first)

    def _pairing(self, i: int, transform) -> Pairing:
        """The sums of a layer under a transformation; those of `F` are the same for all turns."""
        if (i, transform) not in self.pairings:
            units, turn = self._units[i], isinstance(transform, Rotation)
            key = (i, None if turn else transform)
            if key not in self._grams:
                self._grams[key] = Gram(self.folds, units, bool(self.rulers & set(FITTED)))
            g = Gram(self.folds, units, "cca" in self.rulers)
            self._grams[i, transform, "G"] = g
            self.pairings[i, transform] = Pairing(self._grams[key], g, Cross(self.folds, units))
        return self.pairings[i, transform]

    def _nudge(self, chunk: Tensor, sort: str, first: int):
        """Move the images a little, forth and back, and compare the maps moved back."""
        motion, ahead = MOTIONS[sort], {}

        def keep(i: int, output: Tensor):
            """The maps of images moved forth, moved back."""
            ahead[i] = motion.moved(self._read(i, output), self.layers.shapes[i].grid, -1).clone()

        def compare(i: int, output: Tensor):
            """The maps of images moved back, moved forth, beside them."""
            behind = motion.moved(self._read(i, output), self.layers.shapes[i].grid, 1)
            if (i, sort) not in self.lies:
                self.lies[i, sort] = LieError(self.folds, motion)
            with self._naming(i, len(output), first):
                if not torch.isfinite(behind.sum()):
                    raise NotFiniteError
                self.lies[i, sort].add(ahead.pop(i), behind, first)

        height, width = chunk.shape[2:]
        grid = self.layers.shapes[0].grid.__class__(height, width)
        cells = chunk.permute(0, 2, 3, 1)
        for times, consume in ((1, keep), (-1, compare)):
            moved = motion.moved(cells, grid, times).permute(0, 3, 1, 2)
            self.layers.run(self._laid_out(moved), consume)
            self.advance(len(chunk))

    def _answered(self, module, arguments, output):
        """A forward hook on the whole network."""
        if self._now is not ...:
            self._answers.setdefault(self._now, []).append(answers(output))

    def _plan(self, originals: list, images: int):
        """As in `Session`, and as many folds as memory allows."""
        super()._plan(originals, images)
        fits = [
            count
            for count in COUNTS
            if self._sums_bytes(count) * len(self.transforms) <= self.limits.max_memory
        ]
        self.folds = Folds(self.total, fits[0] if fits else COUNTS[-1])

    def _sums_bytes(self, groups: int) -> int:
        total = super()._sums_bytes(groups) if "channel" in self.rulers else 0
        folds = COUNTS[0] if groups >= COUNTS[0] else COUNTS[-1]
        for shape in self.layers.shapes:
            matrices = 0
            if self.rulers & set(OF_SUMS):
                shifts = bool(self._shifts) and bool(self.rulers & set(FITTED))
                matrices = 2 + shifts + ("cca" in self.rulers)
            total += 4 * folds * matrices * shape.channels**2
            if "variance" in self.rulers:
                total += 4 * 8 * shape.channels * shape.grid.cells
        return total
