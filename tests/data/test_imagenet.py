"""ImageNet: the same images from a folder and from tables, and other layouts refused."""

import numpy as np
import pytest
import torch
from image_tables import encoded, write_table

from equivar import data as datasets
from equivar.data import DataDamaged, DataMissing

WNIDS = [f"n{number:08}" for number in range(1000)]


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """One picture of 8 x 8 for each class and a second one for ten; as a folder and as tables."""
    root = tmp_path_factory.mktemp("imagenet")
    rows = []
    for label, wnid in enumerate(WNIDS):
        folder = root / "folder" / "imagenet" / "val" / wnid
        folder.mkdir(parents=True)
        for copy in range(2 if label < 10 else 1):
            picture = np.full((8, 8, 3), (label % 256, label // 256, copy), np.uint8)
            name = f"ILSVRC2012_val_{copy}{label:07}.JPEG"  # PNG inside: pixels stay as they are
            (folder / name).write_bytes(encoded(picture))
            rows.append((picture, label, name))
    order = np.random.default_rng(0).permutation(len(rows))
    for part in range(2):
        pictures, labels, names = zip(*(rows[i] for i in order[part::2]), strict=True)
        path = root / "tables" / "imagenet" / f"validation-{part:05}-of-00002.parquet"
        write_table(path, pictures, labels, "image", names)
    return root


def test_imagenet_from_a_folder_and_from_tables(imagenet):
    options = {"size": 8, "resize": 8, "count": 50}
    folder = datasets.load("imagenet", "val", root=imagenet / "folder", **options)
    assert folder.images.shape == (50, 3, 8, 8)
    pixels = folder.images[:, :, 0, 0].long()
    assert torch.equal(pixels[:, 0] + 256 * pixels[:, 1], folder.labels)
    table = datasets.load("imagenet", "val", root=imagenet / "tables", **options)
    assert torch.equal(folder.images, table.images) and torch.equal(folder.labels, table.labels)
    fewer = datasets.load("imagenet", "val", root=imagenet / "folder", **options | {"count": 20})
    assert torch.equal(fewer.images, folder.images[:20])
    other = datasets.load("imagenet", "val", root=imagenet / "folder", **options, seed=1)
    assert not torch.equal(other.labels, folder.labels)
    for count in (0, 1011):
        with pytest.raises(ValueError, match=f"{count} images asked for, imagenet has 1010"):
            datasets.load("imagenet", "val", root=imagenet / "folder", count=count)


def test_imagenet_fingerprint_follows_its_files(imagenet, tmp_path):
    found = datasets.fingerprint("imagenet", "val", root=imagenet / "folder")
    assert len(found) == 64
    assert found == datasets.fingerprint("imagenet", "val", root=imagenet / "folder")
    assert found != datasets.fingerprint("imagenet", "val", root=imagenet / "tables")
    assert not datasets.verify("imagenet", "val", root=imagenet / "tables")  # nothing on record


def test_imagenet_folders_of_other_layouts_are_refused(tmp_path):
    home = tmp_path / "imagenet" / "val"
    with pytest.raises(DataMissing, match="one folder for each class"):
        datasets.load("imagenet", "val", root=tmp_path)
    home.mkdir(parents=True)
    (home / "ILSVRC2012_val_00000001.JPEG").write_bytes(b"")
    with pytest.raises(DataDamaged, match="0 folders of classes, not 1000"):
        datasets.load("imagenet", "val", root=tmp_path)
    for wnid in WNIDS[:-1]:
        (home / wnid).mkdir()
    with pytest.raises(DataDamaged, match=r"999 folders of classes \(n00000000, n00000001, "):
        datasets.load("imagenet", "val", root=tmp_path)
    (home / "zebra").mkdir()
    with pytest.raises(DataDamaged, match="no wnids: zebra"):
        datasets.load("imagenet", "val", root=tmp_path)
    (home / "zebra").rename(home / WNIDS[-1])
    with pytest.raises(DataDamaged, match="no valid file for the classes"):
        datasets.load("imagenet", "val", root=tmp_path)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([*range(1, 1001)], r"labels 1\.\.1000, but 1000 classes"),
        ([-1] * 1000, r"labels -1\.\.-1"),
        (
            [*range(7), *range(8, 1000)],
            "1 of 1000 classes have no image, the first one is number 7",
        ),
    ],
)
def test_imagenet_tables_of_other_labels_are_refused(tmp_path, labels, words):
    path = tmp_path / "imagenet" / "validation.parquet"
    write_table(path, [np.zeros((2, 2, 3), np.uint8)] * len(labels), labels)
    with pytest.raises(DataDamaged, match=words):
        datasets.load("imagenet", "val", root=tmp_path)


def test_imagenet_sample_is_resized_and_cropped_in_the_middle(tmp_path, any_data):
    """A wide picture, white but for a red square in its middle that just fills the crop."""
    wide = np.full((64, 128, 3), 255, np.uint8)
    wide[16:48, 48:80] = (255, 0, 0)
    tall = np.ascontiguousarray(wide.transpose(1, 0, 2))
    write_table(tmp_path / "imagenet-sample" / "sample.parquet", [wide, tall], [0, 999], "image")
    data = datasets.load("imagenet-sample", "train", root=tmp_path, size=32, resize=64)
    assert data.images.shape == (2, 3, 32, 32) and data.labels.tolist() == [0, 999]
    assert (data.images[:, 0] == 255).all() and (data.images[:, 1:] == 0).all()
    half = datasets.load("imagenet-sample", root=tmp_path, size=24, resize=32)
    assert half.images.shape == (2, 3, 24, 24)
    assert (half.images[:, 1, 6:18, 6:18] == 0).all() and (half.images[:, 1, 0, 0] == 255).all()
    assert data.classes[0] == "tench" and len(data.classes) == 1000
    with pytest.raises(ValueError, match="crop of 40"):
        datasets.load("imagenet-sample", root=tmp_path, size=40, resize=32)
    with pytest.raises(ValueError, match="nearest"):
        datasets.load("imagenet-sample", root=tmp_path, interpolation="nearest")
