"""Chapters 04 to 06: which networks they train, and what becomes of their runs."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
import sweep as sweep_tool
import torch
from schedules import ROOT, SCHEDULE, parameters_of

from equivar import data as datasets
from equivar import figures, networks, training
from equivar.chapters import c04_tasks, c05_augmentations, c06_capacity, room
from equivar.runs import Store, folder
from equivar.runs.measured import Measurement
from equivar.runs.results import run_all
from equivar.runs.trained import Training, trained_network
from equivar.transforms import parse_transforms

matplotlib.use("agg")
TASKS = SCHEDULE | {
    "data": "digits", "tasks": ("plain", "rot-inv", "rot-eq"), "padding": 0, "seeds": (0, 1),
    "images": 20, "match": "dataset", "margin": 0.1,
}  # fmt: skip
SHIFTS = SCHEDULE | {
    "data": "shapes", "train_images": 64, "seeds": (0, 1), "images": 20, "shifts": (1, 4),
    "match": "dataset", "margin": 0.05,
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    return Store(root / "runs", results=root / "results")


@pytest.fixture(scope="module")
def trained(store):
    return c04_tasks.tables(c04_tasks.Parameters(**TASKS), store)


def test_each_task_is_trained_from_each_seed(trained):
    assert len(trained.summary) == 6 and not trained.missing
    pairs = set(zip(trained.summary["task"], trained.summary["seed"], strict=True))
    assert pairs == {(task, seed) for task in TASKS["tasks"] for seed in (0, 1)}
    # nine layers, three turns, two kinds
    assert (trained.scores.groupby(["task", "seed"]).size() == 9 * 3 * 2).all()
    assert set(trained.summary["classes"]) == {6, 24}
    assert (trained.history["epoch"] == 1).all()


def test_the_three_tasks_differ_in_their_data_alone():
    runs = c04_tasks.runs(c04_tasks.Parameters(**TASKS))
    of_seed_0 = [one for one in runs if one.seed == 0]
    assert [one.task for one in of_seed_0] == ["plain", "rot-inv", "rot-eq"]
    assert len({str(one.recipe) for one in runs}) == 1
    assert len({one.spec.key for one in runs}) == len(runs)


def test_the_test_images_have_turns_of_their_own():
    one = c04_tasks.runs(c04_tasks.Parameters(**TASKS))[1]
    plain = datasets.mnist6(datasets.load("digits", "test"), "plain")
    turned = datasets.mnist6(datasets.load("digits", "test"), "rot-inv", seed=1)
    assert torch.equal(one.load("test").images, turned.images)
    assert not torch.equal(turned.images, plain.images)


def test_what_was_trained_is_not_trained_again(trained, store, monkeypatch):
    monkeypatch.setattr(training, "train", None)
    again = c04_tasks.tables(c04_tasks.Parameters(**TASKS), store)
    pd.testing.assert_frame_equal(again.scores, trained.scores)
    pd.testing.assert_frame_equal(again.history, trained.history)


def test_a_part_of_the_runs_asks_for_no_others(trained, store, monkeypatch):
    monkeypatch.setattr(training, "train", None)
    p = c04_tasks.Parameters(**TASKS | {"tasks": ("rot-eq",), "seeds": (1,)})
    fewer = c04_tasks.tables(p, store)
    assert len(fewer.summary) == 1


def test_the_stored_network_is_the_trained_one(trained, store):
    one = c04_tasks.runs(c04_tasks.Parameters(**TASKS))[1]
    model = trained_network(one, store)
    row = trained.summary.query("task == 'rot-inv' and seed == 0").iloc[0]
    assert training.accuracy(model, one.load("test").subset(20)) == row["accuracy"]


def test_results_without_data_tell_which_runs_are_missing(trained, store, tmp_path, monkeypatch):
    """As with committed tables on a machine that has no data: one of six runs is not there."""
    runs = c04_tasks.runs(c04_tasks.Parameters(**TASKS))
    results = tmp_path / "results"
    for one in runs[:-1]:
        folder.copy_results(store.find(one.spec), results / "standard" / "04")

    def absent(*_, **__):
        raise datasets.DataMissing("digits is missing: it belongs elsewhere")

    monkeypatch.setattr(datasets, "load", absent)
    found = run_all(runs, Store(tmp_path / "empty", results=results))
    assert len(found.summary) == 5
    assert found.missing == (
        "mnist6-tasks, rot-eq, seed 1: digits is missing: it belongs elsewhere",
    )
    pd.testing.assert_frame_equal(
        found.scores, trained.scores[: len(found.scores)].reset_index(drop=True)
    )
    with pytest.raises(datasets.DataMissing, match="digits is missing"):
        run_all(runs, Store(tmp_path / "empty", results=tmp_path / "none"))


def test_too_few_images_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"400 images asked for, mnist6\(digits\) test has 299"):
        c04_tasks.tables(c04_tasks.Parameters(**TASKS | {"images": 400}), Store(tmp_path))


@pytest.mark.parametrize(
    ("more", "words"),
    [({"tasks": ("rot-env",)}, "Did you mean 'rot-inv'"), ({"data": "shapes"}, "has no class 2")],
)
def test_what_a_chapter_does_not_know_is_refused(tmp_path, more, words):
    with pytest.raises(ValueError, match=words):
        c04_tasks.tables(c04_tasks.Parameters(**TASKS | more), Store(tmp_path))


@pytest.mark.parametrize("change", [{"epochs": 0}, {"seeds": ()}, {"lr": -1.0}, {"padding": 2}])
def test_parameters_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        c04_tasks.Parameters(**TASKS | change)


# Shifts: chapters 05 and 06


def test_an_augmentation_changes_the_training_images_alone(store):
    more = {"network": "resnet8", "augmentations": ("none", "flip")}
    p = c05_augmentations.Parameters(**SHIFTS | more)
    runs = c05_augmentations.runs(p)
    assert [one.recipe["augment"] for one in runs[:2]] == [[], ["flip"]]
    found = c05_augmentations.tables(p, store)
    assert set(found.scores["transform"]) == {"shift-1", "shift-4"}
    assert set(found.scores["part"]) == {"early", "middle", "late", "pool", "final"}
    assert set(found.summary["train_images"]) == {64}


def test_widths_have_a_column_of_their_own(store):
    more = {"depth": 10, "widths": (1, 2), "augment": ("crop",), "seeds": (0,)}
    p = c06_capacity.Parameters(**SHIFTS | more)
    assert [one.network for one in c06_capacity.runs(p)] == ["wrn-10-1", "wrn-10-2"]
    found = c06_capacity.tables(p, store)
    channels = found.scores.query("layer == 'layer3.0'").groupby("widening")["channels"].first()
    assert channels.to_dict() == {1: 64, 2: 128}
    assert set(found.scores.query("layer == 'layer3.0'")["width"]) == {8}  # cells


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"augmentations": ("crops",)}, "Did you mean 'crop'"),
        ({"shifts": (32,)}, "shift-32 leaves nothing of an image of 32 x 32"),
        ({"match": "datasets"}, "choose one of 'dataset', 'image'"),
        ({"network": "resnet21"}, "Did you mean .*'resnet20'"),
    ],
)
def test_augmentations_refuse_what_they_do_not_know(store, more, words, monkeypatch):
    """Before anything is trained."""
    values = {"network": "resnet8", "augmentations": ("none",), "seeds": (0,)}
    monkeypatch.setattr(training.loop, "_train_epoch", None)
    with pytest.raises(ValueError, match=words):
        c05_augmentations.tables(c05_augmentations.Parameters(**SHIFTS | values | more), store)


def test_a_width_that_does_not_exist_is_refused(store):
    more = {"depth": 10, "widths": (3,), "augment": (), "seeds": (0,)}
    p = c06_capacity.Parameters(**SHIFTS | more)
    with pytest.raises(ValueError, match="unknown model 'wrn-10-3'"):
        c06_capacity.tables(p, store)


# The runs of a profile


CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("profile", ["quick", "standard", "paper"])
def test_every_profile_makes_runs_that_exist(chapter, profile):
    runs = room(chapter).runs(parameters_of(chapter, profile))
    assert bool(runs) == (chapter[:2] not in ("01", "09"))
    assert len({tuple(one.columns.values()) for one in runs}) == len(runs)
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


def test_the_paper_profile_is_the_papers_schedule():
    one = c05_augmentations.runs(parameters_of("05-augmentations", "paper"))[0]
    assert (one.network, one.data, one.images) == ("resnet44", "cifar10", 2000)
    assert one.transforms == [f"shift-{d}" for d in range(1, 17)]
    plan = training.Recipe(**one.recipe)
    assert (plan.epochs, plan.batch_size, plan.weight_decay) == (200, 128, 1e-4)
    assert (plan.optimizer, plan.momentum) == ("sgd", 0.9)
    rates = [plan.rate(done) for done in (0, 99, 100, 149, 150, 199)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_the_sweep_tool_lists_and_refuses(capsys):
    chapter = str(ROOT / "notebooks" / "04-mnist6-tasks.ipynb")
    assert sweep_tool.main([chapter, "--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == 9 and "rot-eq, seed 2" in listed[-1]
    assert sweep_tool.main([chapter, "--list", "--only", "10"]) == 1
    assert "there are runs 1 to 9" in capsys.readouterr().err
    assert sweep_tool.main([str(ROOT / "notebooks" / "01-toy-gaussian-cnns.ipynb")]) == 1
    assert "no runs of the store are asked for by" in capsys.readouterr().err


def test_the_sweep_tool_makes_and_publishes_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIVAR_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(sweep_tool, "ROOT", tmp_path)
    monkeypatch.setattr(sweep_tool, "RESULTS", tmp_path / "results")
    chapter = tmp_path / "04-mnist6-tasks.ipynb"
    runs = c04_tasks.runs(c04_tasks.Parameters(**TASKS))
    monkeypatch.setattr(sweep_tool, "runs_of", lambda *_: runs)
    chapter.write_text("{}")
    assert sweep_tool.main([str(chapter), "--only", "1", "2"]) == 0
    assert sweep_tool.main([str(chapter), "--publish"]) == 0
    published = sorted((tmp_path / "results" / "quick" / chapter.stem).iterdir())
    assert len(published) == 2
    assert sorted(path.name for path in published[0].iterdir()) == [
        "history.csv", "manifest.json", "provenance.json", "scores.csv"]  # fmt: skip
    assert capsys.readouterr().out.count("not made") == 4


# Figures


def test_figures_name_every_group_and_draw_every_run(trained):
    fig = figures.layer_scores(trained.scores, "task")
    texts = [text.get_text() for text in fig.legends[0].get_texts()]
    assert texts == ["MNIST6", "Rot-Inv", "Rot-Eq", "chance, in the same colour"]
    names = [label.get_text() for label in fig.axes[0].get_xticklabels()]
    assert names == [*"1234567", "Pool", "Final"]
    for ax, kind in zip(fig.axes, ("invariance", "equivariance"), strict=True):
        drawn = np.concatenate(
            [line.get_ydata() for line in ax.get_lines() if line.get_marker() == "."]
        )
        rows = trained.scores[trained.scores["kind"] == kind]
        wanted = rows.groupby(["task", "seed", "index"])["score"].mean()
        np.testing.assert_allclose(np.sort(drawn), np.sort(wanted), rtol=1e-12)


def test_intervals_are_students():
    table = pd.DataFrame([[1.0, 2.0, 4.0], [1.0, np.nan, np.nan]])
    half = figures.half_interval(table)
    assert half[0] == pytest.approx(4.302653 * np.std([1, 2, 4], ddof=1) / np.sqrt(3))
    assert half[1] == 0


def test_accuracies_give_mean_interval_and_count(trained):
    table = figures.accuracies(trained.summary, "task")
    assert table.index.tolist() == ["MNIST6", "Rot-Inv", "Rot-Eq"]
    assert (table["runs"] == 2).all()
    mean = trained.summary.query("task == 'plain'")["accuracy"].mean()
    assert table.loc["MNIST6", "accuracy"] == mean
