"""What measuring costs beyond the forward passes that it needs.

Goals: ResNet-44 at 32 x 32 at most 1.25 times its bare channels-last forward passes; ResNet-50 at
224 x 224 at most 1.3 times its forward passes and the channel-by-channel matrix products alone.
"""

import argparse

import torch
import torchvision
from side_by_side import best_seconds, machine, report
from torch import Tensor, nn

import equivar
from equivar import networks
from equivar.features import Layers

TURNS = equivar.rotations()


@torch.no_grad()
def forwards(model: nn.Module, images: Tensor, batch_size: int):
    """The images and their turns through the network, in the layout that is fastest."""
    for batch in images.split(batch_size):
        for moved in (batch, *(turn.on_images(batch) for turn in TURNS)):
            model(moved.contiguous(memory_format=torch.channels_last))


def map_shapes(model: nn.Module, image: Tensor) -> list[tuple[int, int]]:
    """(cells, channels) of each layer that is measured."""
    with Layers(model, list(equivar.default_layers(model))) as layers:
        layers.probe(image)
    return [(s.grid.height * s.grid.width, s.channels) for s in layers.shapes]


def products(shapes: list[tuple[int, int]], images: int, batch_size: int):
    """One matrix product a layer, turn and batch for the scores, and one for chance."""
    for _ in range(0, images, batch_size):
        for cells, channels in shapes:
            g = torch.rand(batch_size * cells, channels)
            f = torch.rand(batch_size * cells, channels)
            for _ in range(2 * len(TURNS)):
                g.T @ f


def measure(model: nn.Module, images: Tensor, batch_size: int):
    return equivar.measure(model, images, TURNS, batch_size=batch_size, progress=False)


def resnet44(count: int, batch_size: int):
    model = networks.build("resnet44").eval().to(memory_format=torch.channels_last)
    images = torch.randn(count, 3, 32, 32)
    seconds = best_seconds(
        {
            "bare forward passes": lambda: forwards(model, images, batch_size),
            "equivar.measure": lambda: measure(model, images, batch_size),
        },
        repeats=3,
    )
    ratio = seconds["equivar.measure"] / seconds["bare forward passes"]
    report(f"ResNet-44, {count} images of 32 x 32, 3 turns", seconds, ratio, "at most 1.25")


def resnet50(count: int, batch_size: int):
    model = torchvision.models.resnet50().eval().to(memory_format=torch.channels_last)
    images = torch.randn(count, 3, 224, 224)
    shapes = map_shapes(model, images[:1])
    seconds = best_seconds(
        {
            "bare forward passes": lambda: forwards(model, images, batch_size),
            "matrix products": lambda: products(shapes, count, batch_size),
            "equivar.measure": lambda: measure(model, images, batch_size),
        },
        repeats=3,
    )
    least = seconds["bare forward passes"] + seconds["matrix products"]
    ratio = seconds["equivar.measure"] / least
    report(f"ResNet-50, {count} images of 224 x 224, 3 turns", seconds, ratio, "at most 1.3")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=["resnet44", "resnet50"])
    arguments = parser.parse_args()
    print(machine())
    if arguments.network in (None, "resnet44"):
        resnet44(count=2000, batch_size=128)
    if arguments.network in (None, "resnet50"):
        resnet50(count=32, batch_size=16)
