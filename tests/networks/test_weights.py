"""Files of weights as they are found: keys, prefixes of wrappers, and files that hold none."""

import copy

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from equivar.files import DataDamaged
from equivar.networks.weights import load_weights


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2)).eval()


class Module(nn.Module):
    """A network whose own names begin as a wrapper's do."""

    def __init__(self, seed):
        super().__init__()
        self.module = net(seed)


def same(model, other):
    mine, its = model.state_dict(), other.state_dict()
    return mine.keys() == its.keys() and all(torch.equal(mine[name], its[name]) for name in mine)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    key=st.sampled_from(["", "state_dict", "model", "model_state_dict", "ema", "weights"]),
    prefix=st.sampled_from(["", "module.", "_orig_mod.", "module._orig_mod.", "backbone."]),
    rest=st.sampled_from([{}, {"epoch": 3}, {"optimizer": {"lr": 0.1, "state": {}}}]),
    ending=st.sampled_from(["pt", "pth", "safetensors"]),
    own=st.booleans(),
)
def test_weights_are_found_under_any_key_and_behind_any_wrapper(
    tmp_path, key, prefix, rest, ending, own
):
    make = Module if own else net
    source, model, path = make(5), make(0), tmp_path / f"w.{ending}"
    state = {prefix + name: value for name, value in source.state_dict().items()}
    if ending == "safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save({key: state, **rest} if key else state, path)
    load_weights(model, path)
    assert same(model, source)


def test_of_several_the_weights_that_were_trained_are_taken_and_the_others_named(tmp_path):
    trained, averaged, model = net(1), net(2), net(0)
    torch.save({"model_ema": averaged.state_dict(), "model": trained.state_dict()},
               tmp_path / "w.pt")  # fmt: skip
    with pytest.warns(UserWarning, match="under 'model' are taken, not .*model_ema"):
        load_weights(model, tmp_path / "w.pt")
    assert same(model, trained)


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"<html><head>", "a web page"),
        (b"", "can not be read as weights"),
    ],
)
def test_what_only_stands_for_weights_is_said(tmp_path, ending, content, words):
    path = tmp_path / f"w.{ending}"
    path.write_bytes(content)
    with pytest.raises(DataDamaged, match=words):
        load_weights(net(), path)


def test_where_nothing_fits_the_keys_are_listed(tmp_path):
    torch.save({"epoch": 3, "best": 0.5}, tmp_path / "none.pt")
    with pytest.raises(DataDamaged, match="'epoch', 'best'"):
        load_weights(net(), tmp_path / "none.pt")
    other = {"encoder": nn.Linear(3, 3).state_dict(), "decoder": nn.Linear(3, 4).state_dict()}
    torch.save(other, tmp_path / "other.pt")
    model = net()
    before = copy.deepcopy(model)
    with pytest.raises(ValueError, match="'encoder', 'decoder'"):
        load_weights(model, tmp_path / "other.pt")
    assert same(model, before)


def test_a_network_with_lazy_modules_reads_its_weights(tmp_path):
    def lazy(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.LazyConv2d(2, 3), nn.ReLU())

    source, model = lazy(1), lazy(0)
    source(torch.zeros(1, 1, 5, 5))
    torch.save(source.state_dict(), tmp_path / "w.pt")
    load_weights(model, tmp_path / "w.pt")
    assert same(model, source)
