"""Runs that take up the network of another run: it comes from the store that the caller has."""

from schedules import TASKS

from equivar import training
from equivar.chapters import c04_tasks
from equivar.chapters.c08_readings import Reread
from equivar.runs import Made, Spec, Store


def reread(base):
    readings = {"default": {}}
    return Reread(base=base, images=4, readings=readings, transforms=["rotation-90"])


class Asking:
    """A run that notes which store it is made with."""

    spec = Spec("asking", 1, {})

    def make(self, work, store):
        self.store = store
        return Made({})


def test_a_run_is_made_with_the_store_it_is_asked_of(tmp_path):
    store, one = Store(tmp_path / "runs", results=tmp_path / "results"), Asking()
    store.make(one)
    assert one.store is store


def test_the_network_of_another_run_is_found_where_that_run_is(tasks, small_runs, monkeypatch):
    """Neither trained again, nor looked for in the folder that EQUIVAR_RUNS names."""
    elsewhere = small_runs.root.parent / "elsewhere"
    monkeypatch.setenv("EQUIVAR_RUNS", str(elsewhere))
    monkeypatch.setattr(training, "train", None)
    asked, find = [], Store.find

    def noting(self, *arguments):
        asked.append(self)
        return find(self, *arguments)

    monkeypatch.setattr(Store, "find", noting)
    one = reread(c04_tasks.runs(c04_tasks.Parameters(**TASKS))[0])
    run = small_runs.make(one)
    assert set(run.table("scores")["reading"]) == {"default"}
    assert len(asked) > 1 and all(store is small_runs for store in asked)
    assert not elsewhere.exists()
