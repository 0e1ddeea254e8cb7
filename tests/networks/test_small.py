"""The small relatives of large architectures."""

import pytest
import torch

from equivar import measure, networks
from equivar.data import load
from equivar.features import default_layers
from equivar.transforms import Rotation

MINI = [name for name in networks.MODELS if name.startswith("mini-")]


@pytest.mark.parametrize("name", MINI)
def test_small_relatives_are_read_and_measured(name):
    model = networks.build(name, num_classes=7, in_channels=1, seed=3).eval()
    images = load("digits", "test").normalised(16)
    assert model(images).shape == (16, 7)
    parts = list(default_layers(model).values())
    assert set(parts) == {"early", "middle", "late", "pool", "final"}
    table = measure(model, images, [Rotation(1)], progress=False)
    last = table[table["part"] == "late"].iloc[-1]
    assert last["height"] == last["width"] >= 6
    spatial = table[table["height"] > 1]  # an untrained mixer's class scores are all 0
    assert spatial["score"].notna().all()


@pytest.mark.parametrize("name", MINI)
def test_small_relatives_depend_on_the_seed_alone(name):
    before = torch.get_rng_state()
    one, same, other = (networks.build(name, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)
