"""The same parameters give the same tables: bit by bit in another process, nearly so with other
numbers of threads, whose sums round otherwise."""

import io
import os

import numpy as np
import pandas as pd
import pytest
import torch
from small_runs import tables, three_runs

from equivar import data as datasets
from equivar import measure, networks
from equivar.runs import Store
from equivar.transforms import Rotation, Shift

MEASURED = 1e-5  # how far scores of one network may differ between numbers of threads
TRAINED = 0.05  # and, after an epoch of training with each, its scores, accuracy and loss


@pytest.fixture
def threads():
    """Sets the number of threads, until the test ends; one at its beginning."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def here(threads, small_runs):
    return tables(three_runs(), small_runs)


@pytest.mark.program("small_runs.py")
def test_another_process_gives_the_same_tables_bit_by_bit(here, told):
    """With other hashes of texts, another folder, and other states of the global generators."""
    assert len(here) == 3 * 4 and told == here  # history, parts, removed, scores


def read(text):
    return pd.read_csv(io.StringIO(text))


def differences(first, second):
    """The largest difference of each column of numbers."""
    numbers = first.select_dtypes("number").columns
    return {name: np.nanmax(np.abs(first[name] - second[name]), initial=0) for name in numbers}


def test_other_numbers_of_threads_measure_the_same(threads):
    images = datasets.load("shapes", "test").normalised(12)
    model, found = networks.build("resnet8", seed=0), []
    for count in (2, 1):
        threads(count)
        found.append(measure(model, images, [Rotation(1), Shift(3)], progress=False))
    far = differences(*found)
    assert max(far.values()) < MEASURED, far


@pytest.mark.skipif(not os.environ.get("EQUIVAR_SLOW_TESTS"), reason="EQUIVAR_SLOW_TESTS=1")
def test_other_numbers_of_threads_train_nearly_the_same(here, threads, tmp_path):
    threads(2)
    others = tables(three_runs()[:1], Store(tmp_path, results=tmp_path / "none"))
    assert {name.split("-")[0] for name in others} == {"mnist6"}
    for name, text in others.items():
        far = differences(read(here[name]), read(text))
        assert max(far.values()) < TRAINED, far
