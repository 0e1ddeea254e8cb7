"""Loaders beside files with mutations: python tests/fuzzed_loaders.py COUNT FOLDER

COUNT mutations each of a data set's parquet table, a checkpoint, the files of a finished run, and
weights. Each loader must give what the file held before, or its own error: no crash, no hang, no
other value. (Weights from elsewhere carry no checksum of their own, so there any values will do.)
Works in forks, so that a crash or a hang is seen and counted. Prints what it found as JSON.
"""

import io
import json
import mmap
import os
import random
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import safetensors.torch
import torch
from PIL import Image
from torch import nn

from equivar import data as datasets
from equivar import networks
from equivar.data import DataDamaged, identity
from equivar.data.registry import FILES, File
from equivar.runs import Made, RunDamaged, Spec, Store, folder
from equivar.training.checkpoint import Checkpoint, CheckpointDamaged, Progress

torch.set_num_threads(1)
LONGEST = 20  # seconds for one mutation


# Mutations


def mutated(content, random, hot):
    """One to three changes; `hot` is where the structure of the format is, hit half of the time."""
    content = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if not content:
            break
        first, last = random.choice((hot, (0, len(content))))
        at = min(random.randrange(first, max(last, first + 1)), len(content) - 1)
        random.choice(CHANGES)(content, at, random)
    return bytes(content)


def flip(content, at, random):
    content[at] ^= 1 << random.randrange(8)


def overwrite(content, at, random):
    some = random.choice((b"\x00", b"\xff", b"\xff\xff\xff\x7f", b"\x80" * 8, b"\xff" * 9, b"[{"))
    content[at : at + len(some)] = some


def cut(content, at, random):
    del content[at:]


def drop(content, at, random):
    del content[at : at + random.randrange(1, 40)]


def repeat(content, at, random):
    content[at:at] = content[at : at + random.randrange(1, 40)]


def swap(content, at, random):
    other = random.randrange(len(content))
    content[at], content[other] = content[other], content[at]


CHANGES = (flip, flip, overwrite, overwrite, cut, drop, repeat, swap)


# Loaders: each gives (path, content, where its structure is, load). load() returns None for what
# was there before, the words of its own error, or raises AssertionError.


def table(where):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 28, 28)).astype(np.uint8)
    labels = torch.tensor([7, 2, 1, 0, 4, 3, 5, 6, 8, 9, 9, 0])
    parts = identity.mnist_parts(torch.from_numpy(images)[:, None], labels)
    FILES["mnist", "test"] = tuple(
        File(file.place, digest)
        for file, digest in zip(FILES["mnist", "test"], identity.digests(parts), strict=True)
    )
    files = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "png")
        files.append({"bytes": file.getvalue(), "path": "x.png"})
    path = where / "mnist" / "test-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table({"image": files, "label": labels.tolist()}), path)
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8

    def load():
        try:
            data = datasets.load("mnist", "test", root=where)
        except DataDamaged as error:
            return str(error)
        assert np.array_equal(data.images[:, 0], images) and torch.equal(data.labels, labels)
        return None

    return path, content, (len(content) - footer, len(content)), load


def checkpoint(where):
    def fresh():
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    model, optimizer = fresh()
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    path = where / "checkpoint.safetensors"
    wanted = Progress(rows=[{"epoch": 1, "loss": 0.5}], steps=3, seen=48, loss=1.5, hits=7)
    keeper = Checkpoint(path, "the run")
    keeper.save(model, optimizer, wanted)
    content = path.read_bytes()

    def load():
        found, state = fresh()
        try:
            progress = keeper.load(found, state)
        except CheckpointDamaged as error:
            return str(error)
        momentum = [one["momentum_buffer"] for one in state.state.values()]
        assert progress == wanted
        pairs = zip(found.parameters(), model.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs) and len(momentum) == 2
        return None

    return path, content, (0, 8 + int.from_bytes(content[:8], "little")), load


def run_file(name):
    def run(where):
        store = Store(where / name, results=where / "none")
        scores = pd.DataFrame({"layer": ["a", "b"], "score": [0.25, np.nan]})
        weights = {"w": torch.arange(6.0)}
        spec = Spec("trial", 1, {})
        path = store.get(spec, lambda _: Made({"scores": scores}, weights, {"x": 1})).path / name
        content = path.read_bytes()

        def load():
            try:
                found = folder.Run(path.parent)
            except RunDamaged as error:
                return str(error)
            pd.testing.assert_frame_equal(found.table("scores"), scores)
            assert torch.equal(found.weights()["w"], weights["w"]) and found.facts == {"x": 1}
            return None

        return path, content, (0, len(content)), load

    return run


def weights(where):
    path = where / "weights.safetensors"
    model = networks.build("cnn7", seed=1)
    safetensors.torch.save_file(model.state_dict(), path)
    content = path.read_bytes()

    def load():
        try:
            networks.load_weights(networks.build("cnn7", seed=2), path)
        except (DataDamaged, ValueError) as error:
            return str(error)
        return None

    return path, content, (0, 8 + int.from_bytes(content[:8], "little")), load


LOADERS = {
    "table": table, "checkpoint": checkpoint, "weights": weights,
    **{name: run_file(name) for name in ("scores.csv", folder.MANIFEST, folder.WEIGHTS)},
}  # fmt: skip


# Trying


def try_all(name, where, count):
    """(same as before, refused, what must not be)."""
    path, content, hot, load = LOADERS[name](where)
    assert load() is None
    numbers = mmap.mmap(-1, 24)  # the next mutation, how many gave the same, how many an error
    strange, log = [], where / f"{name}.log"
    while _at(numbers, 0) < count:
        pid = os.fork()
        if not pid:
            try:
                _some(name, path, content, hot, load, numbers, count, log)
            finally:
                os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code:  # a signal, SIGALRM for a hang
            strange.append(f"{name} {_at(numbers, 0)}: {signal.Signals(-code).name}")
            _set(numbers, 0, _at(numbers, 0) + 1)
    if log.exists():
        strange += log.read_text().splitlines()
    return {"same": _at(numbers, 1), "refused": _at(numbers, 2), "strange": strange}


def _some(name, path, content, hot, load, numbers, count, log):
    while (i := _at(numbers, 0)) < count:
        path.write_bytes(mutated(content, random.Random(f"{name} {i}"), hot))
        signal.alarm(LONGEST)
        try:
            said = load()
            assert said is None or path.parent.name in said or path.name in said, said
            which = 1 if said is None else 2
            _set(numbers, which, _at(numbers, which) + 1)
        except Exception as error:
            with log.open("a") as file:
                file.write(f"{name} {i}: {type(error).__name__}: {str(error)[:200]!r}\n")
        signal.alarm(0)
        _set(numbers, 0, i + 1)


def _at(numbers, which):
    return int.from_bytes(numbers[8 * which : 8 * which + 8], "little")


def _set(numbers, which, value):
    numbers[8 * which : 8 * which + 8] = value.to_bytes(8, "little")


if __name__ == "__main__":
    found = {}
    for loader in LOADERS:
        place = Path(sys.argv[2]) / f"of-{loader}"
        place.mkdir()
        found[loader] = try_all(loader, place, int(sys.argv[1]))
        shutil.rmtree(place)
    print(json.dumps(found))
