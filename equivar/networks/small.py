"""Small relatives of the paper's six pretrained networks, built from timm's own classes.

They stand in for EfficientNet-B6 and -B7, ResNeXt-101, Inception-v3, ViT and MLP-Mixer (sections
4.2 and 4.6) where nothing can be downloaded, and train in seconds. Each takes images (B,
in_channels, H, W) and gives logits (B, num_classes). `vit` and `mixer` take images of `side` x
`side` pixels only.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

from timm.layers import ConvNormAct
from timm.models._efficientnet_builder import decode_arch_def
from timm.models.efficientnet import EfficientNet
from timm.models.inception_v3 import InceptionA
from timm.models.mlp_mixer import MlpMixer
from timm.models.resnet import Bottleneck, ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import nn

SIDE = 28  # pixels of the embedded digits


def efficientnet(width: int, num_classes: int = 10, in_channels: int = 3) -> nn.Module:
    """Inverted bottlenecks with squeeze-and-excitation; the stem has 8 x `width` channels."""
    first, second, third = 8 * width, 12 * width, 16 * width
    stages = [
        [f"ds_r1_k3_s1_e1_c{first}_se0.25"],
        [f"ir_r2_k3_s2_e4_c{second}_se0.25"],
        [f"ir_r2_k3_s1_e4_c{third}_se0.25"],
    ]
    return EfficientNet(
        decode_arch_def(stages),
        num_classes=num_classes,
        in_chans=in_channels,
        num_features=64 * width,
        stem_size=8 * width,
        act_layer=nn.SiLU,
    )


def resnext(num_classes: int = 10, in_channels: int = 3) -> nn.Module:
    """Bottlenecks of grouped convolutions, without max-pooling at first, as images are small."""
    model = ResNet(
        Bottleneck,
        (1, 2, 1, 1),
        num_classes=num_classes,
        in_chans=in_channels,
        output_stride=8,
        cardinality=8,
        base_width=16,
        stem_width=16,
        channels=(8, 12, 16, 16),
        zero_init_last=False,
    )
    model.maxpool = nn.Identity()
    return model


def inception(num_classes: int = 10, in_channels: int = 3) -> nn.Module:
    """Blocks of parallel convolutions of several sizes."""
    unpadded = partial(ConvNormAct, padding=0)  # as Inception-v3 has it
    blocks = [InceptionA(channels, 16, unpadded) for channels in (24, 240, 240)]
    layers = {
        "stem": unpadded(in_channels, 24, 3, stride=2),
        "reduce": nn.MaxPool2d(3, stride=2),
        "blocks": nn.Sequential(*blocks),
        "pool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "fc": nn.Linear(240, num_classes),
    }
    return nn.Sequential(OrderedDict(layers))


def vit(
    num_classes: int = 10,
    in_channels: int = 3,
    side: int = SIDE,
    patch: int = 4,
    width: int = 64,
    depth: int = 6,
) -> nn.Module:
    """A transformer on a class token and one token per patch, with learned positions.

    patch: pixels of a token. width: channels of a token, in four heads. depth: blocks.
    """
    model = VisionTransformer(
        img_size=side,
        patch_size=patch,
        in_chans=in_channels,
        num_classes=num_classes,
        embed_dim=width,
        depth=depth,
        num_heads=4,
        mlp_ratio=2,
    )
    for block in model.blocks:
        block.attn.fused_attn = False  # with few tokens its gradient takes most of the time
    return model


def mixer(
    num_classes: int = 10,
    in_channels: int = 3,
    side: int = SIDE,
    patch: int = 4,
    width: int = 64,
    depth: int = 6,
) -> nn.Module:
    """Perceptrons that mix tokens and channels in turn; sizes as in `vit`."""
    return MlpMixer(
        img_size=side,
        patch_size=patch,
        in_chans=in_channels,
        num_classes=num_classes,
        embed_dim=width,
        num_blocks=depth,
        mlp_ratio=(0.5, 2),
    )
