"""Sweeps by a real dask scheduler and two worker processes, for runs/test_dask.py.

python tests/dask_sweeps.py FOLDER. The package is imported once, and every process is a fork; each
worker has a keeper that forks another one when it dies. Prints what it found as JSON.
"""

import asyncio
import functools
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
import torch._dynamo  # which the first optimizer imports: here once, not in each worker

torch.set_num_threads(1)

import dask  # noqa: E402
import distributed  # noqa: E402
from distributed import Scheduler, Worker  # noqa: E402

from equivar import data as datasets  # noqa: E402
from equivar.runs import Store, executors  # noqa: E402
from equivar.runs.results import run_all  # noqa: E402
from equivar.runs.store import CHECKPOINT  # noqa: E402
from equivar.runs.trained import Training  # noqa: E402
from equivar.training import loop  # noqa: E402
from equivar.training.checkpoint import progress_of  # noqa: E402

loop.SAVE_EVERY = 0.02  # seconds: many checkpoints, also within an epoch
executors.LOOK_EVERY = 0.2
datasets.load = functools.cache(datasets.load)  # read here, once, for every process
for split in ("train", "test"):
    datasets.load("digits", split)
dask.config.set({"distributed.comm.timeouts.connect": "3s", "distributed.worker.daemon": False})
ONE = {
    "experiment": "trial", "network": "cnn7", "data": "digits", "task": "rot-inv", "images": 20,
    "transforms": ["rotation-90"], "train_images": 64,
}  # fmt: skip
RECIPE = {"batch_size": 16, "lr": 0.01, "optimizer": "adam"}


@dataclass(frozen=True)
class Noted:
    """A run that writes into a file when it is made, by which process, and where it stood."""

    one: Training
    log: Path
    fails: bool = False

    @property
    def columns(self):
        return self.one.columns

    @property
    def spec(self):
        return self.one.spec

    def __str__(self):
        return str(self.one)

    def make(self, work, store):
        before = progress_of(work / CHECKPOINT)
        steps = 20 * len(before.rows) + before.steps if before else 0  # of 320 images
        with self.log.open("a") as file:
            file.write(f"{self.one.seed} {os.getpid()} {steps}\n")
        if self.fails:
            raise ArithmeticError(f"seed {self.one.seed} is out of luck")
        return self.one.make(work, store)

    @property
    def notes(self):
        """[seed, process, steps that were there] of each time that one of the runs was made."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [[int(word) for word in line.split()] for line in lines]


def runs(folder, seeds, fails=(), epochs=1, train_images=64):
    more = {"recipe": {**RECIPE, "epochs": epochs}, "train_images": train_images}
    log = folder / "made"
    return [
        Noted(Training(**{**ONE, **more}, groups={"n": n}, seed=n), log, n in fails) for n in seeds
    ]


def store(folder, name):
    return Store(folder / name, results=folder / "none")


def content(where, some):
    """The bytes of the tables and weights of finished runs."""
    names = ("scores.csv", "history.csv", "weights.safetensors")
    return [[(where.root / one.spec.name / name).read_bytes() for name in names] for one in some]


# Processes


def forked(action, *arguments, group=True):
    """Run in a process of its own, and by default in a group of its own; its process id."""
    pid = os.fork()
    if pid:
        return pid
    if group:
        os.setpgid(0, 0)
    try:
        action(*arguments)
    finally:
        os._exit(0)


def schedule(port):
    async def run():
        options = {"host": "127.0.0.1", "port": port, "dashboard": False}
        async with Scheduler(**options) as scheduler:
            await scheduler.finished()

    asyncio.run(run())


def work(address, folder):
    async def run():
        options = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "death_timeout": 5}
        async with Worker(address, local_directory=str(folder), **options) as worker:
            await worker.finished()

    asyncio.run(run())


def keep_working(address, folder):
    """What a supervisor does: a worker that ends is replaced by another."""
    while True:
        os.waitpid(forked(work, address, folder, group=False), 0)
        time.sleep(0.1)


def wait_until(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(condition.__code__.co_consts)
        time.sleep(0.02)


class Cluster:
    """A scheduler and two workers on this machine."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.scheduler = forked(schedule, self.port)
        self.keepers = [forked(keep_working, self.address, folder) for _ in range(2)]
        self.spare, self.go = os.pipe()
        self.next_scheduler = forked(self._later)  # forked now, before there are threads

    def _later(self):
        os.read(self.spare, 1)
        schedule(self.port)

    def restart_scheduler(self):
        os.kill(self.scheduler, signal.SIGKILL)
        os.waitpid(self.scheduler, 0)
        os.write(self.go, b"!")


