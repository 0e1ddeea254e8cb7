"""The sum of channel products as a weight gradient, against the plain matrix product.

`equivar.similarity.summed_products` chooses between the two by the processor; this shows whether
it chooses well.
"""

from functools import partial

import torch
from side_by_side import best_seconds, machine
from torch import Tensor
from torch.nn.grad import conv2d_weight

from equivar.similarity import summed_products

SIZES = [(128, 1024, 16), (128, 256, 32), (128, 64, 64), (16, 3136, 256), (16, 196, 1024)]


def product(g: Tensor, f: Tensor) -> Tensor:
    return g.flatten(0, 1).T @ f.flatten(0, 1)


def gradient(g: Tensor, f: Tensor) -> Tensor:
    x, dy = (z.unsqueeze(1).permute(0, 3, 1, 2) for z in (f, g))
    return conv2d_weight(x, (g.shape[2], f.shape[2], 1, 1), dy)


def main():
    print(machine())
    for images, cells, channels in SIZES:
        g, f = torch.randn(2, images, cells, channels)
        ways = (product, gradient, summed_products)
        seconds = best_seconds({way.__name__: partial(way, g, f) for way in ways}, 10)
        flops = 2e-9 * images * cells * channels**2
        rates = ", ".join(f"{name} {flops / s:.0f} GFLOP/s" for name, s in seconds.items())
        print(f"{images} images, {cells} cells, {channels} channels: {rates}")


if __name__ == "__main__":
    main()
