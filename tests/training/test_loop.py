"""The training loop: it learns, repeats itself bit by bit, and says what is wrong."""

import copy

import numpy as np
import pytest
import safetensors.torch
import torch
from places import SHARED
from torch import nn
from torch.nn import functional as F

from equivar import data as datasets
from equivar import networks, training
from equivar.data import ImageData

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


def quick(model, data, **options):
    defaults = {"epochs": 1, "batch_size": 64, "lr": 0.01, "optimizer": "adam", "progress": False}
    return training.train(model, data, **{**defaults, **options})


def same_weights(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_training_learns_and_reports(digits):
    model = networks.build("cnn7")
    held_out = datasets.load("digits", "test")
    history = quick(model, digits, epochs=3, schedule="one-cycle", validation=held_out)
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
    assert history["accuracy"].between(0, 1).all() and (history["images_per_second"] > 0).all()
    found = training.accuracy(model, held_out, precision="auto")
    assert history["validation_accuracy"].iloc[-1] == found > 0.8
    assert not model.training


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_same_seed_same_weights_bit_by_bit(digits, optimizer):
    data = digits.subset(192)
    options = {"augment": ("crop", "flip"), "optimizer": optimizer, "epochs": 2}
    trained = []
    for global_seed, seed in ((1, 0), (2, 0), (3, 1)):
        torch.manual_seed(global_seed)
        before = torch.random.get_rng_state()
        model = networks.build("resnet8", in_channels=1)
        quick(model, data, seed=seed, **options)
        assert torch.equal(before, torch.random.get_rng_state())
        trained.append(model)
    assert same_weights(trained[0], trained[1])
    assert not same_weights(trained[0], trained[2])


def test_float32_training_is_plain_sgd(digits):
    """The same steps as a loop written out, momentum and L2 penalty included."""
    data = digits.subset(100)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    twin = copy.deepcopy(model)
    options = {"optimizer": "sgd", "lr": 0.05, "momentum": 0.8, "weight_decay": 0.01}
    plan = {"epochs": 2, "milestones": (1,), "seed": 7, "precision": "float32"}
    history = quick(model, data, **plan, **options)
    speed = {value: torch.zeros_like(value) for value in twin.parameters()}
    losses = []
    for epoch, lr in enumerate((0.05, 0.005)):
        total = 0.0
        mixed = np.random.SeedSequence((7, epoch)).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(mixed[0]))
        for chosen in torch.randperm(100, generator=generator).split(64):
            loss = F.cross_entropy(twin(data.normalised(chosen)), data.labels[chosen])
            total += loss.item() * len(chosen) / 100
            gradients = torch.autograd.grad(loss, list(speed))
            with torch.no_grad():
                for value, gradient in zip(speed, gradients, strict=True):
                    speed[value] = 0.8 * speed[value] + gradient + 0.01 * value
                    value -= lr * speed[value]
        losses.append(total)
    assert history["loss"].tolist() == pytest.approx(losses, rel=1e-5)
    for found, wanted in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_accuracy_counts_right_answers_and_keeps_the_mode(digits):
    class FirstPixel(nn.Module):
        """Reads the class from the first pixel."""

        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))
            self.part = nn.Dropout().eval()

        def forward(self, images):
            assert not self.training
            labels = (images[:, 0, 0, 0] * 255).round().long()
            return self.scale * F.one_hot(labels, 10).float()

    images = torch.zeros(8, 1, 4, 4, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7])
    labels = torch.tensor([0, 1, 2, 3, 4, 9, 9, 9])
    data = ImageData("eight", "test", images, labels, tuple("0123456789"), (0.0,), (1.0,))
    model = FirstPixel().train()
    model.part.eval()
    assert training.accuracy(model, data, batch_size=3) == 5 / 8
    assert model.training and not model.part.training


def test_snapshots_are_the_weights_after_1_2_4_epochs_and_the_last(digits, tmp_path):
    assert training.snapshot_epochs(1) == (0, 1)
    assert training.snapshot_epochs(8) == (0, 1, 2, 4, 8)
    assert training.snapshot_epochs(100) == (0, 1, 2, 4, 8, 16, 32, 64, 100)
    data = digits.subset(64)
    drawn, model = (networks.build("resnet8", in_channels=1) for _ in range(2))
    quick(model, data, epochs=3, snapshots=tmp_path)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [f"snapshot-{epoch:04d}.safetensors" for epoch in (0, 1, 2, 3)]
    for epoch, network in ((0, drawn), (3, model)):
        found = safetensors.torch.load_file(tmp_path / files[epoch])
        for name, value in network.state_dict().items():
            wanted = value.half() if value.ndim > 1 else value
            assert torch.equal(found[name], wanted) and found[name].dtype == wanted.dtype
    one = networks.build("resnet8", in_channels=1)
    schedule = {"schedule": "steps", "milestones": ()}
    quick(one, data, epochs=1, **schedule)  # with a constant rate, the first epoch of three
    found = safetensors.torch.load_file(tmp_path / files[1])
    torch.testing.assert_close(found["linear.weight"].float(), one.linear.weight, rtol=1e-3,
                               atol=1e-5)  # fmt: skip


# Augmentation


def coded_images(count):
    """Each pixel tells its place: channel 0 its row + 1, channel 1 its column + 1."""
    place = torch.arange(1, 13, dtype=torch.uint8)
    image = torch.stack([place[:, None].expand(12, 12), place.expand(12, 12)])
    return image.expand(count, 2, 12, 12).clone()


