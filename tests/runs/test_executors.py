"""Sweeps: every run is made once, by whom it may be, and one that fails costs no other."""

import sys
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from sample_run import Sample

from equivar.data import DataMissing
from equivar.runs import Busy, Store, executors
from equivar.runs.executors import InThisProcess, StoreNotShared, opened
from equivar.runs.results import run_all


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs", results=tmp_path / "results")


def test_a_run_that_fails_is_told_and_the_others_are_made(store, capsys):
    runs = [Sample(n, ArithmeticError(f"no {n}") if n in (1, 3) else None) for n in range(5)]
    with pytest.raises(ArithmeticError, match="no 1") as caught:
        run_all(runs, store)
    assert caught.value.__notes__ == [
        "2 of 5 runs failed; the others are in the store:",
        "  sample 1: ArithmeticError: no 1",
        "  sample 3: ArithmeticError: no 3",
    ]
    assert [store.find(one.spec) is not None for one in runs] == [True, False, True, False, True]
    said = capsys.readouterr().err
    assert "failed: sample 1: ArithmeticError: no 1" in said
    assert "runs: 1 done, 0 running, 3 waiting, 1 failed, about 0 s left" in said
    assert said.splitlines()[-1] == "runs: 3 done, 0 running, 0 waiting, 2 failed"
    found = run_all([one for one in runs if not one.error], store)
    assert found.scores["n"].tolist() == [0, 2, 4]
    assert all(one.made == [one.n] for one in runs)  # none of them twice


def test_any_executor_of_the_standard_library_will_do(store):
    runs = [Sample(n) for n in (3, 1, 2)]
    with ThreadPoolExecutor(2) as executor:
        found = run_all(runs, store, executor)
    assert found.scores["n"].tolist() == [3, 1, 2]
    assert found.summary["half"].tolist() == [1.5, 0.5, 1.0]


def test_equal_runs_are_made_once(store):
    one = Sample(1)
    assert len(run_all([one, one], store).summary) == 2 and one.made == [1]


def test_runs_that_others_are_making_are_waited_for_last(store):
    order = []

    class Busily(InThisProcess):
        """Tells the first time that run 0 is being made elsewhere."""

        def submit(self, function, one, store, wait, place):
            order.append((one.n, wait))
            if one.n == 0 and not wait:
                future = Future()
                future.set_exception(Busy("another process is making it"))
                return future
            return super().submit(function, one, store, wait, place)

    assert len(run_all([Sample(n) for n in range(3)], store, Busily()).summary) == 3
    assert order == [(0, False), (1, False), (2, False), (0, True)]


def test_a_store_that_workers_do_not_share_is_noticed(store, tmp_path):
    class Elsewhere(InThisProcess):
        def submit(self, function, one, _store, *arguments):
            other = Store(tmp_path / "other", results=tmp_path / "none")
            return super().submit(function, one, other, *arguments)

    with pytest.raises(StoreNotShared, match=r"sample 1 was made, but not into .*runs"):
        run_all([Sample(1)], store, Elsewhere())


def test_an_executor_that_loses_its_word_loses_no_run(store, monkeypatch):
    """dask does where its scheduler dies while a worker's answer is on its way."""

    class Silent(Executor):
        def submit(self, function, *arguments):
            function(*arguments)
            return Future()  # that never ends

    monkeypatch.setattr(executors, "LOOK_EVERY", 0.01)
    assert len(run_all([Sample(n) for n in range(2)], store, Silent()).summary) == 2


def test_runs_without_data_are_missing_not_failed(store, capsys):
    runs = [Sample(0), Sample(1, DataMissing("the data are not here"))]
    found = run_all(runs, store)
    assert found.missing == ("sample 1: the data are not here",) and len(found.summary) == 1
    assert "runs: 1 done, 0 running, 0 waiting, 0 failed, 1 without data" in capsys.readouterr().err
    with pytest.raises(DataMissing):
        run_all(runs[1:], store)


def test_ctrl_c_goes_through(store):
    one, after = Sample(0), Sample(1)
    one.__dict__["error"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run_all([one, after], store)
    assert not after.made


@pytest.mark.parametrize(
    "seconds, words", [(3, "3 s"), (99, "99 s"), (120, "2 min"), (9000, "2.5 h")]
)
def test_spans_of_time_in_words(seconds, words):
    assert executors.span(seconds) == words


# Schedulers


@pytest.mark.parametrize("name", ["slurm", "tcp://", "tcp:8786", "local:", "local:0", "local:two"])
def test_a_wrong_scheduler_is_refused(name, monkeypatch):
    monkeypatch.setenv(executors.VARIABLE, name)
    with pytest.raises(ValueError, match=f"scheduler '{name}': tcp://host:port, or local:N"):
        opened().__enter__()


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install -e '\.\[cluster\]'"):
        opened("local:2").__enter__()


def test_runs_that_are_there_need_no_scheduler(store, monkeypatch):
    runs = [Sample(0)]
    run_all(runs, store)
    monkeypatch.setenv(executors.VARIABLE, "nonsense")
    assert len(run_all(runs, store).summary) == 1
    with pytest.raises(ValueError, match="nonsense"):
        run_all([Sample(1)], store)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="dask is not installed")
    client = distributed.Client
    monkeypatch.setattr(
        distributed, "Client", lambda address, **more: client(address, **more | {"timeout": "1 s"})
    )
    with pytest.raises(OSError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9:"):
        opened("tcp://127.0.0.1:9").__enter__()