# What is tried


def same_tables(folder, cluster):
    """The same runs here and by the workers, one of which always fails there."""
    some = runs(folder / "here", (0, 1, 2))
    run_all(some, store(folder, "default"), executors.InThisProcess())
    there, far = runs(folder / "there", (0, 1, 2, 3), fails=(3,)), store(folder, "dask")
    with executors.opened(cluster.address) as executor:
        try:
            run_all(there, far, executor)
            error, notes = None, []
        except ArithmeticError as caught:
            error, notes = str(caught), caught.__notes__
        again = run_all(there[:3], far, executor)
    made = there[0].notes
    return {
        "equal": content(far, some) == content(store(folder, "default"), some),
        "error": error,
        "notes": notes,
        "seeds": sorted(seed for seed, *_ in made),
        "processes": len({pid for _, pid, _ in made} - {os.getpid()}),
        "rows": len(again.summary),
    }


def two_sweeps(folder, cluster):
    """Two clients ask the workers for the same runs at the same time."""
    some, where = runs(folder / "twice", range(4)), store(folder, "both")

    def ask():
        with executors.opened(cluster.address) as executor:
            found.append(len(run_all(some, where, executor).summary))

    found = []
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return {"found": found, "seeds": sorted(seed for seed, *_ in some[0].notes)}


def killed_worker(folder, cluster):
    """The worker of a run is killed when there is a checkpoint."""
    [one] = runs(folder / "killed", (0,), epochs=3, train_images=320)
    whole, where = store(folder, "whole"), store(folder, "resumed")
    run_all([one], whole, executors.InThisProcess())
    one.log.unlink()
    work = where.root / f"{one.spec.name}.work" / CHECKPOINT
    with executors.opened(cluster.address) as executor:
        thread = threading.Thread(target=run_all, args=([one], where, executor))
        thread.start()
        wait_until(lambda: (p := progress_of(work)) and p.rows)
        os.kill(one.notes[0][1], signal.SIGKILL)
        thread.join(60)
    (_, first, began), (_, second, stood) = one.notes
    equal = content(where, [one]) == content(whole, [one])
    return {"equal": equal, "replaced": first != second, "began": began, "stood": stood}


def restarted_scheduler(folder, cluster):
    """The scheduler is killed when some of the runs are done; another takes its place."""
    some = runs(folder / "restart", range(6), train_images=320)
    where = store(folder, "restarted")
    said = []

    def ask():
        with executors.opened(cluster.address) as executor:
            try:
                run_all(some, where, executor)
            except Exception as error:
                said.extend(error.__notes__)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: sum((where.root / one.spec.name).is_dir() for one in some) >= 2)
    done = {one.one.seed for one in some if (where.root / one.spec.name).is_dir()}
    began = time.monotonic()
    cluster.restart_scheduler()
    thread.join(60)
    seconds, hung = time.monotonic() - began, thread.is_alive()
    with executors.opened(cluster.address) as executor:
        rows = len(run_all(some, where, executor).summary)
    made = [seed for seed, *_ in some[0].notes]
    return {
        "hung": hung, "seconds": seconds, "said": said, "rows": rows, "done": len(done),
        "again": sorted(seed for seed in done if made.count(seed) > 1),
    }  # fmt: skip


MODES = (same_tables, two_sweeps, killed_worker, restarted_scheduler)


def main(folder):
    for name in ("here", "there", "twice", "killed", "restart"):
        (folder / name).mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        cluster = Cluster(scratch)
        try:
            found = {mode.__name__: mode(folder, cluster) for mode in MODES}
        finally:
            stop(cluster)
    print(json.dumps({"versions": [dask.__version__, distributed.__version__], **found}))


def stop(cluster):
    for pid in (*cluster.keepers, cluster.scheduler, cluster.next_scheduler):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # on the way out it stops the cluster
    main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)
