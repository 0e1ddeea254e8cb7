"""What goes wrong while the project works: nothing that was finished is lost, and it says so.

book/faults.md has the table of all faults, with the tests that try them; those that concern one
module alone stand with its tests.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import build_book
import chapters
import pytest
from small_project import EARLIER, ROOT, Project
from test_fetch import CONTENT, Server, honest, send, sha256

from equivar.data import fetch
from equivar.data.registry import Download

posix = pytest.mark.skipif(sys.platform == "win32", reason="uses signals and fork")


# Runs


@pytest.fixture(scope="module")
def faulty():
    """What tests/faulty_runs.py found."""
    if sys.platform == "win32":
        pytest.skip("uses signals and fork")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # another user is to read in it
        command = [sys.executable, ROOT / "tests" / "faulty_runs.py", folder]
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=250, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_killed_in_measuring_the_network_is_not_trained_again(faulty):
    assert faulty["killed_in_measuring"] == {
        "code": -signal.SIGKILL, "kept": ["checkpoint.safetensors", "snapshots"], "again": 0, "equal": True,
    }  # fmt: skip


def test_killed_in_publishing_no_half_result_is_there(faulty):
    assert faulty["killed_in_publishing"] == {"deaths": 8, "sound": True}


def test_a_clock_that_jumps_back_changes_no_result(faulty):
    found = faulty["backward_clock"]
    assert (found["code"], found["equal"], found["left"]) == (0, True, True)
    assert 0 <= found["seconds"] < 60


def test_a_read_only_store_is_read_and_named(faulty):
    found = faulty["read_only"]
    assert found["there"] == [0, ""] and found["left"]
    for place in ("new", "below"):
        code, said = found[place]
        assert code == 0 and said.startswith("PermissionError")
        assert "runs can not be kept there; EQUIVAR_RUNS names another folder" in said


def test_a_disk_that_is_full_at_the_end_costs_no_training(faulty):
    found = faulty["full_disk"]
    assert (found["code"], found["made"]) == (0, [])  # an error, and no half run
    assert "the results could not be written; started again, the run goes on" in found["said"]
    assert "No space left" in found["said"] or not found["tmpfs"]
    assert (found["kept"], found["again"], found["equal"]) == ("checkpoint.safetensors", 0, True)


# Chapters


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def started(project, tool, *arguments):
    command = [sys.executable, f"tools/{tool}.py", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=project.root, **pipes)


def gone(pid, seconds=20):
    """Whether a process has ended, or does soon."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
            status = Path(f"/proc/{pid}/stat")
            if status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z":
                return True  # ended, and nobody has asked for its exit code
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@posix
def test_a_runner_that_is_killed_leaves_the_last_chapter_and_no_kernel(project):
    project.chapter("import os, time\nprint('pid', os.getpid(), flush=True)\ntime.sleep(60)")
    project.earlier(project.executed)
    with started(project, "run_notebook", "notebooks/01-a.ipynb") as runner:
        line = next(line for line in runner.stdout if "pid" in line and "print" not in line)
        runner.kill()
    assert project.executed.read_text() == EARLIER
    assert gone(int(line.split()[-1]))
    project.chapter("print(size)")
    assert project.run().returncode == 0
    assert chapters.code(chapters.read(project.executed))[-1]["outputs"][0]["text"] == ["9\n"]


# The book


def pages(folder, words):
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(words)
    return folder


@posix
@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_book_killed_while_it_is_put_in_place_is_there(tmp_path, renames):
    """The old pages, the new, or between two renames the old ones under another name; the next
    build puts everything right."""
    old = tmp_path / "html"
    pages(old, "old")
    new = pages(tmp_path / "new", "new")
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT / "tools")!r})
from pathlib import Path
import build_book
done, rename = [], Path.rename
def dying(self, target):
    if len(done) == {renames}:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(rename(self, target))
    if {renames} == 2 == len(done):
        os.kill(os.getpid(), signal.SIGKILL)
Path.rename = dying
build_book.swap(Path({str(new)!r}), Path({str(old)!r}))
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    there = {path.parent.name: path.read_text() for path in tmp_path.glob("html*/index.html")}
    between = {"html.before": "old"}
    assert there == [{"html": "old"}, between, {"html": "new"} | between][renames]
    build_book.swap(pages(tmp_path / "next", "next"), old)
    assert {path.name for path in tmp_path.iterdir()} - {"new"} == {"html"}
    assert (old / "index.html").read_text() == "next"


