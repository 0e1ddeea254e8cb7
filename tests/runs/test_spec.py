"""The key of a run: what determines its result, and nothing else."""

import inspect
from dataclasses import replace
from pathlib import Path

import pytest

from equivar import measure, training
from equivar.runs import Measurement, Pretrained, Spec, Training, measured, trained
from equivar.runs.spec import moved_defaults

SPEC = Spec("trial", 1, {"epochs": 2, "augment": ["crop"]}, {"digits train": "ab12"})


def test_the_key_depends_on_what_determines_the_result_alone():
    other_order = Spec("trial", 1, {"augment": ("crop",), "epochs": 2}, {"digits train": "ab12"})
    assert other_order.key == SPEC.key
    assert Spec(**vars(SPEC) | {"label": "other words"}).key == SPEC.key
    others = [
        {"experiment": "trail"},
        {"revision": 2},
        {"parameters": {"epochs": 3, "augment": ["crop"]}},
        {"parameters": {"epochs": 2, "augment": []}},
        {"inputs": {"digits train": "ab13"}},
        {"inputs": {}},
    ]
    keys = {Spec(**vars(SPEC) | other).key for other in others}
    assert len(keys) == len(others) and SPEC.key not in keys


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, Path("x")])
def test_parameters_that_json_has_not_are_refused(value):
    with pytest.raises((TypeError, ValueError)):
        Spec("trial", 1, {"x": value})


# Defaults that no key names

TRAINING = Training(
    experiment="trial", groups={"task": "plain"}, network="cnn7", data="digits", seed=0, images=20,
    recipe={"epochs": 1}, transforms=["rotation-90"],
)  # fmt: skip
MEASUREMENT = Measurement(
    experiment="trial", groups={}, network=Pretrained(network="equivar:cnn7", weights="random"),
    data="digits", images=20, transforms=["rotation-90"], options={"over": "image"},
)  # fmt: skip


def with_defaults(function, **changed):
    """A stand-in for a function, with the same parameters but other defaults."""
    signature = inspect.signature(function)
    parameters = [
        one.replace(default=changed.get(name, one.default))
        for name, one in signature.parameters.items()
    ]
    other = lambda *_, **__: None  # noqa: E731
    other.__signature__ = signature.replace(parameters=parameters)
    return other


def test_defaults_as_they_were_stand_in_no_key():
    """So that runs are found that were made before the defaults were written down."""
    given = {"network", "options", "data", "task", "train_images", "recipe", "seed", "images",
             "transforms", "match"}  # fmt: skip
    assert set(TRAINING.spec.parameters) == given
    assert TRAINING.spec.parameters["recipe"] == {"epochs": 1}
    assert MEASUREMENT.spec.parameters["options"] == {"over": "image"}


def test_a_default_that_was_changed_is_another_run(monkeypatch):
    before = {one.spec.key for one in (TRAINING, MEASUREMENT)}
    other = with_defaults(measure, sign="clip", over="dataset", match="image")
    for module in (trained, measured):
        monkeypatch.setattr(module, "measure", other)
    found = [TRAINING.spec, MEASUREMENT.spec]
    assert not before & {spec.key for spec in found}
    # match stands among the parameters of a training, over among these options
    assert (found[0].parameters["sign"], found[0].parameters["over"]) == ("clip", "dataset")
    assert found[0].parameters["match"] == TRAINING.match
    assert found[1].parameters["options"] == {"over": "image", "sign": "clip", "match": "image"}


def test_a_changed_default_of_the_recipe_is_another_run(monkeypatch):
    before = TRAINING.spec
    monkeypatch.setattr(training, "Recipe", with_defaults(training.Recipe, momentum=0.8))
    assert TRAINING.spec.key != before.key
    assert TRAINING.spec.parameters["recipe"] == {"epochs": 1, "momentum": 0.8}
    named = replace(TRAINING, recipe={"epochs": 1, "momentum": 0.9})
    assert named.spec.parameters["recipe"] == named.recipe


def test_defaults_that_moved_are_those_of_today():
    def function(a, *, b=1, c=(), d=None): ...

    assert moved_defaults(function, {"b": 1, "c": ()}) == {}
    assert moved_defaults(function, {"b": 2, "c": (), "d": 0}) == {"b": 1, "d": None}
    assert moved_defaults(function, {"b": 2, "d": 0}, given={"b"}) == {"d": None}
