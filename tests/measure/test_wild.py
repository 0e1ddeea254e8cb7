"""What people really bring: buffers used again, odd containers, loaders, modes, merged weights."""

import warnings
from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, SubsetRandomSampler, TensorDataset

import equivar

IMAGES = torch.randn(9, 3, 12, 12, generator=torch.Generator().manual_seed(0))
TURN = [equivar.Rotation(1)]
few = settings(max_examples=25, deadline=None)


def measure(model, images=IMAGES, transforms=TURN, **options):
    return equivar.measure(model.eval(), images, transforms, progress=False, **options)


def scores(model, images=IMAGES, transforms=TURN, **options):
    """{layer: its scores}; convolutions give the same values to 1e-5 in batches of any size."""
    table = measure(model, images, transforms, **options)
    assert table["score"].notna().all()
    return {
        name: pytest.approx(rows["score"].tolist(), abs=1e-5)
        for name, rows in table.groupby("layer")
    }


def conv(channels=6):
    torch.manual_seed(1)
    return nn.Conv2d(3, channels, 3, padding=1)


# Maps that something writes to later


class Static(nn.Module):
    """The output lies in a buffer that every forward pass writes anew, in one of several ways."""

    def __init__(self, write, buffers=1):
        super().__init__()
        self.conv, self.out, self.write = conv(), nn.Identity(), write
        self.places = [torch.zeros(64, 6, 12, 12) for _ in range(buffers)]
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        place = self.places[self.calls % len(self.places)][: len(x)]
        self.write(place, self.conv(x))
        return self.out(place)


def through_numpy(place, value):
    np.copyto(place.numpy(), value.numpy())


def through_data(place, value):
    place.data.copy_(value)


def through_out(place, value):
    torch.add(value, 0, out=place)


def piece_by_piece(place, value):
    for at, item in enumerate(value):
        place[at] = item


@pytest.mark.parametrize("buffers", [1, 2])
@pytest.mark.parametrize(
    "write", [torch.Tensor.copy_, through_numpy, through_data, through_out, piece_by_piece]
)
def test_what_is_kept_is_ours(write, buffers):
    found = scores(
        Static(write, buffers), transforms=[*TURN, equivar.Shift(2)], layers=["conv", "out"]
    )
    assert found["out"].expected == found["conv"]


class WritesLater(nn.Module):
    """The map of `conv` is changed after it, through `.data` or numpy, which no hook sees."""

    def __init__(self, numpy):
        super().__init__()
        self.conv, self.numpy = conv(), numpy

    def forward(self, x):
        maps = self.conv(x)
        if self.numpy:
            maps.detach().numpy()[:] = 7
        else:
            maps.data.mul_(0).add_(x[:, :1])
        return maps


@pytest.mark.parametrize("numpy", [False, True])
def test_a_later_write_does_not_reach_what_is_kept(numpy):
    written = scores(WritesLater(numpy), layers=["conv"])
    assert written["conv"].expected == scores(nn.Sequential(conv()), layers=["0"])["0"]


# Containers

Pair = namedtuple("Pair", "maps rest")
CONTAINERS = {
    "tuple": lambda maps: (maps,),
    "with None": lambda maps: (maps, None),
    "behind None": lambda maps: (None, maps),
    "list": lambda maps: [maps],
    "nested": lambda maps: ((maps, None), []),
    "dict": lambda maps: {"maps": maps, "loss": None},
    "ordered": lambda maps: OrderedDict(out=maps),
    "named tuple": lambda maps: Pair(maps, ()),
    "with a weight": lambda maps: (maps, torch.zeros(len(maps))),
}


class Packed(nn.Module):
    def __init__(self, pack):
        super().__init__()
        self.conv, self.pack = conv(), pack

    def forward(self, x):
        return self.pack(self.conv(x))


def unpacked(found):
    """The first map in a container."""
    if isinstance(found, torch.Tensor):
        return found if found.dim() == 4 else None
    inner = found.values() if isinstance(found, dict) else found or ()
    return next((maps for item in inner if (maps := unpacked(item)) is not None), None)


class Blocks(nn.Module):
    """Blocks of which some give containers; the network itself unpacks them."""

    def __init__(self, packs):
        super().__init__()
        torch.manual_seed(2)
        self.blocks = nn.ModuleList(Packed(pack) for pack in packs)
        for block in list(self.blocks)[1:]:
            block.conv = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        for block in self.blocks:
            x = unpacked(block(x))
        return self.head(x.mean((2, 3)))


