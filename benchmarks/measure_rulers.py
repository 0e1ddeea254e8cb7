"""What other rulers cost beside the measure, on the same layers, images and turns.

Goal: all rulers that share one pass at most 2 times equivar.measure, on ResNet-20 at 32 x 32, 500
images, 3 quarter turns. The local error makes forward passes of its own, and stands beside them.
"""

import warnings
from functools import partial

import torch
from side_by_side import best_seconds, machine, report

import equivar
from equivar import networks, rulers

TURNS = equivar.rotations()


def main():
    model = networks.build("resnet20").eval()
    images = torch.randn(500, 3, 32, 32)

    def compare(names):
        rulers.compare(model, images, TURNS, rulers=names, progress=False)

    shared = [name for name in rulers.RULERS if name != "lie"]
    tasks = {"equivar.measure": lambda: equivar.measure(model, images, TURNS, progress=False)}
    tasks |= {name: partial(compare, [name]) for name in rulers.RULERS}
    tasks["one pass"] = partial(compare, shared)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*take more images than")
        seconds = best_seconds(tasks, repeats=2)
    ratio = seconds["one pass"] / seconds["equivar.measure"]
    report("ResNet-20 at 32 x 32, 500 images, 3 turns", seconds, ratio, "at most 2")


if __name__ == "__main__":
    print(machine())
    main()
