"""Figures and tables that several chapters share."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Annotation, Text
from scipy import stats

from equivar import figures

matplotlib.use("agg")


def names_in(ax):
    """The names beside the Axes: texts with a line to their point."""
    return [text.get_text() for text in ax.texts if isinstance(text, Annotation)]


def test_figures_name_every_group_and_draw_every_run(tasks):
    fig = figures.layer_scores(tasks.scores, "task")
    assert set(names_in(fig.axes[-1])) == {"MNIST6", "Rot-Inv", "Rot-Eq"}
    for ax in fig.axes:  # a ground for every second part, from edge to edge
        places = [(p.get_x(), p.get_x() + p.get_width()) for p in ax.patches]
        assert places == [(-0.5, 2.5), (4.5, 6.5), (7.5, 8.5)]
    names = [label.get_text() for label in fig.axes[0].get_xticklabels()]
    assert names == [*"1234567", "Pool", "Final"]
    for ax, kind in zip(fig.axes, ("invariance", "equivariance"), strict=True):
        drawn = np.concatenate(
            [line.get_ydata() for line in ax.get_lines() if line.get_marker() == "."]
        )
        rows = tasks.scores[tasks.scores["kind"] == kind]
        wanted = rows.groupby(["task", "seed", "index"])["score"].mean()
        np.testing.assert_allclose(np.sort(drawn), np.sort(wanted), rtol=1e-12)


def test_training_is_drawn_by_group_with_a_band_from_the_lowest_run_to_the_highest(tasks):
    figure = figures.training_curves(tasks.history, "task")
    losses = figure.axes[0]
    assert (len(losses.lines), len(losses.collections)) == (3, 3)
    plain = tasks.history[tasks.history["task"] == "plain"]["loss"]
    band = losses.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((plain.min(), plain.max()))


def test_intervals_are_students():
    table = pd.DataFrame([[1.0, 2.0, 4.0], [1.0, np.nan, np.nan]])
    half = figures.half_interval(table)
    assert half[0] == pytest.approx(4.302653 * np.std([1, 2, 4], ddof=1) / np.sqrt(3))
    assert half[1] == 0


def test_accuracies_give_mean_interval_and_count(tasks):
    table = figures.accuracies(tasks.summary, "task")
    assert table.index.tolist() == ["MNIST6", "Rot-Inv", "Rot-Eq"]
    assert (table["runs"] == 2).all()
    mean = tasks.summary.query("task == 'plain'")["accuracy"].mean()
    assert table.loc["MNIST6", "accuracy"] == mean


def test_heights_are_moved_apart_and_as_little_as_possible():
    spread = figures.spread
    np.testing.assert_allclose(spread([0.1, 0.5, 0.9], 0.2), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(spread([0.5, 0.5], 0.2), [0.4, 0.6])
    np.testing.assert_allclose(spread([0.9, 0.3, 0.32], 0.1), [0.9, 0.26, 0.36])
    np.testing.assert_allclose(spread([0.98, 0.99], 0.1), [0.9, 1.0])  # not above the Axes
    np.testing.assert_allclose(spread([0.0, 0.0], 0.1), [0.0, 0.1])
    assert len(spread([], 0.1)) == 0


def test_names_beside_points_do_not_touch():
    rng = np.random.default_rng(0)
    fig, ax = plt.subplots(figsize=(4, 3), layout="constrained")
    names = [f"network {i}" for i in range(16)]
    x, y = rng.uniform(size=16), rng.uniform(0.5, 0.52, size=16)
    y[0] = 0.0
    ax.plot(x, y, "o")
    figures.names_beside(ax, x, y, names, ["black"] * 16)
    fig.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in ax.texts]  # of the words, without lines
    right = ax.get_window_extent().x1
    assert names_in(ax) == names and all(box.x0 > right for box in boxes)
    middles = [(box.y0 + box.y1) / 2 for box in boxes]
    order = np.argsort(middles)
    assert list(order) == list(np.argsort(y))  # the order of the points
    size = figures.SMALL / 72 * fig.dpi
    assert np.diff(np.sort(middles)).min() >= size


def shifted(seed=0, runs=3):
    """Scores of two groups under three shifts, one part."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"augment": augment, "seed": run, "kind": "equivariance", "part": "late", "height": 4,
         "width": 4, "transform": f"shift-{pixels}", "chance": 0.1, "score": rng.uniform()}
        for augment in ("none", "crop") for run in range(runs) for pixels in (1, 2, 3)
    )  # fmt: skip


def test_changes_by_shift_are_differences_with_welchs_interval():
    scores = shifted()
    table = figures.numbers(figures.shift_changes(scores, "augment", beside="none"))
    found = table[table["panel"] == "late, change"].set_index("x")
    assert set(found["series"]) == {"random crops"}
    for pixels, row in found.iterrows():
        of = scores[scores["transform"] == f"shift-{pixels:.0f}"]
        crop, none = (of[of["augment"] == name]["score"] for name in ("crop", "none"))
        interval = stats.ttest_ind(crop, none, equal_var=False).confidence_interval()
        wanted = [crop.mean() - none.mean(), *interval]
        np.testing.assert_allclose(row[["y", "low", "high"]].astype(float), wanted)
    above = table[table["panel"] == "late"]
    none = scores[scores["augment"] == "none"].groupby("transform")["score"].mean()
    assert set(none.round(9)) <= set(above["y"].round(9))


def test_without_something_to_compare_with_shifts_are_drawn_as_they_are():
    scores = shifted()
    alone = scores[scores["augment"] == "crop"]
    fig = figures.shift_changes(alone, "augment", beside="none")
    assert set(figures.numbers(fig)["panel"]) == {"late"}
    one_run = figures.numbers(figures.shift_changes(shifted(runs=1), "augment", beside="none"))
    change = one_run[one_run["panel"] == "late, change"]
    np.testing.assert_allclose(change["low"], change["y"])  # no interval of a single run
