"""How `equivar.measure` treats networks, images and mistakes."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import equivar
from equivar.measure import COLUMNS
from equivar.measure.dataset_scores import DatasetScores

IMAGES = torch.rand(13, 3, 12, 12, generator=torch.Generator().manual_seed(0))
TURN = [equivar.Rotation(1)]


class Net(nn.Module):
    """Two convolutions and a head; counts the images it is given."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(6, 8, 3, padding=1, stride=2)
        self.unused = nn.Conv2d(6, 8, 1)
        self.head = nn.Linear(8, 4)
        self.drop = nn.Dropout(0.5)
        self.seen = []

    def forward(self, x):
        self.seen.append(len(x))
        x = self.relu(self.first(x))
        x = self.second(x)
        return self.head(self.drop(x.mean((2, 3))))


LAYERS = ["first", "second", "head:input", "head"]


def measure(model, images=IMAGES, transforms=TURN, layers=LAYERS, **options):
    return equivar.measure(model, images, transforms, layers=layers, progress=False, **options)


OF_GROUPS = ["se", "groups"]  # groups of images depend on memory, and on whether a count is known


def same(a, b, atol=1e-5):
    pd.testing.assert_frame_equal(
        *(one.drop(columns=OF_GROUPS) for one in (a, b)), atol=atol, rtol=0, check_exact=False
    )


def test_the_table_is_tidy():
    table = measure(Net(), transforms=[*equivar.rotations(), equivar.Shift(3)])
    assert list(table.columns) == COLUMNS
    assert len(table) == 4 * 4 * 2
    assert set(table["transform"]) == {"rotation-90", "rotation-180", "rotation-270", "shift-3"}
    assert not table.duplicated(["layer", "transform", "kind"]).any()
    rows = table.drop_duplicates("layer").set_index("layer")
    assert rows["index"].tolist() == [0, 1, 2, 3]
    assert rows["part"].tolist() == ["early", "middle", "pool", "final"]
    assert rows["channels"].tolist() == [6, 8, 8, 4]
    assert rows["height"].tolist() == [12, 6, 1, 1]
    assert (
        rows["stride"].tolist()[:2] == [1, 2] and rows["stride"].isna().tolist()[2:] == [True] * 2
    )
    assert rows["over"].tolist() == ["image", "image", "dataset", "dataset"]
    assert table["images"].eq(13).all()
    assert table.attrs["similarity"] == "correlation" and "torch" in table.attrs["versions"]


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_the_cost_is_exactly_images_times_transforms_plus_one(batch_size):
    net = Net()
    measure(net, transforms=equivar.diagonal_shifts(1, 4), batch_size=batch_size)
    assert sum(net.seen) == len(IMAGES) * 5
    assert max(net.seen) <= batch_size


@pytest.mark.parametrize("options", [{}, {"match": "image"}, {"over": "dataset"}], ids=str)
def test_batches_and_other_layers_do_not_matter(options):
    whole = measure(Net(), **options)
    for batch_size in (1, 4, 9):
        same(measure(Net(), batch_size=batch_size, **options), whole)
    loader = DataLoader(TensorDataset(IMAGES, torch.zeros(13)), batch_size=5)
    same(measure(Net(), loader, **options), whole)
    same(measure(Net(), (batch for batch in IMAGES.split(6)), **options), whole)
    alone = measure(Net(), layers=["second"], **options)
    of_all = whole[whole["layer"] == "second"].reset_index(drop=True)
    same(alone.drop(columns=["index", "part"]), of_all.drop(columns=["index", "part"]))
    turned = measure(Net(), layers=LAYERS[::-1], **options).set_index(["layer", "kind"])["score"]
    expected = whole.set_index(["layer", "kind"])["score"]
    np.testing.assert_allclose(turned.loc[expected.index], expected, atol=1e-5)


def test_an_in_place_activation_does_not_leak_into_the_layer_before():
    """`first` is measured before the ReLU that overwrites it."""
    for transforms in (TURN, [equivar.Shift(1)]):
        for over in ("image", "dataset"):
            net, pure = Net(), Net()
            pure.relu = nn.ReLU(inplace=False)
            options = {"transforms": transforms, "over": over, "batch_size": 4}
            same(measure(net, **options), measure(pure, **options))


