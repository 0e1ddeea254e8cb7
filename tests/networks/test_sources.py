"""Networks by name, their weights, and a reader's own code."""

import pickle
import urllib.error

import pytest
import safetensors.torch
import timm
import torch
from torch import nn

from equivar import networks
from equivar.files import DataDamaged, DataMissing

OWN = """
import torch
from torch import nn
import beside

SIDE = 3

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.Conv2d(width, 6, 3))

    def forward(self, x):
        return self.body(x).mean((2, 3))

class Two(Net):
    def forward(self, x, mask):
        return x * mask

class Fussy(Net):
    def forward(self, x):
        raise KeyError("what is this")

net = Net()

def needs(a, b): return Net()

def odd(): return {"state": 1}

def fails():
    torch.zeros(2) + torch.zeros(3)
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "beside.py").write_text("x = 1\n")
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def test_names_lead_to_networks_with_the_images_they_were_made_for():
    vit = networks.load("timm:test_vit", "random")
    assert str(vit.input) == "3 x 160 x 160" and vit.input.mean == (0.5, 0.5, 0.5)
    assert vit.input.interpolation == "bicubic" and vit.input.resize == (168, 168)
    inception = timm.get_pretrained_cfg("inception_v3")
    assert inception.input_size == (3, 299, 299)  # so 224 is nowhere assumed
    squeeze = networks.load("torchvision:squeezenet1_1", "random")
    assert squeeze.input.resize == (256, 256) and squeeze.input.interpolation == "bilinear"
    digits = networks.load("equivar:cnn7")
    assert str(digits.input) == "1 x 28 x 28" and digits.weights == "random, seed 0"
    toy = networks.load("equivar:toy-equivariant")
    assert toy.input.mean == (0, 0, 0) and toy.trained
    grey = networks.load("timm:test_resnet", "random", options={"in_chans": 1})
    assert grey.input.channels == 1 and len(grey.input.mean) == 1
    for network in (vit, digits, toy, grey):
        networks.check(network)
        assert not network.model.training


def test_random_weights_depend_on_the_seed_alone():
    state = torch.get_rng_state()
    first, again, other = (networks.load("timm:test_vit", "random", seed=s) for s in (0, 0, 1))
    assert first.sha256 == again.sha256 != other.sha256
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("name", "weights", "words"),
    [
        ("tim:resnet18", "", "unknown source 'tim'.*Did you mean timm:resnet18"),
        ("resnet18", "", "does not say where.*torchvision:resnet18"),
        ("timm:", "", "is named timm:NAME"),
        ("timm:resnt18", "", r"unknown network 'timm:resnt18'\. Did you mean timm:resnet18"),
        ("timm:resnet18.tv_in2k", "", r"timm:resnet18\.tv_in1k"),
        ("timm:test_mambaout.x", "random", "unknown network"),
        ("torchvision:resnet19", "", "Did you mean torchvision:resnet1"),
        ("torchvision:resnet18", "hub:V9", "IMAGENET1K_V1"),
        ("equivar:resnet45", "", "equivar:resnet44"),
        ("equivar:cnn7", "hub", "no published weights"),
    ],
)
def test_misspelt_names_are_told_with_near_ones(name, weights, words):
    with pytest.raises(ValueError, match=words) as error:
        networks.load(name, weights)
    assert len(str(error.value)) < 900 and "\n" not in str(error.value)


def test_options_reach_the_maker_and_unknown_ones_are_named():
    narrow = networks.load("timm:test_resnet", "random", options={"num_classes": 7})
    assert narrow.model.num_classes == 7
    for name in ("timm:test_resnet", "torchvision:squeezenet1_1", "equivar:resnet8"):
        with pytest.raises(ValueError, match=r"can not be built with colour='red'"):
            networks.load(name, "random", options={"colour": "red"})


def test_without_a_network_the_error_says_what_was_wanted(monkeypatch, tmp_path):
    def offline(*_, **__):
        raise urllib.error.URLError(ConnectionRefusedError("refused"))

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("timm.models._hub.hf_hub_download", offline)
    for name, wanted in (("timm:resnet18", "timm/resnet18.a1_in1k"),
                         ("torchvision:squeezenet1_1", "squeezenet1_1-b8a52dc0.pth")):  # fmt: skip
        with pytest.raises(DataMissing, match=rf"{name} .*{wanted}.*refused.*local file.*random"):
            networks.load(name, "hub")


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_local_weights_are_loaded_and_hashed(tmp_path, ending):
    source = networks.load("timm:test_vit", "random", seed=5)
    path = tmp_path / f"w.{ending}"
    if ending == "pth":
        torch.save(source.model.state_dict(), path)
    else:
        safetensors.torch.save_file(source.model.state_dict(), path)
    loaded = networks.load("timm:test_vit", path)
    assert torch.equal(loaded.model.head.weight, source.model.head.weight)
    assert loaded.trained and len(loaded.sha256) == 64 and loaded.weights == str(path)


def test_weights_may_be_named_under_the_data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIVAR_DATA", str(tmp_path))
    (tmp_path / "weights").mkdir()
    state = networks.load("equivar:resnet8", seed=3).model.state_dict()
    safetensors.torch.save_file(state, tmp_path / "weights" / "mine.safetensors")
    assert networks.load("equivar:resnet8", "mine").weights.endswith("mine.safetensors")
    with pytest.raises(DataMissing, match=r"yours\.safetensors is missing: it belongs at"):
        networks.load("equivar:resnet8", "yours")


class Trap:
    """Writes a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_bad_weights_are_refused_and_no_code_runs(tmp_path):
    torch.save({"a": Trap(tmp_path / "ran")}, tmp_path / "code.pt")
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\x00\x00")
    (tmp_path / "empty.pt").write_bytes(b"")
    for name in ("code.pt", "raw.pth", "cut.safetensors", "empty.pt"):
        with pytest.raises(DataDamaged, match=name):
            networks.load("equivar:resnet8", tmp_path / name)
    assert not (tmp_path / "ran").exists()
    other = {"conv1.weight": torch.zeros(1), "new": torch.zeros(1)}
    safetensors.torch.save_file(other, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"missing \(bn1\.weight.*unexpected \(new\).*conv1"):
        networks.load("equivar:resnet8", tmp_path / "other.safetensors")
    with pytest.raises(DataMissing, match=r"no weights at .*none\.pt"):
        networks.load("equivar:resnet8", tmp_path / "none.pt")


