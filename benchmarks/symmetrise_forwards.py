"""What symmetrising costs beyond the forward passes that it needs.

Goal: ResNet-20 at 32 x 32 at most 1.3 times these: twelve passes of every image to choose and to
collect, and for each layer and way four from the layer's output on, and one for the floor.
"""

import argparse

import torch
from side_by_side import best_seconds, machine, report
from torch import Tensor, nn

import equivar
from equivar import networks
from equivar.orbits import first_and_blocks
from equivar.priors import BLANK

WAYS = ("matched", "own", "random", BLANK)
WHOLE = 12  # passes of every image
EACH = 4 * (len(WAYS) - 1) + 1  # passes from each layer on


@torch.no_grad()
def needed(model: nn.Module, images: Tensor, batch_size: int):
    """The whole passes, and those that begin after each layer, from maps that are there."""
    blocks = [*model.layer1, *model.layer2, *model.layer3]
    for batch in images.split(batch_size):
        batch = batch.contiguous(memory_format=torch.channels_last)
        for _ in range(WHOLE - 1):
            model(batch)
        parts = [model.conv1, nn.Sequential(model.bn1, nn.ReLU(), blocks[0]), *blocks[1:]]
        maps = batch
        for number, part in enumerate(parts):
            maps = part(maps)
            for _ in range(EACH):
                rest = maps
                for later in parts[number + 1 :]:
                    rest = later(rest)
                model.linear(model.pool(rest).flatten(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    model = networks.build("resnet20").eval()
    images = torch.randn(options.images, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(options.images) % 10

    layers, size = first_and_blocks(model, images[:1]), options.batch_size

    def symmetrise():
        equivar.symmetrise(
            model, images, labels, layers, ways=WAYS, batch_size=size, progress=False
        )

    tasks = {
        "forward passes alone": lambda: needed(model, images, options.batch_size),
        "symmetrise": symmetrise,
    }
    seconds = best_seconds(tasks, options.repeats)
    ratio = seconds["symmetrise"] / seconds["forward passes alone"]
    report(f"ResNet-20, {options.images} images of 32 x 32", seconds, ratio, "at most 1.3")


if __name__ == "__main__":
    main()
