"""The sum of channel products as a weight gradient, against the plain matrix product.

`equivar.similarity.summed_products` chooses between the two by the processor; this shows whether
it chooses well.
"""

from functools import partial

import torch
from side_by_side import best_seconds, machine

from equivar.similarity import matrix_product, summed_products, weight_gradient

SIZES = [(128, 1024, 16), (128, 256, 32), (128, 64, 64), (16, 3136, 256), (16, 196, 1024)]


def main():
    print(machine())
    for images, cells, channels in SIZES:
        g, f = torch.randn(2, images, cells, channels)
        ways = (matrix_product, weight_gradient, summed_products)
        seconds = best_seconds({way.__name__: partial(way, g, f) for way in ways}, 10)
        flops = 2e-9 * images * cells * channels**2
        rates = ", ".join(f"{name} {flops / s:.0f} GFLOP/s" for name, s in seconds.items())
        print(f"{images} images, {cells} cells, {channels} channels: {rates}")


if __name__ == "__main__":
    main()
