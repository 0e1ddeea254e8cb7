"""Runs on a machine where things go wrong, for runs/test_faulty_machine.py and test_stopped.py:
python tests/faulty_runs.py FOLDER

These are the modes of stopped_runs.py and more of that kind, with the same run.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import stopped_runs
from stopped_runs import SPEC, content, ended, forked, get, left_over

from equivar.runs import Spec, Store, folder
from equivar.runs.store import CHECKPOINT
from equivar.training import loop

NOBODY = 65534
OWN_MOUNTS, PRIVATE = 1 << 17, (1 << 18) | (1 << 14)  # of unshare and mount, see man 2


class Dying(list):
    """Batches, the process being killed when the second is asked for."""

    def __iter__(self):
        yield self[0]
        os.kill(os.getpid(), signal.SIGKILL)


def told(action, *arguments):
    """(exit code, the message of the error) of an action in a process of its own."""
    read, write = os.pipe()

    def run():
        try:
            action(*arguments)
        except OSError as error:
            os.write(write, f"{type(error).__name__}: {error}".encode())

    code = ended(forked(run))
    os.close(write)
    with os.fdopen(read) as said:
        return code, said.read()


def killed_in_measuring(root_of_all):
    """The training is done, and the second batch of the measure is the last thing that happens."""

    def die(root):
        measure = stopped_runs.measure
        stopped_runs.measure = lambda model, images, *rest, **more: measure(
            model, Dying(images.split(16)), *rest, **more
        )
        get(root)

    root = root_of_all / "measuring"
    code = ended(forked(die, root))
    kept = sorted(path.name for path in root.glob("*.work/*"))

    def no_step(root):
        loop.Checkpoint.save = None  # an epoch would end with a call
        get(root)

    again = ended(forked(no_step, root))
    return {"code": code, "kept": kept, "again": again, "equal": same(root_of_all, root)}


def killed_in_publishing(root_of_all):
    """Copying results, killed before and after each of its writes; the next copy is whole."""
    run = Store(root_of_all / "whole", results=Path("none")).find(SPEC)
    deaths, sound = 0, []

    def die(into, number, after):
        stopped_runs.die_at(number, after)
        folder.copy_results(run, into)

    for number in range(1, 5):  # two tables, provenance, manifest
        for after in (False, True):
            into = root_of_all / f"published-{number}-{after}"
            deaths += ended(forked(die, into, number, after)) == -signal.SIGKILL
            half = [path for path in into.glob("[!.]*") if not whole(path)]
            folder.copy_results(run, into)
            sound.append(not half and [path.name for path in into.iterdir()] == [SPEC.name])
            sound.append(whole(into / SPEC.name))
    return {"deaths": deaths, "sound": all(sound)}


def whole(path):
    try:
        folder.Run(path)
        return True
    except folder.RunDamaged:
        return False


def backward_clock(root_of_all):
    """Every look at the clock gives an hour less; a file of before lies in the future."""

    def back():
        now = [time.time()]

        def earlier():
            now[0] -= 3600
            return now[0]

        time.time = earlier
        get(root)

    def stopped():
        stopped_runs.die_at(2, after=True)  # after the second checkpoint
        get(root)

    root = root_of_all / "clock"
    ended(forked(stopped))
    [state] = root.glob(f"*.work/{CHECKPOINT}")
    ahead = time.time() + 10 * 86400
    os.utime(state, (ahead, ahead))
    code = ended(forked(back))
    run = Store(root, results=Path("none")).find(SPEC)
    return {
        "code": code,
        "equal": same(root_of_all, root),
        "seconds": run.provenance["seconds"],
        "left": left_over(root) == [SPEC.name],
    }


def read_only(root_of_all):
    """A store that may be read and not written: by its mode, for a user who is not root."""
    root = root_of_all / "read-only"
    assert ended(forked(get, root)) == 0
    for path in (root, *root.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)

    def unprivileged(action, *arguments):
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        action(*arguments)

    def another(where):
        other = Spec(SPEC.experiment, 2, SPEC.parameters)
        Store(where, results=Path("none")).get(other, stopped_runs.make)

    before = sorted(root.rglob("*"))
    there = told(unprivileged, get, root)
    new = told(unprivileged, another, root)
    below = told(unprivileged, another, root / "deeper")
    same_files = sorted(root.rglob("*")) == before
    for path in (root, *root.rglob("*")):
        path.chmod(0o755)  # so that it can be removed
    return {"there": there, "new": new, "below": below, "left": same_files}


def full_disk(root_of_all):
    """A disk with room for the checkpoints and not for the tables: a tmpfs where it may be
    mounted, else a limit on the size of files. Then there is room again."""
    root = root_of_all / "full"
    mount = root_of_all / "small-disk"
    mount.mkdir()

    def fill():
        write = folder.write

        def write_when_full(*arguments):
            if tmpfs:
                with suppress(OSError), (mount / "other").open("wb", buffering=0) as other:
                    while other.write(bytes(512)):
                        pass
            else:
                resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
            write(*arguments)

        stopped_runs.Store.__init__.__globals__["write"] = write_when_full
        get(root if not tmpfs else mount / "runs")

    tmpfs = mounted(mount)
    if tmpfs:
        root = mount / "runs"
    code, said = told(fill)
    (mount / "other").unlink(missing_ok=True)
    made = [path.name for path in root.glob(SPEC.name)]
    [kept] = root.glob(f"*.work/{CHECKPOINT}")

    def no_step():
        loop.Checkpoint.save = None
        get(root)

    again = ended(forked(no_step))
    equal = same(root_of_all, root)
    if tmpfs:
        subprocess.run(["umount", mount], check=True)
    return {
        "tmpfs": tmpfs, "code": code, "said": said, "made": made, "kept": kept.name,
        "again": again, "equal": equal,
    }  # fmt: skip


def mounted(mount):
    """Whether a disk of 2 MB could be put there, in a namespace of this process."""
    if sys.platform != "linux" or os.geteuid():
        return False
    libc = ctypes.CDLL(None)
    if libc.unshare(OWN_MOUNTS) or libc.mount(b"none", b"/", None, PRIVATE, None):
        return False
    options = ["-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mount)]
    return subprocess.run(["mount", *options], capture_output=True).returncode == 0


def same(root_of_all, root):
    return content(root) == content(root_of_all / "whole")


MODES = (killed_in_measuring, killed_in_publishing, backward_clock, read_only, full_disk)

if __name__ == "__main__":
    stopped_runs.main((*stopped_runs.MODES, *MODES), Path(sys.argv[1]))
