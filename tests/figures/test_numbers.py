"""The numbers of a figure, read from what was drawn, are those that were given."""

import matplotlib.pyplot as plt
import nbclient
import nbformat
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from places import ROOT

from equivar.figures import numbers, part_scores
from equivar.figures.numbers import as_csv
from equivar.names import KINDS, PARTS


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_lines_dots_bars_and_segments_with_their_labels():
    fig, (left, right) = plt.subplots(1, 2)
    left.set_title("left", loc="left")
    left.plot([1, 2], [3.0, 4.5], label="line")
    left.scatter([7], [8], label="dots")
    left.axhline(0)  # spans the panel: no number
    left.fill_between([1, 2], 0, [3, 4])  # a band of what is given as a line anyway
    right.bar(["a", "b"], [5, 6], label="bars")
    table = numbers(fig).set_index("panel")
    assert table.loc["left", ["series", "x", "y"]].values.tolist() == [
        ["line", 1, 3.0], ["line", 2, 4.5], ["dots", 7, 8.0],
    ]  # fmt: skip
    assert table.loc["panel 2", ["series", "x", "y"]].values.tolist() == [
        ["bars", "a", 5.0], ["bars", "b", 6.0],
    ]  # fmt: skip


def test_a_segment_without_an_end_is_left_out():
    fig, ax = plt.subplots()
    ax.hlines([0, 1], [0.1, np.nan], [0.3, 0.4])
    assert numbers(fig)[["x", "y"]].values.tolist() == [[0.1, 0], [0.3, 0]]


def test_intervals_of_error_bars():
    fig, ax = plt.subplots()
    ax.errorbar([0, 1], [0.5, 0.7], yerr=[0.1, 0.2], capsize=2, label="e")
    table = numbers(fig)
    assert len(table) == 2  # neither the caps nor the bars again
    assert np.allclose(table[["y", "low", "high"]], [[0.5, 0.4, 0.6], [0.7, 0.5, 0.9]])


def test_heat_map():
    fig, ax = plt.subplots()
    values = pd.DataFrame([[1.0, 2.0], [3.0, np.nan]], index=["r", "s"], columns=["p", "q"])
    sns.heatmap(values, ax=ax, cbar=False)
    table = numbers(fig).set_index(["x", "y"])["value"]
    assert table["p", "r"] == 1 and table["q", "r"] == 2 and table["p", "s"] == 3
    assert len(table) == 3  # a cell that is empty or masked is none


def test_a_picture_has_no_numbers():
    fig, ax = plt.subplots()
    ax.imshow(np.zeros((3, 3)))
    assert as_csv(fig) is None


def test_a_figure_of_the_book_has_the_means_of_its_runs():
    rng = np.random.default_rng(0)
    rows = [
        {"task": task, "seed": seed, "kind": kind, "part": part, "score": rng.uniform(),
         "chance": 0.1}
        for task in ("plain", "rot-eq") for seed in range(3) for kind in KINDS for part in PARTS
    ]  # fmt: skip
    scores = pd.DataFrame(rows)
    table = numbers(part_scores(scores, "task"))
    found = table[(table["series"] == "Rot-Eq") & (table["panel"] == "equivariance")]
    of = scores[(scores["task"] == "rot-eq") & (scores["kind"] == "equivariance")]
    expected = of.groupby("part", sort=False)["score"].mean()
    found = found.dropna(subset="low").set_index("x")["y"]
    assert list(found.index) == [part.capitalize() for part in PARTS]
    assert np.allclose(found.to_numpy(), expected.to_numpy())


def test_a_notebook_keeps_them_beside_the_picture():
    """In a kernel with its own backend, a figure of a later cell has CSV; a picture has none."""
    drawn = "fig, ax = plt.subplots(); ax.plot([1, 2], [3, 4], label='l')"
    picture = "fig, ax = plt.subplots(); ax.imshow([[0]])"
    setup = "import matplotlib.pyplot as plt; from equivar import figures; figures.style()"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(f"{code};") for code in (setup, drawn, picture)]
    )
    here = {"metadata": {"path": str(ROOT)}}
    nbclient.NotebookClient(notebook, kernel_name="python3", resources=here).execute()
    _, first, second = (cell["outputs"] for cell in notebook.cells)
    assert "image/png" in first[0]["data"] and "image/png" in second[0]["data"]
    assert first[0]["data"]["text/csv"].splitlines()[1] == "panel 1,l,1,3"
    assert "text/csv" not in second[0]["data"]


def test_error_bars_of_nothing_are_no_error():
    fig, ax = plt.subplots()
    ax.errorbar([], [], yerr=([], []), label="nothing")
    assert numbers(fig).empty