def test_little_memory_means_more_passes_and_the_same_scores():
    whole = measure(Net(), transforms=equivar.rotations())
    net = Net()
    parts = measure(net, transforms=equivar.rotations(), max_memory=1)
    same(whole, parts)
    assert sum(net.seen) == len(IMAGES) * (3 + 3)
    with pytest.raises(ValueError, match=r"read only once.*max_memory=\d+"):
        measure(Net(), iter([IMAGES]), equivar.rotations(), max_memory=1)


def test_out_of_memory_halves_the_batch(recwarn):
    class Small(Net):
        def forward(self, x):
            if len(x) > 3 and x[0, 0, 0, 0] != 0:  # transformed batches only
                self.first(x)
                raise torch.OutOfMemoryError("out of memory")
            return super().forward(x)

    images = IMAGES.clone()
    images[:, :, 0, 0] = 0
    whole = measure(Net(), images, equivar.rotations())
    same(measure(Small(), images, equivar.rotations(), batch_size=8), whole)
    assert any("out of memory with 8 images" in str(w.message) for w in recwarn)


def test_the_model_is_left_as_it_was():
    net = Net().train()
    net.first.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    measure(net)
    assert net.training and not net.first.training and net.drop.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    with pytest.raises(ValueError):
        measure(net, torch.full((2, 3, 12, 12), torch.nan))
    with pytest.raises(RuntimeError):
        measure(net, torch.rand(2, 5, 12, 12))
    assert net.training and not net.first.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_layers_may_be_a_name_or_carry_parts():
    assert set(measure(Net(), layers="second")["layer"]) == {"second"}
    table = measure(Net(), layers={"second": "late", "head": "final"})
    assert table.drop_duplicates("layer")["part"].tolist() == ["late", "final"]


def test_a_layer_called_twice_is_read_at_its_last_call():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.copy = nn.Conv2d(3, 3, 3, padding=1), nn.Identity()

        def forward(self, x):
            return self.copy(self.conv(self.conv(x)))

    with pytest.warns(UserWarning, match="'conv' is called 2 times"):
        twice = measure(Twice(), layers=["conv"], batch_size=5)
    last = measure(Twice(), layers=["copy"], batch_size=5)
    same(twice.drop(columns="layer"), last.drop(columns="layer"))


def test_an_item_of_a_tuple_is_named():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Module()
            self.layer.forward = lambda x: (x, {"deep": x * 2})

        def forward(self, x):
            return self.layer(x)[0]

    with pytest.raises(
        ValueError, match=r"gives 2 tensors, of which 2 are maps; name one: 'layer:0', 'layer:1'"
    ):
        measure(Pair(), layers=["layer"])
    with pytest.raises(ValueError, match="no item 2"):
        measure(Pair(), layers=["layer:2"])
    np.testing.assert_allclose(measure(Pair(), layers=["layer:0"])["score"], 1, atol=1e-6)


def test_sides_of_different_length():
    """A turn swaps them; convolutions do not mind."""
    table = measure(
        Net(), torch.rand(6, 3, 12, 20), equivar.rotations(), layers=["first", "second"]
    )
    assert table["score"].notna().all()
    assert table.drop_duplicates("layer")[["height", "width"]].to_numpy().tolist() == [
        [12, 20],
        [6, 10],
    ]


def test_tokens_lose_their_prefix_and_become_their_grid():
    class Tokens(nn.Module):
        def __init__(self, prefix):
            super().__init__()
            torch.manual_seed(0)
            self.embed = nn.Conv2d(3, 8, 3, stride=3)
            self.prefix = nn.Parameter(torch.randn(1, prefix, 8))
            self.block = nn.Identity()

        def forward(self, x):
            x = self.embed(x).flatten(2).transpose(1, 2)
            return self.block(torch.cat([self.prefix.expand(len(x), -1, -1), x], 1))

    for images in (torch.rand(5, 3, 12, 12), torch.rand(5, 3, 12, 18)):
        for prefix in (0, 1, 2, 5):
            maps = measure(Tokens(prefix), images, equivar.rotations(), layers=["embed"])
            tokens = measure(Tokens(prefix), images, equivar.rotations(), layers=["block"])
            same(tokens.drop(columns="layer"), maps.drop(columns="layer"))
            assert tokens["stride"].eq(3).all()


