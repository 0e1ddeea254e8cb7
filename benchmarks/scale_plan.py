"""What the paper's full sweep costs: operations counted, seconds from the committed runs.

Of every run of a profile: the multiply-adds of one forward pass, counted by PyTorch; a training
step is taken as three forward passes, measuring as images x (transformations + 1) of them. The
seconds are the operations over the rate that committed runs of `standard` reached, with one
thread. `--write` puts the tables of book/scale.md beside it.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from equivar import networks
from equivar.networks.sources import SOURCES
from equivar.runs.folder import Run
from equivar.runs.measured import Measurement, TrainedHere
from equivar.runs.trained import Training
from equivar.transforms import parse_transforms

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import sweep as sweep_tool  # noqa: E402

# (images of the training split, channels, side, classes) of the data that the paper trains on
TRAINED_ON = {"mnist": (35566, 1, 28, 24), "cifar10": (50000, 3, 32, 10)}
GPU_RATE = 10e12  # multiply-adds a second, an assumption: --gpu


@cache
def size(name, options, channels, side, classes):
    """(multiply-adds of one image forward, bytes of the state dict)."""
    with torch.device("meta"):
        if classes:
            model = networks.build(name, num_classes=classes, in_channels=channels, **dict(options))
        else:
            source, _, rest = name.partition(":")
            made = SOURCES[source](rest, "random", dict(options), 0)
            model, channels, side = made.model, made.input.channels, made.input.height
        images = torch.empty(1, channels, side, side)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval().to("meta")(images)
    state = sum(x.numel() * x.element_size() for x in model.state_dict().values())
    return counter.get_total_flops() / 2, state  # a multiply-add counts as two there


def of_training(one, images=0):
    """(training, measuring) multiply-adds, the bytes that are stored, and those that are read."""
    count, channels, side, classes = TRAINED_ON[one.data.removesuffix("-jpeg")]
    forward, state = size(one.network, tuple(one.options.items()), channels, side, classes)
    train = 3 * forward * (images or one.train_images or count) * one.recipe["epochs"]
    passes = len(parse_transforms(one.transforms)) + 1
    return train, forward * one.images * passes, state, (count + one.images) * channels * side**2


def of_measuring(one):
    passes = len(parse_transforms(one.transforms)) + 1
    if isinstance(one.network, TrainedHere):
        train, _, state, read = of_training(one.network.training)
        forward, _ = size(one.network.training.network, (), *TRAINED_ON["cifar10"][1:])
        return train, forward * one.images * passes, state, read
    pretrained = one.network
    forward, state = size(pretrained.network, tuple(pretrained.options.items()), 0, 0, 0)
    return 0, forward * one.images * passes, state, 0


def planned(profile):
    """{(experiment, network): [costs of each run]} of a profile; what runs share counts once.

    Without chapter 08, which for the most part measures networks of other chapters again.
    """
    rows = sweep_tool.numbered(sweep_tool.chapters_with_runs(profile), profile)
    found, trained = defaultdict(list), set()
    for one in {number: one for number, _, one in rows}.values():
        if isinstance(one, Training):
            found[one.experiment, one.network].append(of_training(one))
        elif isinstance(one, Measurement) and one.experiment != "readings":
            kind = one.network
            name = kind.training.network if isinstance(kind, TrainedHere) else kind.network
            train, measure, *rest = of_measuring(one)
            if name in trained:
                train, rest = 0, (0, 0)
            trained.add(name)
            found[one.experiment, name].append((train, measure, *rest))
    return found


def committed():
    """(network, seconds of training, multiply-adds of it) of each committed run that trained."""
    for path in sorted((ROOT / "data" / "results" / "standard").glob("*/*")):
        run = Run(path)
        facts, asked = run.facts, run.provenance["parameters"]
        if "images_per_second" not in facts:
            continue
        one = Training(**asked, experiment=run.provenance["experiment"], groups={})
        train, *_ = of_training(one, facts["train_images"])
        images = facts["train_images"] * one.recipe["epochs"]
        yield one.network, images / facts["images_per_second"], train


def rates():
    """Multiply-adds a second of each network, the median over its runs."""
    found = defaultdict(list)
    for network, seconds, train in committed():
        found[network].append(train / seconds)
    return {network: statistics.median(values) for network, values in found.items()}


def plan(profile, speeds, gpu):
    usual = statistics.median(speeds.values())
    for (experiment, network), runs in planned(profile).items():
        train, measure, state, read = (sum(column) for column in zip(*runs, strict=True))
        rate = speeds.get(network, usual)
        yield {
            "experiment": experiment,
            "network": network.partition(":")[2] or network,
            "runs": len(runs),
            "training, 10^15": f"{train / 1e15:.2f}",
            "measuring, 10^15": f"{measure / 1e15:.3f}",
            "core hours": f"{(train + measure) / rate / 3600:.1f}",
            "GPU hours": f"{(train + measure) / gpu / 3600:.2f}",
            "weights, MB": f"{state / 1e6:.1f}",
            "images read, MB": f"{read / 1e6:.0f}" if read else "files",
        }


def total(rows):
    whole = {"experiment": "all", "network": ""}
    for name in list(rows[0])[2:]:
        digits = len(rows[0][name].partition(".")[2]) if isinstance(rows[0][name], str) else 0
        numbers = [float(row[name]) for row in rows if row[name] != "files"]
        whole[name] = f"{sum(numbers):.{digits}f}"
    return whole


def check():
    """Each network's seconds as the rate of all others says, beside those that it took."""
    runs = list(committed())
    for network in dict.fromkeys(name for name, *_ in runs):
        others = [train / seconds for name, seconds, train in runs if name != network]
        own = [(seconds, train) for name, seconds, train in runs if name == network]
        took = sum(seconds for seconds, _ in own)
        said = sum(train for _, train in own) / statistics.median(others)
        yield {
            "network": network,
            "runs": len(own),
            "10^9 a second": f"{statistics.median(t / s for s, t in own) / 1e9:.0f}",
            "hours it took": f"{took / 3600:.2f}",
            "hours by the others' rate": f"{said / 3600:.2f}",
            "ratio": f"{said / took:.2f}",
        }


def show(rows, path=None):
    names = list(rows[0])
    for row in [dict(zip(names, names, strict=True)), *rows]:
        print("  ".join(f"{row[name]!s:>16}" for name in names))
    if path:
        lines = [names, ["---"] * len(names), *(row.values() for row in rows)]
        path.write_text("".join(f"| {' | '.join(map(str, line))} |\n" for line in lines))
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="paper")
    parser.add_argument("--gpu", type=float, default=GPU_RATE, help="multiply-adds a second")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = list(plan(options.profile, rates(), options.gpu))
    book = ROOT / "book" if options.write else None
    show([*rows, total(rows)], book and book / "scale.inc")
    show(list(check()), book and book / "scale-check.inc")


if __name__ == "__main__":
    main()
