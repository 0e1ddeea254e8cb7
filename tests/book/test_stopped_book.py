"""Chapters and books whose making is killed, or made by two at once: the last good one stays."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import build_book
import chapters
import pytest
from places import ROOT
from small_project import EARLIER

posix = pytest.mark.skipif(sys.platform == "win32", reason="uses signals and fork")


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
    with project.started("run_notebook", "notebooks/01-a.ipynb") as runner:
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
    project.ran()
    project.earlier(project.html)
    with project.started("build_book") as builder:
        next(line for line in builder.stdout if "makes the pages" in line)
        builder.kill()
    assert project.html.read_text() == EARLIER
    done = project.call("quick_build")
    assert done.returncode == 0, done.stderr
    assert EARLIER not in project.html.read_text()
    left = {path.name for path in (project.root / "_build" / "quick").iterdir()}
    assert not [name for name in left if name.startswith("jupyter-book-")]


@posix
def test_two_makes_at_once_give_one_whole_book(project):
    """What two `make all` do: each runs the chapter, and each builds the book, one by one."""
    for command in (["run_notebook", "notebooks/01-a.ipynb"], ["quick_build"]):
        both = [project.started(*command) for _ in range(2)]
        said = [one.communicate(timeout=120)[0] for one in both]
        assert [one.returncode for one in both] == [0, 0], said
    builds = (project.root / "builds.txt").read_text().split()
    assert builds == ["begins", "ends", "begins", "ends"]
    page = (project.html.parent / "notebooks" / "01-a.html").read_text()
    assert json.loads(page)["cells"][-1]["outputs"][0]["text"] == ["9\n"]
    assert "Made under the profile" in project.html.read_text()
    assert [path.name for path in project.executed.parent.iterdir()] == ["01-a.ipynb"]
