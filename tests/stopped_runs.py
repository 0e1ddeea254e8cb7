"""Runs that are really stopped, for test_store.py: python tests/stopped_runs.py MODE FOLDER

Imports the package once and forks a process for each attempt, so that twenty kills take seconds.
Prints what it found as JSON.
"""

import json
import os
import random
import resource
import signal
import sys
import time
from pathlib import Path

import torch
import torch._dynamo  # which the first optimizer imports: here once, not in each fork

torch.set_num_threads(1)

from equivar import data as datasets  # noqa: E402
from equivar import measure, networks, rotations, training  # noqa: E402
from equivar.runs import Made, Spec, Store  # noqa: E402
from equivar.runs.store import CHECKPOINT  # noqa: E402
from equivar.training import loop  # noqa: E402

loop.SAVE_EVERY = 0.02  # seconds: many checkpoints, also within an epoch
SPEC = Spec("trial", 1, {"epochs": 4}, label="trial")
SNAPSHOTS = tuple(f"snapshot-{epoch:04d}.safetensors" for epoch in (0, 1, 2, 4))
FILES = ("weights.safetensors", "scores.csv", "history.csv", *SNAPSHOTS)
DATA = datasets.mnist6(datasets.load("digits"), "rot-inv").subset(320)


def make(work):
    model = networks.build("cnn7", num_classes=6, in_channels=1, seed=3)
    history = training.train(
        model, DATA, epochs=4, batch_size=16, lr=0.01, optimizer="adam", schedule="one-cycle",
        augment=("crop",), seed=3, checkpoint=work / CHECKPOINT, snapshots=work / "snapshots",
        progress=False,
    )  # fmt: skip
    scores = measure(model, DATA.normalised(64), rotations(), progress=False)
    made = {"scores": scores, "history": history.drop(columns="images_per_second")}
    files = {path.name: path.read_bytes() for path in (work / "snapshots").glob("snapshot-*")}
    return Made(made, model.state_dict(), files=files)


def get(root):
    Store(root, results=Path("none")).get(SPEC, make)


def forked(action, *arguments):
    """Run in a process of its own; its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        action(*arguments)
        code = 0
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(pid):
    """How a process ended: its exit code, or minus its signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def content(root):
    """The bytes of the finished run in a store."""
    run = Path(root) / SPEC.name
    return [(run / name).read_bytes() for name in FILES]


def left_over(root):
    """What lies in a store beside the finished run and the locks."""
    return sorted(path.name for path in Path(root).iterdir() if path.name != ".locks")


def kill_at_random(folder):
    """Kill after random times, start again, until 24 kills are done; all results must be equal."""
    random.seed(0)
    began = time.monotonic()
    assert ended(forked(get, folder / "whole")) == 0
    whole = time.monotonic() - began
    kills, runs, equal, resumed = 0, 0, [], 0
    while kills < 24 or not runs:
        root = folder / f"killed-{runs}"
        while True:
            pid = forked(get, root)
            # up to 60 % of a run: some are killed before their first step, some run through
            time.sleep(random.uniform(0.02, 0.6 * whole))
            resumed += any(root.glob(f"*.work/{CHECKPOINT}"))
            os.kill(pid, signal.SIGKILL)
            if ended(pid) == 0:
                break
            kills += 1
        runs += 1
        equal.append(content(root) == content(folder / "whole") and left_over(root) == [SPEC.name])
    return {"kills": kills, "runs": runs, "resumed": resumed, "equal": all(equal)}


def die_at(number, after):
    """From now on, the process kills itself before or after the `number`-th rename."""
    rename, calls = os.replace, []

    def replace(*arguments):
        calls.append(arguments)
        if len(calls) == number and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(*arguments)
        if len(calls) == number and after:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace


def get_and_die(root, number, after):
    die_at(number, after)
    get(root)


def kill_at_writes(folder):
    """Kill before and after every rename of a run's last files: checkpoint, tables, folder."""
    assert ended(forked(get, folder / "whole")) == 0
    loop.SAVE_EVERY = 1e9  # one checkpoint an epoch: 4, then 3 files, provenance, manifest, folder
    deaths, equal = 0, []
    for number in range(1, 11):
        for after in (False, True):
            root = folder / f"write-{number}-{after}"
            deaths += ended(forked(get_and_die, root, number, after)) == -signal.SIGKILL
            assert ended(forked(get, root)) == 0
            equal.append(content(root) == content(folder / "whole"))
    return {"deaths": deaths, "equal": all(equal)}


def two_at_once(folder):
    """Two processes ask for one run; how often it is made."""
    log = folder / "made"

    def counted(work):
        with log.open("a") as file:
            file.write("made\n")
        return make(work)

    def ask():
        Store(folder / "runs", results=Path("none")).get(SPEC, counted)

    pids = [forked(ask) for _ in range(3)]
    codes = [ended(pid) for pid in pids]
    return {"codes": codes, "made": log.read_text().count("made")}


def no_room(folder):
    """A disk that is full after the first checkpoint; then there is room again."""
    assert ended(forked(get, folder / "whole")) == 0

    def limited():
        save = loop.Checkpoint.save

        def save_then_fill(self, *arguments):
            save(self, *arguments)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

        loop.Checkpoint.save = save_then_fill
        try:
            get(folder / "full")
        except OSError as error:
            os.write(message, str(error).encode())

    read, message = os.pipe()
    assert ended(forked(limited)) == 0
    told = os.read(read, 10_000).decode()
    work = folder / "full" / f"{SPEC.name}.work"
    kept = sorted(path.name for path in work.iterdir())
    assert ended(forked(get, folder / "full")) == 0
    return {
        "told": told,
        "kept": kept,
        "equal": content(folder / "full") == content(folder / "whole"),
    }


MODES = {f.__name__: f for f in (kill_at_random, kill_at_writes, two_at_once, no_room)}

if __name__ == "__main__":
    print(json.dumps(MODES[sys.argv[1]](Path(sys.argv[2]))))