@few
@given(st.lists(st.sampled_from(sorted(CONTAINERS)), min_size=2, max_size=4))
def test_a_container_is_read_by_its_one_map(kinds):
    plain = scores(Blocks([lambda maps: maps] * len(kinds)))
    assert list(plain) == list(found := scores(Blocks([CONTAINERS[kind] for kind in kinds])))
    assert all(found[name].expected == plain[name] for name in plain)


def test_a_model_output_is_read():
    class Output(OrderedDict):
        """As the outputs of Hugging Face's transformers: a dict whose items are attributes."""

        __getattr__ = OrderedDict.__getitem__

    found = scores(Blocks([lambda maps: Output(last_hidden_state=maps), lambda maps: maps]))
    assert len(found) == len(scores(Blocks([lambda maps: maps] * 2)))


class Unread(Blocks):
    """Between two good blocks, one that gives two maps, one that gives none and one not called."""

    def __init__(self):
        super().__init__([lambda maps: maps] * 2)
        self.blocks.insert(1, Packed(lambda maps: (maps, maps[:, :2])))
        self.blocks.insert(2, Packed(lambda maps: SimpleNamespace(maps=maps)))
        for at in (1, 2):
            self.blocks[at].conv = nn.Conv2d(6, 6, 3, padding=1)
        self.blocks.append(Packed(lambda maps: maps))

    def forward(self, x):
        x = self.blocks[1](self.blocks[0](x))[0]
        x = self.blocks[3](self.blocks[2](x).maps)
        return self.head(x.mean((2, 3)))


def test_what_can_not_be_read_is_left_out_and_said_once():
    with pytest.warns(UserWarning) as told:
        table = measure(Unread())
    assert table["layer"].unique().tolist()[:2] == ["blocks.0", "blocks.3"]
    message = str(told.pop(UserWarning).message)
    assert not told.list
    for name in ("'blocks.1'", "'blocks.2'", "'blocks.4'"):
        assert name in message
    assert "never called" in message


def test_a_network_cut_short():
    from torchvision.models.feature_extraction import create_feature_extractor

    model = create_feature_extractor(torchvision.models.resnet18(), {"layer1": "a"})
    table = measure(model, torch.randn(2, 3, 64, 64))
    assert {"layer1.0.conv2", "layer1.1.conv2"} <= set(table["layer"])  # it calls no whole block


@pytest.mark.parametrize("name", ["lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large"])
def test_dense_prediction_has_neither_pool_nor_final(name):
    model = torchvision.models.get_model(name, weights=None, weights_backbone=None)
    table = measure(model, torch.randn(2, 3, 64, 64))
    assert set(table["part"]) == {"early", "middle", "late"}


