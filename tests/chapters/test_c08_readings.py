"""Chapter 08: readings of the measure, chance as a formula, and claims about verdicts."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from schedules import SCHEDULE, SHIFTS, TASKS, of_chapter, parameters_of

from equivar import figures
from equivar.chapters import c04_tasks, c08_readings
from equivar.similarity import pairwise

matplotlib.use("agg")
READINGS = SCHEDULE | {
    "network": "resnet8", "weights": "", "train_data": "shapes", "data": "shapes", "images": 20,
    "measured": 4, "transforms": ("rotation-90", "shift-2"), "seed": 0,
    "tasks": of_chapter(TASKS), "paddings": (0, 1),
    "augmentations": of_chapter(SHIFTS), "shifts": ("shift-1", "shift-4"), "shift_images": 8,
    "sizes": (32, 33),
}  # fmt: skip


def test_each_combination_is_there_once():
    found = c08_readings.combinations()
    assert len(found) == 3 * 2 * 2 * 3  # matchings, signs, borders, subpixels
    assert next(iter(found.values())) == c08_readings.DEFAULTS
    assert len({tuple(options.values()) for options in found.values()}) == len(found)


def test_one_choice_at_a_time():
    found = c08_readings.one_at_a_time(("match", "subpixel"))
    assert found == {
        "default": {},
        "match = image": {"match": "image"},
        "subpixel = nearest": {"subpixel": "nearest"},
        "subpixel = skip": {"subpixel": "skip"},
    }


@pytest.fixture(scope="module")
def again(small_runs):
    return c08_readings.tables(c08_readings.Parameters(**READINGS), small_runs)


def test_every_combination_of_one_network(again):
    grid = again.grid
    assert grid["reading"].nunique() == 36 and set(grid["transforms"]) == {"rotation", "shift"}
    turned = grid[grid["transforms"] == "rotation"]
    same = ["over", "match", "sign", "layer", "kind"]  # border and subpixel do not touch a turn
    assert turned.groupby(same)["score"].nunique().max() == 1
    best = turned[turned["kind"] == "equivariance"].groupby(["match", "layer"])["score"].mean()
    assert (best["image"] >= best["dataset"] - 1e-6).all()
    for figure in (
        c08_readings.matching_profiles(grid),
        c08_readings.reading_changes(grid, "shift"),
    ):
        figure.canvas.draw()
    noise = c08_readings.chance_of_best([4, 8], [4, 9], images=20)
    c08_readings.chance_curves(noise, grid).canvas.draw()


def test_networks_of_other_chapters_are_measured_again(again, small_runs):
    scores = again.tasks.scores
    assert set(scores["reading"]) == {
        "default", "over = dataset", "match = image", "sign = clip", "padding = 1",
    }  # fmt: skip
    tasks = c04_tasks.Parameters(profile="quick", **READINGS["tasks"])
    before = c04_tasks.tables(tasks, small_runs).scores
    default = scores[scores["reading"] == "default"]
    place = ["task", "seed", "layer", "kind"]
    both = [table.groupby(place)[["score", "chance"]].mean() for table in (before, default)]
    pd.testing.assert_frame_equal(*both, check_exact=False, atol=1e-6)
    assert again.augmentations.scores["reading"].nunique() == 7 and not again.missing
    p = c08_readings.Parameters(**READINGS)
    worded, fair = (c08_readings.verdicts_by_reading(again, p, way) for way in (False, True))
    assert len(worded["4.3"]) == 4 * 5 and len(worded["4.4"]) == 3 * 7
    c08_readings.verdict_grid(worded["4.3"], fair["4.3"]).canvas.draw()
    assert [one.claim for one in c08_readings.claims(again, p)] == ["B1", "B3"]
    shares = c08_readings.chance_shares(scores, "task")
    assert shares.loc[("match = image", "plain"), "late"] > shares.loc[("default", "plain"), "late"]


def test_one_network_under_four_more_readings(again):
    checks = again.checks
    readings = checks.groupby("check")["reading"].agg(lambda of: list(dict.fromkeys(of)))
    assert readings.to_dict() == {
        "common": ["kept", "taken away"],
        "halves": ["the same images", "the other half"],
        "neighbours": ["in a drawn order", "sorted by class"],
        "sizes": ["32 pixels", "33 pixels"],
    }
    place = ["check", "reading", "transforms", "index"]
    equivariance = checks[checks["kind"] == "equivariance"].set_index(place)["score"]
    same, other = (equivariance["halves"][name] for name in readings["halves"])
    assert (same >= other - 1e-6).all()  # the best on the images that it is chosen on
    kept = equivariance["common", "kept"]
    pd.testing.assert_series_equal(kept, equivariance["neighbours", "in a drawn order"])
    at_32 = equivariance["sizes", "32 pixels"]  # its own size
    pd.testing.assert_series_equal(kept, at_32, check_exact=False, atol=1e-6)
    for check in readings.index:
        c08_readings.check_profiles(checks, check).canvas.draw()
    lost = figures.numbers(c08_readings.halves_change(checks))["y"]
    np.testing.assert_allclose(np.sort(lost), np.sort(other - same), atol=1e-12)


def test_sizes_are_part_of_what_a_run_is_stored_under():
    def key(**more):
        runs = c08_readings.runs(c08_readings.Parameters(**READINGS | more))
        [one] = [one for one in runs if isinstance(one, c08_readings.Checked)]
        return one.spec.key

    assert key() == key(shift_images=9) != key(sizes=(32,))


@pytest.mark.parametrize("profile", ["quick", "standard", "paper"])
def test_the_networks_are_those_of_the_other_chapters(profile):
    """So that they are not trained twice; of the seeds, some may do."""
    tasks = parameters_of("04-mnist6-tasks", profile)
    shifts = parameters_of("05-augmentations", profile)
    again, searched = (parameters_of(name, profile) for name in ("08-readings", "10-orbits"))
    for taken, whole in (
        (again.tasks, tasks),
        (searched.tasks, tasks),
        (again.augmentations, shifts),
    ):
        assert set(taken.seeds) <= set(whole.seeds)
        assert taken.model_copy(update={"seeds": whole.seeds}) == whole


@pytest.mark.parametrize("value, named", [({"padding": 2}, "padding"), ({"turns": 1}, "turns")])
def test_wrong_values_of_another_chapter_are_named(value, named):
    with pytest.raises(ValueError, match=named):
        c08_readings.Parameters(**READINGS | {"tasks": READINGS["tasks"] | value})


@pytest.mark.parametrize("channels, cells", [(1, 5), (16, 4), (64, 16), (256, 100)])
@pytest.mark.parametrize("images", [1, 30])
def test_chance_of_the_best_is_what_noise_scores(channels, cells, images):
    generator = torch.Generator().manual_seed(channels)
    trials = 40
    f = torch.randn(trials * images, channels, cells, 1, generator=generator)
    g = torch.randn(trials * images, 8, cells, 1, generator=generator)
    s = pairwise(g, f).view(trials, images, 8, channels).mean(1)  # (trials, C, C')
    best = s.amax(-1)
    error = best.mean(1).std() / trials**0.5
    formula = c08_readings.best_of(channels, cells, images)
    assert abs(formula - best.mean()) < 4 * error + 0.01 / images


def test_chance_of_the_best_by_hand():
    # of four cells it is uniform over -1 to 1, and the best of C has mean (C - 1) / (C + 1)
    for channels in (1, 3, 20):
        assert c08_readings.best_of(channels, 4) == pytest.approx((channels - 1) / (channels + 1))
    assert c08_readings.best_of(64, 64, 10**8) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("bad", [(0, 9, 1), (4, 2, 1), (4, 9, 0)])
def test_chance_of_too_little(bad):
    with pytest.raises(ValueError, match="at least"):
        c08_readings.best_of(*bad)


@pytest.mark.parametrize(
    "share, verdict", [(0.8, "supported"), (0.2, "contradicted"), (0.5, "negligible")]
)
def test_b1_on_planted_shares(share, verdict):
    rng = np.random.default_rng(0)
    rows = [
        {"task": task, "seed": seed, "kind": "equivariance", "part": "late",
         "score": 0.5, "chance": 0.5 * share + rng.normal(0, 0.01)}
        for task in ("plain", "rot-inv", "rot-eq") for seed in range(3)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    if verdict == "negligible":
        table["chance"] = 0.252 + 0.1 * (table["chance"] - 0.25)
    judged = c08_readings.claim_b1(table)
    assert judged.verdict == verdict
    assert "late equivariance is 0.50" in judged.reason and " above half of it by " in judged.reason
    assert c08_readings.claim_b1(table[table["seed"] == 0]).verdict == "not judged"


def test_b1_without_chance_or_scores_is_not_judged():
    rows = [
        {"task": task, "seed": seed, "kind": "equivariance", "part": "late", "score": 0.5,
         "chance": 0.4}
        for task in ("plain", "rot-inv", "rot-eq") for seed in range(3)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    for bad in (table[:0], table.assign(chance=np.nan), table.assign(part="early")):
        assert c08_readings.claim_b1(bad).verdict == "not judged"


def test_b3_compares_each_reading_with_the_default():
    rows = [("default", "supported"), ("match = image", "supported"), ("sign = clip", "negligible")]
    table = pd.DataFrame(rows, columns=["reading", "verdict"]).assign(claim="4.3a")
    judged = c08_readings.claim_b3(table)
    assert judged.verdict == "inconclusive"
    assert "another verdict: 4.3a (sign = clip)" in judged.reason
    assert c08_readings.claim_b3(table[:2]).verdict == "supported"
    assert c08_readings.claim_b3(table[:0]).verdict == "not judged"
