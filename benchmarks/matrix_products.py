"""The sum of channel products as a weight gradient, against the plain matrix product.

`equivar.similarity.summed_products` chooses between the two; this shows whether it chooses well.
"""

import torch
from side_by_side import best_seconds, machine

from equivar.similarity import summed_products

SIZES = [(128, 1024, 16), (128, 256, 32), (128, 64, 64), (16, 3136, 256), (16, 196, 1024)]


def main():
    print(machine())
    for images, cells, channels in SIZES:
        g, f = torch.randn(2, images, cells, channels)
        seconds = best_seconds(
            {
                "plain": lambda g=g, f=f: g.flatten(0, 1).T @ f.flatten(0, 1),
                "summed_products": lambda g=g, f=f: summed_products(g, f),
            },
            repeats=10,
        )
        flops = 2e-9 * images * cells * channels**2
        rates = ", ".join(f"{name} {flops / s:.0f} GFLOP/s" for name, s in seconds.items())
        ratio = seconds["plain"] / seconds["summed_products"]
        print(f"{images} images, {cells} cells, {channels} channels: {rates}, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
