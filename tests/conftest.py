"""What tests of several folders share: runs trained once, and programs that run beside them."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # what is small is no faster on two, and programs run beside

import pytest
from beside import Programs
from file_server import Server


def pytest_configure(config):
    config.addinivalue_line("markers", "program(file, *arguments, needs): what `told` is told by")


# Programs


def pytest_collection_finish(session):
    """Start the programs that the chosen tests read."""
    session.config.programs = Programs()
    if not session.config.option.collectonly:
        for item in session.items:
            for mark in item.iter_markers("program"):
                session.config.programs.start(*mark.args, **mark.kwargs)


def pytest_sessionfinish(session):
    if hasattr(session.config, "programs"):
        session.config.programs.stop()


@pytest.fixture
def told(request):
    """What the program of the test's mark `program` has found."""
    mark = request.node.get_closest_marker("program")
    return request.config.programs.told(*mark.args, **mark.kwargs)


# Small runs


@pytest.fixture(scope="session")
def root_of_small_runs(tmp_path_factory):
    return tmp_path_factory.mktemp("small")


@pytest.fixture(scope="module")
def few_images():
    """The embedded data sets have few training images."""
    from small_runs import few

    from equivar import data as datasets

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "load", few(datasets.load))
        yield


@pytest.fixture(scope="module")
def small_runs(few_images, root_of_small_runs):
    """A store that all tests share, for runs with `few_images`: what one has made, others read."""
    from equivar.runs import Store

    return Store(root_of_small_runs / "runs", results=root_of_small_runs / "results")


@pytest.fixture(scope="module")
def tasks(small_runs):
    """Chapter 04 with its smallest values: three tasks, two seeds."""
    from schedules import TASKS

    from equivar.chapters import c04_tasks

    return c04_tasks.tables(c04_tasks.Parameters(**TASKS), small_runs)


# Downloads


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def in_no_time(monkeypatch):
    """pooch waits for a second before it tries again."""
    monkeypatch.setattr("time.sleep", lambda _: None)
