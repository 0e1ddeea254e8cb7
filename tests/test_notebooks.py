"""The chapters as they lie in the repository, and the programs that run and build them.

Runner and builder work in a small copy of the project, with notebooks of a few cells.
"""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import build_book
import chapters
import pages
import papermill
import pytest
from chapters import Stop
from run_notebook import Stream
from schedules import parameters_of
from small_project import A_ROOM, CHECKED, EARLIER, ROOT, Project, notebook

from equivar.runs.parameters import WrongParameter

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROFILES = sorted((ROOT / "notebooks" / "profiles").glob("*.yaml"))


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def stops(done, *words):
    """The program failed with a message of a few lines that holds the words."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 8
    for word in words:
        assert word in done.stderr


# The chapters of the repository.


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_declares_its_parameters_first(path):
    cells = [c for c in chapters.read(path)["cells"] if c["cell_type"] == "code"]
    assert "parameters" in cells[0]["metadata"].get("tags", [])
    assert "profile" in chapters.declared(path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_is_stripped_and_thin(path):
    cells = [c for c in chapters.read(path)["cells"] if c["cell_type"] == "code"]
    assert not any(c["outputs"] or c["execution_count"] for c in cells)
    code = "\n".join(chapters.text(c) for c in cells)
    made = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    assert not [node for node in ast.walk(ast.parse(code)) if isinstance(node, made)]
    steps = "\n".join(chapters.text(c) for c in cells[1:])  # the first holds the parameters
    assert sum(bool(line.strip()) for line in steps.splitlines()) <= 45


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_fits_every_chapter(path):
    named = chapters.of_profile(ROOT, path.stem)
    assert set(named) == {chapter.stem for chapter in NOTEBOOKS}
    for chapter in NOTEBOOKS:
        found = parameters_of(chapter.stem, path.stem)
        assert set(type(found).model_fields) == set(chapters.declared(chapter))


# Parameters, before anything runs.


def test_a_name_that_is_not_declared_is_refused(project):
    project.profile({"sise": 9})
    with pytest.raises(Stop, match=r"unknown parameter 'sise'\. Did you mean 'size'"):
        chapters.for_chapter(project.root, project.source, "quick")


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


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("shifts", "[3, 4]", (3, 4)),
        ("shifts", "(3,)", (3,)),
        ("size", "5", 5),
        ("size", "'4'", "it should be a whole number"),
        ("size", "true", "it should be a whole number"),
        ("size", "5.0", "it should be a whole number"),
        ("rate", "1e-3", 1e-3),
        ("rate", "2", 2.0),
        ("rate", "fast", "it should be a number"),
        ("shifts", "3", "it should be a list"),
        ("shifts", "a", "it should be a list"),
        ("name", "7", "7"),
        ("name", "[1]", "[1]"),
    ],
)
def test_a_text_is_read_as_what_belongs_there(name, text, value):
    values = {"profile": "quick", "size": 7, "rate": 0.5, "shifts": [1, 2], "name": "a"}
    if isinstance(value, str) and "should" in value:
        with pytest.raises(WrongParameter, match=f"parameter '{name}.*{value}"):
            a_room().of(values | {name: text})
    else:
        assert getattr(a_room().of(values | {name: text}), name) == value


def a_room():
    """The parameters of the small project's chapter."""
    namespace = {"__name__": "a_room"}
    exec(A_ROOM, namespace)
    return namespace["Parameters"]


def test_texts_of_a_command_line_reach_the_chapter(project):
    project.chapter(CHECKED)
    done = project.run("-p", "shifts", "[3, 4]", "-p", "name", "7")
    assert done.returncode == 0, done.stderr
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


# Runs.


def test_a_run_shows_its_progress_and_keeps_other_values_out_of_the_book(project):
    done = project.run("-p", "size", "11")
    assert done.returncode == 0, done.stderr
    assert "01-a  cell 2 of 2  print(size)" in done.stdout
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
    command = [sys.executable, "tools/run_notebook.py", "notebooks/01-a.ipynb"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=project.root, env=project.env, **pipes) as runner:
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


# The book.


def executed(project, **changes):
    """The chapter as a run leaves it, but for the changes."""
    ran = notebook("print(size)")
    for number, one in enumerate(ran["cells"][1:], 1):
        one["execution_count"] = number
    values = {"size": 9, "profile": "quick"} | changes.pop("values", {})
    ran["metadata"]["papermill"] = {"parameters": values}
    ran["cells"][2].update(changes)
    project.executed.parent.mkdir(parents=True, exist_ok=True)
    project.executed.write_text(json.dumps(ran))


ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outputs": [ERROR]}, "code cell 2: it failed with ValueError: no"),
        ({"execution_count": None}, "code cell 2: it was never run"),
        ({"source": "print(size + 1)"}, "changed after it was run"),
        ({"values": {"size": 8}}, "was run with size = 8, but profile quick says 9"),
    ],
    ids=["failed", "unfinished", "stale", "other-values"],
)
def test_an_incomplete_chapter_stays_out_of_the_book(project, changes, words):
    executed(project, **changes)
    values = chapters.of_profile(project.root, "quick")
    with pytest.raises(Stop) as stop:
        chapters.check(project.root, project.executed, "quick", values)
    assert words in str(stop.value)
    assert "01-a" in str(stop.value)


