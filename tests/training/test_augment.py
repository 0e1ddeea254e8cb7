"""Augmentations of a batch: torchvision's pixels and distribution, and a literal twin of each."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as V2

from equivar.training.augment import AUGMENTATIONS, cutmix
from equivar.training.randaugment import OPERATIONS, apply_operation, randaugment, strength_of

REFERENCE = v2.RandAugment()
SPACE = REFERENCE._AUGMENTATION_SPACE
SHAPES = [(3, 32, 32), (1, 28, 28), (3, 9, 14), (3, 2, 1)]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count, shape, seed=0):
    """Noise, ramps of low contrast, two grey levels and one grey level: (count, *shape) bytes."""
    noise = torch.randint(256, (count, *shape), generator=seeded(seed), dtype=torch.uint8)
    noise[1::4] = noise[1::4] // 8 + torch.arange(shape[-1], dtype=torch.uint8) + 40
    noise[2::4] = noise[2::4] // 128 * 200 + 3
    noise[3::4] = 77
    return noise


def one_hot(count, classes):
    return torch.eye(classes)[torch.arange(count) % classes]


def torchvisions(images, name, strength):
    options = REFERENCE.interpolation, REFERENCE._fill
    return REFERENCE._apply_image_or_video_transform(images, name, strength, *options)


def reference_strength(name, height, width, magnitude=9):
    magnitudes = SPACE[name][0](31, height, width)
    return 0.0 if magnitudes is None else float(magnitudes[magnitude])


# --- RandAugment


def test_operations_are_torchvisions():
    assert list(OPERATIONS) == list(SPACE)
    for name, (_, signed) in SPACE.items():
        assert OPERATIONS[name][2] == signed
        for magnitude in range(31) if SPACE[name][0](31, 1, 1) is not None else ():
            strength = strength_of(name, magnitude, 331, 662)
            strength = round(strength) if name == "Posterize" else strength  # bits
            assert strength == reference_strength(name, 331, 662, magnitude), (name, magnitude)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_on_a_group_is_torchvisions_on_each_image(name, shape):
    images = pictures(8, shape)
    for magnitude in (9, 30):
        strength = reference_strength(name, *shape[1:], magnitude)
        for signed in (strength, -strength) if SPACE[name][1] else (strength,):
            expected = torch.stack([torchvisions(image, name, signed) for image in images])
            assert torch.equal(apply_operation(images, name, signed), expected), signed


@pytest.mark.parametrize("sign", [1, -1])
def test_sharpness_without_a_convolution_is_exact_for_every_pair_of_bytes(sign):
    """A pixel and its eight neighbours, all 256 x 256 combinations: every mean, rounded."""
    levels = torch.arange(256, dtype=torch.uint8)
    images = levels[:, None].expand(256, 256).reshape(-1, 1, 1, 1).repeat(1, 1, 3, 3)
    images[:, 0, 1, 1] = levels.repeat(256)
    strength = sign * strength_of("Sharpness", 9, 3, 3)
    expected = V2.adjust_sharpness(images, 1 + strength)
    assert torch.equal(apply_operation(images, "Sharpness", strength), expected)


def randaugment_twin(images, generator):
    """The same draws, one image at a time through torchvision."""
    for _ in range(2):
        operation = torch.randint(14, (len(images),), generator=generator)
        negative = torch.rand(len(images), generator=generator) <= 0.5
        done = []
        for image, which, sign in zip(images, operation.tolist(), negative.tolist(), strict=True):
            name = list(SPACE)[which]
            strength = reference_strength(name, *image.shape[1:])
            strength = -strength if sign and SPACE[name][1] else strength
            done.append(torchvisions(image, name, strength))
        images = torch.stack(done)
    return images


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", SHAPES[:3])
def test_randaugment_is_its_literal_twin(shape, layout):
    images = pictures(200, shape).contiguous(memory_format=layout)
    targets = one_hot(200, 5)
    augmented, same = randaugment(images, targets, seeded(3))
    assert torch.equal(augmented, randaugment_twin(images, seeded(3)))
    assert torch.equal(same, targets)


def told_apart():
    """An image (1, C, H, W) that each operation and sign changes in a way of its own."""
    return pictures(1, (3, 16, 18), seed=1) // 2 + 100  # over 255 pixels: fewer are not equalized


def all_outcomes(images):
    """Every operation, signed, on all images: probabilities (23,) and images (23, B, C, H, W)."""
    chances, outcomes = [], []
    for name, (_, signed) in SPACE.items():
        strength = reference_strength(name, *images.shape[2:])
        for value in (strength, -strength) if signed else (strength,):
            chances.append(1 / 28 if signed else 1 / 14)
            outcomes.append(torchvisions(images, name, value))
    return np.array(chances), torch.stack(outcomes)


def counted(images, outcomes, chances):
    """How often each distinct outcome (n, C, H, W) is among images, and its probability."""
    counts, expected = Counter(), Counter()
    for outcome, chance in zip(outcomes.numpy(), chances, strict=True):
        expected[outcome.tobytes()] += chance
    for image in images.numpy():
        counts[image.tobytes()] += 1
    assert counts.keys() <= expected.keys()  # nothing that torchvision would not make
    return [counts[outcome] for outcome in expected], list(expected.values())


def test_randaugment_has_every_pair_of_operations_as_often_as_it_should():
    """One image very often: the frequencies of all 23 x 23 outcomes, in order, signs included."""
    image = told_apart()
    chances, once = all_outcomes(image)  # (23, 1, C, H, W)
    _, twice = all_outcomes(once[:, 0])  # (23 second, 23 first, C, H, W)
    count, pairs = 20_000, np.outer(chances, chances).ravel()
    augmented, _ = randaugment(image.expand(count, -1, -1, -1), torch.zeros(count, 1), seeded())
    counts, expected = counted(augmented, twice.flatten(0, 1), pairs)
    assert len(counts) > 400  # some pairs are the same, as one operation and "Identity"
    assert stats.chisquare(counts, count * np.array(expected)).pvalue > 1e-3


def test_randaugment_draws_as_torchvision_does_image_by_image():
    image = told_apart()
    chances, once = all_outcomes(image)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        single = v2.RandAugment(num_ops=1)
        theirs = torch.stack([single(image[0]) for _ in range(2500)])
    many = image.expand(20_000, -1, -1, -1)
    ours, _ = randaugment(many, torch.zeros(20_000, 1), seeded(), num_ops=1)
    table = [counted(images, once[:, 0], chances)[0] for images in (ours, theirs)]
    assert len(table[0]) == 23
    assert stats.chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize(
    "images", [torch.zeros(2, 2, 8, 8, dtype=torch.uint8), torch.zeros(2, 3, 8, 8)]
)
def test_randaugment_refuses_what_it_has_no_pixels_for(images):
    with pytest.raises(ValueError, match="uint8 images of 1 or 3 channels"):
        randaugment(images, torch.zeros(2, 2), seeded())


# --- CutMix


def cutmix_twin(images, targets, generator):
    """The same draws, one image at a time as torchvision cuts and mixes."""
    count, _, height, width = images.shape
    partner = torch.randperm(count, generator=generator).tolist()
    lam = torch.rand(count, dtype=torch.float64, generator=generator).tolist()
    rows = torch.randint(height, (count,), generator=generator).tolist()
    columns = torch.randint(width, (count,), generator=generator).tolist()
    mixed, weights = images.clone(), targets.clone()
    for i, j in enumerate(partner):
        r = 0.5 * math.sqrt(1.0 - lam[i])
        top, bottom = max(rows[i] - int(r * height), 0), min(rows[i] + int(r * height), height)
        left, right = max(columns[i] - int(r * width), 0), min(columns[i] + int(r * width), width)
        mixed[i, :, top:bottom, left:right] = images[j, :, top:bottom, left:right]
        share = (bottom - top) * (right - left) / (height * width)
        weights[i] = (1 - share) * targets[i] + share * targets[j]
    return mixed, weights


@pytest.mark.parametrize("shape", SHAPES)
def test_cutmix_is_its_literal_twin(shape):
    images = pictures(100, shape)
    targets = torch.rand(100, 7, generator=seeded(5)).softmax(1)  # mixed before, as it may be
    mixed, weights = cutmix(images, targets, seeded(4))
    expected, expected_weights = cutmix_twin(images, targets, seeded(4))
    assert torch.equal(mixed, expected) and mixed.dtype == torch.uint8
    torch.testing.assert_close(weights, expected_weights, rtol=0, atol=2e-7)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (16, 64), (12, 20)])
def test_cutmix_targets_are_the_shares_of_the_pixels(height, width):
    """Image i is all i, of class i: which pixels came from where can be read off."""
    values = torch.arange(256, dtype=torch.uint8)
    images = values[:, None, None, None].repeat(1, 3, height, width)
    mixed, weights = cutmix(images, torch.eye(256), seeded())
    assert torch.equal(mixed, mixed[:, :1].expand_as(mixed))  # a box goes through all channels
    counts = torch.stack([(mixed[:, 0] == value).sum((1, 2)) for value in values], 1)
    exact = (height * width).bit_count() == 1  # in float32
    shares = (counts.double() / (height * width)).float()
    torch.testing.assert_close(weights, shares, rtol=0, atol=0 if exact else 1e-7)
    assert ((counts > 0).sum(1) <= 2).all()  # an image and one partner
    torch.testing.assert_close(weights.sum(1), torch.ones(256), rtol=0, atol=0 if exact else 1e-7)
    others = counts.fill_diagonal_(0)
    assert (others > 0).any(1).sum() > 200
    assert (others > 0).sum(0).max() == 1  # partners are a permutation: each lends once
    changed = mixed[:, 0] != values[:, None, None]
    area = changed.any(2).sum(1) * changed.any(1).sum(1)
    assert torch.equal(changed.sum((1, 2)), area)  # a full rectangle


def box_features(changed):
    """Of boxes (n, H, W), bool: share, height, width, first row and column; where not empty."""
    rows, columns = changed.any(2).int(), changed.any(1).int()
    height, width = rows.sum(1), columns.sum(1)
    first = (rows.argmax(1)[height > 0], columns.argmax(1)[width > 0])
    return [height * width / changed[0].numel(), height, width, *first]


def test_cutmix_boxes_are_distributed_as_torchvisions():
    height, width, count = 12, 20, 20_000
    number = torch.arange(count)
    code = torch.stack([number // 256, number % 256], 1).to(torch.uint8)  # an image's own two bytes
    images = code[:, :, None, None].expand(-1, -1, height, width)
    mixed, _ = cutmix(images, torch.zeros(count, 1), seeded(0))
    ours = (mixed != images).any(1)
    pair = torch.tensor([0, 1], dtype=torch.uint8)[:, None, None, None].repeat(1, 1, height, width)
    labels, reference = torch.tensor([0, 1]), v2.CutMix(num_classes=2)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        theirs = torch.stack([reference(pair, labels)[0][0, 0] == 1 for _ in range(4000)])
    for mine, other in zip(box_features(ours), box_features(theirs), strict=True):
        assert stats.ks_2samp(mine.numpy(), other.numpy()).pvalue > 1e-3


# --- every augmentation


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_draws_come_from_the_generator_alone(name):
    images, targets = pictures(64, (3, 16, 12)), one_hot(64, 10)
    given, given_targets = images.clone(), targets.clone()
    before = torch.random.get_rng_state()
    first, again, other = (AUGMENTATIONS[name](images, targets, seeded(s)) for s in (1, 1, 2))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(images, given) and torch.equal(targets, given_targets)  # not in place


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_batches_of_no_image_and_of_one(name, count):
    images, targets = pictures(count, (3, 9, 14)), one_hot(count, 10)
    for seed in range(20):
        augmented, mixed = AUGMENTATIONS[name](images, targets, seeded(seed))
        assert (augmented.shape, augmented.dtype) == (images.shape, torch.uint8)
        assert torch.equal(mixed, targets)
        assert name != "cutmix" or torch.equal(augmented, images)  # its own partner
