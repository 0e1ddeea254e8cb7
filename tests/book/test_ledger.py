"""The verdicts on their way from the chapters to the README and the pages of the book."""

import json
import math

import build_book
import generated
import ledger
import pytest
from chapters import Stop
from places import ROOT
from run_notebook import verdicts_of
from small_project import Project, notebook

from equivar.verdicts import Verdict
from equivar.verdicts.report import VARIABLE, report


def verdict(claim, name, effect=0.3, reason="it is *1*"):
    return Verdict(claim, effect, effect - 0.1, effect + 0.1, name, reason)


@pytest.fixture
def project(tmp_path):
    """With one executed chapter that judged two claims."""
    project = Project(tmp_path)
    (project.root / "README.md").write_text(f"# A\n\n{ledger.__name__}\n<!-- claims -->\n"
                                            "<!-- end of claims -->\nThe end.\n")  # fmt: skip
    judge(
        project,
        [verdict("4.3a", "supported"), verdict("4.4c", "supported", 0.5)],
        [verdict("4.4c", "contradicted", reason="corrected, it is not")],
    )
    return project


def judge(project, verdicts, corrected=()):
    """Leave the chapter as a run that judged does."""
    ran = notebook("figure")
    ran["metadata"]["papermill"] = {"parameters": {"profile": "quick", "size": 9}}
    picture = {"output_type": "display_data", "data": {"image/png": "iVBORw0K"}, "metadata": {}}
    ran["cells"][2]["outputs"] = [picture]
    ran["cells"][2]["metadata"]["mystnb"] = {"figure": {"name": "fig-task-layers"}}
    project.executed.parent.mkdir(parents=True, exist_ok=True)
    project.executed.write_text(json.dumps(ran))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(verdicts_of(project.executed)))
        report(verdicts, corrected)


def staged(project):
    folder = project.root / "_build" / "quick"
    return build_book.make_stage(project.root, folder, "quick", ["01-a"])


def test_rows_are_read_back_as_they_were_written(project, tmp_path):
    rows = ledger.of_chapters([project.executed])
    ledger.write(rows, tmp_path / "claims.csv")
    again = ledger.read_csv(tmp_path / "claims.csv")
    assert [(r.claim, r.judged, r.verdict) for r in again] == [
        ("4.3a", "worded", "supported"), ("4.4c", "worded", "supported"),
        ("4.4c", "corrected", "contradicted"), ("B2", "worded", "contradicted"),
    ]  # fmt: skip
    assert again[1].effect == 0.5 and again[1].chapter == "01-a" and math.isnan(again[3].low)
    assert "turned into its opposite: 4.4c" in again[3].reason


def test_a_file_without_a_column_is_named(tmp_path):
    (tmp_path / "claims.csv").write_text("claim,judged\n4.3a,worded\n")
    with pytest.raises(Stop, match="no column 'verdict'"):
        ledger.read_csv(tmp_path / "claims.csv")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"verdict": "suported"}, "unknown verdict 'suported'"),
        ({"reason": ""}, "no reason"),
        ({"claim": "4.9z"}, "no unknown claim '4.9z'"),
    ],
)
def test_a_verdict_is_known_and_has_a_reason(project, bad, words):
    path = verdicts_of(project.executed)
    first, *others = json.loads(path.read_text())
    path.write_text(json.dumps([first | bad, *others]))
    with pytest.raises(Stop, match=words):
        ledger.of_chapters([project.executed])


def test_the_pages_tell_the_verdicts(project):
    stage = staged(project)
    others = project.root / "data" / "results" / "standard" / "claims.csv"
    ledger.write([ledger.Row("4.3a", "worded", "inconclusive", 0, -1, 1, "so so", "01-a")], others)
    generated.write(stage, project.root, "quick", ["01-a"])
    written = stage / "book" / "_generated"
    landing = (written / "findings.inc").read_text()
    assert "22 claims this book judges 2: 1 supported, 1 inconclusive" in landing
    assert "**Accuracy.**" in landing and "This book can not judge it yet." in landing
    forest = (written / "forest.inc").read_text()
    assert "4.4c For translation" in forest and "4.3a Rotation" in forest
    page = (written / "claims.inc").read_text().splitlines()
    assert page[0] == "| claim | what is claimed | standard | quick |"
    one = next(line for line in page if "fig-task-layers" in line and "`4.3a" in line)
    assert one.endswith("| {bdg-secondary}`? inconclusive` | {bdg-success}`✓ supported` |")
    assert any(line.startswith("| 4.4c |") and "not run" in line for line in page)
    cards = (written / "reasons.inc").read_text()
    assert "standard, as worded" in cards and "quick, corrected for chance" in cards
    assert "it is *1*" in cards and "corrected, it is not" in cards
    cells = json.loads((stage / "notebooks" / "01-a.ipynb").read_text())["cells"]
    assert "profile quick" in cells[1]["source"]
    assert "✓ supported`, corrected for chance {bdg-danger}`✗ contradicted`" in cells[1]["source"]