def test_a_missing_chapter_leaves_the_last_book(project):
    project.earlier(project.html)
    stops(project.call("build_book"), "01-a has not been run", "make notebooks/01-a")
    assert project.html.read_text() == EARLIER


def test_a_book_with_a_wrong_page_leaves_the_last_one(project, monkeypatch):
    def made(_stage, work):
        (work / "_sources" / "notebooks").mkdir(parents=True)
        (work / "a.html").write_text('<img src="https://example.org/x.png" alt="x">')
        return work

    executed(project)
    project.earlier(project.html)
    monkeypatch.setattr(build_book, "ROOT", project.root)
    monkeypatch.setattr(build_book, "jupyter_book", made)
    with pytest.raises(Stop, match=r"a\.html would load https://example\.org/x\.png"):
        build_book.build("quick")
    assert project.html.read_text() == EARLIER


def test_a_book_replaces_the_last_one(project):
    executed(project)
    project.earlier(project.html)
    done = project.call("build_book")
    assert done.returncode == 0, done.stderr
    page = (project.html.parent / "notebooks" / "01-a.html").read_text()
    assert "Made under the profile <strong>quick</strong>" in page
    assert "/edit/main/" not in page and "colab.research" not in page  # of no public repository
    download = project.html.parent / "_sources" / "notebooks" / "01-a.ipynb"
    assert download.read_text() == project.source.read_text()
    assert EARLIER not in project.html.read_text()


@pytest.mark.parametrize(
    ("origin", "url"),
    [
        ("https://github.com/someone/some-book.git", "https://github.com/someone/some-book"),
        ("git@github.com:someone/book", "https://github.com/someone/book"),
        ("ssh://git@gitlab.com/group/sub/book.git", "https://gitlab.com/group/sub/book"),
        ("https://token@github.com/someone/book", ""),
        ("https://git.example.org/someone/book", ""),
        ("/srv/git/book.git", ""),
        ("", ""),
    ],
)
def test_links_lead_to_the_checkouts_own_public_origin(tmp_path, monkeypatch, origin, url):
    monkeypatch.setattr(build_book, "ROOT", tmp_path)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    if origin:
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", origin], check=True)
    assert build_book.public_origin() == url
    settings = build_book.settings_of(ROOT / "book", "quick")
    assert settings.get("repository", {}).get("url", "") == url
    assert ("launch_buttons" in settings) == url.startswith("https://github.com")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ('<script src="//cdn.example.org/a.js"></script>', "//cdn.example.org/a.js"),
        ('<link rel="stylesheet" href="https://example.org/a.css">', "example.org/a.css"),
        ("<style>@font-face{src:url(https://example.org/f.woff)}</style>", "f.woff"),
        ("<script>require.config({paths: {p: 'https://example.org/p'}})</script>", "example.org/p"),
        ('<script>import "https://example.org/m.js"</script>', "m.js"),
        ('<img src="_images/abc.png" alt="../_images/abc.png">', "without alt text"),
        ('<img src="_images/abc.png">', "without alt text"),
    ],
)
def test_pages_that_load_from_outside_or_lack_words_are_found(tmp_path, page, words):
    (tmp_path / "a.html").write_text(page)
    assert [problem for problem in pages.problems(tmp_path) if words in problem]


def test_links_and_local_files_are_no_problem(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="https://example.org">x</a><img src="_images/a.png" alt="A line">'
        '<script src="_static/a.js"></script><link rel="canonical" href="https://example.org">'
    )
    (tmp_path / "a.css").write_text("a { background: url(data:image/png;base64,xx) }")
    assert not list(pages.problems(tmp_path))


def test_what_no_page_loads_is_left_out(tmp_path):
    bundles = tmp_path / "_static" / "mathjax"
    bundles.mkdir(parents=True)
    for name in ("tex-chtml.js", "tex-svg.js", "core.js", "core.js.map"):
        (bundles / name).write_text("")
    (tmp_path / "a.html").write_text('<script src="_static/mathjax/tex-chtml.js"></script>')
    pages.lighten(tmp_path)
    assert {path.name for path in bundles.iterdir()} == {"tex-chtml.js", "core.js"}