@posix
def test_a_build_that_is_killed_leaves_the_last_book(project):
    assert project.run().returncode == 0
    project.earlier(project.html)
    with started(project, "build_book") as builder:
        next(line for line in builder.stdout if "makes the pages" in line)
        builder.kill()
    assert project.html.read_text() == EARLIER
    done = project.call("build_book")
    assert done.returncode == 0, done.stderr
    assert EARLIER not in project.html.read_text()
    left = {path.name for path in (project.root / "_build" / "quick").iterdir()}
    assert not [name for name in left if name.startswith("jupyter-book-")]


@posix
def test_two_makes_at_once_give_one_whole_book(project):
    """What two `make all` do: each runs the chapter, and each builds the book."""
    for command in (["run_notebook", "notebooks/01-a.ipynb"], ["build_book"]):
        both = [started(project, *command) for _ in range(2)]
        said = [one.communicate(timeout=120)[0] for one in both]
        assert [one.returncode for one in both] == [0, 0], said
    page = (project.html.parent / "notebooks" / "01-a.html").read_text()
    assert "Made under the profile" in page
    assert [path.name for path in project.executed.parent.iterdir()] == ["01-a.ipynb"]


# Downloads


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


def wanted(*urls):
    return Download("set/file.bin", urls, sha256(CONTENT))


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def moved(to):
    def answer(request, _start):
        send(request, 302, b"", Location=to)

    return answer


def test_a_server_that_stalls_is_left(tmp_path, server, monkeypatch):
    """It sends a part and then nothing more, without closing; another one has the file."""
    release = threading.Event()

    def stalls(request, start):
        honest(request, start, most=200_000)
        request.wfile.flush()
        release.wait(20)

    monkeypatch.setattr(fetch, "TIMEOUT", (1, 0.3))
    server.answers |= {"stalls": stalls, "honest": honest}
    began = time.monotonic()
    with pytest.raises(fetch.NotFetched, match="/stalls: no"):
        fetch.fetch(wanted(server.url("stalls")), tmp_path)
    assert time.monotonic() - began < 10 and files(tmp_path) == []
    fetch.fetch(wanted(server.url("stalls"), server.url("honest")), tmp_path)
    release.set()
    assert (tmp_path / "set" / "file.bin").read_bytes() == CONTENT


def test_a_redirect_is_followed_and_what_comes_is_verified(tmp_path, server):
    server.answers |= {
        "moved": moved(server.url("honest")), "honest": honest, "lost": moved(server.url("other")),
        "other": lambda request, start: honest(request, start, content=b"x" * 1000),
    }  # fmt: skip
    fetch.fetch(wanted(server.url("moved")), tmp_path / "right")
    assert (tmp_path / "right" / "set" / "file.bin").read_bytes() == CONTENT
    with pytest.raises(fetch.NotFetched, match="/lost: "):
        fetch.fetch(wanted(server.url("lost")), tmp_path / "wrong")
    assert files(tmp_path / "wrong") == []


@pytest.mark.parametrize("to", ["loop", "file:///etc/hostname", "ftp://127.0.0.1/x"])
def test_a_redirect_that_leads_nowhere_is_told(tmp_path, server, to):
    server.answers["loop"] = moved(server.url("loop") if to == "loop" else to)
    with pytest.raises(fetch.NotFetched, match="/loop: "):
        fetch.fetch(wanted(server.url("loop")), tmp_path)
    assert files(tmp_path) == []


# The table of faults


def test_the_table_of_faults_names_tests_that_there_are():
    page = (ROOT / "book" / "faults.md").read_text()
    named = re.findall(r"`(test_\w+)::(test_\w+)`", page)
    assert len(named) > 30
    for module, test in named:
        source = (ROOT / "tests" / f"{module}.py").read_text()
        assert f"def {test}(" in source, f"{module}::{test}"
    unnamed = re.findall(r"^def (test_\w+)", Path(__file__).read_text(), re.MULTILINE)
    assert not {f"{Path(__file__).stem}::{test}" for test in unnamed[:-1]} - {
        "::".join(pair) for pair in named}  # fmt: skip
