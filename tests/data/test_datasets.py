"""Data sets: images with their labels, the embedded sets, and the MNIST6 tasks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from equivar import data as datasets
from equivar.data import ImageData
from equivar.data.images import channel_statistics
from equivar.data.shapes import OUTLINES


def digits_like(count=200, side=8, classes=tuple("0123456789")):
    """Random images; the label is also written into the first pixel."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 1, side, side), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % len(classes)
    images[:, 0, 0, 0] = labels.to(torch.uint8)
    return ImageData("made-up", "train", images, labels, classes, (0.5,), (0.25,))


# ImageData


def test_normalised_is_pixel_minus_mean_over_deviation():
    data = digits_like(6)
    wanted = (data.images.double() / 255 - 0.5) / 0.25
    found = data.normalised()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=1e-6)
    torch.testing.assert_close(data.normalised([4, 1]), found[[4, 1]])
    torch.testing.assert_close(data.normalised(2), found[:2])
    other = data.normalised(slice(1, 3), mean=(0.0,), std=(1.0,))
    torch.testing.assert_close(other, data.images[1:3] / 255)


def test_subset_keeps_images_with_their_labels():
    data = digits_like(30)
    some = data.subset([7, 23, 11])
    assert some.labels.tolist() == [7, 3, 1]
    assert some.images[:, 0, 0, 0].tolist() == [7, 3, 1]
    assert len(data.subset(5)) == 5 and len(data.subset(torch.tensor([], dtype=torch.long))) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": torch.zeros(4, 1, 8, 8)}, "uint8"),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, r"int64 \(4,\)"),
        ({"labels": torch.tensor([0, 1, 2, 10])}, r"labels 0\.\.10, but 10 classes"),
        ({"labels": torch.tensor([0, 1, 2, -1])}, r"labels -1\.\.2"),
        ({"mean": (0.5, 0.5)}, "1 numbers"),
    ],
)
def test_image_data_must_fit_together(change, words):
    whole = digits_like(4)
    parts = {name: getattr(whole, name) for name in whole.__dataclass_fields__}
    with pytest.raises(ValueError, match=words):
        ImageData(**{**parts, **change})


# Embedded


@pytest.fixture(scope="module")
def shapes():
    return {split: datasets.load("shapes", split) for split in ("train", "test")}


def test_digits_are_a_fixed_split_of_all_1797():
    train, test = datasets.load("digits", "train"), datasets.load("digits", "test")
    assert train.images.shape == (1297, 1, 28, 28) and test.images.shape == (500, 1, 28, 28)
    assert not train.images[:, :, :4].any() and train.images[:, :, 4:24, 4:24].any()
    seen = {image.numpy().tobytes() for image in train.images}
    assert len(seen) == 1297 and not any(im.numpy().tobytes() in seen for im in test.images)
    assert torch.bincount(test.labels).min() >= 35
    assert torch.equal(test.images, datasets.load("digits", "test").images)


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_stated_statistics_are_those_of_the_training_images(name, shapes):
    data = shapes["train"] if name == "shapes" else datasets.load(name)
    mean, std = channel_statistics(data.images)
    assert mean == pytest.approx(data.mean, abs=2e-3)
    assert std == pytest.approx(data.std, abs=2e-3)


def test_shapes_splits(shapes):
    train, test = shapes["train"], shapes["test"]
    assert train.images.shape == (10_000, 3, 32, 32) and test.images.shape == (2_000, 3, 32, 32)
    assert torch.bincount(train.labels).tolist() == [1000] * 10
    assert torch.bincount(test.labels).tolist() == [200] * 10
    assert train.classes == tuple(OUTLINES)
    seen = {image.numpy().tobytes() for image in train.images}
    assert len(seen) == 10_000 and not any(im.numpy().tobytes() in seen for im in test.images)


def test_shapes_depend_on_the_seed_alone():
    labels = np.arange(40) % 10
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = datasets.draw_shapes(labels, 5)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert np.array_equal(first, datasets.draw_shapes(labels, 5))
    assert not np.array_equal(first, datasets.draw_shapes(labels, 6))
    with pytest.raises(ValueError, match=r"0\.\.9"):
        datasets.draw_shapes([10], 0)


def test_shapes_lie_near_the_centre(shapes):
    """Averaged over many images, the object shows as a difference between classes there only."""
    data = shapes["train"]
    means = torch.stack(
        [data.images[data.labels == label].float().std(0).mean(0) for label in range(10)]
    )
    spread = means.std(0)  # (32, 32), between the classes
    assert spread[8:24, 8:24].mean() > 2 * spread[:4].mean()


