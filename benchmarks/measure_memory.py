"""Peak memory of measuring 64 and 2048 images. Goal: within 10 % of each other.

Each runs in a process of its own; images are drawn batch by batch, so that only the measure's own
memory can grow with their number.
"""

import resource
import subprocess
import sys

import torch
import torchvision

import equivar


class Drawn:
    """Batches of noise, drawn when they are asked for."""

    def __init__(self, count: int, size: int, batch_size: int = 32):
        self.count, self.size, self.batch_size = count, size, batch_size

    def __iter__(self):
        generator = torch.Generator().manual_seed(0)
        for _ in range(0, self.count, self.batch_size):
            yield torch.randn(self.batch_size, 3, self.size, self.size, generator=generator)


def peak(count: int):
    """Measure the residual blocks of ResNet-18, and print the peak in MiB."""
    model = torchvision.models.resnet18().eval()
    names = equivar.default_layers(model)
    layers = {name: part for name, part in names.items() if part not in ("pool", "final")}
    equivar.measure(model, Drawn(count, 64), equivar.rotations(), layers=layers, progress=False)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main():
    peaks = {}
    for count in (64, 2048):
        command = [sys.executable, __file__, str(count)]
        peaks[count] = float(subprocess.run(command, capture_output=True, check=True).stdout)
        print(f"ResNet-18 at 64 x 64, {count} images, 3 turns: peak {peaks[count]:.0f} MiB")
    print(f"ratio {peaks[2048] / peaks[64]:.3f} (goal: at most 1.1)")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        peak(int(sys.argv[1]))
    else:
        main()
