"""Figures and tables that several chapters share."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

from equivar import figures

matplotlib.use("agg")


def test_figures_name_every_group_and_draw_every_run(tasks):
    fig = figures.layer_scores(tasks.scores, "task")
    texts = [text.get_text() for text in fig.legends[0].get_texts()]
    assert texts == ["MNIST6", "Rot-Inv", "Rot-Eq", "chance, in the same colour"]
    names = [label.get_text() for label in fig.axes[0].get_xticklabels()]
    assert names == [*"1234567", "Pool", "Final"]
    for ax, kind in zip(fig.axes, ("invariance", "equivariance"), strict=True):
        drawn = np.concatenate(
            [line.get_ydata() for line in ax.get_lines() if line.get_marker() == "."]
        )
        rows = tasks.scores[tasks.scores["kind"] == kind]
        wanted = rows.groupby(["task", "seed", "index"])["score"].mean()
        np.testing.assert_allclose(np.sort(drawn), np.sort(wanted), rtol=1e-12)


def test_training_is_drawn_by_run_or_by_group(tasks):
    """With a band from the lowest run to the highest where it is by group."""
    figure = figures.training_curves(tasks.history, "task")
    assert [len(ax.lines) for ax in figure.axes] == [6, 6]
    figure = figures.training_curves(tasks.history, "task", each=False)
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
