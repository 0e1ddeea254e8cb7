"""What runs have in common that take up the network and the images of another run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from equivar.data.folder import DatasetImages
from equivar.data.input import Input
from equivar.networks import with_statistics
from equivar.runs.measured import Measurement, input_of
from equivar.runs.store import Store
from equivar.runs.trained import Training, trained_network


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A network that another run trained or loaded, taken up on some of its images.

    base: whose network and images; images: how many of these. groups: as in `Measurement`, beside
    the base's. untrained: the network before it was trained, whose batch norms have the statistics
    of the images; the initialisation that the run began with, or, of a network with weights, one
    drawn from the seed 0.
    """

    base: Training | Measurement
    images: int
    groups: Mapping[str, object] = field(default_factory=dict)
    untrained: bool = False

    @property
    def columns(self) -> dict[str, object]:
        """What tells the run apart from others of its chapter."""
        return {**self.base.columns, **self.groups}

    @property
    def facts(self) -> dict[str, object]:
        """What goes into the key: the base's facts and the number of images."""
        facts = {"base": self.base.spec.facts, "images": self.images}
        return facts | ({"untrained": True} if self.untrained else {})

    def opened(self, store: Store) -> tuple[nn.Module, Tensor | DatasetImages, Input]:
        """The network, its images as it takes them, and what they are to be."""
        base = self.base
        if isinstance(base, Training):
            data = base.load("test").subset(self.images)
            images, wanted = data.normalised(), input_of(data)
            if self.untrained:
                return with_statistics(base.untrained(data), images), images, wanted
            return trained_network(base, store), images, wanted
        if self.untrained:
            base = replace(base, network=base.network.untrained(0))
        return base.opened(store, self.images)
