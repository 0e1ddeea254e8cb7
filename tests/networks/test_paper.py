"""The networks: sizes from the literature, exact symmetry of the toy networks, safe weights."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from places import SHARED

from equivar import networks
from equivar.files import DataDamaged, DataMissing, data_root
from equivar.networks.resnet import ResNet, WideResNet
from equivar.networks.toy import GaussianCNN, gaussian, turn_channels


def toy_maps(model, images):
    """The output of every layer, (B, C, H, W) each."""
    maps = [images]
    for layer in model.layers:
        maps.append(layer(maps[-1]))
    return maps[1:]


def random_images(channels=3, height=32, width=32):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, channels, height, width, generator=generator)


def relative_error(found, wanted):
    return ((found - wanted).abs().max() / wanted.abs().max()).item()


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_invariant_toy_network_turns_every_channel_with_the_image(turns, channels, seed):
    model = networks.build("toy-invariant", in_channels=channels, seed=seed)
    images = random_images(channels, height=20)
    turned = torch.rot90(images, turns, (2, 3))
    for f, g in zip(toy_maps(model, images), toy_maps(model, turned), strict=True):
        assert relative_error(g, torch.rot90(f, turns, (2, 3))) < 1e-5


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_equivariant_toy_network_turns_and_permutes(turns, channels, seed):
    model = networks.build("toy-equivariant", in_channels=channels, seed=seed)
    images = random_images(channels, height=20)
    turned = torch.rot90(images, turns, (2, 3))
    for f, g in zip(toy_maps(model, images), toy_maps(model, turned), strict=True):
        moved = torch.rot90(f, turns, (2, 3))
        assert relative_error(g, turn_channels(moved, turns)) < 1e-5
        # no channel stands still: each one's own turned map differs from what it now shows
        gaps = (g - moved).abs().amax((0, 2, 3)) / moved.abs().amax((0, 2, 3))
        assert gaps.min() > 0.02


@pytest.mark.parametrize("name", ["toy-invariant", "toy-equivariant"])
@pytest.mark.parametrize("seed", range(4))
def test_toy_channels_are_alive(name, seed):
    for maps in toy_maps(networks.build(name, seed=seed), random_images()):
        assert (maps.std((2, 3)) > 1e-3 * maps.abs().max()).all()


def test_toy_filters_are_gaussians_and_turned_corner_cuts():
    plain = networks.build("toy-invariant").layers[1].conv.weight
    for turns in (1, 2, 3):
        torch.testing.assert_close(plain.rot90(turns, (2, 3)), plain)
    torch.testing.assert_close(plain.mT, plain)
    cut = networks.build("toy-equivariant").layers[1].conv.weight.unflatten(0, (-1, 4))
    for turn in range(4):
        home = cut[:, turn].rot90(-turn, (-2, -1))
        assert (home[..., :2, -2:] == 0).all()
        assert (home[..., 2:, :] != 0).all()
    profile = gaussian(5, torch.tensor(1.5))
    assert profile.sum().item() == pytest.approx(1)
    assert (profile[2, 4] / profile[2, 2]).item() == pytest.approx(2.718281828 ** (-4 / 4.5))


@pytest.mark.parametrize(
    ("options", "words"),
    [({"kernel_size": 4}, "even"), ({"channels": (6,)}, "multiples of 4")],
)
def test_toy_refuses_what_can_not_be_symmetric(options, words):
    with pytest.raises(ValueError, match=words):
        networks.build("toy-equivariant", **options)
    with pytest.raises(ValueError, match="neither"):
        GaussianCNN("symmetric")


@pytest.mark.parametrize(
    ("name", "millions", "digits"),
    [
        ("resnet20", 0.27, 2),
        ("resnet32", 0.46, 2),
        ("resnet44", 0.66, 2),
        ("resnet56", 0.85, 2),
        ("wrn-40-1", 0.6, 1),
        ("wrn-40-2", 2.2, 1),
        ("wrn-40-4", 8.9, 1),
        ("wrn-40-8", 35.7, 1),
    ],
)
def test_parameter_counts_of_the_literature(name, millions, digits):
    with torch.device("meta"):
        model = networks.MODELS[name]()
    assert round(networks.parameter_count(model) / 1e6, digits) == millions


def stage_sizes(model, images):
    sizes = {}

    def note(name):
        return lambda module, inputs, output: sizes.update({name: tuple(output.shape[1:])})

    for name, module in model.named_modules():
        if name.count(".") <= 1:
            module.register_forward_hook(note(name))
    sizes["logits"] = tuple(model.eval()(images).shape[1:])
    return sizes


@pytest.mark.parametrize(
    ("padding", "sides"), [(0, [26, 24, 10, 8, 6, 4, 2]), (1, [28, 28, 14, 14, 14, 14, 14])]
)
def test_cnn7_map_sizes(padding, sides):
    model = networks.build("cnn7", num_classes=24, padding=padding)
    sizes = stage_sizes(model, torch.rand(1, 1, 28, 28))
    assert [sizes[f"layers.{i}"] for i in range(7)] == [(20, side, side) for side in sides]
    assert sizes["pool"] == (20, 1, 1)
    assert sizes["logits"] == (24,)


def test_cnn7_names_the_least_image():
    model = networks.build("cnn7").eval()
    assert model(torch.rand(1, 1, 26, 26)).shape == (1, 10)
    with pytest.raises(ValueError, match=r"25 x 28.* 26 pixels"):
        model(torch.rand(1, 1, 25, 28))
    with pytest.raises(ValueError, match="padding is 2"):
        networks.build("cnn7", padding=2)


@pytest.mark.parametrize(("name", "widen"), [("resnet8", 1), ("wrn-10-2", 2)])
def test_residual_stages(name, widen):
    model = networks.build(name, num_classes=7, in_channels=1)
    sizes = stage_sizes(model, torch.rand(1, 1, 32, 32))
    assert sizes["layer1.0"] == (16 * widen, 32, 32)
    assert sizes["layer2.0"] == (32 * widen, 16, 16)
    assert sizes["layer3.0"] == (64 * widen, 8, 8)
    assert sizes["pool"] == (64 * widen, 1, 1)
    assert sizes["logits"] == (7,)


def test_option_a_shortcut_subsamples_and_pads_both_sides():
    block = networks.build("resnet8").layer2[0]
    maps = random_images(16, 8, 8)
    passed = block.shortcut(maps)
    assert passed.shape == (2, 32, 4, 4)
    assert torch.equal(passed[:, 8:24], maps[:, :, ::2, ::2])
    assert not passed[:, :8].any() and not passed[:, 24:].any()


@pytest.mark.parametrize("name", ["resnet8", "wrn-10-1", "cnn7", "toy-equivariant"])
def test_building_depends_on_the_seed_alone(name):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = networks.build(name, seed=3).state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(2)
    again, other = networks.build(name, seed=3), networks.build(name, seed=4)
    assert all(torch.equal(value, first[key]) for key, value in again.state_dict().items())
    assert any(not torch.equal(value, first[key]) for key, value in other.state_dict().items())


def test_initial_weights_follow_he():
    weight = networks.build("wrn-10-8").layer3[0].conv2.weight  # (512, 512, 3, 3)
    assert weight.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)
    assert abs(weight.mean().item()) < 1e-4
    with pytest.raises(TypeError, match="LayerNorm"):
        networks.initialise(torch.nn.LayerNorm(3), 0)


def test_unknown_names_list_near_ones():
    with pytest.raises(ValueError, match=r"'resnet4'.*Did you mean .*'resnet44'.*cnn7"):
        networks.build("resnet4")
    with pytest.raises(ValueError, match=r"Known: .*wrn-40-8"):
        networks.build("xyz")
    with pytest.raises(TypeError):
        networks.build("cnn7", num_clases=10)
    with pytest.raises(ValueError, match="6 n"):
        ResNet(21)
    with pytest.raises(ValueError, match="WRN-41-1"):
        WideResNet(41, 1)


@pytest.fixture
def state():
    return networks.build("resnet8", seed=1).state_dict()


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_weights_round_trip(tmp_path, state, ending):
    path = tmp_path / f"weights.{ending}"
    halves = {name: v.half() if v.is_floating_point() else v for name, v in state.items()}
    if ending == "pt":
        torch.save({"state_dict": {f"module.{name}": v for name, v in halves.items()}}, path)
    else:
        safetensors.torch.save_file(halves, path)
    model = networks.load_weights(networks.build("resnet8", seed=2), path)
    for name, value in model.state_dict().items():
        assert value.dtype == state[name].dtype
        torch.testing.assert_close(value, state[name], rtol=1e-3, atol=1e-6)


def test_weights_that_do_not_fit_name_the_first_keys(tmp_path, state):
    path = tmp_path / "weights.safetensors"
    state["extra"] = state.pop("conv1.weight")
    state["linear.bias"] = torch.zeros(3)
    del state["bn1.num_batches_tracked"]  # may be absent
    safetensors.torch.save_file(state, path)
    model = networks.build("resnet8")
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError) as caught:
        networks.load_weights(model, path)
    message = str(caught.value)
    assert "1 missing (conv1.weight)" in message
    assert "1 unexpected (extra)" in message
    assert "linear.bias (3,) in the file, (10,) in the model" in message
    assert str(path) in message and "num_batches" not in message
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())


def test_pickles_with_code_are_refused(tmp_path):
    path, ran = tmp_path / "weights.pt", tmp_path / "ran"

    class Code:
        def __reduce__(self):
            return Path.touch, (ran,)

    torch.save({"conv1.weight": Code()}, path)
    with pytest.raises(DataDamaged, match=r"weights\.pt.*could run code"):
        networks.load_weights(networks.build("resnet8"), path)
    assert not ran.exists()


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_damaged_and_foreign_weights_are_named(tmp_path, state, ending):
    path = tmp_path / f"weights.{ending}"
    torch.save(state, path) if ending == "pt" else safetensors.torch.save_file(state, path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DataDamaged, match=f"weights.{ending}"):
        networks.load_weights(networks.build("resnet8"), path)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(DataDamaged, match="not a state dict"):
        networks.load_weights(networks.build("resnet8"), tmp_path / "list.pt")


def test_missing_weights_say_where_they_go(tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIVAR_DATA", str(tmp_path))
    with pytest.raises(DataMissing) as caught:
        networks.weights_path("cifar10_resnet44")
    message = str(caught.value)
    assert str(tmp_path / "weights" / "cifar10_resnet44.safetensors") in message
    assert "by hand" in message and "EQUIVAR_DATA" in message
    with pytest.raises(DataMissing, match=r"nowhere\.pt.*by hand"):
        networks.load_weights(networks.build("resnet8"), tmp_path / "nowhere.pt")
    path = tmp_path / "weights" / "cifar10_resnet44.pt"
    path.parent.mkdir()
    path.touch()
    assert networks.weights_path("cifar10_resnet44") == path


def local_file(name):
    roots = [data_root(), SHARED]
    return next((root / name for root in roots if (root / name).exists()), None)


@pytest.mark.parametrize("depth", [20, 32, 44, 56])
def test_local_weights_load_strictly(depth):
    path = local_file(f"weights/cifar10_resnet{depth}.safetensors")
    if path is None:
        pytest.skip("no local weights")
    model = networks.load_weights(networks.build(f"resnet{depth}"), path)
    for name, value in safetensors.torch.load_file(path).items():
        assert torch.equal(model.state_dict()[name].float(), value.float())
