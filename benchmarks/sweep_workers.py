"""How many runs two workers make in the time of one: the same training runs, one thread each.

Goal: at least 1.8 times. The workers are processes of a local dask cluster that have imported the
package before the clock starts. Says nothing on a machine whose processors are busy otherwise.
"""

import argparse
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ["OMP_NUM_THREADS"] = "1"  # also of the workers

from side_by_side import machine, report

from equivar.runs import Store
from equivar.runs.executors import opened
from equivar.runs.results import run_all
from equivar.runs.trained import Training


def runs(count, epochs, first=0):
    recipe = {"epochs": epochs, "lr": 0.01, "optimizer": "adam", "schedule": "one-cycle"}
    return [
        Training(
            experiment="bench", groups={"run": seed}, network="cnn7", data="digits", seed=seed,
            recipe=recipe, images=100, transforms=["rotation-90"],
        )
        for seed in range(first, first + count)
    ]  # fmt: skip


def seconds(workers, count, epochs):
    """Wall time of `count` runs by that many workers, the imports aside."""
    with TemporaryDirectory() as root, opened(f"local:{workers}") as executor:
        store = Store(root, results=Path(root) / "none")
        run_all(runs(workers, 1, first=1000), store, executor)
        began = time.perf_counter()
        run_all(runs(count, epochs), store, executor)
        return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    print(machine())
    took = {f"{n} worker(s)": seconds(n, options.runs, options.epochs) for n in (1, 2)}
    one, two = took.values()
    report(f"{options.runs} runs of the 7-layer CNN", took, one / two, "at least 1.8")


if __name__ == "__main__":
    main()
