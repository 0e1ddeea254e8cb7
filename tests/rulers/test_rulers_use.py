"""How `equivar.rulers.compare` treats networks, images and mistakes."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from planted_maps import noise_images
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import equivar
from equivar.rulers import COLUMNS, RULERS

IMAGES = noise_images(24, 8)
ALL = list(RULERS)
BOTH = [equivar.Rotation(1), equivar.Rotation(2), equivar.Shift(1)]


class Small(nn.Module):
    """Two convolutions and a head; counts the images it is given."""

    def __init__(self, classes=3):
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 8, 3, padding=1, stride=2)
        self.head = nn.Linear(8, classes)
        self.seen = 0

    def forward(self, x):
        self.seen += len(x)
        return self.head(self.second(self.first(x).relu()).mean((2, 3)))


def compare(model=None, images=IMAGES, transforms=BOTH, layers=("first", "second"), **options):
    options = {"rulers": ALL, "progress": False} | options
    return equivar.rulers.compare(
        model or Small(), images, transforms, layers=list(layers), **options
    )


def test_the_table_has_a_row_for_each_ruler_layer_transformation_and_kind():
    table = compare()
    assert list(table.columns) == COLUMNS
    assert list(dict.fromkeys(table["ruler"])) == ALL
    assert not table.duplicated(["ruler", "layer", "transform", "kind"]).any()
    counts = table.groupby("ruler").size()
    assert counts["channel"] == counts["channel-dataset"] == 2 * 3 * 2
    assert counts["linear"] == counts["cca"] == counts["variance"] == 2 * 3
    assert counts["lie"] == 2 * 2
    assert counts["consistency"] == 3
    for name, rows in table.groupby("ruler"):
        assert set(rows["kind"]) == set(RULERS[name].kinds)
    assert (table["images"] == 24).all()
    assert table["score"].notna().all()
    assert (table["se"] >= 0).all()


def test_the_batch_size_makes_no_difference():
    few, many = compare(batch_size=5), compare(batch_size=24)
    numbers = ["score", "chance", "corrected"]
    assert np.allclose(few[numbers], many[numbers], atol=1e-4, equal_nan=True)


def test_it_goes_on_with_fewer_images_where_memory_runs_out():
    class Hungry(Small):
        def forward(self, x):
            if len(x) > 6:
                raise RuntimeError("can't allocate memory")
            return super().forward(x)

    with pytest.warns(UserWarning, match="out of memory"):
        found = compare(Hungry(), batch_size=24)
    numbers = ["score", "chance", "corrected"]
    assert np.allclose(found[numbers], compare()[numbers], atol=1e-4, equal_nan=True)


def test_images_may_come_in_batches():
    loader = DataLoader(TensorDataset(IMAGES, torch.zeros(24)), batch_size=7)
    listed = list(IMAGES.split(9))
    for images in (loader, listed):
        numbers = compare(images=images)["score"]
        assert np.allclose(numbers, compare()["score"], atol=1e-4, equal_nan=True)


def test_what_is_asked_for_alone_is_what_it_is_beside_the_others():
    table = compare()
    for name in ALL:
        rows = table[table["ruler"] == name].reset_index(drop=True)
        alone = compare(rulers=[name])
        same = {"atol": 1e-5, "check_exact": False}
        pd.testing.assert_frame_equal(alone, rows, **same, check_dtype=False)


def test_transformations_in_groups_give_the_same():
    few = compare(max_memory=30_000)
    scores = few[few["ruler"] != "channel"]["score"]
    whole = compare()
    assert np.allclose(scores, whole[whole["ruler"] != "channel"]["score"], atol=0.05)


def test_one_pass_serves_all_rulers_that_can_share_it():
    model = Small()
    sharing = [name for name in ALL if name != "lie"]
    compare(model, rulers=sharing)
    assert model.seen == 24 * (len(BOTH) + 1)
    model.seen = 0
    compare(model, rulers=["lie"])
    assert model.seen == 24 * (len(BOTH) + 1) + 24 * 4


def test_large_means_cost_no_precision():
    rulers = ["channel-dataset", "linear", "cca", "variance"]
    low, high = (
        equivar.rulers.compare(
            model, IMAGES, BOTH[:2], layers=["first"], rulers=rulers, progress=False
        )["score"]
        for model in (Small(), _shifted(Small(), 1000.0))
    )
    assert np.allclose(low, high, atol=1e-3)


def _shifted(model, by):
    with torch.no_grad():
        model.first.bias += by
    return model


def test_constant_channels_take_no_part():
    model, still = Small(), Small()
    with torch.no_grad():
        for one in (model, still):
            one.first.weight[0] = 0
        still.first.bias[0] = 7.0
    rulers = ["channel-dataset", "linear", "cca", "variance"]
    found = [compare(one, layers=["first"], rulers=rulers)["score"] for one in (model, still)]
    assert found[0].notna().all()
    assert np.allclose(*found, atol=1e-4)


def test_a_constant_layer_has_no_score():
    model = Small()
    nn.init.zeros_(model.first.weight)
    table = compare(model, rulers=[name for name in ALL if name != "consistency"])
    rows = table[table["layer"] == "first"]
    assert rows["score"].isna().all()


def test_the_name_of_a_ruler_is_checked():
    with pytest.raises(ValueError, match=r"unknown ruler 'linaer'. Did you mean 'linear'"):
        compare(rulers=["linaer"])
    with pytest.raises(ValueError, match="`rulers` is empty"):
        compare(rulers=[])


def test_too_few_images_are_told_with_how_many_would_do():
    with pytest.raises(ValueError, match=r"15 images are too few.* give 16 or more"):
        compare(images=IMAGES[:15])
    with pytest.raises(ValueError, match=r"linear take more images than 24: 'head' 400"):
        compare(Small(100), layers=["head"], rulers=["linear"])


def test_layers_that_are_too_small_for_a_fit_are_named_and_left_without_a_score():
    with pytest.warns(UserWarning, match=r"linear and cca take more images than 24: 'head' 400\."):
        table = compare(Small(100), layers=["first", "head"])
    fitted = table[table["ruler"].isin(["linear", "cca"]) & (table["layer"] == "head")]
    assert len(fitted) == 6
    assert fitted["score"].isna().all()
    assert table[table["layer"] == "first"]["score"].notna().all()


def test_images_of_unknown_number_are_refused():
    with pytest.raises(ValueError, match="their number must be known"):
        compare(images=(batch for batch in IMAGES.split(8)))


def test_consistency_asks_for_an_answer():
    class Dense(Small):
        def forward(self, x):
            return self.second(self.first(x))

    with pytest.raises(TypeError, match=r"'consistency' asks for one answer an image"):
        compare(Dense())
    compare(Dense(), rulers=["linear"])


def test_maps_that_are_not_finite_are_told():
    model = Small()
    with torch.no_grad():
        model.first.weight[0, 0, 0, 0] = float("inf")
    for ruler in ("linear", "lie", "channel"):
        with pytest.raises(ValueError, match="NaN or infinity in the output of layer 'first'"):
            compare(model, rulers=[ruler])


def test_the_package_offers_it_without_importing_it():
    code = (
        "import sys, equivar; assert 'torch' not in sys.modules; "
        "assert 'rulers' in dir(equivar); assert callable(equivar.rulers.compare)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
