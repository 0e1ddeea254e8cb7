"""Default layers of networks drawn at random from timm and torchvision: what is read, what refused.

    python benchmarks/wild_networks.py --count 40 --seed 0

One network a family, the one with the fewest parameters by name; on PyTorch's meta device, which
gives shapes and computes nothing, or on the CPU where a network does not run there.
"""

import argparse
import random
import re
import time
import warnings

import timm
import torch
import torchvision
from timm.data import resolve_model_data_config

from equivar.features import Layers, default_layers


def families():
    """{family: [names]} of timm (by module) and torchvision (by the first word of the name)."""
    found = {}
    for module in timm.list_modules():
        found[f"timm {module}"] = [f"timm:{name}" for name in timm.list_models(module=module)]
    for name in torchvision.models.list_models():
        key = "torchvision " + re.match(r"[a-z]+", name)[0]
        found.setdefault(key, []).append(f"torchvision:{name}")
    return {family: names for family, names in found.items() if names}


def smallest(names):
    """By the words that say so, then the shortest."""
    order = ("atto", "femto", "pico", "nano", "xxtiny", "tiny", "xs", "_s", "small", "18")
    rank = [next((i for i, w in enumerate(order) if w in name), len(order)) for name in names]
    return min(zip(rank, map(len, names), names, strict=True))[2]


def built(name):
    """The network in eval mode, and the shape of its images."""
    source, _, rest = name.partition(":")
    if source == "timm":
        model = timm.create_model(rest)
        return model.eval(), resolve_model_data_config(model)["input_size"]
    side = 299 if rest == "inception_v3" else 224
    options = {"weights": None}
    if "segmentation" in torchvision.models.get_model_builder(rest).__module__:
        options["weights_backbone"] = None
    return torchvision.models.get_model(rest, **options).eval(), (3, side, side)


def read(name):
    """What a network's default layers come to, in words."""
    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                model, size = built(name)
                images = torch.zeros(2, *size)
            parts = default_layers(model)
            ends = [layer for layer, part in parts.items() if part in ("pool", "final")]
            with warnings.catch_warnings(), Layers(model, list(parts), None, True, ends) as layers:
                warnings.simplefilter("ignore")
                layers.probe(images)
            maps = [shape for shape in layers.shapes if shape.spatial]
            last = maps[-1].grid
            words = f"{len(maps)} layers, the last {last.height} x {last.width}, "
            words += f"stride {maps[-1].stride:g}"
            if layers.left_out:
                first = next(iter(layers.left_out.values()))
                words += f"; left out {len(layers.left_out)}: {first}"
            return words
        except NotImplementedError:
            continue
        except Exception as error:
            if device == "meta" and not isinstance(error, ValueError):
                continue
            return f"refused: {type(error).__name__}: {' '.join(str(error).split())}"
    return "not run"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    choices = sorted(families().items())
    drawn = random.Random(options.seed).sample(choices, min(options.count, len(choices)))
    for _, names in sorted(drawn):
        began, name = time.perf_counter(), smallest(names)
        words = read(name)
        print(f"{name:45s} {time.perf_counter() - began:5.1f} s  {words}", flush=True)
