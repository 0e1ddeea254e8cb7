"""Chapter 09: a reader's own network, its channels beside their matches."""

import numpy as np
import pytest

import equivar
from equivar import networks
from equivar.chapters import c09_own
from equivar.data.folder import open_images


def test_drawn_channels_of_a_known_network_match_exactly():
    network = networks.load("equivar:toy-equivariant")
    images = open_images("", network.input, 6)
    for transform in (equivar.Rotation(1), equivar.Shift(3)):
        examples = c09_own.look(network, images, "layers.2", transform, shown=4, pairs=2)
        assert len(examples.most) == len(examples.least) == 2
        if isinstance(transform, equivar.Rotation):
            for channel in examples.most + examples.least:
                assert channel.similarity == pytest.approx(1, abs=1e-4)
                assert channel.match != channel.channel
                np.testing.assert_allclose(channel.f, channel.g, atol=1e-4)
    with pytest.raises(ValueError, match="image 9 is to be shown, but there are only 6"):
        c09_own.look(network, images, "layers.2", transform, shown=9)
