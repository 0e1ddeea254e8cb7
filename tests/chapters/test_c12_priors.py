"""Chapter 12: networks forced as runs, the tied stages, pictures, and claims B11 to B13."""

from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from schedules import SCHEDULE, TASKS, of_chapter

from equivar.chapters import c12_priors

matplotlib.use("agg")
CHAPTER = SCHEDULE | {
    "networks": {"resnet8": ""}, "train_data": "shapes", "data": "shapes", "images": 40,
    "tasks": of_chapter(TASKS) | {"tasks": ("plain", "rot-inv"), "seeds": (0,), "images": 40},
    "task_images": 40, "capacity": None, "capacity_images": 40,
    "imagenet": [
        {"name": "small", "family": "cnn", "network": "equivar:resnet8", "weights": ""}
    ],
    "imagenet_data": "shapes", "imagenet_images": 12,
    "tied": of_chapter(SCHEDULE) | {
        "data": "digits", "task": "plain", "train_images": 50, "images": 40, "map_images": 40,
        "padding": 0, "seeds": (0, 1), "stages": {"early": (0, 1, 2), "late": (5, 6)},
    },
    "rate": 0.05, "seed": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def parameters():
    return c12_priors.Parameters(**CHAPTER)


@pytest.fixture(scope="module")
def found(parameters, small_runs):
    return c12_priors.tables(parameters, small_runs)


@pytest.mark.filterwarnings("ignore:the network as it is")
def test_every_network_is_there_with_its_tables(found, parameters):
    kept = found.tables["kept"]
    assert set(kept["sort"]) == {"residual", "task", "imagenet", "tied"}
    assert set(kept["network"]) == {
        *("ResNet-8", "MNIST6, seed 0", "Rot-Inv, seed 0", "small", "plain, seed 0"),
        "plain, seed 1",
    }
    places = ["network", "layer"]
    measured, weights = found.tables["measured"], found.tables["weights"]
    for table in (measured, weights):
        assert not table.duplicated(places).any()
        assert set(map(tuple, kept[places].to_numpy())) == set(map(tuple, table[places].to_numpy()))
    assert measured["equivariance_score"].ge(measured["invariance_score"] - 1e-6).mean() > 0.9
    first = weights[(weights["network"] == "ResNet-8") & (weights["layer"] == "conv1")]
    assert first["weights"].item() == 3 * 16 * 9
    assert kept[kept["sort"] == "imagenet"]["accuracy"].isna().all()
    assert set(c12_priors.judged_rows(found, "kept")["sort"]) == {"residual", "task"}
    assert len(c12_priors.claims(found, parameters)) == 3


def test_tied_stages_stand_beside_the_plain_network_of_their_seed(found):
    table = c12_priors.stage_table(found)
    assert table.groupby("stage").size().to_dict() == {"early": 2, "late": 2, "none": 2}
    assert table.loc[table["stage"] == "none", "gain"].eq(0).all()
    assert table["parameters"].nunique() == 3
    plain = table[table["stage"] == "none"].set_index("seed")["accuracy"]
    late = table[table["stage"] == "late"].set_index("seed")
    np.testing.assert_allclose(late["gain"], late["accuracy"] - plain)


def with_kept(found):
    """The same tables with made-up numbers where accuracy at chance has left none."""
    table = found.tables["kept"].copy()
    rng = np.random.default_rng(0)
    table["kept"] = table["kept"].fillna(pd.Series(rng.random(len(table)), table.index))
    return replace(found, tables={**found.tables, "kept": table})


def test_the_pictures_can_be_drawn_and_put_into_words(found):
    found = with_kept(found)
    kept, measured = (c12_priors.judged_rows(found, name) for name in ("kept", "measured"))
    stages = c12_priors.stage_table(found)
    everything = found.tables["kept"]
    saved = c12_priors.saved_rows(kept, found.tables["weights"], c12_priors.SAVED)
    for figure in (
        c12_priors.kept_by_depth(kept, "turned"),
        c12_priors.kept_by_depth(kept, "averaged"),
        c12_priors.savings(saved),
        c12_priors.measured_against_kept(kept, measured),
        c12_priors.agreement_by_depth(everything[everything["sort"] == "imagenet"]),
        c12_priors.trained_stages(stages),
    ):
        figure.canvas.draw()
        matplotlib.pyplot.close(figure)
    ranks = [c12_priors.rank_correlations(kept, measured, one) for one in ("turned", "rescaled")]
    for words in (
        c12_priors.seen_map(kept),
        c12_priors.seen_measure(kept, measured, *ranks),
        c12_priors.seen_trained(stages),
        c12_priors.seen_averaged(kept),
        c12_priors.seen_savings(saved),
        c12_priors.seen_agreement(everything[everything["sort"] == "imagenet"]),
        c12_priors.meaning(saved, stages),
    ):
        assert "nan" not in words and len(words) > 100


def test_the_known_answers_of_the_chapter():
    table = c12_priors.known_answers(count=24)
    assert table["matched"].eq(1).all()
    assert table.loc["an invariant layer", "random"] == 1  # all cycles have length one
    own = table["own"]
    assert own["an invariant layer"] == 1 and own["an equivariant layer"] < 1


def test_sentences_have_the_means_that_b11_has():
    table, _ = tables(networks=3, seeds=2)
    table = table.assign(sort="task")
    late = c12_priors.words.by_part(table).loc["late"]
    one, other = tables(networks=3, seeds=2)[0], tables(networks=5, seeds=1, seed=1)[0]
    assert late["matched"] == pytest.approx(
        table[(table["operation"] == "turned") & (table["way"] == "matched")
              & (table["part"] == "late")]["kept"].mean()
    )  # fmt: skip
    other["network"] = other["network"].str.replace("net", "other")
    both = pd.concat([one, other])
    verdict = c12_priors.claim_b11(both)
    means = c12_priors.words.by_part(both)
    part = next(part for part in means.index if f"{part} part" in verdict.reason.lower())
    assert f"{means.loc[part, 'matched']:.2f} is kept with channels matched" in verdict.reason


def test_layers_beside_which_no_other_saves_and_keeps_as_much():
    place = {"operation": "turned", "way": "matched", "part": "late", "sort": "task"}
    layers = {"a": (80, 0.2), "b": (40, 0.9), "c": (40, 0.5), "d": (10, 0.95), "e": (8, 0.1)}
    kept = pd.DataFrame(
        [place | {"network": "n", "layer": name, "index": i, "kept": value}
         for i, (name, (_, value)) in enumerate(layers.items())]
    )  # fmt: skip
    weights = pd.DataFrame(
        [{"network": "n", "layer": name, "weights": count, "network_weights": 200}
         for name, (count, _) in layers.items()]
    )  # fmt: skip
    rows = c12_priors.saved_rows(kept, weights, 0.75)
    assert set(rows[rows["front"]]["layer"]) == {"a", "b", "d"}
    assert rows.set_index("layer").loc["a", "saved"] == pytest.approx(30)
    words = c12_priors.seen_savings(rows)
    assert "3 hold so many weights" in words and "1 of these keep more than half" in words


def test_an_interval_without_zero_is_told():
    rows = [
        (stage, seed, 0.9 + gain + 0.001 * seed * (stage == "late"), 100, gain, kept)
        for seed in (0, 1, 2)
        for stage, gain, kept in (("none", 0.0, None), ("early", -0.01, 0.8), ("late", -0.05, 0.2))
    ]
    columns = ["stage", "seed", "accuracy", "parameters", "gain", "kept"]
    table = pd.DataFrame(rows, columns=columns)
    table["kept"] = table["kept"].astype(float)
    table["gain"] += 0.001 * table["seed"] * (table["stage"] != "none")
    assert "no intervals of 2 contain 0" in c12_priors.seen_trained(table)
    table["gain"] += table["seed"].map({0: -0.4, 1: 0.0, 2: 0.4})
    assert "no change is shown" in c12_priors.seen_trained(table)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"images": 39}, "images"),
        ({"rate": 1.0}, "rate"),
        (
            {"imagenet": [{"name": "a", "family": "cnn", "network": "equivar:resnet8"}]},
            "name weigh",
        ),
        ({"tied": of_chapter(CHAPTER["tied"]) | {"seeds": ()}}, "tied.seeds"),
    ],
)
def test_wrong_values_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        c12_priors.Parameters(**CHAPTER | values)


