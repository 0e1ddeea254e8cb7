"""Chapter 04: which networks it trains, and on what."""

import pytest
import torch
from schedules import TASKS

from equivar import data as datasets
from equivar.chapters import c04_tasks
from equivar.runs import Store


def test_each_task_is_trained_from_each_seed(tasks):
    assert len(tasks.summary) == 6 and not tasks.missing
    pairs = set(zip(tasks.summary["task"], tasks.summary["seed"], strict=True))
    assert pairs == {(task, seed) for task in TASKS["tasks"] for seed in (0, 1)}
    # nine layers, three turns, two kinds
    assert (tasks.scores.groupby(["task", "seed"]).size() == 9 * 3 * 2).all()
    assert set(tasks.summary["classes"]) == {6, 24}
    assert (tasks.history["epoch"] == 1).all()


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


@pytest.mark.parametrize(
    ("more", "words"),
    [({"tasks": ("rot-env",)}, "Did you mean 'rot-inv'"), ({"data": "shapes"}, "has no class 2")],
)
def test_what_a_chapter_does_not_know_is_refused(few_images, tmp_path, more, words):
    with pytest.raises(ValueError, match=words):
        c04_tasks.tables(c04_tasks.Parameters(**TASKS | more), Store(tmp_path))


@pytest.mark.parametrize("change", [{"epochs": 0}, {"seeds": ()}, {"lr": -1.0}, {"padding": 2}])
def test_parameters_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        c04_tasks.Parameters(**TASKS | change)


def test_sentences_tell_the_numbers_of_the_runs(tasks):
    rows = tasks.scores[tasks.scores["kind"] == "equivariance"]
    means = rows.groupby(["part", "task"])["score"].mean().unstack("part")
    apart = (means.max() - means.min())[["early", "middle", "late", "final"]]
    told = ", ".join(f"{value:.2f} in the {part} part" for part, value in apart.items())
    assert told in c04_tasks.seen(tasks)
    lowest = tasks.summary["accuracy"].min()
    assert f"any network is {lowest:.3f}" in c04_tasks.training_seen(tasks)
    p = c04_tasks.Parameters(**TASKS)
    worded, fair = (c04_tasks.claims(tasks, p, corrected) for corrected in (False, True))
    said = c04_tasks.meaning(worded, fair, tasks)
    assert f"up to {apart[['early', 'middle']].max():.2f}, in the final part" in said
    assert all(one.claim in said for one in worded)
