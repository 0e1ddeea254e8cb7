"""Sheets: a few pictures in a file, and which of them a page shows."""

import numpy as np
import pytest
from PIL import Image
from places import ROOT
from schedules import parameters_of

from equivar import data as datasets
from equivar.chapters import c04_tasks, c05_augmentations
from equivar.data import Sheet, sheet_of
from equivar.files import DataMissing


def sheet(source="mnist", shape=(5, 5), names=("plain", "rot-inv"), count=3):
    rng = np.random.default_rng(0)
    rows = {n: [rng.integers(0, 256, shape, np.uint8) for _ in range(count)] for n in names}
    return Sheet(source, rows, {names[0]: ["2", "3-90", "4"]})


@pytest.mark.parametrize("shape", [(5, 5), (4, 6, 3)])
def test_a_sheet_comes_back_as_it_was_saved(tmp_path, shape):
    made = sheet(shape=shape)
    made.save(tmp_path / "a.png")
    back = Sheet.read(tmp_path / "a.png")
    assert (back.source, back.labels, list(back.rows)) == ("mnist", made.labels, list(made.rows))
    for name, images in made.rows.items():
        assert all(np.array_equal(a, b) for a, b in zip(images, back.rows[name], strict=True))


def test_another_picture_is_refused(tmp_path):
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="not one that Sheet"):
        Sheet.read(tmp_path / "a.png")


def missing(name, *_):
    if name == "mnist":
        raise DataMissing("mnist is missing")
    return name


@pytest.mark.parametrize(
    ("rows", "source"),
    [(["plain"], "mnist"), (["rot-inv", "plain"], "mnist"), (["rot-eq"], "digits")],
)
def test_without_the_data_the_kept_pictures_are_shown_where_they_have_the_rows(
    rows, source, tmp_path, monkeypatch
):
    monkeypatch.setattr(datasets, "load", missing)
    sheet("cifar10").save(tmp_path / "1.png")
    sheet("mnist").save(tmp_path / "2.png")
    kept = [tmp_path / "1.png", tmp_path / "2.png"]
    shown = sheet_of("mnist", "digits", lambda data: sheet(data, names=["rot-eq"]), rows, kept)
    assert shown.source == source
    assert list(shown.rows) == rows


def test_what_is_shown_is_told():
    assert sheet("mnist").told("mnist") == "The pictures are training images of `mnist`."
    told = sheet("digits").told("mnist")
    assert "not of `mnist`" in told and "`digits` stand in" in told


@pytest.mark.parametrize("room", [c04_tasks, c05_augmentations])
def test_the_committed_pictures_are_those_of_the_standard_book(room, monkeypatch, tmp_path):
    chapter = room.__name__.rpartition(".")[2][1:3]
    chapter = next(p.stem for p in (ROOT / "notebooks").glob(f"{chapter}-*"))
    monkeypatch.setenv("EQUIVAR_DATA", str(tmp_path))  # nothing is there
    parameters = parameters_of(chapter, "standard")
    shown = room.pictures(parameters)
    assert shown.source == parameters.data
    assert all(len(images) == 8 for images in shown.rows.values())
