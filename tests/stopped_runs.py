"""Runs that are really stopped, for runs/test_stopped.py: python tests/stopped_runs.py FOLDER

The package is imported once and each attempt is a fork of this process, so that many kills take
seconds. Prints what was found as JSON: {mode: facts}. (faulty_runs.py has these modes too.)
"""

import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from pathlib import Path

import torch
import torch._dynamo  # which the first optimizer imports: here once, not in each fork

torch.set_num_threads(1)

from equivar import Rotation, measure, networks, training  # noqa: E402
from equivar import data as datasets  # noqa: E402
from equivar.runs import Made, Spec, Store  # noqa: E402
from equivar.runs.store import CHECKPOINT  # noqa: E402
from equivar.training import loop  # noqa: E402
from equivar.training.checkpoint import snapshot_epochs, snapshot_name  # noqa: E402

loop.SAVE_EVERY = 0.005  # seconds: many checkpoints, also within an epoch
SELDOM = 1e9  # one checkpoint an epoch
EPOCHS = 2
SPEC = Spec("trial", 1, {"epochs": EPOCHS}, label="trial")
SNAPSHOTS = tuple(snapshot_name(epoch) for epoch in snapshot_epochs(EPOCHS))
FILES = ("weights.safetensors", "scores.csv", "history.csv", *SNAPSHOTS)
DATA = datasets.mnist6(datasets.load("digits"), "rot-inv").subset(96)  # 6 steps an epoch


def make(work):
    model = networks.build("cnn7", num_classes=6, in_channels=1, seed=3)
    history = training.train(
        model, DATA, epochs=EPOCHS, batch_size=16, lr=0.01, optimizer="adam", schedule="one-cycle",
        augment=("crop",), seed=3, checkpoint=work / CHECKPOINT, snapshots=work / "snapshots",
        progress=False,
    )  # fmt: skip
    scores = measure(model, DATA.normalised(32), [Rotation(1)], progress=False)
    made = {"scores": scores, "history": history.drop(columns="images_per_second")}
    snapshots = sorted((work / "snapshots").iterdir())
    files = {path.name: path.read_bytes() for path in snapshots}
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
    assert ended(forked(get, folder / "timed")) == 0
    duration = time.monotonic() - began
    kills, runs, equal, resumed = 0, 0, [], 0
    while kills < 24 or not runs:
        root = folder / f"killed-{runs}"
        while True:
            pid = forked(get, root)
            # up to 60 % of a run: some are killed before their first step, some run through
            time.sleep(random.uniform(0.02, 0.6 * duration))
            resumed += any(root.glob(f"*.work/{CHECKPOINT}"))
            os.kill(pid, signal.SIGKILL)
            if ended(pid) == 0:
                break
            kills += 1
        runs += 1
        equal.append(content(root) == content(folder / "whole"))
        equal.append(left_over(root) == [SPEC.name])
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
    loop.SAVE_EVERY = SELDOM
    die_at(number, after)
    get(root)


def writes(root):
    """The names that a run gives to its files by renaming, in order."""
    read, write = os.pipe()

    def noting():
        loop.SAVE_EVERY, rename = SELDOM, os.replace

        def replace(old, new):
            os.write(write, f"{Path(new).name}\n".encode())
            rename(old, new)

        os.replace = replace
        get(root)

    assert ended(forked(noting)) == 0
    os.close(write)
    with os.fdopen(read) as names:
        return names.read().split()


def kill_at_writes(folder):
    """Kill before and after every rename: of snapshots, checkpoints, files and the folder."""
    names, deaths, equal = writes(folder / "noted"), [], []
    for number in range(1, len(names) + 1):
        for after in (False, True):
            root = folder / f"write-{number}-{after}"
            deaths.append(ended(forked(get_and_die, root, number, after)) == -signal.SIGKILL)
            assert ended(forked(get, root)) == 0
            equal.append(content(root) == content(folder / "whole"))
    return {"writes": names, "deaths": all(deaths), "kills": len(deaths), "equal": all(equal)}


def two_at_once(folder):
    """Two processes ask for one run; how often it is made."""
    log = folder / "made"

    def counted(work):
        with log.open("a") as file:
            file.write("made\n")
        return make(work)

    def ask():
        Store(folder / "two", results=Path("none")).get(SPEC, counted)

    pids = [forked(ask) for _ in range(3)]
    codes = [ended(pid) for pid in pids]
    return {"codes": codes, "made": log.read_text().count("made")}


def no_room(folder):
    """A disk that is full after the first checkpoint; then there is room again."""
    root = folder / "no-room"

    def limited():
        save = loop.Checkpoint.save

        def save_then_fill(self, *arguments):
            save(self, *arguments)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

        loop.Checkpoint.save = save_then_fill
        try:
            get(root)
        except OSError as error:
            os.write(message, str(error).encode())

    read, message = os.pipe()
    assert ended(forked(limited)) == 0
    told = os.read(read, 10_000).decode()
    work = root / f"{SPEC.name}.work"
    kept = sorted(path.name for path in work.iterdir())
    assert ended(forked(get, root)) == 0
    return {"told": told, "kept": kept, "equal": content(root) == content(folder / "whole")}


MODES = (kill_at_random, kill_at_writes, two_at_once, no_room)


def main(modes, folder):
    """Print what each mode finds, or what it fails with; all compare with one whole run."""
    assert ended(forked(get, folder / "whole")) == 0
    found = {}
    for mode in modes:
        try:
            found[mode.__name__] = mode(folder)
        except Exception:
            found[mode.__name__] = {"failed": traceback.format_exc()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(MODES, Path(sys.argv[1]))
