"""Chapter 10: networks searched for orbits as runs, and their pictures."""

import importlib
import itertools
from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from schedules import SCHEDULE, TASKS, of_chapter

from equivar import data as datasets
from equivar import figures
from equivar.chapters import c10_orbits

matplotlib.use("agg")
orbits = importlib.import_module("equivar.orbits")
CHAPTER = SCHEDULE | {
    "networks": {"resnet8": ""}, "train_data": "shapes", "data": "shapes", "images": 20,
    "tasks": of_chapter(TASKS) | {"tasks": ("plain", "rot-inv"), "seeds": (0,)},
    "task_images": 20,
    "imagenet": [
        {"name": "toy", "family": "cnn", "network": "equivar:toy-equivariant", "weights": ""}
    ],
    "imagenet_data": "shapes", "imagenet_images": 20, "rate": 0.05, "simulated": 2, "seed": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def results(small_runs):
    return c10_orbits.tables(c10_orbits.Parameters(**CHAPTER), small_runs)


def test_every_network_of_the_chapter_is_searched(results):
    table = results.tables["orbits"]
    assert set(table["network"]) == {"ResNet-8", "plain, seed 0", "rot-inv, seed 0", "toy"}
    assert set(table["sort"]) == {"residual", "task", "imagenet"}
    assert set(table["matching"]) == {"maximum"}  # as in the paper
    first = table[table["part"] == "first"].groupby("network")["layer"].nunique()
    assert first.eq(1).all() and len(first) == 4
    names = [str(run) for run in c10_orbits.runs(c10_orbits.Parameters(**CHAPTER))]
    assert len(set(names)) == 4


def test_pictures_are_kept_with_the_run(results):
    found = c10_orbits.picture_along(results, "toy")
    image, filters = found["image"], found["filters"]
    np.testing.assert_array_equal(image, datasets.picture(datasets.photograph()[0]))
    np.testing.assert_allclose(found["maps"], found["turned"], atol=1e-3)
    assert set(filters) == set(range(8)) and filters[0].shape == (3, 5, 5)
    for one, other in itertools.pairwise(found["members"]):
        turned_filter = np.rot90(filters[one], -1, axes=(1, 2))
        np.testing.assert_allclose(turned_filter, filters[other], atol=1e-3)
    with pytest.raises(ValueError, match="no orbit was found"):
        c10_orbits.picture_along(results, "another")


def test_the_pictures_can_be_drawn(results):
    table = results.tables["orbits"]
    table = table[table["matching"] == "maximum"]
    toy = table[(table["network"] == "toy") & (table["part"] == "first")]
    filters = c10_orbits.filters_in(results, "toy")
    for figure in (
        c10_orbits.orbit_filters(filters, toy, "toy"),
        c10_orbits.orbit_wheels(filters, toy),
        c10_orbits.orbit_picture(**c10_orbits.picture_along(results, "toy")),
        c10_orbits.orbit_shares(orbits.shares(table, ("network",))),
        c10_orbits.group_law(table),
    ):
        figure.canvas.draw()
        matplotlib.pyplot.close(figure)
    for draw in (c10_orbits.orbit_filters, c10_orbits.orbit_wheels):
        with pytest.raises(ValueError, match="found"):
            draw(filters, toy[:0])


def test_orbits_are_drawn_again_on_a_scale_of_their_own(results):
    table = results.tables["orbits"]
    shares = orbits.shares(table[table["matching"] == "maximum"], ("network",))
    figure = c10_orbits.orbit_shares(shares)
    left, right = figure.axes[::2], figure.axes[1::2]
    highest = shares[shares["kind"] == "orbit"]["share"].max()
    assert {ax.get_ylim() for ax in left} == {(0, 1)}
    assert len({ax.get_ylim() for ax in right}) == 1 and right[0].get_ylim()[1] >= highest > 0
    numbers = figures.numbers(figure)
    assert set(numbers["panel"]) == set(shares["network"])
    alone = numbers[numbers["series"] == "in orbits alone"]["y"]
    wanted = shares[shares["kind"] == "orbit"]["share"]
    np.testing.assert_allclose(np.sort(alone), np.sort(wanted))
    matplotlib.pyplot.close(figure)


def test_the_orbit_that_is_shown_has_filters_to_show(results):
    assert c10_orbits.best_orbit(results) == "toy"
    tables = results.tables
    larger = {"orbits": tables["orbits"].assign(network="large"),
              "pictures": tables["pictures"].assign(network="large")}  # fmt: skip
    both = {name: pd.concat([table, larger.get(name)]) for name, table in tables.items()}
    # filters that are too large to be looked at are not kept
    assert c10_orbits.best_orbit(replace(results, tables=both)) == "toy"
    none = {**tables, "orbits": tables["orbits"].assign(found=False)}
    assert c10_orbits.best_orbit(replace(results, tables=none)) is None


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"images": 19}, "images"),
        ({"rate": 0}, "rate"),
        ({"imagenet": [{"name": "a", "family": "cnn", "network": "timm:x"}]}, "name weights"),
    ],
)
def test_wrong_values_are_named(values, named):
    with pytest.raises(ValueError, match=named):
        c10_orbits.Parameters(**CHAPTER | values)


def test_the_example_has_what_was_planted():
    filters, found = c10_orbits.planted_example()
    groups = {frozenset(map(int, text.split())) for text in found["members"]}
    planted = [range(4), range(4, 8), (8, 9), (10, 11), (12,), (13,), (14,)]
    assert groups == {frozenset(group) for group in planted}
    c10_orbits.orbit_filters(filters, found).canvas.draw()