def test_channels_last_maps():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.block = nn.Conv2d(3, 7, 3, stride=2, padding=1), nn.Identity()

        def forward(self, x):
            return self.block(self.conv(x).permute(0, 2, 3, 1))

    for images in (IMAGES, torch.rand(4, 3, 12, 20)):
        table = measure(Last(), images, equivar.rotations(), layers=["conv", "block"])
        first, second = (table[table["layer"] == name] for name in ("conv", "block"))
        columns = ["channels", "height", "width", "stride", "score", "chance"]
        np.testing.assert_allclose(first[columns], second[columns])


def test_a_network_that_needs_its_memory_in_order():
    class Viewer(nn.Sequential):
        def forward(self, x):
            return self[1](self[0](x).view(len(x), -1))

    net = Viewer(nn.Conv2d(3, 2, 3), nn.Linear(200, 3))
    assert measure(net, layers=["0", "1"])["score"].notna().all()


def test_half_precision_networks_and_double_images():
    table = measure(Net(), IMAGES.double())
    same(table, measure(Net()))
    low = measure(Net().bfloat16())
    np.testing.assert_allclose(low["score"], table["score"], atol=0.1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layers": ["firts"]}, ValueError, "no layer 'firts' in Net; near names: first"),
        ({"layers": ["unused"]}, ValueError, "'unused' is never called"),
        ({"layers": []}, ValueError, "`layers` is empty"),
        ({"layers": ["first", "first"]}, ValueError, "'first' is named twice"),
        ({"images": torch.rand(0, 3, 12, 12)}, ValueError, "`images` is empty"),
        ({"images": []}, ValueError, "`images` is empty"),
        ({"images": torch.rand(3, 12, 12)}, ValueError, "a single image needs a first dimension"),
        ({"images": (IMAGES * 255).byte()}, ValueError, "floating-point images"),
        ({"images": "a folder"}, TypeError, "not str"),
        ({"images": [1, 2]}, TypeError, "batch 0 should be a tensor"),
        ({"transforms": []}, ValueError, "`transforms` is empty"),
        ({"transforms": [90]}, TypeError, "90 is no transformation"),
        ({"transforms": [equivar.Shift(1)] * 2}, ValueError, "given twice"),
        ({"transforms": [equivar.Shift(12)]}, ValueError, "shift-12 .* 12 x 12"),
        ({"similarity": "pearson"}, ValueError, "similarity='pearson': choose one of"),
        ({"over": "images"}, ValueError, "over='images'"),
        ({"match": "layer"}, ValueError, "match='layer'"),
        ({"border": "reflect"}, ValueError, "border='reflect'"),
        ({"subpixel": "cubic"}, ValueError, "subpixel='cubic'"),
        ({"batch_size": 0}, ValueError, "batch_size=0"),
    ],
    ids=str,
)
def test_mistakes_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        measure(Net(), **arguments)


def test_an_image_with_nan_is_named():
    images = IMAGES.clone()
    images[9, 1, 2, 3] = torch.nan
    images[11] = torch.inf
    with pytest.raises(ValueError, match="pixels of image 9, 11"):
        measure(Net(), images)
    with pytest.raises(ValueError, match="pixels of image 9"):
        measure(Net(), images.split(4))


@pytest.mark.parametrize("layer", ["second", "head"])
@pytest.mark.parametrize("over", ["image", "dataset"])
@pytest.mark.parametrize("transforms", [TURN, [equivar.Shift(1)]], ids=["turn", "shift"])
def test_activations_that_are_not_finite_are_named(layer, over, transforms):
    net = Net()
    with torch.no_grad():
        getattr(net, layer).bias[0] = torch.nan
    with pytest.raises(ValueError, match=rf"output of layer '{layer}' for images 0 to"):
        measure(net, layers=[layer], over=over, transforms=transforms)


def test_no_score_is_made_from_a_sum_half_added_to(monkeypatch):
    def fail(*args):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(DatasetScores, "add", fail)
    with pytest.raises(MemoryError, match="scoring layer 'head:input': give a smaller batch_size"):
        measure(Net())
