"""The same parameters give the same tables: bit by bit in another process, nearly so with other
numbers of threads, whose sums round otherwise."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from equivar import data as datasets
from equivar import measure, networks
from equivar.chapters import c04_tasks, c05_augmentations
from equivar.runs import Store
from equivar.runs.executors import InThisProcess
from equivar.runs.results import run_all
from equivar.transforms import Rotation, Shift

SCHEDULE = {
    "profile": "tiny", "epochs": 1, "batch_size": 64, "optimizer": "adam", "lr": 0.01,
    "weight_decay": 0.0, "schedule": "one-cycle", "milestones": (), "seeds": (0,), "images": 20,
    "match": "dataset", "margin": 0.1,
}  # fmt: skip
TASKS = {"data": "digits", "tasks": ("rot-eq",), "padding": 0}
SHIFTS = {
    "data": "shapes", "train_images": 64, "shifts": (1, 4), "network": "resnet8",
    "augmentations": ("cutmix", "randaugment"),
}  # fmt: skip
MEASURED = 1e-5  # how far scores of one network may differ between numbers of threads
TRAINED = 0.05  # and, after an epoch of training with each, its scores, accuracy and loss


def tiny_profile(root, which=slice(None)):
    """The text of every table of the tiny profile, or of some of its runs, by run and name."""
    runs = c04_tasks.runs(c04_tasks.Parameters(**SCHEDULE | TASKS))
    runs += c05_augmentations.runs(c05_augmentations.Parameters(**SCHEDULE | SHIFTS))
    runs = runs[which]
    store = Store(root, results=Path(root) / "none")
    run_all(runs, store, InThisProcess())
    return {
        f"{one.spec.name}/{path.name}": path.read_text()
        for one in runs
        for path in sorted((store.root / one.spec.name).glob("*.csv"))
    }


@pytest.fixture(scope="module")
def one_thread():
    """torch.set_num_threads(1) while the module is tested."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tables(tmp_path_factory, one_thread):
    return tiny_profile(tmp_path_factory.mktemp("first"))


def test_another_process_gives_the_same_tables_bit_by_bit(tables, tmp_path):
    """With other hashes of texts, another folder, and other states of the global generators."""
    code = (
        "import json, sys, random, torch, numpy; torch.set_num_threads(1)\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "random.seed(1); numpy.random.seed(1); torch.manual_seed(1)\n"
        f"import test_determinism as t; print(json.dumps(t.tiny_profile({str(tmp_path)!r})))"
    )
    env = os.environ | {"PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    again = json.loads(done.stdout.splitlines()[-1])
    assert len(tables) == 6 and again == tables


def read(text):
    return pd.read_csv(io.StringIO(text))


def differences(first, second):
    """The largest difference of each column of numbers."""
    numbers = first.select_dtypes("number").columns
    return {name: np.nanmax(np.abs(first[name] - second[name]), initial=0) for name in numbers}


def test_other_numbers_of_threads_measure_the_same(one_thread):
    images = datasets.load("shapes", "test").normalised(12)
    model, found = networks.build("resnet8", seed=0), []
    for count in (2, 1):
        torch.set_num_threads(count)
        found.append(measure(model, images, [Rotation(1), Shift(3)], progress=False))
    far = differences(*found)
    assert max(far.values()) < MEASURED, far


@pytest.mark.skipif(not os.environ.get("EQUIVAR_SLOW_TESTS"), reason="EQUIVAR_SLOW_TESTS=1")
def test_other_numbers_of_threads_train_nearly_the_same(tables, tmp_path):
    torch.set_num_threads(2)
    others = tiny_profile(tmp_path, slice(1))
    torch.set_num_threads(1)
    assert {name.split("-")[0] for name in others} == {"mnist6"}
    for name, text in others.items():
        far = differences(read(tables[name]), read(text))
        assert max(far.values()) < TRAINED, far
