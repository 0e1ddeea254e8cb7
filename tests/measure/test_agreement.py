"""`equivar.measure` beside its literal twin, on random networks, images and options."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
import twin
from torch import nn

import equivar
from equivar import similarity
from equivar.measure import comparison

torch.manual_seed(0)


def network(seed, channels=3):
    """Strides 1, 2 (padded), 2 (unpadded), dead and constant channels, pool and logits."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(6, 8, 3, padding=1, stride=2), nn.ReLU()),
        nn.Sequential(nn.Conv2d(8, 12, 3), nn.Tanh()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 5),
    )
    with torch.no_grad():
        net[0][0].bias[0] = -100.0  # dead after ReLU
        net[1][0].weight[1] = 0.0  # constant
        net[1][0].bias[1] = 7.0
        net[1][0].bias[2] -= 0.3  # often dead, image by image
    return net.eval()


STRIDES = {"0": 1, "1": 2, "2": 2, "3": 1, "5": 1}
LAYERS = list(STRIDES)


def as_function(net, name):
    head = net[: int(name) + 1].double()

    def layer(image):
        with torch.no_grad():
            out = head(torch.from_numpy(np.ascontiguousarray(image)).unsqueeze(0))[0].numpy()
        return out.reshape(*out.shape, *(1,) * (3 - out.ndim))

    return layer


def transform(t):
    return ("rotation", t.quarter_turns) if isinstance(t, equivar.Rotation) else ("shift", t.pixels)


OPTIONS = [
    dict(zip(("similarity", "over", "match", "border", "subpixel", "sign", "common"), values,
             strict=False))
    for values in itertools.chain(
        itertools.product(
            ("correlation", "cosine"), ("image",), ("dataset", "image"), ("zero",), ("bilinear",)
        ),
        itertools.product(
            ("correlation", "cosine"), ("dataset",), ("dataset",), ("zero",), ("bilinear",)
        ),
        itertools.product(
            ("correlation",), ("image", "dataset"), ("dataset",), ("zero", "wrap"),
            ("bilinear", "nearest", "skip"),
        ),
        itertools.product(
            ("correlation", "cosine"), ("image", "dataset"), ("dataset", "image"), ("zero",),
            ("bilinear",), ("clip",),
        ),
        itertools.product(
            ("correlation", "cosine"), ("image", "dataset"), ("dataset", "image"), ("zero",),
            ("bilinear",), ("keep",), ("remove",),
        ),
    )
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o.values()))
def test_agrees_with_the_twin(options):
    """In double precision to the last digits, in single precision to its rounding."""
    net = network(seed=len(str(options)))
    images = torch.randn(4, 3, 11, 11, generator=torch.Generator().manual_seed(1))
    ts = [equivar.Rotation(1), equivar.Rotation(2), equivar.Shift(2), equivar.Shift(3)]
    settings = {"layers": LAYERS, "batch_size": 3, "progress": False, **options}
    single = equivar.measure(net, images, ts, **settings)
    double = equivar.measure(net.double(), images.double(), ts, **settings)
    assert len(single) == len(LAYERS) * len(ts) * 2
    layers = {name: as_function(net, name) for name in LAYERS}
    for row, exact in zip(single.itertuples(), double.itertuples(), strict=True):
        t = next(t for t in ts if t.name == row.transform)
        score, chance, undefined, corrected, excess = twin.measure(
            layers[row.layer],
            images.double().numpy(),
            transform(t),
            row.kind,
            strides=(STRIDES[row.layer],) * 2,
            **options,
        )
        for mine, theirs, rounding in (
            (score, "score", 3e-4),
            (chance, "chance", 3e-4),
            (corrected, "corrected", 1e-2),  # divided by 1 - chance, which may be .05
            (excess, "excess", 1e-2),
        ):
            np.testing.assert_allclose(getattr(row, theirs), mine, atol=rounding, err_msg=str(row))
            np.testing.assert_allclose(getattr(exact, theirs), mine, atol=1e-8, err_msg=str(row))
        assert row.undefined == exact.undefined == pytest.approx(undefined), row


WAYS = {
    "summed over images": (comparison, "_FEW_CHANNELS", 0),
    "an image at a time": (comparison, "_MATRIX_BYTES", 1),
    "a piece for each image": (similarity, "_CACHE_BYTES", 1),
}


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize(
    "options", [{}, {"match": "image"}, {"sign": "clip"}, {"common": "remove"}], ids=str
)
@pytest.mark.parametrize("way", WAYS)
def test_gives_the_same_whichever_way_it_computes(way, options, offset, monkeypatch):
    """Also where one pass in single precision is not exact: means far above the deviation."""
    net = network(seed=1)
    with torch.no_grad():
        net[2][0].bias += offset
    net[2][1] = nn.Identity()
    images = torch.randn(7, 3, 11, 11, generator=torch.Generator().manual_seed(2))
    ts = [equivar.Rotation(1), equivar.Shift(2)]
    settings = {"layers": LAYERS, "batch_size": 3, "progress": False, **options}
    usual = equivar.measure(net, images, ts, **settings)
    monkeypatch.setattr(*WAYS[way])
    other = equivar.measure(net, images, ts, **settings)
    fair = ["corrected", "excess"]
    pd.testing.assert_frame_equal(
        usual.drop(columns=fair), other.drop(columns=fair), rtol=0, atol=2e-5
    )
    pd.testing.assert_frame_equal(usual[fair], other[fair], rtol=0, atol=4e-4)