# Claims


def tables(matched=0.7, drawn=0.1, slope=0.5, orbits=0.0, networks=6, seeds=1, noise=0.03, seed=0):
    """Rows of six layers of each network: what is kept, and what is measured."""
    rng = np.random.default_rng(seed)
    parts = ["first", "early", "middle", "middle", "late", "late"]
    kept, measured = [], []
    for number in range(networks):
        for s in range(seeds):
            name = f"net {number}, seed {s}"
            for i, part in enumerate(parts):
                score = rng.uniform(0, 1)
                level = matched + slope * (score - 0.5)
                values = {"matched": level, "own": level / 2, "random": drawn, "blank": 0.0}
                if i < 3:
                    values |= {"orbits": 0.9 + orbits, "others": 0.9}
                place = {"network": name, "layer": f"l{i}", "index": i, "part": part}
                for way, value in values.items():
                    one = value + noise * rng.standard_normal()
                    kept.append(place | {"operation": "turned", "way": way, "kept": one})
                    kept.append(place | {"operation": "averaged", "way": way, "kept": 1 - one})
                measured.append(place | {"equivariance_corrected": score})
    return pd.DataFrame(kept), pd.DataFrame(measured)


@pytest.mark.parametrize(
    ("matched", "drawn", "verdict"),
    [
        (0.7, 0.1, "supported"),
        (0.1, 0.7, "contradicted"),
        (0.3, 0.3, "negligible"),
    ],
)
def test_b11_by_planted_differences(matched, drawn, verdict):
    table, _ = tables(matched, drawn, slope=0.02, networks=30)
    judged = c12_priors.claim_b11(table)
    assert judged.verdict == verdict, judged.reason
    assert judged.count == 30 and judged.low <= judged.effect <= judged.high


