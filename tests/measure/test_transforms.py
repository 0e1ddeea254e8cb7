"""Transformations: what moves where, and how their names are read."""

import pytest
import torch

import equivar
from equivar.transforms import parse_transforms


def test_transformations_take_whole_numbers():
    with pytest.raises(TypeError, match="whole pixels and quarter turns"):
        equivar.Shift(1.5)
    with pytest.raises(TypeError):
        equivar.Rotation(0.5)
    with pytest.raises(ValueError, match="empty"):
        equivar.diagonal_shifts(3, 2)
    assert equivar.Rotation(-1) == equivar.Rotation(3)
    assert [t.name for t in equivar.diagonal_shifts(1, 3)] == ["shift-1", "shift-2", "shift-3"]


def test_images_move_down_and_right():
    x = torch.arange(9.0).view(1, 1, 3, 3)
    moved = equivar.Shift(1).on_images(x)[0, 0]
    assert moved.tolist() == [[0, 0, 0], [0, 0, 1], [0, 3, 4]]
    wrapped = equivar.Shift(1).on_images(x, "wrap")[0, 0]
    assert wrapped.tolist() == [[8, 6, 7], [2, 0, 1], [5, 3, 4]]
    assert torch.equal(equivar.Rotation(1).on_images(x), torch.rot90(x, 1, (2, 3)))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("rotations", ["rotation-90", "rotation-180", "rotation-270"]),
        ("rotation-90, shift-3", ["rotation-90", "shift-3"]),
        ("shifts:1-3,shift-2", ["shift-1", "shift-2", "shift-3"]),
        (["shifts:4-12:4"], ["shift-4", "shift-8", "shift-12"]),
        ("shift--3", ["shift--3"]),
        ("shifts:-2-1", ["shift--2", "shift--1", "shift-0", "shift-1"]),
        ("shifts:-8--4:4", ["shift--8", "shift--4"]),
    ],
)
def test_transformations_are_read(text, names):
    assert [transform.name for transform in parse_transforms(text)] == names
