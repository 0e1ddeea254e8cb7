"""Chapter 13: networks under every ruler as runs, and what is judged with them."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from schedules import SCHEDULE, SHIFTS, TASKS, of_chapter

from equivar.chapters import c04_tasks, c13_rulers
from equivar.chapters.c13_rulers.judging import (
    INVARIANCE,
    MARGINS,
    UNCORRECTED,
    as_measured,
    turned,
)
from equivar.rulers import RULERS
from equivar.runs.parameters import WrongParameter

matplotlib.use("agg")
CHAPTER = SCHEDULE | {
    "networks": {"resnet8": ""}, "train_data": "shapes", "data": "shapes", "images": 20,
    "residual_images": 20,
    "tasks": of_chapter(TASKS) | {"tasks": ("plain", "rot-inv"), "seeds": (0,)},
    "task_images": 20,
    "augmentations": of_chapter(SHIFTS) | {"augmentations": ("none",), "seeds": (0,)},
    "augmentation_images": 20,
    "imagenet": [
        {"name": "toy", "family": "cnn", "network": "equivar:toy-equivariant", "weights": "",
         "top1": 50.0}
    ],
    "imagenet_data": "shapes", "imagenet_images": 16, "turns": ("rotation-90",),
    "shifts": ("shift-2",), "imagenet_shifts": ("shift-4",), "rulers": tuple(RULERS),
    "timed_images": 16, "seed": 0,
}  # fmt: skip
CHAPTER["imagenet"][0] |= {"weights": "random"}


@pytest.fixture(scope="module")
def results(small_runs):
    values = CHAPTER | {"rulers": tuple(name for name in RULERS if name != "consistency")}
    return c13_rulers.tables(c13_rulers.Parameters(**values), small_runs)


def test_every_network_is_measured_trained_and_untrained(results):
    table = results.tables["rulers"]
    assert set(table["sort"]) == {"residual", "task", "augmentation", "imagenet"}
    for _, rows in table.groupby("sort"):
        assert set(rows["state"]) == {"trained", "untrained"}
    assert set(table["ruler"]) == set(RULERS) - {"consistency"}
    toy = table[(table["network"] == "toy") & (table["state"] == "trained")]
    toy = toy[(toy["kind"] == "equivariance") & (toy["transform"] == "rotation-90")]
    for ruler in ("channel", "channel-dataset", "linear"):
        assert np.allclose(toy[toy["ruler"] == ruler]["score"], 1, atol=1e-3)
    names = [str(run) for run in c13_rulers.runs(c13_rulers.Parameters(**CHAPTER))]
    assert len(set(names)) == len(names)


def test_the_cost_of_rulers_is_kept(results):
    cost = results.tables["cost"].set_index("ruler")["ratio"]
    assert set(cost.index) == set(RULERS) - {"consistency"} | {"one pass"}
    assert (cost > 0).all()


def test_what_the_chapter_draws_can_be_drawn(results):
    table = results.tables["rulers"]
    for sort in ("rotation", "shift"):
        fig = c13_rulers.ruler_panels(table, sort)
        shown = [ax for ax in fig.axes if ax.has_data()]
        assert len(shown) == 6
        inverted = [ax.yaxis_inverted() for ax in shown]
        assert inverted == [not RULERS[name].larger for name in RULERS if name != "consistency"]
    assert c13_rulers.ruler_agreement(c13_rulers.agreement(table))
    verdicts = c13_rulers.judged_by_rulers(table)
    assert c13_rulers.verdict_grid(verdicts)
    wide = c13_rulers.blindness(results)
    assert list(wide) == [RULERS[name].title for name in RULERS if name != "consistency"]
    assert wide.loc["cost / measure"].notna().all()
    assert "linear map finds more" in c13_rulers.seen(table)


def test_same_answers_are_told_by_network_and_sort_of_transformation():
    rows = [
        ("A", "rotation-90", 0.5, 0.1),
        ("A", "rotation-180", 0.7, 0.1),
        ("B", "shift-4", 1, 0.2),
    ]
    table = pd.DataFrame(rows, columns=["network", "transform", "score", "chance"])
    found = c13_rulers.answers(table.assign(ruler="consistency", state="trained"))
    assert found.loc["A", ("same answer", "rotation")] == pytest.approx(0.6)
    assert found.loc["B", ("chance", "translation")] == 0.2


def test_planted_networks_tell_the_rulers_apart():
    table = c13_rulers.planted(0)
    sees = [RULERS[name].title for name in ("linear", "cca")]
    alone = [RULERS[name].title for name in ("channel", "channel-dataset")]
    whole = table.loc[["turned filters", "in another order"], [*sees, *alone]]
    assert np.allclose(whole, 1, atol=1e-3)
    assert np.allclose(table.loc["mixed", sees], 1, atol=1e-2)
    assert (table.loc["mixed", alone] < 0.6).all()
    assert (table.loc["nothing", [*sees, *alone]].abs() < 0.15).all()


def test_parameters_are_checked():
    with pytest.raises(WrongParameter, match="unknown ruler 'linaer'"):
        c13_rulers.Parameters.checked(CHAPTER | {"rulers": ("linaer",)})
    with pytest.raises(WrongParameter, match="residual_images"):
        c13_rulers.Parameters.checked(CHAPTER | {"residual_images": 8})


def task_rows(ruler, kinds, offset=0.0, flip=False):
    """Rows of the runs of three tasks: equivariance falls with depth, two seeds each."""
    levels = {"early": 0.8, "middle": 0.6, "late": 0.3, "final": 0.5}
    rows = []
    for task in c04_tasks.TASKS:
        for seed in (0, 1, 2):
            for part, level in levels.items():
                for kind in kinds:
                    score = level + offset + 0.001 * seed
                    rows.append((ruler, task, seed, part, kind, 1 - score if flip else score))
    table = pd.DataFrame(rows, columns=["ruler", "task", "seed", "part", "kind", "score"])
    return table.assign(
        layer=table["part"], index=0, transform="rotation-90", chance=0.1, corrected=0.5,
        sort="task", state="trained", network="7-layer CNN", family="cnn",
    )  # fmt: skip


def test_each_ruler_judges_what_it_can():
    both = ("invariance", "equivariance")
    tables = [task_rows(name, RULERS[name].kinds) for name in RULERS if name != "consistency"]
    verdicts = c13_rulers.judged_by_rulers(pd.concat(tables))
    cells = verdicts.set_index(["claim", "ruler"])["verdict"]
    for name in ("channel", "channel-dataset", "linear", "cca"):
        assert cells["4.3a", name] == "supported"
        assert cells["4.3c", name] == "supported"  # no task differs
    # an error that falls with depth is an equivariance that rises
    assert cells["4.3a", "lie"] == "contradicted"
    for claim, ruler in cells.index:
        one = RULERS[ruler]
        lacks = "equivariance" not in one.kinds and claim != "4.5b"
        lacks |= claim in INVARIANCE and "invariance" not in one.kinds
        lacks |= claim in MARGINS and one.scale != "correlation"
        assert (cells[claim, ruler] == "can not") == lacks, (claim, ruler)
    assert both == RULERS["channel"].kinds
    assert cells["4.4a", "linear"] == cells["4.5a", "channel"] == "not judged"  # no such networks
    untrained = pd.concat(tables).assign(state="untrained")
    assert set(c13_rulers.judged_by_rulers(untrained)["verdict"]) <= {"can not", "not judged"}


def test_errors_are_turned_so_that_larger_is_more_equivariant():
    rows = pd.DataFrame({
        "ruler": ["linear", "variance", "variance", "lie", "lie", "lie"],
        "score": [0.4, 0.2, 0.9, 0.01, 0.1, 0.0],
    })  # fmt: skip
    found = turned(rows)
    assert found[0] == 0.4
    assert found[1] > found[2]
    assert found[3] - found[4] == pytest.approx(1)  # a tenth of the error
    assert np.isnan(found[5])


def test_means_by_part_are_what_claims_on_networks_read():
    rows = task_rows("linear", ("equivariance",)).assign(top1=1.0)
    means = as_measured(rows, by_part=True)
    late = means[(means["part"] == "late") & (means["transforms"] == "rotation")]
    assert late["score"].item() == pytest.approx(0.301)


@pytest.mark.parametrize(
    ("other", "verdict", "said"),
    [
        ("supported", "supported", "settles one claim here (4.3a). 2 of 2 settled"),
        ("contradicted", "contradicted", "1 of 2 settled verdicts are the same under other rulers; "
         "turned into its opposite: 4.3a by SVCCA."),
        ("inconclusive", "inconclusive", "no longer settled"),
        ("not judged", "supported", "1 of 1"),
    ],
)  # fmt: skip
def test_findings_keep_their_verdict_or_not(other, verdict, said):
    table = pd.DataFrame(
        [
            ("4.3a", "channel", "supported"),
            ("4.3a", "linear", "supported"),
            ("4.3a", "cca", other),
            ("4.3a", "variance", "can not"),
            ("4.4a", "channel", "not judged"),
            ("4.4a", "linear", "supported"),
        ],
        columns=["claim", "ruler", "verdict"],
    )
    found = c13_rulers.claim_b14(table)
    assert (found.claim, found.verdict) == ("B14", verdict)
    assert said in found.reason


VERDICTS = pd.DataFrame(
    [
        ("4.2a", "channel", "inconclusive", "zero"),
        ("4.3a", "channel", "supported", "one"),
        ("4.3a", "linear", "inconclusive", "two"),
        ("4.3a", "lie", "contradicted", "three"),
        ("4.3a", "variance", "can not", "it takes equivariance"),
        ("4.3b", "channel", "supported", "four"),
        ("4.4a", "channel", "not judged", "five"),
        ("4.4a", "linear", "not judged", "six"),
    ],
    columns=["claim", "ruler", "verdict", "reason"],
)


def test_the_answer_of_the_chapter_names_what_hangs_on_the_ruler():
    words = c13_rulers.meaning(VERDICTS)
    assert "settles two claims (4.3a, 4.3b)" in words
    assert "4.3a (lost by the linear map; reversed by the local equivariance error)" in words
    alike = VERDICTS[~VERDICTS["ruler"].isin(["linear", "lie"])]
    assert "no ruler that can judge them says otherwise" in c13_rulers.meaning(alike)
    none = VERDICTS[VERDICTS["claim"] == "4.2a"]
    assert "settles none" in c13_rulers.meaning(none)


def test_the_grid_leaves_out_what_has_no_verdict_and_says_so():
    words = c13_rulers.left_out(VERDICTS)
    assert "one claim" in words and "4.4a" in words and "normalised variance" in words
    assert "4.3a" not in words and "linear" not in words
    assert list(c13_rulers.cannot(VERDICTS).index) == [
        ("normalised variance", "it takes equivariance")
    ]
    axes = c13_rulers.verdict_grid(VERDICTS).axes[0]
    labels = [label.get_text().split()[0] for label in axes.get_yticklabels()]
    assert labels == ["4.2a", "4.3a", "4.3b"] and len(axes.get_xticklabels()) == 3


def test_a_ruler_that_is_not_corrected_is_told_to_be_missing():
    fair = VERDICTS.copy()
    fair.loc[fair["ruler"] == "lie", ["verdict", "reason"]] = "can not", UNCORRECTED
    assert "no correction for chance and is not counted" in c13_rulers.claim_b14(fair).reason
    assert "no correction" not in c13_rulers.claim_b14(VERDICTS).reason


def test_gains_and_orders_are_told_with_their_numbers():
    words = c13_rulers.seen(gained((0.22, 0.21, 0.1)))
    assert "by 0.22, 0.21, 0.10 in the early, middle and late part" in words
    assert "most in the early and the middle part alike" in words
    names = ["channel", "linear", "lie"]
    matrix = pd.DataFrame([[1, 0.8, 0.1], [0.8, 1, 0.3], [0.1, 0.3, 1]], names, names)
    matrix = matrix.reindex(index=list(RULERS), columns=list(RULERS))
    words = c13_rulers.seen_orders({("rotation", "layers"): matrix})
    assert "go with one another by 0.80" in words and "the local error with them by 0.20" in words


def test_what_a_ruler_settles_otherwise_is_told_with_its_reason():
    table = pd.DataFrame(
        [
            ("4.3a", "channel", "supported", "one"),
            ("4.3a", "linear", "supported", "two"),
            ("4.3a", "lie", "contradicted", "three"),
            ("4.3a", "variance", "can not", "four"),
            ("4.4a", "channel", "not judged", "five"),
            ("4.4a", "linear", "supported", "six"),
        ],
        columns=["claim", "ruler", "verdict", "reason"],
    )
    found = c13_rulers.differing(table)
    assert list(found.index) == [("4.3a", "local equivariance error")]
    assert list(found.iloc[0]) == ["supported", "contradicted", "three"]


def gained(more, networks=4):
    """Rows where the linear map finds more by (early, middle, late)."""
    rng, tables = np.random.default_rng(0), []
    for number in range(networks):
        for part, by in zip(("early", "middle", "late"), more, strict=True):
            level = 0.4 + 0.01 * rng.standard_normal()
            for ruler, score in (("channel-dataset", level), ("linear", level + by)):
                tables.append((f"network {number}", part, ruler, score + 0.004 * rng.random()))
    table = pd.DataFrame(tables, columns=["network", "part", "ruler", "score"])
    return table.assign(
        layer=table["part"], transform="rotation-90", kind="equivariance", state="trained",
        sort="residual", corrected=table["score"],
    )  # fmt: skip


def test_more_than_a_tenth_most_in_the_middle():
    assert c13_rulers.claim_b15(gained((0.2, 0.3, 0.2))).verdict == "supported"
    assert c13_rulers.claim_b15(gained((0.05, 0.1, 0.05))).verdict != "supported"
    assert c13_rulers.claim_b15(gained((0.02, 0.04, 0.02))).verdict == "negligible"
    assert c13_rulers.claim_b15(gained((0.4, 0.2, 0.4))).verdict == "contradicted"
    assert c13_rulers.claim_b15(gained((0.2, 0.3, 0.2), 1)).verdict == "not judged"
    untrained = gained((0.2, 0.3, 0.2)).assign(state="untrained")
    assert c13_rulers.claim_b15(untrained).verdict == "not judged"


def test_shifts_do_not_count_for_turns():
    table = gained((0.2, 0.3, 0.2)).assign(transform="shift-4")
    assert c13_rulers.claim_b15(table).verdict == "not judged"
