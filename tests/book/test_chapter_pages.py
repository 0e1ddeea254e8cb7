"""What a chapter's page has around the chapter: its runs, and the numbers below its figures."""

import chapter_pages
import generated
from places import ROOT
from schedules import values_of

from equivar.figures.numbers import MIME


def figure(name, **data):
    """An executed cell with a figure."""
    return {
        "cell_type": "code",
        "metadata": {"mystnb": {"figure": {"name": name}}},
        "outputs": [{"output_type": "display_data", "data": {"image/png": "...", **data}}],
    }


def test_the_numbers_of_a_figure_stand_below_it(tmp_path):
    csv = ["x,y\n", "1,2\n"]
    notebook = {"cells": [figure("fig-a", **{MIME: csv}), figure("fig-b")]}
    chapter_pages.numbers_below(notebook, "04-x", "standard", 3, tmp_path / "numbers")
    shown, below, without = notebook["cells"]
    assert (tmp_path / "numbers" / "fig-a.csv").read_text() == "x,y\n1,2\n"
    assert "numbers/fig-a.csv" in below["source"]
    assert "`3 runs of this chapter <runs-04-x>`" in below["source"]
    assert "make notebooks/04-x PROFILE=standard" in below["source"]
    assert MIME not in shown["outputs"][0]["data"] and without == figure("fig-b")


def test_without_runs_nothing_links_to_them(tmp_path):
    notebook = {"cells": [figure("fig-a", **{MIME: "x\n"})]}
    chapter_pages.numbers_below(notebook, "01-x", "quick", 0, tmp_path)
    assert "runs" not in notebook["cells"][1]["source"]


def test_the_runs_of_a_chapter_are_told_with_folder_and_commit():
    chapter = "06-capacity"
    found = chapter_pages.runs_of(chapter, values_of(chapter, "standard"))
    rows = chapter_pages.rows_of(found)
    assert len(rows) == len(found) > 0
    words, folder, commit, seconds = rows[0]
    assert words.startswith("capacity") and folder.startswith("`data/")
    assert len(commit.rstrip("+")) == 7 and int(seconds) > 0
    assert chapter_pages.label(chapter) in chapter_pages.made_by(chapter, found)


def test_a_chapter_of_another_project_has_no_runs_here():
    assert chapter_pages.runs_of("04-mine", {}) == []
    assert chapter_pages.made_by("04-mine", []) == ""


def test_the_table_of_profiles_counts_networks_trained_alike_where_they_belong():
    text = generated.scales(ROOT)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    networks = {row[0]: row[-1] for row in rows if row[1] == "network"}
    assert "trained alike: " in networks["07-architectures"]
    assert "networks of chapters 03, 04, 05, 06, 07" in networks["11-learned"]


def test_a_part_of_the_training_images_is_told_and_all_of_them_are_not():
    values = {"profile": "mine", "data": "mnist", "epochs": 3, "train_images": 500}
    assert chapter_pages.made_with(values)["data"] == "mnist, 500 of its training images"
    assert " 500 training images" in chapter_pages.scale(values)
    assert chapter_pages.made_with(values | {"train_images": 0})["data"] == "mnist"
    assert "training images" not in chapter_pages.scale(values | {"train_images": 0})
    elsewhere = values | {"network": "resnet44", "weights": "others"}
    assert chapter_pages.made_with(elsewhere)["data"] == "mnist"
    assert "training images" not in chapter_pages.scale(elsewhere)
