"""What runs have in common that take up the network and images of another run (chapters 08, 10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from equivar.experiments.measured import Measurement, input_of
from equivar.experiments.trained import Training, trained_network
from equivar.images_folder import DatasetImages, open_images
from equivar.inputs import Input
from equivar.store import Store


@dataclass(frozen=True, kw_only=True)
class Again:
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
        return model, open_images(base.data, wanted, self.images, base.batch_size), wanted
