"""What runs have in common that take up the network and the images of another run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from equivar.data.folder import DatasetImages, open_images
from equivar.data.input import Input
from equivar.runs.measured import Measurement, input_of
from equivar.runs.store import Store
from equivar.runs.trained import Training, trained_network


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A network that another run trained or loaded, taken up on some of its images.

    base: whose network and images; images: how many of these. groups: as in `Measurement`, beside
    the base's.
    """

    base: Training | Measurement
    images: int
    groups: Mapping[str, object] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, object]:
        """What tells the run apart from others of its chapter."""
        return {**self.base.columns, **self.groups}

    def opened(self, store: Store) -> tuple[nn.Module, Tensor | DatasetImages, Input]:
        """The network, its images as it takes them, and what they are to be."""
        base = self.base
        if isinstance(base, Training):
            data = base.load("test").subset(self.images)
            return trained_network(base, store), data.normalised(), input_of(data)
        model, wanted = base.network.load(store)
        return (
            model,
            open_images(base.data, wanted, self.images, base.batch_size, order=base.order),
            wanted,
        )
