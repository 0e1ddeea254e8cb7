"""Chapters 03 and 07: networks measured as runs, and the claims about them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from scipy import stats

from equivar import measure, networks
from equivar.chapters import c03_accuracy, c07_architectures
from equivar.data import DataDamaged, DataMissing, load, registry
from equivar.features import default_layers
from equivar.runs import Store
from equivar.runs.measured import Measurement, Pretrained, TrainedHere
from equivar.runs.results import run_all
from equivar.runs.trained import Training
from equivar.transforms import Rotation
from equivar.verdicts.ranks import p_value, rank

MINI = [name for name in networks.MODELS if name.startswith("mini-")]
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
    "transforms": ["rotation-90", "shift-4"], "match": "dataset", "margin": 0.05, "counts": [],
    "seed": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def compared(store):
    return c03_accuracy.tables(c03_accuracy.Parameters(**PARAMETERS), store)


@pytest.mark.parametrize("name", MINI)
def test_small_relatives_are_read_and_measured(name):
    model = networks.build(name, num_classes=7, in_channels=1, seed=3).eval()
    images = load("digits", "test").normalised(16)
    assert model(images).shape == (16, 7)
    parts = list(default_layers(model).values())
    assert set(parts) == {"early", "middle", "late", "pool", "final"}
    table = measure(model, images, [Rotation(1)], progress=False)
    last = table[table["part"] == "late"].iloc[-1]
    assert last["height"] == last["width"] >= 6
    spatial = table[table["height"] > 1]  # an untrained mixer's class scores are all 0
    assert spatial["score"].notna().all()


@pytest.mark.parametrize("name", MINI)
def test_small_relatives_depend_on_the_seed_alone(name):
    before = torch.get_rng_state()
    one, same, other = (networks.build(name, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_networks_are_trained_or_taken_as_they_are(compared):
    summary = compared.summary.set_index("network")
    assert list(summary.index) == ["one", "two", "three"]
    assert summary["top1"]["one"] == pytest.approx(100 * summary["accuracy"]["one"])
    assert (summary["top1"]["three"], summary["source"]["three"]) == (10, "chance")
    places = compared.parts.groupby("network")[["transforms", "kind", "part"]].nunique()
    assert (places == [2, 2, 5]).all(axis=None)
    assert compared.parts["se"].ge(0).all()


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
    for figure in (
        c03_accuracy.accuracy_scatter(compared.parts, "shift"),
        c07_architectures.architecture_profiles(compared.parts),
        c07_architectures.relative_depth(compared.scores),
    ):
        labels = {text.get_text() for text in figure.legends[0].get_texts()}
        assert {"one", "two", "three"} <= labels


def test_fewer_images_of_the_first_network(store):
    row = PARAMETERS["networks"][2]
    p = c03_accuracy.Parameters(**PARAMETERS | {"networks": [row], "counts": [10, 20]})
    table = c03_accuracy.fewer_images(p, store)
    assert sorted(set(table["images"])) == [10, 20]
    c03_accuracy.convergence(table)
    assert len(c03_accuracy.runs(p)) == 2  # 20 is the run that is there anyway
    trained = c03_accuracy.Parameters(**PARAMETERS | {"counts": [10]})
    with pytest.raises(ValueError, match="is trained in the run"):
        c03_accuracy.fewer_images(trained, store)


def test_a_network_trained_here_is_measured(store):
    training = Training(
        experiment="test", groups={}, network="cnn7", data="digits", seed=0, images=20,
        recipe={"epochs": 1}, transforms=["rotation-90"], train_images=200,
    )  # fmt: skip
    one = Measurement(
        experiment="measured", groups={"network": "own"}, network=TrainedHere(training),
        data="digits", images=20, transforms=["rotation-90"], activation=True,
    )  # fmt: skip
    found = run_all([one], store)
    again = store.find(training.spec).table("scores")
    layers = found.scores["score"].to_numpy()
    np.testing.assert_allclose(layers, again["score"], atol=1e-5)
    assert found.scores.groupby("layer")["mean_activation"].nunique().eq(1).all()


def _weights(tmp_path, monkeypatch, seed):
    path = tmp_path / "weights" / "known.safetensors"
    path.parent.mkdir()
    monkeypatch.setenv("EQUIVAR_DATA", str(tmp_path))
    model = networks.build("resnet8", num_classes=10, seed=seed)
    safetensors.torch.save_file(model.state_dict(), path)
    return path


def test_weights_on_record_are_verified(tmp_path, monkeypatch, store):
    path = _weights(tmp_path, monkeypatch, 0)
    one = Pretrained(network="equivar:resnet8", weights="known")
    assert one.load(store)[1].height == 32  # not on record: taken as they are
    file = registry.File("weights/known.safetensors", "0" * 64)
    monkeypatch.setitem(registry.WEIGHTS, "known", file)
    assert networks.fingerprint("equivar:resnet8", "known") == "0" * 64
    with pytest.raises(DataDamaged, match="damaged, or other weights"):
        one.load(store)
    path.unlink()
    with pytest.raises(DataMissing, match="known"):
        one.load(store)
    assert networks.fingerprint("equivar:resnet8", "known") == "0" * 64  # without the file


def test_published_weights_are_named_without_fetching_them():
    url = networks.fingerprint("torchvision:inception_v3", "hub")
    assert url.endswith("inception_v3_google-0cc3c7bd.pth")
    mixer = networks.fingerprint("timm:mixer_b16_224.goog_in21k_ft_in1k", "hub:url")
    assert mixer.endswith("jx_mixer_b16_224-76587d61.pth")
    with pytest.raises(ValueError, match="has no weights 'hub:other'; it has 'hub'"):
        networks.fingerprint("timm:mixer_b16_224", "hub:other")


def test_mobilenets_of_widths_without_a_name():
    narrow = networks.load(
        "timm:mobilenetv1_100", "random", options={"channel_multiplier": 0.25}
    ).model
    whole = networks.load("timm:mobilenetv1_100", "random").model
    assert networks.parameter_count(narrow) < networks.parameter_count(whole) / 4


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"network": "timm:resnet18"}, "for networks 'equivar:NAME' without options"),
        ({"options": {"side": 8}}, "for networks 'equivar:NAME' without options"),
    ],
)
def test_only_own_networks_are_trained_in_the_run(row, words):
    first = PARAMETERS["networks"][0] | row
    with pytest.raises(ValueError, match=words):
        c03_accuracy.runs(c03_accuracy.Parameters(**PARAMETERS | {"networks": [first]}))


@pytest.mark.parametrize(
    "change", [{"family": "rnn"}, {"top1": 101}, {"width": 3}, {"name": "two"}]
)
def test_a_row_that_makes_no_sense_is_refused(change):
    rows = [PARAMETERS["networks"][0] | change, *PARAMETERS["networks"][1:]]
    with pytest.raises(ValueError, match=next(iter(change)) if "name" not in change else "two"):
        c03_accuracy.Parameters(**PARAMETERS | {"networks": rows})


# Rank correlations


def test_the_rank_correlation_is_spearmans_and_ties_share_ranks():
    x, y = np.array([1, 2, 2, 5, 4.0, np.nan]), np.array([3, 1, 2, 9, 9.0, 0])
    one = rank("", x, y)
    assert (one.runs, one.effect) == (5, pytest.approx(stats.spearmanr(x[:5], y[:5]).statistic))
    low, high = one.interval()
    assert -1 < low < one.effect < high < 1


def test_perfect_order_of_few_networks_is_not_certain():
    low, high = rank("", np.arange(6.0), np.arange(6.0)).interval()
    assert (low < 0.5, high) == (True, 1)
    low, _ = rank("", np.arange(30.0), np.arange(30.0)).interval()
    assert low > 0.9


def test_the_p_value_counts_all_orders_of_few():
    x = np.arange(4.0)
    assert p_value(x, x) == pytest.approx(2 / 24)
    assert p_value(np.arange(11.0), np.arange(11.0)) < 0.001


@pytest.mark.parametrize("count", [6, 11])
@pytest.mark.parametrize("rho", [0, 0.7])
def test_intervals_hold_the_truth(count, rho):
    """Of 500 tables of networks drawn with a known correlation, some 5 % miss it."""
    rng = np.random.default_rng(count)
    truth = 6 / np.pi * np.arcsin(rho / 2)  # Spearman's of a normal pair
    missed = 0
    for x, e in rng.normal(size=(500, 2, count)):
        low, high = rank("", x, rho * x + np.sqrt(1 - rho**2) * e).interval()
        missed += not low <= truth <= high
    assert missed / 500 < 0.08


# The claims, on tables with planted effects

SCORES = {"early": 0.7, "middle": 0.6, "late": 0.5, "pool": 0.6, "final": 0.5}


def table(score, se=0.003, names="abcdefgh", families=None):
    """A score for each network: score(number, transforms, kind, part)."""
    families = families or ["cnn"] * (len(names) - 2) + ["vit", "mixer"]
    rows = [
        {"network": name, "family": families[i], "top1": 60.0 + i, "transforms": transforms,
         "kind": kind, "part": part, "se": se, "chance": 0.1,
         "score": score(i, transforms, kind, part)}
        for i, name in enumerate(names)
        for transforms in ("shift", "rotation")
        for kind in ("invariance", "equivariance")
        for part in SCORES
    ]  # fmt: skip
    return pd.DataFrame(rows)


def with_accuracy(sign):
    """Translation goes up or down with top-1, in perfect order; rotation follows nothing."""

    def score(i, transforms, kind, part):
        return SCORES[part] + 0.005 * (sign * i if transforms == "shift" else abs(i - 19.5))

    return table(score, names=[f"n{i}" for i in range(40)])


def verdicts(section, rows, **options):
    room = {"4.2": c03_accuracy, "4.6": c07_architectures}[section]
    found, p = SimpleNamespace(parts=rows), SimpleNamespace(margin=0.05)
    return {v.claim: v.verdict for v in room.claims(found, p, **options)}


@pytest.mark.parametrize(("sign", "word"), [(1, "supported"), (-1, "contradicted")])
def test_equivariance_that_goes_with_accuracy(sign, word):
    found = verdicts("4.2", with_accuracy(sign))
    assert found == {"4.2a": word, "4.2b": word, "4.2c": "supported"}
    assert verdicts("4.2", with_accuracy(sign), above_chance=True) == found


def test_noise_decides_nothing_and_false_verdicts_are_rare():
    rng = np.random.default_rng(0)
    false = 0
    for _ in range(500):
        noise = rng.normal(size=8)
        rows = table(lambda i, t, k, p, noise=noise: SCORES[p] + 0.01 * noise[i])
        false += c03_accuracy.claim_4_2a(rows).verdict != "inconclusive"
    assert false / 500 <= 0.07  # two sides of 2.5 %, and what 500 tables leave open


def test_three_networks_have_no_rank_correlation():
    v = c03_accuracy.claim_4_2b(table(lambda *_: 0.5, names="abc"))
    assert (v.verdict, v.reason) == (
        "not judged", "it takes 4 networks, and the table has 3 networks with a top-1",
    )  # fmt: skip
    assert c03_accuracy.rank_correlations(table(lambda *_: 0.5, names="abc")).empty


def paper_like(sign=1):
    """Every claim of 4.6 as the paper words it, or (sign -1) its mirror."""

    def score(i, transforms, kind, part):
        token = i >= 6
        value = SCORES[part] - 0.01 * i
        if transforms == "shift":
            return value - (0.1 * sign if token and part in ("early", "middle") else 0)
        if part == "final":
            return 0.4 + sign * 0.03 * i + (0.1 * sign if i == 6 else 0)
        value -= 0.1 * sign if token else 0
        gap = {"early": 0.3, "middle": 0.2, "late": 0.1, "pool": 0.1}[part]
        gap = gap if sign > 0 else 0.4 - gap
        return value - (gap if kind == "invariance" else 0)

    return table(score)


def test_architectures_as_the_paper_has_them_and_their_mirror():
    found = verdicts("4.6", paper_like())
    assert found == dict.fromkeys(found, "supported")
    mirror = verdicts("4.6", paper_like(-1))
    for claim in ("4.6a", "4.6c", "4.6d", "4.6e"):
        assert mirror[claim] == "contradicted"


def test_a_family_that_is_not_there_is_named():
    rows = paper_like()
    without = c07_architectures.claim_4_6a(rows[rows["family"] != "mixer"])
    assert without.verdict == "supported"
    assert without.reason.startswith("without a Mixer in the table: ")
    cnns = rows[rows["family"] == "cnn"]
    for claim in ("4_6a", "4_6c", "4_6d"):
        assert getattr(c07_architectures, f"claim_{claim}")(cnns).verdict == "not judged"
    assert "no ViT" in c07_architectures.claim_4_6a(cnns).reason


def test_equal_within_the_margin():
    def unequal(i, transforms, kind, part):
        return 0.5 + (0.1 if kind == "equivariance" else 0)

    assert c07_architectures.claim_4_6b(table(unequal)).verdict == "contradicted"
    assert c07_architectures.claim_4_6b(table(unequal), margin=0.2).verdict == "supported"
    assert c07_architectures.claim_4_6b(table(lambda *_: 0.5, se=0.1)).verdict == "inconclusive"


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="no column 'top1'"):
        c03_accuracy.claim_4_2a(paper_like().drop(columns="top1"))
