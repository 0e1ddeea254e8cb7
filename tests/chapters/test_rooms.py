"""Every room of a chapter: what it offers, and the runs that its profiles make."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT
from schedules import parameters_of

from equivar import networks, training
from equivar.chapters import room
from equivar.runs import Measurement, Training
from equivar.transforms import parse_transforms

CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_room_offers_what_every_room_does_and_words_for_each_claim(chapter):
    found = room(chapter)
    assert found.Parameters.model_fields["profile"]
    assert callable(found.runs) and callable(found.tables) and callable(found.claims)
    path = Path(found.__file__)
    modules = path.parent.glob("*.py") if path.stem == "__init__" else [path]
    judged = {name for one in modules for name in re.findall(r"def claim_(\w+)\(", one.read_text())}
    assert {name.replace("_", ".").replace("b", "B", name[0] == "b") for name in judged} == set(
        found.CLAIMS
    )


def test_an_unknown_chapter_is_named():
    with pytest.raises(ValueError, match="unknown chapter '99-none'"):
        room("99-none")


def test_rooms_and_figures_wait_for_no_library_that_they_do_not_need():
    asked = (
        "import sys, equivar; before = set(sys.modules); import equivar.verdicts, equivar.figures;"
        "print(*sorted({'torch', 'timm', 'torchvision', 'sklearn'} & set(sys.modules)), '|',"
        "'numpy' in before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "| False"


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("profile", ["quick", "standard", "paper"])
def test_every_profile_makes_runs_that_exist(chapter, profile):
    runs = room(chapter).runs(parameters_of(chapter, profile))
    assert bool(runs) == (chapter[:2] not in ("01", "09"))
    # what is measured of one network in two ways has two sorts of runs, each with its own table
    assert len({(type(one), *one.columns.values()) for one in runs}) == len(runs)
    trained = [one for one in runs if isinstance(one, Training)]
    for one in trained:
        training.Recipe(**one.recipe, seed=one.seed)
        assert one.network in networks.MODELS
    for one in runs:
        if isinstance(one, Measurement):
            parse_transforms(one.transforms)
            assert one.network.facts
    if profile == "paper" and trained:
        assert {one.seed for one in trained} == {0, 1, 2}
