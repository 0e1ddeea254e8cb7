"""Default layers of networks of timm and torchvision: count, order, shapes, grids and strides.

Most networks run on PyTorch's meta device: every operation gives its shape and computes nothing.
"""

from collections import Counter
from functools import cache

import pytest
import timm
import torch
import torchvision
from torch import nn

import equivar
from equivar.features import Layers, default_layers, depth_parts
from equivar.networks import build

# name, image side, layers before pooling, then of the last of them: channels, cells a side, stride
NETWORKS = [
    ("torchvision:alexnet", 224, 5, 256, 13, 16, "classifier.5", "classifier.6"),
    ("torchvision:vgg11", 224, 8, 512, 14, 16, "classifier.5", "classifier.6"),
    ("torchvision:vgg11_bn", 224, 8, 512, 14, 16, "classifier.5", "classifier.6"),
    ("torchvision:squeezenet1_0", 224, 8, 512, 13, 16, "classifier.3", "classifier"),
    ("torchvision:squeezenet1_1", 224, 8, 512, 13, 16, "classifier.3", "classifier"),
    ("torchvision:googlenet", 224, 12, 1024, 7, 32, "avgpool", "fc"),
    ("torchvision:inception_v3", 299, 16, 2048, 8, 32, "avgpool", "fc"),
    ("torchvision:resnet18", 224, 8, 512, 7, 32, "avgpool", "fc"),
    ("torchvision:resnext50_32x4d", 224, 16, 2048, 7, 32, "avgpool", "fc"),
    ("torchvision:wide_resnet50_2", 224, 16, 2048, 7, 32, "avgpool", "fc"),
    ("torchvision:densenet121", 224, 58, 32, 7, 32, "classifier:input", "classifier"),
    ("torchvision:mobilenet_v2", 224, 17, 320, 7, 32, "classifier.0", "classifier.1"),
    ("torchvision:mobilenet_v3_small", 224, 11, 96, 7, 32, "avgpool", "classifier.3"),
    ("torchvision:mnasnet0_5", 224, 16, 160, 7, 32, "classifier.0", "classifier.1"),
    ("torchvision:shufflenet_v2_x0_5", 224, 16, 192, 7, 32, "fc:input", "fc"),
    ("torchvision:efficientnet_b0", 224, 16, 320, 7, 32, "avgpool", "classifier.1"),
    ("torchvision:efficientnet_v2_s", 224, 40, 256, 7, 32, "avgpool", "classifier.1"),
    ("torchvision:convnext_tiny", 224, 18, 768, 7, 32, "avgpool", "classifier.2"),
    ("torchvision:vit_b_32", 224, 12, 768, 7, 32, "heads.head:input", "heads.head"),
    ("torchvision:swin_t", 224, 12, 768, 7, 32, "avgpool", "head"),
    ("torchvision:maxvit_t", 224, 11, 512, 7, 32, "classifier.0", "classifier.5"),
    ("timm:resnet18", 224, 8, 512, 7, 32, "global_pool", "fc"),
    ("timm:resnet26d", 224, 8, 2048, 7, 32, "global_pool", "fc"),
    ("timm:seresnet18", 224, 8, 512, 7, 32, "global_pool", "fc"),
    ("timm:resnetv2_50", 224, 16, 2048, 7, 32, "head.global_pool", "head.fc"),
    ("timm:res2net50_26w_4s", 224, 16, 2048, 7, 32, "global_pool", "fc"),
    ("timm:nfnet_l0", 224, 12, 1536, 7, 32, "head.global_pool", "head.fc"),
    ("timm:densenet121", 224, 58, 32, 7, 32, "global_pool", "classifier"),
    ("timm:dpn68", 224, 22, 832, 7, 32, "global_pool", "classifier"),
    ("timm:vgg11_bn", 224, 8, 512, 14, 16, "head.global_pool", "head.fc"),
    ("timm:inception_v3", 299, 16, 2048, 8, 32, "global_pool", "fc"),
    ("timm:inception_v4", 299, 22, 1536, 8, 32, "global_pool", "last_linear"),
    ("timm:xception41", 299, 13, 2048, 10, 32, "head.global_pool", "head.fc"),
    ("timm:mobilenetv1_100", 224, 13, 1024, 7, 32, "global_pool", "classifier"),
    ("timm:mobilenetv2_035", 224, 17, 112, 7, 32, "global_pool", "classifier"),
    ("timm:mobilenetv3_small_050", 224, 11, 48, 7, 32, "global_pool", "classifier"),
    ("timm:mobilenetv4_conv_small", 224, 16, 128, 7, 32, "global_pool", "classifier"),
    ("timm:ghostnet_050", 224, 16, 80, 7, 32, "global_pool", "classifier"),
    ("timm:efficientnet_b0", 224, 16, 320, 7, 32, "global_pool", "classifier"),
    ("timm:efficientnet_lite0", 224, 16, 320, 7, 32, "global_pool", "classifier"),
    ("timm:tf_efficientnet_b0", 224, 16, 320, 7, 32, "global_pool", "classifier"),
    ("timm:tf_efficientnetv2_b0", 192, 21, 192, 6, 32, "global_pool", "classifier"),
    ("timm:regnetx_002", 224, 13, 368, 7, 32, "head.global_pool", "head.fc"),
    ("timm:regnety_002", 224, 13, 368, 7, 32, "head.global_pool", "head.fc"),
    ("timm:repvgg_a0", 224, 21, 1280, 7, 32, "head.global_pool", "head.fc"),
    ("timm:convnext_atto", 224, 12, 320, 7, 32, "head.global_pool", "head.fc"),
    ("timm:convnextv2_atto", 224, 12, 320, 7, 32, "head.global_pool", "head.fc"),
    ("timm:poolformer_s12", 224, 12, 512, 7, 32, "head.global_pool", "head.fc"),
    ("timm:vit_tiny_patch16_224", 224, 12, 192, 14, 16, "head:input", "head"),
    ("timm:vit_medium_patch16_gap_240", 240, 12, 512, 15, 16, "head:input", "head"),
    ("timm:vit_pwee_patch16_reg1_gap_256", 256, 16, 256, 16, 16, "fc_norm:input", "head"),
    ("timm:vit_little_patch16_reg4_gap_256", 256, 14, 320, 16, 16, "fc_norm:input", "head"),
    ("timm:deit_tiny_patch16_224", 224, 12, 192, 14, 16, "head:input", "head"),
    ("timm:deit_tiny_distilled_patch16_224", 224, 12, 192, 14, 16, "head:input", ""),
    ("timm:deit3_small_patch16_224", 224, 12, 384, 14, 16, "head:input", "head"),
    ("timm:cait_xxs24_224", 224, 24, 192, 14, 16, "head:input", "head"),
    ("timm:levit_128s", 224, 9, 384, 4, 64, "head.linear:input", ""),
    ("timm:swin_tiny_patch4_window7_224", 224, 12, 768, 7, 32, "head.global_pool", "head.fc"),
    ("timm:swinv2_tiny_window8_256", 256, 12, 768, 8, 32, "head.global_pool", "head.fc"),
    ("timm:coatnet_nano_rw_224", 224, 16, 512, 7, 32, "head.global_pool", "head.fc"),
    ("timm:mixer_s32_224", 224, 8, 512, 7, 32, "head:input", "head"),
    ("timm:mixer_s16_224", 224, 8, 512, 14, 16, "head:input", "head"),
    ("timm:resmlp_12_224", 224, 12, 384, 14, 16, "head:input", "head"),
    ("timm:gmlp_ti16_224", 224, 30, 128, 14, 16, "head:input", "head"),
]
NAMES = [row[0] for row in NETWORKS]
BLOCKS = ("early", "middle", "late")


