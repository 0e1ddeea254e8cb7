"""The chapters as they lie in the repository, and the profiles that give them their values."""

import ast

import chapters
import pytest
from chapters import Stop
from places import ROOT
from schedules import parameters_of

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROFILES = sorted((ROOT / "notebooks" / "profiles").glob("*.yaml"))


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


def test_a_name_that_is_not_declared_is_refused(project):
    project.profile({"sise": 9})
    with pytest.raises(Stop, match=r"unknown parameter 'sise'\. Did you mean 'size'"):
        chapters.for_chapter(project.root, project.source, "quick")
