"""Standard errors and averages, against measuring again without a group of images."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import equivar

IMAGES = torch.rand(40, 3, 10, 10, generator=torch.Generator().manual_seed(4)).double()
GROUPS, BLOCK = 10, 4


def network():
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(5, 30, 3, stride=3), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1),
    )


def measure(images, **options):
    return equivar.measure(
        network().double(),
        images,
        equivar.rotations(),
        layers=["0", "1", "2"],
        progress=False,
        **options,
    )


def without_each_group(statistic, **options):
    """The literal jackknife: every image of a group left out, and all measured again."""
    values = []
    for group in range(GROUPS):
        kept = [i for i in range(len(IMAGES)) if i // BLOCK % GROUPS != group]
        values.append(statistic(measure(IMAGES[kept], chance=False, **options)))
    values = np.array(values)
    return np.sqrt((GROUPS - 1) / GROUPS * ((values - values.mean(0)) ** 2).sum(0))


@pytest.mark.parametrize("options", [{}, {"over": "dataset"}], ids=str)
def test_jackknife_errors_are_literal(options):
    table = measure(IMAGES, batch_size=7, **options)
    expected = without_each_group(lambda t: t["score"].to_numpy(), **options)
    jackknifed = (table["over"] == "dataset") | (table["kind"] == "equivariance")
    np.testing.assert_allclose(table["se"][jackknifed], expected[jackknifed], rtol=1e-3)
    single = [measure(image[None], chance=False, **options)["score"] for image in IMAGES]
    over_images = np.std(single, axis=0, ddof=1) / np.sqrt(len(IMAGES))
    np.testing.assert_allclose(table["se"][~jackknifed], over_images[~jackknifed], rtol=1e-6)


def test_the_error_of_an_average_is_literal():
    table = measure(IMAGES)
    for by in ("part", "transform", ["layer", "transform"]):
        summary = equivar.summarise(table, by=by)
        expected = without_each_group(lambda t, by=by: equivar.summarise(t, by)["score"].to_numpy())
        np.testing.assert_allclose(summary["se"], expected, rtol=1e-3)
        means = table.groupby([*np.atleast_1d(by), "kind"], sort=False)["score"].mean()
        np.testing.assert_allclose(np.sort(summary["score"]), np.sort(means))


def test_filtered_tables_and_tables_from_a_file(tmp_path):
    table = measure(IMAGES)
    some = table[table["transform"] != "rotation-180"].reset_index(drop=True)
    summary = equivar.summarise(some)
    expected = without_each_group(
        lambda t: equivar.summarise(t[t["transform"] != "rotation-180"])["score"].to_numpy()
    )
    np.testing.assert_allclose(summary["se"], expected, rtol=1e-3)
    assert summary["rows"].eq(2).all()
    some.to_csv(tmp_path / "t.csv", index=False)
    read = equivar.summarise(pd.read_csv(tmp_path / "t.csv"))
    errors = ["se", "corrected_se", "excess_se"]
    pd.testing.assert_frame_equal(read.drop(columns=errors), summary.drop(columns=errors))
    assert read[["corrected_se", "excess_se"]].isna().all(axis=None)
    assert (read["se"] >= summary["se"] * 0.6).all()


def test_parts_come_in_depth_order():
    table = measure(IMAGES)
    shuffled = table.sample(frac=1, random_state=0)
    parts = equivar.summarise(shuffled).drop_duplicates("part")["part"].tolist()
    assert parts == ["early", "middle", "final"]


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="no column 'parts'"):
        equivar.summarise(measure(IMAGES[:8]), by="parts")