def test_b11_asks_for_every_part():
    table, _ = tables(0.7, 0.1, slope=0)
    late = (table["part"] == "late") & (table["way"] == "matched")
    table.loc[late, "kept"] -= 0.6
    assert c12_priors.claim_b11(table).verdict != "supported"


@pytest.mark.parametrize(
    ("slope", "verdict"), [(0.9, "supported"), (-0.9, "contradicted"), (0.0, None)]
)
def test_b12_by_planted_slopes(slope, verdict):
    judged = c12_priors.claim_b12(*tables(slope=slope, networks=8))
    allowed = (verdict,) if verdict else ("inconclusive", "negligible")
    assert judged.verdict in allowed, judged.reason
    if verdict:
        assert judged.effect * slope > 0


def test_b12_on_noise_is_rarely_settled():
    settled = [
        c12_priors.claim_b12(*tables(slope=0, seed=s)).verdict in ("supported", "contradicted")
        for s in range(40)
    ]
    assert np.mean(settled) <= 0.15


@pytest.mark.parametrize(
    ("orbits", "verdict"),
    [(0.2, "supported"), (-0.2, "contradicted"), (0.0, "negligible")],
)
def test_b13_by_planted_differences(orbits, verdict):
    table, _ = tables(orbits=orbits, networks=20)
    assert c12_priors.claim_b13(table).verdict == verdict


def test_the_seeds_of_a_network_are_one_network():
    table, measured = tables(networks=3, seeds=4)
    for judged in (
        c12_priors.claim_b11(table),
        c12_priors.claim_b12(table, measured),
        c12_priors.claim_b13(table),
    ):
        assert judged.count == 3, judged.reason
    assert len(c12_priors.rank_correlations(table, measured)) == 3


def test_what_is_missing_is_said():
    table, measured = tables(networks=1)
    assert "one network with early layers" in c12_priors.claim_b11(table).reason
    assert "one network with 4 layers" in c12_priors.claim_b12(table, measured).reason
    table, measured = tables()
    few = c12_priors.claim_b12(table, measured[measured["index"] < 3])
    assert few.verdict == "not judged" and "no networks with 4 layers" in few.reason
    none = c12_priors.claim_b13(table[~table["way"].isin(["orbits", "others"])])
    assert none.verdict == "not judged"
    assert "no networks with orbits and as many other channels" in none.reason


def test_only_turned_maps_are_judged():
    table, _ = tables()
    turned = table[table["operation"] == "turned"]
    assert c12_priors.claim_b11(table) == c12_priors.claim_b11(turned)
    assert c12_priors.claim_b13(table) == c12_priors.claim_b13(turned)
    with pytest.raises(ValueError, match="no column 'way'"):
        c12_priors.claim_b11(table.drop(columns="way"))