@cache
def network(name, device="meta", **options):
    """A network with random weights; several tests read the same one."""
    library, name = name.split(":")
    with torch.device(device):
        if library == "timm":
            return timm.create_model(name, **options).eval()
        if name in ("inception_v3", "googlenet"):
            options = {"init_weights": False, **options}
        return torchvision.models.get_model(name, weights=None, **options).eval()


def record(model, names, images):
    """The order in which layers are called, their outputs' shapes, and what `Layers` reads."""
    calls, handles, modules = [], [], dict(model.named_modules())
    for name in names:
        path, _, suffix = name.partition(":")
        module = modules[path]
        if suffix == "input":
            keep = lambda _, args, name=name: calls.append((name, tuple(args[0].shape)))  # noqa: E731
            handles.append(module.register_forward_pre_hook(keep))
        else:
            keep = lambda _, args, out, name=name: calls.append((name, tuple(out.shape)))  # noqa: E731
            handles.append(module.register_forward_hook(keep))
    with Layers(model, names) as layers:
        layers.probe(images)
    for handle in handles:
        handle.remove()
    return calls, layers.shapes


def strides(model, images, parts=BLOCKS):
    """The strides and cells (rows) of the layers before pooling, without repetitions."""
    layers = default_layers(model)
    _, shapes = record(model, list(layers), images)
    cells = [
        (int(shape.grid.rows), shape.grid.height)
        for shape, part in zip(shapes, layers.values(), strict=True)
        if part in parts
    ]
    return list(dict.fromkeys(cells)), shapes


