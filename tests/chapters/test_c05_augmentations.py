"""Chapter 05: networks under augmentations, measured under shifts."""

import pandas as pd
import pytest
from schedules import SHIFTS, parameters_of

from equivar import training
from equivar.chapters import c05_augmentations
from equivar.runs import Results


def test_an_augmentation_changes_the_training_images_alone(small_runs):
    p = c05_augmentations.Parameters(**SHIFTS | {"augmentations": ("none", "flip")})
    runs = c05_augmentations.runs(p)
    assert [one.recipe["augment"] for one in runs[:2]] == [[], ["flip"]]
    found = c05_augmentations.tables(p, small_runs)
    assert set(found.scores["transform"]) == {"shift-1", "shift-4"}
    assert set(found.scores["part"]) == {"early", "middle", "late", "pool", "final"}
    assert set(found.summary["train_images"]) == {64}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"augmentations": ("crops",)}, "Did you mean 'crop'"),
        ({"shifts": (32,)}, "shift-32 leaves nothing of an image of 32 x 32"),
        ({"match": "datasets"}, "choose one of 'dataset', 'image'"),
        ({"network": "resnet21"}, "Did you mean .*'resnet20'"),
    ],
)
def test_augmentations_refuse_what_they_do_not_know(small_runs, more, words, monkeypatch):
    """Before anything is trained."""
    values = {"augmentations": ("none",), "seeds": (0,)}
    monkeypatch.setattr(training.loop, "_train_epoch", None)
    with pytest.raises(ValueError, match=words):
        c05_augmentations.tables(c05_augmentations.Parameters(**SHIFTS | values | more), small_runs)


def test_the_paper_profile_is_the_papers_schedule():
    one = c05_augmentations.runs(parameters_of("05-augmentations", "paper"))[0]
    assert (one.network, one.data, one.images) == ("resnet44", "cifar10", 2000)
    assert one.transforms == [f"shift-{d}" for d in range(1, 17)]
    plan = training.Recipe(**one.recipe)
    assert (plan.epochs, plan.batch_size, plan.weight_decay) == (200, 128, 1e-4)
    assert (plan.optimizer, plan.momentum) == ("sgd", 0.9)
    rates = [plan.rate(done) for done in (0, 99, 100, 149, 150, 199)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.fixture(scope="module")
def found(small_runs):
    return c05_augmentations.tables(c05_augmentations.Parameters(**SHIFTS), small_runs)


def test_sentences_tell_what_an_augmentation_changes(found):
    rows = found.scores[found.scores["kind"] == "equivariance"]
    means = rows.groupby(["part", "augment"])["score"].mean().unstack("part")
    change = means.loc["crop"] - means.loc["none"]
    said = c05_augmentations.parts_seen(found)
    assert f"equivariance is {means.loc['none', 'early']:z.2f} in the early part" in said
    parts = ("early", "middle", "late", "pool", "final")
    assert f"random crops {', '.join(f'{change[part]:+z.2f}' for part in parts)}." in said
    assert "CutMix" not in said
    said = c05_augmentations.training_seen(found)
    mean = found.summary.groupby("augment", sort=False)[["accuracy", "train_accuracy"]].mean()
    new, own = mean["accuracy"], mean["train_accuracy"]
    assert f"After one epoch accuracy on test images is {new.min():.3f}" in said
    assert f"trained on, not augmented, it is {own.min():.3f}" in said
    assert f"to {own.max():.3f} (with {c05_augmentations.AUGMENTATIONS[own.idxmax()]})." in said


def test_the_last_words_tell_every_verdict_and_the_late_part(found):
    p = c05_augmentations.Parameters(**SHIFTS)
    worded, fair = (c05_augmentations.claims(found, p, corrected) for corrected in (False, True))
    said = c05_augmentations.meaning(worded, fair, found)
    assert all(one.claim in said for one in worded)
    assert "Changes of the late part: random crops " in said and "after one epoch" in said


def test_the_last_words_compare_augmentations_under_which_networks_fit_equally_well():
    rows = [
        {"augment": augment, "kind": "equivariance", "part": part, "score": score}
        for augment, score in {"none": 0.3, "crop": 0.6, "cutmix": 0.4}.items()
        for part in ("middle", "late", "final")
    ]
    own = pd.Series({"none": 1.0, "crop": 0.9, "cutmix": 0.89}, name="train_accuracy")
    tables = {
        "scores": pd.DataFrame(rows),
        "history": pd.DataFrame({"epoch": [1, 2]}),
    }

    def said(accuracies):
        summary = accuracies.rename_axis("augment").reset_index()
        return c05_augmentations.meaning([], [], Results(tables, summary))

    fitted = said(own)
    assert "parts by +0.10, +0.10, +0.10. Of the images" in fitted
    assert "1.000 without augmentation, 0.890 with CutMix and 0.900 with random crops" in fitted
    assert "add to CutMix in these parts, +0.20, +0.20, +0.20, is probably" in fitted
    assert "add to CutMix" not in said(own.replace(0.9, 0.8))
    assert "CutMix moves nothing" not in said(own.drop("cutmix").rename("accuracy"))


def scores(values):
    """Scores of a layer of stride 2: {augmentation: (by whole cells, between)}."""
    rows = [
        {"augment": augment, "seed": 0, "kind": "equivariance", "stride": 2.0,
         "transform": f"shift-{pixels}", "score": pair[pixels % 2]}
        for augment, pair in values.items() for pixels in (1, 2, 3, 4)
    ]  # fmt: skip
    return Results({"scores": pd.DataFrame(rows)}, pd.DataFrame())


def test_what_is_said_of_shifts_between_cells():
    said = c05_augmentations.zigzag(scores({"none": (0.8, 0.6), "crop": (0.9, 0.85)}))
    assert said.startswith("With no augmentation the lines go up and down")
    assert "with stride 2 the score is 0.80 for shifts by whole cells and 0.60 between" in said
    assert "those between: random crops 0.10 and 0.25" in said
    alone = c05_augmentations.zigzag(scores({"crop": (0.9, 0.85)}))
    assert alone.startswith("With random crops") and "adds" not in alone
    odd = scores({"none": (0.8, 0.6)}).scores.query("transform in ('shift-1', 'shift-3')")
    said = c05_augmentations.zigzag(Results({"scores": odd}, pd.DataFrame()))
    assert said == "It takes shifts by whole cells and others to compare the two."
