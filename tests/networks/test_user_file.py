"""The images that a network in a reader's own file takes."""

import pytest
import torch

from equivar import measure, networks, rotations

OWN = """
import timm
import torch
from torch import nn

class HeadFirst(nn.Module):
    def __init__(self, stem=None):
        super().__init__()
        self.head = nn.Conv2d(8, 5, 1)  # registered first, called last
        self.stem = nn.Conv2d(1, 8, 3)

    def forward(self, x):
        return self.head(self.stem(x))

class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.LazyConv2d(6, 3), nn.ReLU(), nn.LazyConv2d(5, 3))
        self.head = nn.LazyLinear(2)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))

def of_timm():
    return timm.create_model("test_vit")
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def test_channels_are_those_of_the_convolution_that_is_called_first(own):
    assert networks.load(f"{own}:HeadFirst").input.channels == 1


def test_a_lazy_network_takes_three_channels_and_is_measured(own):
    network = networks.load(f"{own}:Lazy").with_input(size=20)
    assert network.input.channels == 3
    networks.check(network)
    table = measure(network.model, torch.randn(5, 3, 20, 20), rotations(), progress=False)
    assert set(table["layer"]) >= {"body.1", "body.2", "head"}


def test_a_network_of_timm_keeps_its_own_size_and_scale(own):
    mine, its = (
        networks.load(f"{own}:of_timm").input,
        networks.load("timm:test_vit", "random").input,
    )
    assert mine == its and mine.height == 160