def test_a_readers_own_network(own):
    network = networks.load(f"{own}:Net", options={"width": 8})
    assert network.model.body[0].out_channels == 8
    assert network.input.channels == 1 and network.input.height == 224
    networks.check(network.with_input(size=9))
    assert isinstance(networks.load(f"{own}:net").model, nn.Module)
    assert networks.load(f"{own}:Net").sha256 == networks.load(f"{own}:Net", "random").sha256


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        (":nett", "unknown name in own.py 'nett'. Did you mean 'net'"),
        (":needs", "can not be called with no options: missing a required argument: 'a'"),
        (":odd", "own.py:odd returns dict, not a torch.nn.Module"),
        (":SIDE", "own.py:SIDE is int: neither a callable nor a module"),
        (":fails", r"own\.py, line 31: RuntimeError: The size of tensor"),
        ("", r"own\.py:make_model"),
    ],
)
def test_mistakes_in_a_readers_own_file_are_one_line(own, attribute, words):
    with pytest.raises(ValueError, match=words) as error:
        networks.load(f"{own}{attribute}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 1\nimport nowhere_at_all", r"own\.py, line 2: ModuleNotFoundError"),
        ("def f(:\n", r"own\.py, line 1: SyntaxError"),
        ("raise SystemExit(3)", r"own\.py, line 1: SystemExit: 3"),
    ],
)
def test_code_that_fails_on_import_is_told_with_its_line(own, code, words):
    own.write_text(code)
    with pytest.raises(ValueError, match=words):
        networks.load(f"{own}:net")
    with pytest.raises(FileNotFoundError, match="no file"):
        networks.load(f"{own.parent}/none.py:net")


def test_a_network_that_can_not_take_the_images_says_so(own):
    vit = networks.load("timm:test_vit", "random").with_input(size=50)
    with pytest.raises(ValueError, match=r"3 x 50 x 50 \(its own size is 3 x 160 x 160\): Assert"):
        networks.check(vit)
    small = networks.load("equivar:cnn7").with_input(size=12)
    with pytest.raises(ValueError, match=r"fails on images of 1 x 12 x 12.*needs 26"):
        networks.check(small)
    with pytest.raises(ValueError, match=r"only argument: TypeError: .*missing 1 .*'mask'"):
        networks.check(networks.load(f"{own}:Two"))
    with pytest.raises(ValueError, match=r"KeyError: .*what is this.* \(own\.py, line 22\)"):
        networks.check(networks.load(f"{own}:Fussy"))


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
