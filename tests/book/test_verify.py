"""make verify: what is called the same, and what is not."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import verify
from verify import Difference, difference

from equivar.data import DataMissing
from equivar.runs import Made, Spec, Store
from equivar.runs.folder import copy_results


@dataclass(frozen=True)
class Drifting:
    """A run of a few numbers, which gives others when it is made again."""

    seed: int
    group: str = "plain"
    drift: float = 0.0
    error: Exception | None = None

    @property
    def columns(self):
        return {"group": self.group, "seed": self.seed}

    @property
    def spec(self):
        return Spec("drifting", 1, {"group": self.group, "seed": self.seed}, label=str(self))

    def __str__(self):
        return f"drifting, {self.group}, seed {self.seed}"

    def make(self, work, store):
        if self.error:
            raise self.error
        numbers = np.array([0.5, 0.25]) + self.seed / 100 + self.drift
        scores = pd.DataFrame({"layer": ["a", "b"], "score": numbers})
        return Made({"scores": scores}, None, {"accuracy": 0.5, "images_per_second": self.drift})


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Commit runs as they are, and let others be made in their place."""

    def commit(was, now):
        store = Store(tmp_path / "store", results=tmp_path / "none")
        for one in was:
            copy_results(store.make(one), tmp_path / "results" / "p" / "04")
        monkeypatch.setattr(verify, "RESULTS", tmp_path / "results")
        monkeypatch.setattr(verify, "all_chapters", lambda _: [])
        rows = [(number, "04", one) for number, one in enumerate(now, 1)]
        monkeypatch.setattr(verify, "numbered", lambda *_: rows)

    return commit


def verified(capsys, *options):
    status = verify.main(["--profile", "p", *options])
    out, err = capsys.readouterr()
    return status, out + err


# Tables


def test_the_difference_of_two_tables_is_absolute_below_1_and_relative_above():
    old = pd.DataFrame({"layer": ["a", "b"], "score": [0.5, 0.1], "size": [200.0, 4.0]})
    new = old.assign(score=[0.5, 0.3], size=[210.0, 4.0], more=[1, 2])
    found = difference(old, new)
    assert found.largest == pytest.approx(0.2) and found.mean == pytest.approx(0.25 / 4)
    assert difference(old, old) == Difference(0, 0)


def test_values_that_are_undefined_in_both_are_the_same():
    old = pd.DataFrame({"score": [np.nan, 0.5]})
    assert difference(old, old.copy()) == Difference(0, 0)
    assert "not defined" in difference(old, old.fillna(0.1)).what


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="score"), "no column score"),
        (lambda t: t.head(1), "1 rows, not 2"),
        (lambda t: t.assign(layer=["b", "a"]), "other texts in layer"),
    ],
)
def test_tables_that_can_not_be_compared_say_why(change, said):
    old = pd.DataFrame({"layer": ["a", "b"], "score": [0.5, 0.1]})
    assert difference(old, change(old)).what == said


@pytest.mark.parametrize(
    ("found", "seeds", "exact", "said"),
    [
        (Difference(0, 0), None, True, "same bytes"),
        (Difference(1e-4, 1e-5), None, False, "same within rounding"),
        (Difference(0.02, 0.01), Difference(0.03, 0.01), False, "as another seed"),
        (Difference(0.04, 0.01), Difference(0.03, 0.01), False, "different"),
        (Difference(0.02, 0.02), Difference(0.03, 0.01), False, "different"),
        (Difference(0.02, 0.01), None, False, "different"),
        (Difference(what="2 rows, not 1"), Difference(0.5, 0.5), False, "different"),
    ],
)
def test_a_verdict_is_by_the_difference_and_the_spread_between_seeds(found, seeds, exact, said):
    assert verify.verdict(found, seeds, exact) == said


# Runs


@pytest.mark.parametrize(
    ("drift", "said", "status"),
    [(0, "same bytes", 0), (1e-5, "same within rounding", 0), (0.015, "as another seed", 0),
     (0.025, "different", 1)],
)  # fmt: skip
def test_a_run_is_made_anew_and_compared(results, capsys, drift, said, status):
    """Seeds 0, 1 and 2 lie .02 apart at most; another group must not count as a seed."""
    seeds = [Drifting(0), Drifting(1), Drifting(2), Drifting(9, "other")]
    results(seeds, [Drifting(0, drift=drift), *seeds[1:]])
    found, text = verified(capsys, "--only", "1")
    assert found == status
    assert text.splitlines()[-1].endswith(said) and "1 of 4 committed runs" in text
    [line] = [line for line in text.splitlines() if line.split()[:1] == ["scores"]]
    assert line.endswith(said) and "0.02, 0.02" in line
    assert [line.split()[1:3] for line in text.splitlines() if line.split()[:1] == ["facts"]] == [
        ["0", "0"]  # but for the images a second
    ]


def test_a_run_without_seeds_is_the_same_or_different(results, capsys):
    results([Drifting(0)], [Drifting(0, drift=0.015)])
    status, text = verified(capsys)
    assert status == 1 and "no other seeds" in text


def test_the_draw_is_of_committed_runs_and_the_same_for_one_seed(results, capsys):
    runs = [Drifting(seed) for seed in range(8)]
    results(runs[:6], runs)
    drawn = {}
    for seed in ("0", "0", "1"):
        text = verified(capsys, "--runs", "3", "--seed", seed)[1]
        verdicts = text.split("verdicts\n")[1]
        drawn.setdefault(seed, []).append(verdicts)
        assert "3 of 6 committed runs" in text and verdicts.count("same bytes") == 3
    assert drawn["0"][0] == drawn["0"][1] != drawn["1"][0]
    assert verified(capsys, "--runs", "20")[1].split("verdicts\n")[1].count("same bytes") == 6


def test_a_run_whose_data_are_missing_is_named_and_the_others_made(results, capsys):
    missing = Drifting(0, error=DataMissing("no x.parquet"))
    results([Drifting(0), Drifting(1)], [missing, Drifting(1)])
    status, text = verified(capsys)
    assert status == 1 and "not made: no x.parquet" in text
    assert sorted(line.split()[-1] for line in text.splitlines()[-2:]) == ["bytes", "made"]


def test_without_results_and_with_wrong_numbers_it_says_so(results, capsys):
    results([], [Drifting(0)])
    assert "no committed results to verify" in verified(capsys)[1]
    assert "there are runs 1 to 1" in verified(capsys, "--only", "2")[1]
    status, text = verified(capsys, "--runs", "0")
    assert status == 1 and "one at least" in text