def test_a_gate_is_no_pool():
    class Gated(nn.Module):
        """A gate, as of Squeeze-and-Excitation, and maps as output."""

        def __init__(self):
            super().__init__()
            self.stages = nn.Sequential(conv(8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
            self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
            self.project = nn.Conv2d(8, 5, 1)

        def forward(self, x):
            x = self.stages(x)
            return self.project(x * self.gate(x))

    assert not {"pool", "final"} & set(measure(Gated())["part"])


# The caller's world


def test_inference_mode_is_no_matter():
    model = nn.Sequential(conv(), nn.ReLU())
    plain = scores(model)
    with torch.inference_mode():
        inside = scores(model)
        made_inside = scores(nn.Sequential(conv(), nn.ReLU()), IMAGES.clone())
    inner = nn.Sequential(conv(), nn.ReLU())
    inner.forward = torch.inference_mode()(inner.forward)
    for found in (inside, made_inside, scores(inner, layers=list(plain))):
        assert all(found[name].expected == plain[name] for name in plain)


class Adapter(nn.Module):
    """`train()` merges and unmerges weights, as low-rank adapters do."""

    def __init__(self):
        super().__init__()
        self.conv, self.delta = conv(), nn.Parameter(torch.randn(6, 3, 3, 3))
        self.merged = False

    def train(self, mode=True):
        super().train(mode)
        if mode == self.merged:
            self.conv.weight.data += (-1 if mode else 1) * self.delta.data
            self.merged = not mode
        return self

    def forward(self, x):
        out = self.conv(x)
        return out if self.merged else out + F.conv2d(x, self.delta, padding=1)


@pytest.mark.parametrize("training", [True, False])
def test_weights_merged_by_train_come_back_as_they_were(training):
    model = nn.Sequential(Adapter()).train(training)
    adapter, before = model[0], model[0].conv.weight.clone()
    equivar.measure(model, IMAGES, TURN, layers=["0"], progress=False)
    assert (model.training, adapter.training, adapter.merged) == (training, training, not training)
    torch.testing.assert_close(adapter.conv.weight, before, atol=1e-6, rtol=0)
    model(IMAGES).sum().backward()
    assert (adapter.delta.grad is None) == adapter.merged


def test_a_frozen_part_stays_in_eval_mode():
    model = nn.Sequential(conv(), nn.BatchNorm2d(6)).train()
    model[1].eval()
    equivar.measure(model, IMAGES, TURN, layers=["1"], progress=False)
    assert (model.training, model[0].training, model[1].training) == (True, True, False)


@pytest.mark.parametrize("way", ["the whole", "in place", "a part"])
def test_what_is_compiled_is_measured_as_it_was_before(way):
    def fails(graph, inputs):
        raise AssertionError("compiled")

    model = nn.Sequential(nn.Sequential(conv(), nn.ReLU()), nn.Conv2d(6, 8, 3)).eval()
    plain = scores(model)
    if way == "the whole":
        model = torch.compile(model, backend=fails)
    elif way == "in place":
        model.compile(backend=fails)
    else:
        model[0] = torch.compile(model[0], backend=fails)
    found = {name.replace("_orig_mod.", ""): score for name, score in scores(model).items()}
    assert list(plain) == list(found)
    assert all(found[name].expected == plain[name] for name in plain)


def test_batch_norm_without_running_statistics_is_said():
    model = nn.Sequential(conv(), nn.BatchNorm2d(6, track_running_stats=False))
    with pytest.warns(UserWarning, match="running statistics"):
        measure(model, layers=["1"])


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_images_say_nothing_of_layers_without_cells(count):
    model = nn.Sequential(conv(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        table = measure(model, IMAGES[:count])
    cells = table["height"] > 1
    assert table.loc[cells, "score"].notna().all()
    assert table.loc[~cells, "score"].isna().all() == (count < 4)
    assert any("too few" in str(warning.message) for warning in told) == (count < 4)


# Loaders


@few
@given(data=st.data())
def test_any_subset_by_a_sampler_scores_as_its_images_do(data):
    chosen = data.draw(st.lists(st.integers(0, 19), min_size=4, max_size=12, unique=True))
    size = data.draw(st.integers(1, 7))
    images = torch.randn(20, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    dataset, model = TensorDataset(images), nn.Sequential(conv(), nn.ReLU())
    plain = measure(model, images[chosen], batch_size=size)
    loaders = [
        DataLoader(dataset, size, sampler=chosen),
        DataLoader(dataset, batch_sampler=BatchSampler(chosen, size, drop_last=False)),
    ]
    for loader in loaders:
        table = measure(model, loader)
        assert (table["images"] == len(chosen)).all()
        np.testing.assert_allclose(table["score"], plain["score"], atol=1e-5)
        np.testing.assert_allclose(table["se"], plain["se"], atol=1e-5)


def test_orbits_take_a_sampler():
    loader = DataLoader(
        TensorDataset(torch.randn(50, 3, 8, 8)), 8, sampler=SubsetRandomSampler(range(20))
    )
    assert len(equivar.orbits(nn.Sequential(conv()).eval(), loader, progress=False))


def test_a_length_that_is_wrong_is_said():
    class Wrong(SubsetRandomSampler):
        """Says that it gives twice the images that it gives."""

        def __len__(self):
            return 2 * len(self.indices)

    loader = DataLoader(TensorDataset(IMAGES), 2, sampler=Wrong(range(9)))
    with pytest.warns(UserWarning, match="said to be 18, but there were 9"):
        table = measure(nn.Sequential(conv()), loader)
    assert (table["images"] == 9).all()


# Transformations as text


def test_transformations_may_be_text():
    model = nn.Sequential(conv())
    names = measure(model, transforms="rotations, shift--2")["transform"].unique()
    assert names.tolist() == ["rotation-90", "rotation-180", "rotation-270", "shift--2"]