def test_crops_are_whole_shifts_with_black_borders():
    images = coded_images(500)
    cropped = training.random_crop(images, None, torch.Generator().manual_seed(0), padding=2)[0]
    padded = F.pad(images[0], (2, 2, 2, 2))
    seen = set()
    for crop in cropped:
        fits = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.equal(crop, padded[:, y : y + 12, x : x + 12])
        ]
        assert len(fits) == 1
        seen.add(fits[0])
    assert len(seen) == 25


def test_crop_offsets_are_uniform_and_independent():
    images = coded_images(8100)
    cropped = training.random_crop(images, None, torch.Generator().manual_seed(0))[0]
    rows, columns = (cropped[:, c, 5, 5].long() - 2 for c in (0, 1))  # offset 0..8
    counts = torch.bincount(9 * rows + columns, minlength=81).double()
    assert len(counts) == 81
    chi_square = ((counts - 100) ** 2 / 100).sum()
    assert chi_square < 140  # 80 degrees of freedom: passed by chance but once in 25,000


def test_flips_mirror_half_of_the_images():
    images = coded_images(2000)
    flipped = training.random_flip(images, None, torch.Generator().manual_seed(0))[0]
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    kept = (flipped == images).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    assert 900 < mirrored.sum() < 1100


@pytest.mark.parametrize("augment", [(), ("crop",), ("flip",)])
def test_augmentation_is_applied_where_it_is_asked_for(augment):
    data = ImageData(
        "coded", "train", coded_images(40), torch.zeros(40).long(), ("a",), (0.0,) * 2, (1.0,) * 2
    )
    seen = []

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2, 1))

        def forward(self, images):
            if self.training:
                seen.append((images * 255).round().byte())
            return images.mean((2, 3)) @ self.weight

    quick(Spy(), data, augment=augment, batch_size=16)
    changed = sum((batch != coded_images(len(batch))).flatten(1).any(1).sum() for batch in seen)
    assert [len(batch) for batch in seen] == [16, 16, 8]
    assert (changed == 0) if not augment else (changed >= 10)


# Schedules


def test_schedules():
    steps = training.Recipe(epochs=100, lr=0.01, milestones=(25, 50))
    found = [steps.rate(done) for done in (0, 24.99, 25, 49.9, 50, 99)]
    assert found == pytest.approx([1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4])
    cycle = training.Recipe(epochs=10, lr=0.4, schedule="one-cycle")
    assert [cycle.rate(done) for done in (0, 1.5, 3, 6.5, 10)] == pytest.approx(
        [0, 0.2, 0.4, 0.2, 0]
    )


# What goes wrong


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"optimizer": "adem"}, "Did you mean 'adam'"),
        ({"schedule": "step"}, "Did you mean 'steps'"),
        ({"augment": ("crops",)}, "Did you mean 'crop'"),
        ({"precision": "float23"}, "Did you mean 'float32'"),
    ],
)
def test_a_wrong_recipe_is_refused(digits, options, words):
    model = networks.build("cnn7")
    with pytest.raises(ValueError, match=words):
        quick(model, digits.subset(8), **options)
    assert same_weights(model, networks.build("cnn7"))


def test_unknown_option_is_refused(digits):
    with pytest.raises(TypeError, match="momentun"):
        quick(networks.build("cnn7"), digits.subset(8), momentun=0.5)


def test_data_that_do_not_fit_the_model_are_named(digits):
    with pytest.raises(ValueError, match=r"digits \(train\) has no images"):
        quick(networks.build("cnn7"), digits.subset(0))
    with pytest.raises(ValueError, match="labels up to 9, but the model has 6 outputs"):
        quick(networks.build("cnn7", num_classes=6), digits)
    with pytest.raises(ValueError, match=r"does not take images \(1, 28, 28\) of digits"):
        quick(networks.build("resnet8"), digits)
    with pytest.raises(ValueError, match="not class scores"):
        training.accuracy(networks.build("toy-invariant", in_channels=1), digits.subset(2))


def test_a_diverging_loss_names_epoch_and_step(digits):
    model = networks.build("cnn7")
    with torch.no_grad():
        model.linear.bias.fill_(float("nan"))
    with pytest.raises(training.TrainingDiverged, match="nan in epoch 1, step 1"):
        quick(model, digits.subset(128))
    assert torch.isfinite(model.linear.weight).all()  # stopped before the update


def test_fast_bfloat16_is_safe_where_torch_has_no_such_check(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert training.fast_bfloat16(CPU) is False
    assert training.fast_bfloat16(torch.device("meta")) is False


def test_local_weights_classify_local_images():
    roots = (datasets.data_root(), SHARED)
    needed = ("weights/cifar10_resnet20.safetensors", "cifar10-lossless-head/train.parquet")
    root = next((r for r in roots if all((r / name).exists() for name in needed)), None)
    if root is None:
        pytest.skip("no local weights and images")
    model = networks.load_weights(networks.build("resnet20"), root / needed[0])
    data = datasets.load("cifar10-train-head", root=root).subset(200)
    images = data.normalised(mean=datasets.IMAGENET_MEAN, std=datasets.IMAGENET_STD)
    with torch.inference_mode():
        right = (model.eval()(images).argmax(1) == data.labels).double().mean()
    assert right > 0.95  # images that the network was trained on
