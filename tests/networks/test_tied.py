"""Layers tied over quarter turns: equivariant whatever their weights, with a quarter of them."""

import pytest
import torch

from equivar import networks
from equivar.networks.tied import TiedBatchNorm2d, TiedConv2d
from equivar.networks.toy import turn_channels

IMAGES = torch.rand(4, 8, 9, 9, generator=torch.Generator().manual_seed(0))


def turned(maps, quarter_turns=1):
    return torch.rot90(maps, quarter_turns, (2, 3))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("lifting", [True, False])
def test_a_tied_layer_turns_with_the_image(lifting, training):
    torch.manual_seed(1)
    layer = torch.nn.Sequential(TiedConv2d(8, 12, 3, 1, lifting), TiedBatchNorm2d(12))
    with torch.no_grad():
        layer[1].weight.uniform_()
        layer[1].bias.uniform_()
    layer.train(training)
    moved = IMAGES if lifting else turn_channels(IMAGES, 1)
    found, expected = layer(turned(moved)), turned(turn_channels(layer(IMAGES), 1))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    plain = torch.nn.Conv2d(8, 12, 3, 1)
    assert not torch.allclose(plain(turned(IMAGES)), turned(turn_channels(plain(IMAGES), 1)))


def test_a_plain_layer_with_the_same_filters_gives_the_same():
    """The literal twin: every filter written out, one output channel at a time."""
    torch.manual_seed(2)
    layer = TiedConv2d(8, 8, 3)
    base, weight = layer.weight.detach(), torch.empty(8, 8, 3, 3)
    for g in range(2):
        for r in range(4):
            for h in range(2):
                for q in range(4):
                    kernel = base[g, 4 * h + (q - r) % 4]
                    weight[4 * g + r, 4 * h + q] = torch.rot90(kernel, r, (0, 1))
    torch.testing.assert_close(layer(IMAGES), torch.nn.functional.conv2d(IMAGES, weight))


@pytest.mark.parametrize("tied", [(0, 1), (2, 3), (6,)])
def test_cnn7_with_a_tied_stage(tied):
    plain = networks.build("cnn7", num_classes=6)
    model = networks.build("cnn7", num_classes=6, tied=tied).eval()
    for depth, (one, other) in enumerate(zip(plain.layers, model.layers, strict=True)):
        ratio = other.conv.weight.numel() / one.conv.weight.numel()
        assert ratio == (0.25 if depth in tied else 1)
    assert networks.parameter_count(model) < networks.parameter_count(plain)
    images = torch.rand(2, 1, 28, 28)
    maps = []
    for depth, layer in enumerate(plain.eval().layers):
        images = layer(images)
        maps.append(images.shape)
        if depth == 1:
            images = plain.maxpool(images)
    images = torch.rand(2, 1, 28, 28)
    for depth, layer in enumerate(model.layers):
        images = layer(images)
        assert images.shape == maps[depth]
        if depth == 1:
            images = model.maxpool(images)
    again = networks.build("cnn7", num_classes=6, tied=list(tied))
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tied": (7,)}, "cnn7 has layers 0 to 6"),
        ({"tied": (2,), "width": 18}, "groups of 4"),
    ],
)
def test_what_can_not_be_tied_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        networks.build("cnn7", **options)
