"""Chapter 11: networks beside their untrained twins, along training, and the claims on both."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from schedules import TASKS

import equivar
from equivar.chapters import c04_tasks, c11_learned
from equivar.names import KINDS, PARTS, SORTS
from equivar.networks import with_statistics
from equivar.runs.measured import Pretrained
from equivar.verdicts import CORRECTED

FAMILIES = {"a": "cnn", "b": "cnn", "c": "cnn", "v": "vit", "w": "vit"}
JUDGED = ("B7", "B8", "B9", "B10")


def parts(added):
    """Two twins of every network at .4, the trained one at that plus added(family, sort, part)."""
    rng = np.random.default_rng(0)
    rows = []
    for (name, family), sort, kind, part in product(FAMILIES.items(), SORTS, KINDS, PARTS):
        for state, run in (("trained", ""), ("untrained", "seed 0"), ("untrained", "seed 1")):
            more = added(family, sort, part) if state == "trained" else 0.0
            rows.append({
                "network": name, "family": family, "sort": "compared", "run": run, "state": state,
                "transforms": sort, "kind": kind, "part": part, "chance": 0.0,
                "score": 0.4 + more + 0.0002 * rng.normal(),
            })  # fmt: skip
    table = pd.DataFrame(rows)
    return table.assign(corrected=table["score"])


def dynamics(share):
    """Runs that go `share` of their way until epoch 2 of 20."""
    rng = np.random.default_rng(0)
    rows = []
    for seed, sort, part in product(range(3), SORTS, PARTS):
        for epoch, done in ((0, 0.0), (1, share / 2), (2, share), (8, 0.9), (20, 1.0)):
            rows.append({
                "network": "n", "group": "plain", "seed": seed, "epoch": epoch, "transforms": sort,
                "part": part, "kind": "equivariance", "chance": 0.0, "accuracy": 0.5,
                "score": 0.2 + 0.4 * done + 0.002 * rng.normal(),
            })  # fmt: skip
    table = pd.DataFrame(rows)
    return table.assign(corrected=table["score"])


def as_claimed(family, sort, part):
    if sort == "rotation":
        return 0.3 if part == "early" else 0.1
    return 0.2 if family == "cnn" else -0.2


def opposite(family, sort, part):
    return -as_claimed(family, sort, part)


def nothing(family, sort, part):
    return 0.0


def learned(added, share):
    table = parts(added)
    return c11_learned.Learned(table, table, table, dynamics(share), pd.DataFrame())


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize(
    ("added", "share", "expected"),
    [(as_claimed, 0.9, "supported"), (opposite, 0.1, "contradicted")],
)
def test_planted_effects_are_judged(added, share, expected, corrected):
    verdicts = c11_learned.claims(learned(added, share), None, corrected)
    assert {one.claim: one.verdict for one in verdicts} == dict.fromkeys(JUDGED, expected)


def test_no_effect_is_negligible():
    verdicts = c11_learned.claims(learned(nothing, 0.5), None)
    assert [one.verdict for one in verdicts[:3]] == ["negligible"] * 3


def test_one_vit_is_too_few_and_what_it_shows_is_told():
    table = parts(as_claimed)
    verdict = c11_learned.claim_b9(table[table["network"] != "w"])
    assert verdict.verdict == "not judged" and "-0.20, -0.20, -0.20" in verdict.reason


def test_the_mean_of_the_twins_is_what_is_taken_away():
    table = parts(nothing)
    untrained = (table["network"] == "a") & (table["run"] == "seed 1")
    table.loc[untrained, "score"] += 0.2
    change = c11_learned.changes(table).set_index(["network", "transforms", "part", "kind"])
    assert change.loc[("a", "shift", "early", "equivariance"), "change"] == pytest.approx(
        -0.1, abs=0.01
    )


@pytest.fixture(scope="module")
def along(small_runs):
    base = c04_tasks.runs(c04_tasks.Parameters(**TASKS))[0]
    one = c11_learned.Along(
        base=base, images=20, groups={"network": "n", "group": "plain"},
        transforms=("rotations",), match="dataset",
    )  # fmt: skip
    return one, small_runs.make(one), small_runs


def test_the_end_of_training_measures_what_the_chapter_of_the_network_does(along):
    one, run, store = along
    scores = run.table("scores")
    trained = scores[scores["state"] == "trained"].drop(columns="state").reset_index(drop=True)
    pd.testing.assert_frame_equal(trained, store.make(one.base).table("scores"), atol=1e-6)


def test_the_beginning_is_the_twin_with_the_statistics_of_the_images(along):
    one, run, _ = along
    data = one.base.load("test").subset(20)
    model = with_statistics(one.base.untrained(data), data.normalised())
    expected = equivar.measure(model, data.normalised(), equivar.rotations(), progress=False)
    scores = run.table("scores")
    found = scores[scores["state"] == "untrained"].reset_index(drop=True)
    pd.testing.assert_series_equal(found["score"], expected["score"], atol=1e-5)


def test_epochs_and_accuracy(along):
    _, run, _ = along
    table = run.table("dynamics")
    assert sorted(set(table["epoch"])) == [0, 1]  # the network was trained for one epoch
    assert table[table["epoch"] == 0]["accuracy"].isna().all()
    assert table[table["epoch"] == 1]["accuracy"].between(0, 1).all()


def test_a_twin_beside_the_tables_of_a_run_is_the_beginning_of_that_run(along):
    one, run, store = along
    beside = c11_learned.Beside(base=one.base, images=20, groups={"network": "n", "run": ""})
    scores = store.make(beside).table("scores")
    states = dict(tuple(scores.groupby("state")))
    trained = states["trained"].drop(columns="state").reset_index(drop=True)
    pd.testing.assert_frame_equal(trained, store.make(one.base).table("scores"))
    other = run.table("scores").query("state == 'untrained'").reset_index(drop=True)
    untrained = states["untrained"].reset_index(drop=True)
    pd.testing.assert_frame_equal(untrained, other, atol=1e-6)
    assert beside.spec.key != one.spec.key


def test_a_trained_network_and_its_twin_have_keys_of_their_own(along):
    one = along[0]
    assert replace(one, between=False).spec.key != one.spec.key
    network = Pretrained(network="equivar:resnet20", weights="cifar10_resnet20")
    keys = {str(network.facts), *(str(network.untrained(seed).facts) for seed in (0, 1))}
    assert len(keys) == 3 and "seed" not in network.facts


def test_the_paper_s_claims_are_judged_twice():
    """Rotation equivariance falls with depth in trained networks, and not what is learned of it."""
    rows = []
    rng = np.random.default_rng(0)
    levels = {"early": (0.7, 0.4), "middle": (0.6, 0.3), "late": (0.5, 0.1)}
    for task, seed, part in product(c04_tasks.TASKS, range(3), levels):
        for state, level in zip(("trained", "untrained"), levels[part], strict=True):
            rows.append({
                "network": "n", "family": "cnn", "sort": "tasks", "task": task, "seed": seed,
                "state": state, "transforms": "rotation", "kind": "equivariance", "part": part,
                "run": f"{task}, seed {seed}", "chance": 0.5, "score": 0.5,
                "corrected": level + 0.002 * rng.normal(),
            })  # fmt: skip
    table = pd.DataFrame(rows)
    more = [
        table.assign(sort="augmentations", augment="none", transforms="shift"),
        table.assign(sort="compared"),
    ]
    table_of_one = pd.concat([table, *more], ignore_index=True)
    found = c11_learned.learned_claims(table_of_one)
    assert found.loc["4.6a", "learned"] == "not judged"  # there is one CNN
    several = parts(as_claimed).assign(sort="alike")
    mixers = several[several["family"] == "vit"].replace({"vit": "mixer", "v": "m", "w": "x"})
    alike = c11_learned.learned_claims(pd.concat([table_of_one, several, mixers]))
    assert alike.loc["4.6a", "learned"] == "supported"  # training adds .2 to CNNs and takes .2
    assert found.loc["4.3a", "as measured"] == "supported"
    assert found.loc["4.3a", "learned"] == "contradicted"
    words = c11_learned.seen_learned(table)
    assert "in MNIST6 +0.30 and +0.40" in words
    assert "in 3 of 3 tasks, and training makes the fall smaller in 3" in words


def test_tables_without_images_of_a_network_say_what_is_missing():
    table = parts(as_claimed)
    verdict = c11_learned.claim_b7(table[table["network"] == "a"])
    assert verdict.verdict == "not judged" and "two networks" in verdict.reason
    assert c11_learned.claims(learned(as_claimed, 0.9), None, True)[0].reason.startswith(
        "Corrected for chance"
    )


def test_what_the_figures_show_is_told_corrected_for_chance():
    table = parts(as_claimed).assign(score=0.9)
    words = c11_learned.seen(table)
    assert "Corrected for chance, translation equivariance of three CNNs goes from 0.40 to" in words
    assert "two ViTs goes from 0.40 to 0.20 in the early part" in words and "0.90" not in words
    assert words.count("training lowers it in all three parts") == 1
    assert "in 0 of 3 CNNs" in c11_learned.after_pooling(table)
    meaning = c11_learned.meaning(table)
    assert "0.33 of translation equivariance and 0.29 of rotation equivariance" in meaning
    assert "gains most" not in meaning  # the early part does, as B8 says
    assert "CNNs +0.30, +0.10, +0.10; ViTs +0.30, +0.10, +0.10." in meaning


def test_what_comes_and_goes_along_training_is_told():
    table = dynamics(0.9).assign(score=0.9)
    words = c11_learned.moving(table)
    assert "n (three runs) 0.90 of it is covered after epoch 2 of 20" in words
    assert "10 rise by more than 0.05 and stay, 0 rise" in words
    top = (table["epoch"] == 8) & (table["part"] == "late") & (table["transforms"] == "shift")
    table.loc[top, "corrected"] = 0.95
    words = c11_learned.moving(table)
    assert "9 rise by more than 0.05 and stay, 1 rise" in words
    assert "in the late part of n, MNIST6, falls most after its top: 0.20 at the beginning" in words
    assert "0.95 after epoch 8, 0.60 in the end" in words


def test_column_that_is_asked_for(along):
    table = parts(as_claimed).assign(score=0.4)
    assert c11_learned.claim_b7(table, CORRECTED).verdict == "supported"
    assert c11_learned.claim_b7(table).verdict == "negligible"
