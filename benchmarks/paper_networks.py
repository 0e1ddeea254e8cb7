"""The six networks of section 4.2, with random weights: seconds and memory for each image.

Each is built from its public name and measured end to end, in a process of its own, over its own
layers at its own input size.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import torch

import equivar
from equivar import networks

NETWORKS = {
    "EfficientNet-B6": "torchvision:efficientnet_b6",
    "EfficientNet-B7": "torchvision:efficientnet_b7",
    "ResNeXt-101": "torchvision:resnext101_32x8d",
    "Inception-v3": "torchvision:inception_v3",
    "ViT": "timm:vit_base_patch16_224",
    "MLP-Mixer": "timm:mixer_b16_224",
}


def one(name: str, images: int) -> dict:
    """Measure one network under three turns and one shift."""
    network = networks.load(NETWORKS[name], "random")
    pixels = network.input.height
    draw = torch.randn(images, 3, pixels, pixels)
    transforms = [*equivar.rotations(), equivar.Shift(16)]
    begin = time.perf_counter()
    table = equivar.measure(network.model, draw, transforms, batch_size=2, progress=False)
    seconds = time.perf_counter() - begin
    rows = table.drop_duplicates("layer")
    return {
        "pixels": pixels,
        "layers": len(rows),
        "strides": sorted(rows["stride"].dropna().unique().tolist()),
        "undefined": round(float(table["undefined"].mean()), 3),
        "seconds per image": round(seconds / images, 2),
        "peak GiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--only", choices=NETWORKS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(one(arguments.only, arguments.images)))
        return
    for name in NETWORKS:
        command = [sys.executable, __file__, "--only", name, "--images", str(arguments.images)]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        print(f"{name:<16}", done.stdout.strip(), flush=True)


if __name__ == "__main__":
    main()
