"""Chapters 03 and 07: networks of several architectures measured as runs, and their figures."""

import numpy as np
import pandas as pd
import pytest

from equivar import figures
from equivar.chapters import c03_accuracy, c07_architectures
from equivar.chapters.c03_accuracy import words
from equivar.verdicts import Networks

PARAMETERS = {
    "profile": "test",
    "networks": [
        {"name": "one", "family": "cnn", "network": "equivar:mini-efficientnet-1"},
        {"name": "two", "family": "mixer", "network": "equivar:mini-mixer"},
        {"name": "three", "family": "cnn", "network": "equivar:cnn7", "weights": "random",
         "options": {"num_classes": 10}, "top1": 10.0, "source": "chance"},
    ],
    "train_data": "digits", "epochs": 1, "batch_size": 128, "optimizer": "adam", "lr": 0.01,
    "weight_decay": 0.0, "schedule": "one-cycle", "milestones": [], "data": "digits", "images": 20,
    "transforms": ["rotation-90", "shift-4"], "match": "dataset", "removed_images": 10,
    "counts": [], "seed": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def compared(small_runs):
    return c03_accuracy.tables(c03_accuracy.Parameters(**PARAMETERS), small_runs)


def test_networks_are_trained_or_taken_as_they_are(compared):
    summary = compared.summary.set_index("network")
    assert list(summary.index) == ["one", "two", "three"]
    assert summary["top1"]["one"] == pytest.approx(100 * summary["accuracy"]["one"])
    assert (summary["top1"]["three"], summary["source"]["three"]) == (10, "chance")
    places = compared.parts.groupby("network")[["transforms", "kind", "part"]].nunique()
    assert (places == [2, 2, 5]).all(axis=None)
    assert compared.parts["se"].ge(0).all()


def test_networks_are_measured_again_without_mean_maps_and_without_groups(compared):
    """On fewer images, which a network that is trained in the run does not need."""
    names = set(compared.summary["network"])
    assert (
        set(compared.removed["network"]) == names and set(compared.replicates["network"]) == names
    )
    assert compared.removed.groupby("network")["images"].first().to_dict() == {
        "one": 20, "two": 20, "three": 10,
    }  # fmt: skip
    assert {"family", "top1", "corrected", "excess"} <= set(compared.removed)
    place = ["transforms", "kind", "part"]
    groups = compared.replicates.groupby(["network", *place])["group"].nunique()
    rows = compared.parts.set_index(["network", *place])
    told = rows["groups"].reindex(groups.index)
    assert (groups == told)[told > 0].all()  # 0: a layer of the part has no cells to compare
    # which the standard errors are of
    networks = Networks(compared.parts, replicates=compared.replicates)
    for name in names:
        error, count = networks.error([(1, name, "shift", "equivariance", "early")])
        row = rows.loc[name, "shift", "equivariance", "early"]
        assert (error, count) == (pytest.approx(row["se"], rel=1e-3, abs=1e-6), row["groups"])


def test_claims_of_three_networks_are_judged_where_they_can_be(compared):
    both = c07_architectures.Architectures(**vars(compared))
    for room, judged in ((c03_accuracy, ()), (c07_architectures, ("4.6b",))):
        for corrected in (False, True):
            for one in room.claims(both, c03_accuracy.Parameters(**PARAMETERS), corrected):
                assert (one.verdict != "not judged") == (one.claim in judged), one


def test_images_come_in_a_drawn_order_in_these_chapters():
    first, other = (
        c03_accuracy.runs(c03_accuracy.Parameters(**PARAMETERS | {"seed": seed})) for seed in (0, 1)
    )
    assert [one.order for one in (first[2], other[2])] == [0, 1]
    assert first[2].spec.key != other[2].spec.key


def test_parts_are_the_means_of_the_scores(compared):
    rows = compared.scores.query(
        "network == 'three' and kind == 'equivariance' and part == 'early'"
    )
    found = compared.parts.query(
        "network == 'three' and kind == 'equivariance' and part == 'early'"
    ).set_index("transforms")["score"]
    for transforms, of in rows.groupby(rows["transform"].str.partition("-")[0]):
        assert found[transforms] == pytest.approx(of["score"].mean(), abs=1e-6)


def test_figures_of_three_networks(compared):
    figure = c03_accuracy.accuracy_scatter(compared.parts, "shift")
    for ax in figure.axes:
        assert {text.get_text() for text in ax.texts} == {"one", "two", "three"}
    assert set(figures.numbers(figure)["series"]) == {"one", "two", "three"}
    for figure in (
        c07_architectures.architecture_profiles(compared.parts),
        c07_architectures.relative_depth(compared.scores),
    ):
        families = compared.summary["family"].nunique()
        assert len([t for t in figure.legends[0].get_texts() if "chance" not in t.get_text()]) == (
            families
        )


def test_fewer_images_of_the_first_network(small_runs):
    row = PARAMETERS["networks"][2]
    p = c03_accuracy.Parameters(**PARAMETERS | {"networks": [row], "counts": [10, 20]})
    table = c03_accuracy.fewer_images(p, small_runs)
    assert sorted(set(table["images"])) == [10, 20]
    c03_accuracy.convergence(table)
    assert len(c03_accuracy.runs(p)) == 2  # 20 is the run that is there anyway
    trained = c03_accuracy.Parameters(**PARAMETERS | {"counts": [10]})
    with pytest.raises(ValueError, match="is trained in the run"):
        c03_accuracy.fewer_images(trained, small_runs)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"network": "timm:resnet18"}, "for networks 'equivar:NAME' without an input of their own"),
        ({"input": {"size": 8}}, "for networks 'equivar:NAME' without an input of their own"),
    ],
)
def test_only_own_networks_are_trained_in_the_run(row, said):
    first = PARAMETERS["networks"][0] | row
    with pytest.raises(ValueError, match=said):
        c03_accuracy.runs(c03_accuracy.Parameters(**PARAMETERS | {"networks": [first]}))