def meta_images(*size):
    return torch.zeros(2, 3, *size, device="meta")


def names_of(layers, *parts):
    return [name for name, part in layers.items() if part in parts]


@pytest.mark.parametrize(
    ("name", "side", "count", "channels", "cells", "stride", "pool", "final"),
    NETWORKS,
    ids=NAMES,
)
def test_layers_of_networks(name, side, count, channels, cells, stride, pool, final):
    model = network(name)
    layers = default_layers(model)
    blocks = names_of(layers, *BLOCKS)
    assert len(blocks) == count
    assert names_of(layers, "pool") == [pool]
    assert names_of(layers, "final") == [final]
    assert list(layers) == [*blocks, pool, final]
    assert thirds(layers) == [count // 3 + (i < count % 3) for i in range(3)]

    calls, shapes = record(model, list(layers), meta_images(side, side))
    assert [called for called, _ in calls] == list(layers)  # in this order, each once
    last = shapes[count - 1]
    assert (last.channels, last.grid.height, last.grid.width) == (channels, cells, cells)
    assert last.grid.rows == last.grid.columns == stride
    rows = [shape.grid.rows for shape in shapes[:count]]
    assert rows == sorted(rows)
    sizes = dict(calls)
    assert len(sizes[pool]) == 2 or sizes[pool][2:] == (1, 1)
    assert sizes[final][:2] == (2, 1000 if "240" not in name else 11821)
    assert len(sizes[final]) == 2 or sizes[final][2:] == (1, 1)


def thirds(layers):
    count = Counter(layers.values())
    assert list(dict.fromkeys(layers.values())) == ["early", "middle", "late", "pool", "final"]
    return [count[part] for part in BLOCKS]


def test_at_least_forty_networks_of_fifteen_families():
    kinds = {type(network(name)).__module__ for name in NAMES}
    assert len(NAMES) >= 40
    assert len(kinds) >= 15


# --- strides and grids --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["torchvision:inception_v3", "timm:inception_v3"])
def test_inception_strides(name):
    """At 299 pixels the stages have strides 2 2 2 4 4 8 16 32, not 299 / cells."""
    cells, _ = strides(network(name), meta_images(299, 299))
    assert cells == [(2, 149), (2, 147), (4, 73), (4, 71), (8, 35), (16, 17), (32, 8)]
    layers = names_of(default_layers(network(name)), *BLOCKS)
    assert layers[:6] == [
        f"Conv2d_{n}" for n in ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3")
    ] + ["Mixed_5b"]


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("timm:vit_medium_patch16_gap_240", 0),
        ("timm:mixer_s16_224", 0),
        ("timm:vit_tiny_patch16_224", 1),
        ("timm:deit_tiny_distilled_patch16_224", 2),
        ("timm:vit_little_patch16_reg4_gap_256", 4),
        ("timm:vit_small_patch14_reg4_dinov2", 5),
        ("torchvision:vit_b_32", 1),
    ],
)
def test_prefix_tokens_are_no_cells(name, prefix):
    model = network(name)
    config = getattr(model, "pretrained_cfg", {"input_size": (3, 224, 224)})
    side = config["input_size"][-1]
    [(stride, cells)], shapes = strides(model, meta_images(side, side))
    assert cells * stride == side
    assert shapes[0].prefix == prefix
    assert shapes[0].form == "tokens"


