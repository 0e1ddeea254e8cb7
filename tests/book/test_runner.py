"""tools/run_notebook.py and make: one chapter run in a small copy of the project."""

import os
import shutil
import signal
import subprocess
import sys
import time

import chapters
import papermill
import pytest
from run_notebook import Stream
from small_project import CHECKED, EARLIER, Project, a_room, stops

from equivar.runs.parameters import WrongParameter


def test_a_wrong_value_is_told_the_same_by_make_by_papermill_and_in_a_live_notebook(project):
    """Several at once: each with the parameter's name, what it is, and what it should be."""
    told = (
        "parameter 'size' is 0: it should be greater than or equal to 1\n"
        "parameter 'shifts.1' is 2.5: it should be a whole number\n"
        "parameter 'name' is 3: it should be text"
    )
    wrong = {"size": 0, "shifts": [1, 2.5], "name": 3}
    live = {"profile": "quick", "rate": 0.5, **wrong, "In": [], "words": "of a reader"}
    with pytest.raises(WrongParameter) as caught:
        a_room().of(live)
    assert str(caught.value) == told
    project.chapter(CHECKED)
    project.profile(wrong)
    stops(project.run(), *told.splitlines())
    with pytest.raises(papermill.PapermillExecutionError) as plain:
        papermill.execute_notebook(
            project.source, None, wrong, kernel_name="python3", cwd=project.root, progress_bar=False
        )
    assert plain.value.evalue == told


@pytest.fixture(scope="module")
def other_values(tmp_path_factory):
    """A run with values of a command line: the project, and what the runner did."""
    project = Project(tmp_path_factory.mktemp("other"))
    project.chapter("print(size)", CHECKED)
    done = project.run("-p", "size", "11", "-p", "shifts", "[3, 4]", "-p", "name", "7")
    assert done.returncode == 0, done.stderr
    return project, done


def test_texts_of_a_command_line_reach_the_chapter(other_values):
    _, done = other_values
    assert "shifts=(3, 4) name='7'" in done.stdout


def test_a_mistyped_profile_chapter_or_parameter_stops_the_runner(project):
    project.earlier(project.executed)
    stops(project.run("--profile", "qick"), "unknown profile 'qick'", "Did you mean 'quick'?")
    stops(project.run("-p", "rat", "1"), "unknown parameter 'rat'", "Did you mean 'rate'?")
    stops(project.call("run_notebook", "notebooks/01-b.ipynb"), "'01-b'", "'01-a'")
    project.profile({}, "other")
    (project.root / "notebooks" / "profiles" / "other.yaml").write_text("01-aa: {}\n")
    stops(project.run("--profile", "other"), "other.yaml", "no entry", "'01-aa'")
    assert project.executed.read_text() == EARLIER


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_names_the_profiles_and_runs_only_what_changed(project):
    outer = ("MAKE", "MFLAGS", "PROFILE")  # of a `make test PROFILE=...` that runs this
    env = {key: value for key, value in os.environ.items() if not key.startswith(outer)}

    def make(*arguments):
        command = ["make", f"PYTHON={sys.executable}", *arguments]
        return subprocess.run(command, cwd=project.root, capture_output=True, text=True, env=env)

    wrong = make("all", "PROFILE=qick")
    assert wrong.returncode == 2
    assert "unknown profile 'qick'. Did you mean 'quick'?" in wrong.stderr
    (project.root / "requirements.lock").touch()
    (project.root / "pyproject.toml").touch()
    assert "run_notebook.py notebooks/01-a.ipynb --profile quick" in make("-n", "run").stdout
    (project.root / ".venv").mkdir()
    (project.root / ".venv" / ".ready").touch()
    project.earlier(project.executed)
    assert "run_notebook" not in make("-n", "run").stdout
    (project.root / "equivar" / "new.py").touch()
    later = time.time() + 5
    os.utime(project.root / "equivar" / "new.py", (later, later))
    assert "run_notebook" in make("-n", "notebooks/01-a").stdout


def test_a_run_shows_its_progress_and_keeps_other_values_out_of_the_book(other_values):
    project, done = other_values
    assert "01-a  cell 2 of 3  print(size)" in done.stdout
    assert "01-a    11" in done.stdout
    assert not project.executed.exists()
    run = project.root / "_build" / "quick" / "runs" / "01-a.ipynb"
    assert chapters.code(chapters.read(run))[1]["outputs"][0]["text"] == ["11\n"]


@pytest.mark.parametrize(
    ("source", "arguments", "words"),
    [
        ("x = 1\nraise ValueError('no\\nsuch thing')", (), "ValueError: such thing"),
        ("x = 1\nimport os\nos.kill(os.getpid(), 9)", (), "the kernel died"),
        ("x = 1\nwhile True: pass", ("--timeout", "1"), "longer than --timeout"),
    ],
    ids=["failing", "killed", "endless"],
)
def test_a_broken_run_is_named_and_kept_apart(project, source, arguments, words):
    project.chapter("print(size)", source)
    project.earlier(project.executed)
    stops(project.run(*arguments), "01-a failed: code cell 3 of 3\n  x = 1\n", words, "failed/01-a")
    assert project.executed.read_text() == EARLIER
    assert [path.name for path in project.executed.parent.iterdir()] == ["01-a.ipynb"]
    assert chapters.code(chapters.read(project.failed))[1]["outputs"][0]["text"] == ["9\n"]


def test_a_stopped_run_takes_its_kernel_with_it(project):
    project.chapter("import os, time\nprint('pid', os.getpid(), flush=True)\ntime.sleep(60)")
    with project.started("run_notebook", "notebooks/01-a.ipynb", stderr=subprocess.PIPE) as runner:
        line = next(line for line in runner.stdout if "pid" in line and "print" not in line)
        runner.send_signal(signal.SIGTERM)
        _, errors = runner.communicate(timeout=30)
    assert runner.returncode == 130
    assert "stopped from outside" in errors
    with pytest.raises(ProcessLookupError):
        os.kill(int(line.split()[-1]), 0)


def test_progress_bars_are_thinned_and_lines_are_not():
    said = []
    stream = Stream(said.append)
    for part in ("\r 1%", "\r 2%", "\r 3%", "\r100%\n", "a li", "ne\n"):
        stream.write(part)
    assert said == ["   1%", "  100%", "  a line"]


def test_odd_paths_and_kernels_of_the_readers_own_do_no_harm(tmp_path, monkeypatch):
    """Braces in the folder's name, and a kernel `python3` elsewhere that starts nothing."""
    root = tmp_path / "a {name} and {0}"
    root.mkdir()
    project = Project(root)
    kernel = tmp_path / "mine" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(
        '{"argv": ["false"], "display_name": "x", "language": "python"}'
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "mine"))
    out = tmp_path / "{out}.ipynb"
    done = project.run("--out", str(out))
    assert done.returncode == 0, done.stderr
    assert chapters.code(chapters.read(out))[1]["outputs"][0]["text"] == ["9\n"]
    stops(project.run("--out", str(tmp_path)), "is a folder: name a file in it")