@pytest.mark.parametrize(
    "change", [{"family": "rnn"}, {"top1": 101}, {"width": 3}, {"name": "two"}]
)
def test_a_row_that_makes_no_sense_is_refused(change):
    rows = [PARAMETERS["networks"][0] | change, *PARAMETERS["networks"][1:]]
    with pytest.raises(ValueError, match=next(iter(change)) if "name" not in change else "two"):
        c03_accuracy.Parameters(**PARAMETERS | {"networks": rows})


def test_correlations_in_words():
    ranks = pd.DataFrame([
        {"transforms": "shift", "kind": "equivariance", "part": "early", "rho": 0.9, "low": 0.5,
         "high": 0.98},
        {"transforms": "rotation", "kind": "invariance", "part": "late", "rho": 0.1, "low": -0.5,
         "high": 0.6},
    ])  # fmt: skip
    said = c03_accuracy.seen(ranks.assign(networks=14))
    assert "is for translation 0.90 [0.50, 0.98], in the early part." in said
    assert "Of all 2 correlations" in said and "1 have an interval without zero" in said


def test_the_least_correlation_that_can_be_told_from_none():
    for networks in (6, 14, 30):
        rho = words.least(networks)
        spread = np.sqrt((1 + rho**2 / 2) / (networks - 3))
        assert np.arctanh(rho) > 1.96 * spread > np.arctanh(rho - 0.02)


def test_the_picture_of_cells_and_its_words_agree():
    image = np.zeros((28, 28))
    said = c03_accuracy.cells_seen(image, pixels=9, cells=7)
    assert "a shift by 9 pixels is one by 2.25 cells" in said and "are 4 x 4 cells" in said


def test_the_words_of_a_scatter_have_its_correlations(compared):
    figure = c03_accuracy.accuracy_scatter(with_four(compared.parts), "shift")
    said = c03_accuracy.scatter_seen(with_four(compared.parts), "shift")
    titles = [ax.get_title(loc="left").partition("rho = ")[2] for ax in figure.axes[:4]]
    assert [f"{rho} " in said for rho in titles] == [True] * 4


def with_four(parts):
    """A fourth network, with the scores of the first and another accuracy: three have no rank."""
    first = parts[parts["network"] == "one"].assign(network="four", top1=50.0)
    return pd.concat([parts, first.assign(score=first["score"] / 2)], ignore_index=True)