@pytest.mark.parametrize("name", ["torchvision:swin_t", "timm:swin_tiny_patch4_window7_224"])
def test_swin_gives_channels_last(name):
    cells, shapes = strides(network(name), meta_images(224, 224))
    assert cells == [(4, 56), (8, 28), (16, 14), (32, 7)]
    assert {shape.form for shape in shapes[:12]} == {"channels last"}
    assert [shape.channels for shape in shapes[:12:11]] == [96, 768]


def test_dilated_networks():
    model = network("timm:resnet18", output_stride=8)
    assert strides(model, meta_images(224, 224))[0] == [(4, 56), (8, 28)]
    model = network("torchvision:resnet50", replace_stride_with_dilation=(False, True, True))
    assert strides(model, meta_images(224, 224))[0] == [(4, 56), (8, 28)]


def test_images_that_are_not_square():
    for name, options, size, stride, cells in [
        ("torchvision:resnet18", {}, (160, 224), 32, (5, 7)),
        ("timm:efficientnet_b0", {}, (96, 224), 32, (3, 7)),
        ("timm:vit_tiny_patch16_224", {"img_size": (96, 160)}, (96, 160), 16, (6, 10)),
        ("timm:mixer_s16_224", {"img_size": (96, 96)}, (96, 96), 16, (6, 6)),
        ("timm:swin_tiny_patch4_window7_224", {"img_size": (224, 448)}, (224, 448), 32, (7, 14)),
        ("torchvision:swin_t", {}, (224, 448), 32, (7, 14)),
    ]:
        model = network(name, **options)
        layers = default_layers(model)
        _, shapes = record(model, list(layers), meta_images(*size))
        last = shapes[-3].grid
        assert (last.height, last.width) == cells, name
        assert last.rows == last.columns == stride, name


# --- larger networks, structure only -------------------------------------------------------------

EFFICIENTNETS = {"b0": 16, "b1": 23, "b2": 23, "b3": 26, "b4": 32, "b5": 39, "b6": 45, "b7": 55}


@pytest.mark.parametrize("size", EFFICIENTNETS)
def test_efficientnets(size):
    """The paper's B6 and B7 have 45 and 55 blocks, in either library."""
    libraries = ["timm:tf_efficientnet_", "torchvision:efficientnet_"]
    for library in libraries if size in ("b0", "b7") else libraries[:1]:
        layers = default_layers(network(library + size))
        assert len(names_of(layers, *BLOCKS)) == EFFICIENTNETS[size]
        assert len(layers) == EFFICIENTNETS[size] + 2


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("torchvision:resnext101_32x8d", 33),
        ("timm:vit_base_patch16_224", 12),
        ("timm:mixer_b16_224", 12),
    ],
)
def test_other_networks_of_the_paper(name, count):
    assert len(names_of(default_layers(network(name)), *BLOCKS)) == count


# --- the project's own networks, plain lists, unusual ones ----------------------------------------