def test_the_readme_gets_its_table_between_the_marks(project):
    rows = ledger.of_chapters([project.executed])
    ledger.write(rows, project.root / "data" / "results" / "quick" / "claims.csv")
    for _ in range(2):  # the second time changes nothing
        ledger.refresh_readme(project.root)
        text = (project.root / "README.md").read_text()
        assert text.startswith("# A\n") and text.endswith("<!-- end of claims -->\nThe end.\n")
        assert text.count("| 4.4c |") == 1
        assert "| ✓ supported | ✗ contradicted |" in text


def test_the_table_of_the_readme_is_that_of_the_committed_results():
    """`make claims PROFILE=...` after results have changed."""
    text = (ROOT / "README.md").read_text()
    assert text == ledger.with_table(text, ledger.readme_table(ROOT))


def test_each_claim_has_words_and_a_figure_of_some_chapter():
    figures = {
        cell["metadata"]["mystnb"]["figure"]["name"]
        for path in (ROOT / "notebooks").glob("*.ipynb")
        for cell in json.loads(path.read_text())["cells"]
        if "figure" in cell["metadata"].get("mystnb", {})
    }
    for claim, about in ledger.wording().items():
        assert about.words.endswith(".")
        assert claim == "B2" or about.figure in figures


def test_the_best_profile_that_judges_a_claim_is_told():
    def row(claim, verdict):
        return ledger.Row(claim, "worded", verdict, 0.9, 0.8, 1.0, "a", "x")

    profiles = {
        "paper": [row("4.3a", "supported"), row("4.3b", "not judged")],
        "standard": [row("4.3a", "contradicted"), row("4.3b", "negligible")],
    }
    found = {claim: ways["worded"].verdict for claim, ways in ledger.best(profiles).items()}
    assert found == {"4.3a": "supported", "4.3b": "negligible"}


def test_a_page_in_the_place_of_a_missing_chapter(project):
    stage = staged(project)
    build_book.in_its_place(project.source, Stop("run: make notebooks/01-a"), stage)
    page = json.loads((stage / "notebooks" / "01-a.ipynb").read_text())["cells"]
    assert len(page) == 1 and page[0]["source"].startswith("# A title")
    assert "run: make notebooks/01-a" in page[0]["source"]


def test_a_half_run_profile_makes_the_other_pages_and_fails(project):
    project.second_chapter()
    project.chapter("print(size)")
    project.ran()
    done = project.call("quick_build")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "02-b has not been run" in done.stderr and "make notebooks/02-b" in done.stderr
    pages = project.html.parent / "notebooks"
    assert "This chapter is missing" in (pages / "02-b.html").read_text()
    assert "This chapter is missing" not in (pages / "01-a.html").read_text()


def test_the_picture_of_the_readme_comes_from_a_chapter(project):
    assert ledger.picture(project.executed, "fig-task-layers").startswith(b"\x89PNG")
    with pytest.raises(Stop, match="no figure fig-none"):
        ledger.picture(project.executed, "fig-none")
    assert ledger.PICTURE in (ROOT / "README.md").read_text()


def test_claims_stand_in_the_order_of_the_paper():
    order = list(ledger.wording())
    ours = [claim for claim in order if claim.startswith("B")]
    assert order[:3] == ["3.3a", "3.3b", "4.1a"] and order[-len(ours) :] == ours
    assert ours == [f"B{number}" for number in range(1, len(ours) + 1)]  # B10 after B9
    assert len(order) - len(ours) == 22
