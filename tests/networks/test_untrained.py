"""Untrained twins: drawn by the architecture's own initialisation, batch norms set by images."""

import copy

import pytest
import torch
from torch import nn

from equivar import networks
from equivar.networks.untrained import drawn_as_zero, with_statistics

IMAGES = torch.randn(23, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 + 1


def small(norm=nn.BatchNorm2d):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), norm(6), nn.ReLU(), nn.Conv2d(6, 4, 3), norm(4), nn.ReLU()
    )


def test_statistics_are_those_computed_by_hand():
    """Means of the batches' means and variances, layer after layer; 3 of 23 images are left out."""
    model = with_statistics(small(), IMAGES, batch_size=10)
    maps = [IMAGES[:10], IMAGES[10:20]]
    for conv, norm in ((model[0], model[1]), (model[3], model[4])):
        maps = [conv(one) for one in maps]
        means = torch.stack([one.mean((0, 2, 3)) for one in maps]).mean(0)
        variances = torch.stack([one.var((0, 2, 3)) for one in maps]).mean(0)
        assert torch.allclose(norm.running_mean, means, atol=1e-5)
        assert torch.allclose(norm.running_var, variances, rtol=1e-4)
        # what training mode gives the next layer: each batch by its own statistics
        maps = [
            (one - one.mean((0, 2, 3), keepdim=True))
            / (one.var((0, 2, 3), keepdim=True, unbiased=False) + norm.eps).sqrt()
            for one in maps
        ]
        maps = [one.relu() for one in maps]


@pytest.mark.parametrize("given", ["tensor", "batches", "pairs"])
def test_images_come_in_any_batches(given):
    whole = with_statistics(small(), IMAGES, batch_size=8)
    batches = list(IMAGES.split(5))
    images = {"tensor": IMAGES, "batches": batches, "pairs": [(one, 0) for one in batches]}[given]
    other = with_statistics(small(), images, batch_size=8)
    assert torch.allclose(whole[4].running_var, other[4].running_var, rtol=1e-5)


def test_twice_is_as_once_and_the_model_given_is_not_touched():
    model = small().train()
    before = copy.deepcopy(model.state_dict())
    once = with_statistics(model, IMAGES)
    twice = with_statistics(once, IMAGES)
    assert model.training and all(torch.equal(model.state_dict()[k], v) for k, v in before.items())
    assert not any(module.training for module in once.modules())
    assert once[1].momentum == model[1].momentum
    for name, value in once.state_dict().items():
        assert torch.equal(value, twice.state_dict()[name]), name


def test_without_batch_norm_it_is_the_plain_initialisation():
    model = networks.load("untrained:equivar:mini-vit", options={"side": 16}, seed=3)
    plain = networks.build("mini-vit", side=16, seed=3)
    ready = model.on(IMAGES)
    assert all(map(torch.equal, ready.model.state_dict().values(), plain.state_dict().values()))
    assert not ready.needs_statistics and ready.on(IMAGES) is ready


def test_a_name_with_untrained_before_it_draws_by_the_seed():
    one, same, other = (
        networks.load("untrained:timm:mobilenetv2_050", seed=seed) for seed in (0, 0, 1)
    )
    assert one.sha256 == same.sha256 != other.sha256
    assert not one.trained and one.needs_statistics and one.input == other.input
    assert networks.fingerprint(one.name) == "random"


def test_the_statistics_keep_activations_alive():
    """A batch norm deep in a network gives maps of unit scale; without statistics it does not."""
    made = networks.load("untrained:equivar:resnet56")
    scales = []
    for network in (made, made.on(IMAGES)):
        network.model.layer3[-1].bn1.register_forward_hook(
            lambda *call: scales.append(call[-1].std(dim=(0, 2, 3)).mean().item())
        )
        with torch.no_grad():
            network.model(IMAGES)
    without, with_them = scales
    assert 0.8 < with_them < 1.25 and not 0.2 < without < 5


def test_weights_and_untrained_exclude_each_other():
    with pytest.raises(ValueError, match="draws its weights"):
        networks.load("untrained:timm:mobilenetv2_050", weights="net.safetensors")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import torch\ndef make():\n    m = torch.nn.Conv2d(3, 2, 3)\n"
         "    torch.nn.init.ones_(m.weight); torch.nn.init.zeros_(m.bias)\n    return m\n",
         "same weights whatever the seed"),
        ("import torch\ndef make():\n    return torch.jit.script(torch.nn.Conv2d(3, 2, 3))\n",
         "scripted"),
    ],
)  # fmt: skip
def test_code_that_draws_nothing_is_refused(tmp_path, code, words):
    (tmp_path / "net.py").write_text(code)
    with pytest.raises(ValueError, match=words):
        networks.load(f"untrained:{tmp_path / 'net.py'}:make")


def test_too_few_images():
    with pytest.raises(ValueError, match="two images or more, not 1"):
        with_statistics(small(), IMAGES[:1])
    with pytest.raises(ValueError, match="two images or more, not 0"):
        with_statistics(small(), [])


def test_statistics_that_overflow_name_the_norm():
    model = small()
    with torch.no_grad():
        model[3].weight.fill_(1e38)
    with pytest.raises(ValueError, match="batch norm '4'"):
        with_statistics(model, IMAGES)


def test_weights_drawn_as_zero_are_named():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    nn.init.zeros_(model[1].weight)
    nn.init.zeros_(model[0].bias)
    assert drawn_as_zero(model) == ["1.weight"]