@pytest.mark.parametrize(
    ("name", "count"), [("resnet20", 9), ("resnet44", 21), ("wrn-40-1", 18), ("cnn7", 7)]
)
def test_own_networks(name, count):
    model = build(name)
    layers = default_layers(model)
    assert list(layers)[-2:] == ["pool", "linear"]
    images = torch.rand(2, 1 if name == "cnn7" else 3, 32, 32)
    calls, shapes = record(model, list(layers), images)
    assert [called for called, _ in calls] == list(layers)
    assert len(layers) == count + 2
    expected = {"cnn7": [1, 1, 2, 2, 2, 2, 2]}.get(
        name, [1] * (count // 3) + [2] * (count // 3) + [4] * (count // 3)
    )
    assert [int(shape.grid.rows) for shape in shapes[:count]] == expected


def test_toy_networks_have_neither_pool_nor_final():
    layers = {"layers.0": "early", "layers.1": "middle", "layers.2": "late"}
    assert default_layers(build("toy-invariant")) == layers


def conv(inputs, outputs, size=3):
    return nn.Conv2d(inputs, outputs, size, padding=size // 2)


def gap():
    return nn.AdaptiveAvgPool2d(1)


def norm_relu():
    return [nn.BatchNorm2d(8), nn.ReLU(inplace=True)]


def two():
    return [conv(3, 8), nn.ReLU(), conv(8, 8), *norm_relu()]


def mlp(*widths):
    return [nn.Linear(*widths[:2]), nn.ReLU(), nn.Dropout(), nn.Linear(*widths[1:])]


SEQUENCES = {  # modules, default layers
    "convolutions": (
        [*two(), nn.MaxPool2d(2), conv(8, 8), gap(), nn.Flatten(), nn.Linear(8, 5)],
        "1 4 6 7 9",
    ),
    "no pooling": ([*two(), nn.Flatten(), *mlp(512, 6, 5)], "1 4 8 9"),
    "nested": (
        [
            nn.Sequential(conv(3, 8), *norm_relu()),
            nn.Sequential(conv(8, 8), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Sequential(nn.Sequential(conv(8, 8), nn.ReLU()), nn.Sequential(conv(8, 8))),
            nn.Sequential(gap(), nn.Flatten(), nn.Linear(8, 5)),
        ],
        "0 1.1 2.0 2.1 3.0 3.2",
    ),
    "maps of classes": ([*two(), conv(8, 5, 1), gap(), nn.Flatten()], "1 4 5 6 7"),
    "a convolution classifies": ([*two(), gap(), conv(8, 5, 1), nn.Flatten()], "1 4 5 6"),
}


@pytest.mark.parametrize("kind", SEQUENCES)
def test_plain_sequential(kind):
    modules, expected = SEQUENCES[kind]
    model = nn.Sequential(*modules).eval()
    layers = default_layers(model)
    assert list(layers) == expected.split()
    assert list(layers.values())[-2:] == ["pool", "final"]
    calls, _ = record(model, list(layers), torch.rand(2, 3, 8, 8))
    assert [called for called, _ in calls] == list(layers)
    assert calls[-1][1][:2] == (2, 5)


def test_one_activation_for_all_convolutions():
    """Its last call is not the first convolution's; so the convolutions are measured."""
    relu = nn.ReLU()
    body = [conv(3, 8), relu, conv(8, 8), relu, nn.Flatten()]
    model = nn.Sequential(*body, nn.Linear(512, 6), relu, nn.Linear(6, 5))
    layers = default_layers(model)
    assert list(layers) == ["0", "2", "7:input", "7"]
    calls, _ = record(model, list(layers), torch.rand(2, 3, 8, 8))
    assert [called for called, _ in calls] == list(layers)


class Handmade(nn.Module):
    """One activation for all convolutions, pooling registered first: order tells nothing."""

    def __init__(self):
        super().__init__()
        self.relu, self.pool, self.gap = nn.ReLU(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)
        self.conv1, self.conv2, self.conv3 = conv(3, 8), conv(8, 8), conv(8, 8)
        self.fc = nn.Linear(8, 5)

    def forward(self, images):
        maps = self.pool(self.relu(self.conv1(images)))
        maps = self.relu(self.conv3(self.relu(self.conv2(maps))))
        return self.fc(self.gap(maps).flatten(1))


class Wrapper(nn.Module):
    def __init__(self, backbone, width):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Sequential(nn.Linear(width, 7), nn.ReLU(), nn.Linear(7, 5))

    def forward(self, images):
        return self.head(self.backbone(images))


def test_handmade_networks():
    model = Handmade()
    layers = default_layers(model)
    assert list(layers) == ["conv1", "conv2", "conv3", "gap", "fc"]
    calls, _ = record(model, list(layers), torch.rand(2, 3, 8, 8))
    assert [called for called, _ in calls] == list(layers)


def test_wrapped_networks():
    plain = default_layers(network("torchvision:resnet18"))
    with torch.device("meta"):
        wrapped = nn.Sequential(nn.Identity(), network("torchvision:resnet18"))
    assert default_layers(wrapped) == {f"1.{name}": part for name, part in plain.items()}
    plain = build("resnet20")
    twice = nn.ModuleDict({"net": plain, "stage": plain.layer1, "head": plain.linear})
    assert list(default_layers(twice)) == [f"net.{name}" for name in default_layers(plain)]
    body = Wrapper(network("timm:resnet18", num_classes=0), 512)
    assert list(default_layers(body))[-2:] == ["backbone.global_pool", "head.2"]
    body = Wrapper(network("timm:vit_tiny_patch16_224", num_classes=0), 192)
    assert list(default_layers(body))[-3:] == ["backbone.blocks.11", "head.1", "head.2"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("resnet18", 4),
        ("mobilenetv3_small_050", 4),
        ("efficientnet_b0", 4),
        ("vit_tiny_patch16_224", 3),
        ("vgg11", 4),
    ],
)
def test_without_classifier_there_is_no_final(name, parts):
    layers = default_layers(network(f"timm:{name}", num_classes=0))
    assert "final" not in layers.values()
    assert len(set(layers.values())) == parts
    blocks = names_of(default_layers(network(f"timm:{name}")), *BLOCKS)
    assert names_of(layers, *BLOCKS) == blocks


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Linear(3, 5), ["Linear", "layers=[...]", "none"]),
        (nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), ["'1', '3'"]),
        (
            nn.Sequential(nn.Embedding(9, 4), nn.LSTM(4, 4), nn.Linear(4, 2)),
            ["other modules: 0, 1", "linear layers: 2"],
        ),
    ],
    ids=["linear", "mlp", "lstm"],
)
def test_unknown_structure_names_candidates(model, words):
    with pytest.raises(ValueError, match="Candidates") as error:
        default_layers(model)
    for word in [*words, "equivar.measure(model, images, equivar.rotations(), layers="]:
        assert word in str(error.value)


