"""Runs small enough for tests, made in a process of their own for runs/test_determinism.py:
python tests/small_runs.py FOLDER

Prints their tables as JSON.
"""

import functools
import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from schedules import SHIFTS, TASKS

from equivar import data as datasets
from equivar.chapters import c04_tasks, c05_augmentations
from equivar.runs import Store
from equivar.runs.executors import InThisProcess
from equivar.runs.results import run_all

FEW = {"digits": 150, "shapes": 100}  # training images: enough for one of each class


def few(load):
    """`equivar.data.load`, of the embedded sets with the first few training images, read once."""

    @functools.cache
    def whole(name, split):
        return load(name, split)

    def loaded(name, split="train", root=None, **options):
        if name not in FEW or split not in ("train", "test"):
            return load(name, split, root, **options)
        data = whole(name, split)
        return data.subset(FEW[name]) if split == "train" else data

    return loaded


def three_runs():
    """A task, whose runs other tests have too, and the two augmentations that draw the most."""
    of_tasks = TASKS | {"tasks": ("rot-eq",), "seeds": (0,)}
    of_shifts = SHIFTS | {"augmentations": ("cutmix", "randaugment"), "seeds": (0,)}
    return [
        *c04_tasks.runs(c04_tasks.Parameters(**of_tasks)),
        *c05_augmentations.runs(c05_augmentations.Parameters(**of_shifts)),
    ]


def tables(runs, store):
    """The text of every table of the runs, by run and name; what is not there is made."""
    run_all(runs, store, InThisProcess())
    return {
        f"{one.spec.name}/{path.name}": path.read_text()
        for one in runs
        for path in sorted((store.root / one.spec.name).glob("*.csv"))
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    datasets.load = few(datasets.load)
    folder = Path(sys.argv[1])
    print(json.dumps(tables(three_runs(), Store(folder, results=folder / "none"))))
