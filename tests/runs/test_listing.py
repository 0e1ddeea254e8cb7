"""Looking into a store, and taking runs away, while others make them."""

import sys
import threading

import pytest

from equivar.runs import Made, Spec, Store, listing
from equivar.runs.store import WORK, lock_of

SPEC = Spec("trial", 1, {"epochs": 2}, label="trial")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs", results=tmp_path / "results")


class Stopped(Exception):
    """What ends the making of a run, whose folder stays."""


def stop(work):
    raise Stopped


def test_whoever_looks_at_a_run_is_not_taken_for_one_who_makes_it(store):
    """A look holds the run's lock for a moment; a run that is free would be told to be busy."""
    with pytest.raises(Stopped):
        store.get(SPEC, stop)  # it is begun: only of such a run is the lock looked at
    looks, over = [], threading.Event()

    def look():
        while not over.is_set():
            looks.append(listing.being_made(store.root, SPEC.name))

    thread, interval = threading.Thread(target=look), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # so that the two really meet
    thread.start()
    try:
        for _ in range(1500):
            with pytest.raises(Stopped):  # and not Busy
                store.get(SPEC, stop, wait=False)
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert len(looks) > 100


@pytest.mark.parametrize("finished", [True, False], ids=["finished", "begun"])
def test_a_run_that_is_being_made_is_not_removed(store, finished):
    """A finished one too: it may be made anew, as when its weights are wanted."""
    if finished:
        store.get(SPEC, lambda work: Made({}))
    else:
        (store.root / f"{SPEC.name}{WORK}").mkdir(parents=True)
    before = set(store.root.rglob("*"))
    with (
        lock_of(store.root, SPEC.name),
        pytest.raises(ValueError, match=rf"{SPEC.name}.* is being made; stop its process first"),
    ):
        listing.remove(store.root, [SPEC.name])
    assert before <= set(store.root.rglob("*"))
    [removed] = listing.remove(store.root, [SPEC.name])
    assert removed.name.removesuffix(WORK) == SPEC.name and not removed.path.exists()