def test_the_model_is_left_as_it_was():
    model = build("resnet20").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    default_layers(model)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_depth_parts():
    assert depth_parts(list("abcdefghijk")) == ["early"] * 4 + ["middle"] * 4 + ["late"] * 3
    assert depth_parts(["a", "b"]) == ["early", "middle"]
    assert depth_parts([]) == []


# --- with numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "side", "layers"),
    [
        ("timm:regnety_002", {}, 64, 15),
        ("torchvision:regnet_y_400mf", {}, 64, 18),
        ("torchvision:squeezenet1_1", {}, 64, 10),
        ("timm:vit_tiny_patch16_224", {"img_size": 64, "depth": 3}, 64, 5),
        ("timm:deit_tiny_distilled_patch16_224", {"img_size": 64, "depth": 3}, 64, 5),
        ("timm:swin_tiny_patch4_window7_224", {"img_size": 64, "depths": (1, 1, 1, 1)}, 64, 6),
    ],
)
def test_measured_end_to_end(name, options, side, layers):
    model = network(name, device="cpu", **options)
    images = torch.rand(4, 3, side, side, generator=torch.Generator().manual_seed(0))
    table = equivar.measure(model, images, [equivar.Rotation(1)], progress=False)
    invariance = table[table.kind == "invariance"]
    assert list(invariance.layer) == list(default_layers(model))
    assert list(invariance.part) == list(default_layers(model).values())
    assert len(invariance) == layers
    assert invariance.score.abs().max() <= 1
    assert (invariance.part.iloc[-2:] == ["pool", "final"]).all()
    spatial = invariance[invariance.height > 1]
    assert (spatial.height * spatial.stride == side).all() or "squeeze" in name