@pytest.mark.parametrize("name", list(OUTLINES))
def test_outlines_have_a_good_size_and_differ(name):
    place = np.linspace(-1.5, 1.5, 61, dtype=np.float32)
    u, v = np.broadcast_arrays(place[None, None, :], place[None, :, None])
    masks = {key: outline(u, v)[0] < 0 for key, outline in OUTLINES.items()}
    inside = masks.pop(name)
    assert 0.08 < inside.mean() < 0.35
    assert not inside[[0, -1]].any() and not inside[:, [0, -1]].any()
    assert all((inside ^ other).mean() > 0.03 for other in masks.values())


def test_loading_leaves_the_global_generators_alone():
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    datasets.mnist6(datasets.load("digits"), "rot-eq")
    datasets.load("shapes", "test")
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


# MNIST6


def test_mnist6_keeps_six_digits_and_renumbers_them():
    data = digits_like()
    plain = datasets.mnist6(data)
    assert plain.classes == ("2", "3", "4", "5", "7", "9") and len(plain) == 120
    named = [int(plain.classes[label]) for label in plain.labels]
    assert named == plain.images[:, 0, 0, 0].tolist()  # the label that was written there
    assert plain.name == "mnist6(made-up)"


def test_mnist6_rot_inv_turns_each_image_once():
    data = digits_like()
    plain, turned = datasets.mnist6(data), datasets.mnist6(data, "rot-inv", seed=1)
    assert torch.equal(plain.labels, turned.labels) and plain.classes == turned.classes
    turns = found_turns(plain.images, turned.images)
    assert torch.bincount(turns, minlength=4).min() >= 15  # 30 expected of each
    again = datasets.mnist6(data, "rot-inv", seed=1)
    other = datasets.mnist6(data, "rot-inv", seed=2)
    assert torch.equal(turned.images, again.images)
    assert not torch.equal(turned.images, other.images)


def test_mnist6_rot_eq_labels_digit_and_turn():
    data = digits_like()
    plain, turned = datasets.mnist6(data), datasets.mnist6(data, "rot-eq", seed=1)
    assert torch.equal(turned.images, datasets.mnist6(data, "rot-inv", seed=1).images)
    assert len(turned.classes) == 24 and turned.classes[:5] == (
        "2-0",
        "2-90",
        "2-180",
        "2-270",
        "3-0",
    )
    assert torch.equal(turned.labels // 4, plain.labels)
    assert torch.equal(turned.labels % 4, found_turns(plain.images, turned.images))


def found_turns(plain, turned):
    """How many quarter turns lead from each image to its partner."""
    fits = [(plain.rot90(k, (2, 3)) == turned).flatten(1).all(1) for k in range(4)]
    fits = torch.stack(fits, dim=1).int()
    assert (fits.sum(1) == 1).all()
    return fits.argmax(1)


def test_mnist6_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match=r"'rot-env'.*Did you mean 'rot-inv'"):
        datasets.mnist6(digits_like(), "rot-env")
    with pytest.raises(ValueError, match="no class 2, 3"):
        datasets.mnist6(digits_like(classes=tuple("abcdefghij")))
    data = digits_like()
    with pytest.raises(ValueError, match=r"made-up \(train\) has no image of class 7"):
        datasets.mnist6(data.subset(data.labels != 7))
    flat = digits_like()
    flat = ImageData(**{**vars(flat), "images": flat.images[:, :, :6]})
    with pytest.raises(ValueError, match="square"):
        datasets.mnist6(flat, "rot-inv")


def test_unknown_names_list_near_ones():
    with pytest.raises(ValueError, match=r"'cifar'.*Did you mean .*'cifar10'.*mnist"):
        datasets.load("cifar")
    with pytest.raises(ValueError, match=r"split of digits 'val'.*train, test"):
        datasets.load("digits", "val")
    with pytest.raises(ValueError, match="Known: train"):
        datasets.load("cifar10-train-head", "test")


def test_data_root_prefers_argument_then_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIVAR_DATA", str(tmp_path))
    assert datasets.data_root() == tmp_path
    assert datasets.data_root("elsewhere") == Path("elsewhere")
    monkeypatch.delenv("EQUIVAR_DATA")
    assert datasets.data_root().parts[-2:] == ("data", "raw")
