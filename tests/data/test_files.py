"""Data sets in files of every known form: the same content in each, else a clear error."""

import gzip
import struct

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from image_tables import write_table
from places import SHARED

from equivar import data as datasets
from equivar.data import DataDamaged, DataMissing, identity
from equivar.data.images import channel_statistics
from equivar.data.registry import FILES, WEIGHTS, File, fingerprint_of


def idx(array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def mnist_files():
    rng = np.random.default_rng(0)
    return {
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (12, 28, 28)),
        "t10k-labels-idx1-ubyte": np.array([7, 2, 1, 0, 4, 3, 5, 6, 8, 9, 9, 0]),
    }


def register(monkeypatch, name, split, parts):
    """Put the sha256 of made-up data on record."""
    places = [file.place for file in FILES[name, split]]
    files = zip(places, identity.digests(parts), strict=False)
    monkeypatch.setitem(FILES, (name, split), tuple(File(*file) for file in files))


@pytest.mark.parametrize("folder", ["mnist/MNIST/raw", "MNIST/raw"])
@pytest.mark.parametrize("zipped", [True, False])
def test_mnist_from_either_folder_zipped_or_not(tmp_path, monkeypatch, mnist_files, folder, zipped):
    register(monkeypatch, "mnist", "test", map(idx, mnist_files.values()))
    home = tmp_path / folder
    home.mkdir(parents=True)
    for name, array in mnist_files.items():
        if zipped:
            (home / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (home / name).write_bytes(idx(array))
    monkeypatch.setenv("EQUIVAR_DATA", str(tmp_path))
    data = datasets.load("mnist", "test")
    assert np.array_equal(data.images[:, 0], mnist_files["t10k-images-idx3-ubyte"])
    assert data.labels.tolist() == mnist_files["t10k-labels-idx1-ubyte"].tolist()


@pytest.mark.parametrize("damage", ["half", "half-gz", "text", "labels"])
def test_damaged_mnist_is_named(tmp_path, mnist_files, damage):
    home = tmp_path / "MNIST" / "raw"
    home.mkdir(parents=True)
    images, labels = (idx(array) for array in mnist_files.values())
    bad = {
        "half": {"t10k-images-idx3-ubyte": images[:1000], "t10k-labels-idx1-ubyte": labels},
        "half-gz": {
            "t10k-images-idx3-ubyte.gz": gzip.compress(images)[:1000],
            "t10k-labels-idx1-ubyte": labels,
        },
        "text": {"t10k-images-idx3-ubyte": b"<html>no", "t10k-labels-idx1-ubyte": labels},
        "labels": {"t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": idx(np.arange(4))},
    }[damage]
    for name, content in bad.items():
        (home / name).write_bytes(content)
    with pytest.raises(DataDamaged, match="t10k-images-idx3-ubyte"):
        datasets.load("mnist", "test", root=tmp_path)


def cifar_records(rng, count):
    labels = rng.permutation(np.arange(count) % 10)[:, None]
    return np.concatenate([labels, rng.integers(0, 256, (count, 3072))], axis=1).astype(np.uint8)


def test_cifar10_binary_and_parquet(tmp_path, any_data):
    rng = np.random.default_rng(0)
    home = tmp_path / "cifar-10-batches-bin"
    home.mkdir()
    records = [cifar_records(rng, 10) for _ in range(5)]
    for number, part in enumerate(records, start=1):
        part.tofile(home / f"data_batch_{number}.bin")
    data = datasets.load("cifar10", "train", root=tmp_path)
    stacked = np.concatenate(records)
    assert np.array_equal(data.labels, stacked[:, 0])
    assert np.array_equal(data.images.flatten(1), stacked[:, 1:])
    # a parquet table comes first where there is one
    pixels = data.images[:10].permute(0, 2, 3, 1).numpy()
    write_table(tmp_path / "cifar10" / "train.parquet", pixels, range(10))
    table = datasets.load("cifar10", "train", root=tmp_path)
    assert torch.equal(table.images, data.images[:10]) and table.labels.tolist() == [*range(10)]
    (home / "data_batch_3.bin").write_bytes(b"x" * 5000)
    (tmp_path / "cifar10" / "train.parquet").unlink()
    with pytest.raises(DataDamaged, match=r"data_batch_3\.bin has 5000 bytes"):
        datasets.load("cifar10", "train", root=tmp_path)


def test_parquet_parts_are_joined_in_order(tmp_path, any_data):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    home = tmp_path / "cifar10-jpeg"
    for part in (3, 0, 4, 2, 1):
        path = home / f"test-{part:05}-of-00005.parquet"
        write_table(path, pictures[2 * part : 2 * part + 2], [2 * part, 2 * part + 1], "image")
    data = datasets.load("cifar10-jpeg", "test", root=tmp_path)
    assert data.labels.tolist() == [*range(10)]
    assert np.array_equal(data.images.permute(0, 2, 3, 1), pictures)
    (home / "test-00003-of-00005.parquet").unlink()
    with pytest.raises(DataMissing, match="4 of the 5 parts"):
        datasets.load("cifar10-jpeg", "test", root=tmp_path)


def test_damaged_parquet_is_named(tmp_path):
    path = tmp_path / "cifar10-jpeg" / "test.parquet"
    path.parent.mkdir()
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataDamaged, match=r"test\.parquet can not be read"):
        datasets.load("cifar10-jpeg", "test", root=tmp_path)
    pyarrow.parquet.write_table(pyarrow.table({"picture": ["x"], "label": [1]}), path)
    with pytest.raises(DataDamaged, match="'picture'"):
        datasets.load("cifar10-jpeg", "test", root=tmp_path)
    rows = [{"bytes": b"no image", "path": "a.jpg"}]
    pyarrow.parquet.write_table(pyarrow.table({"img": rows, "label": [1]}), path)
    with pytest.raises(DataDamaged, match=r"image 0 of .*test\.parquet"):
        datasets.load("cifar10-jpeg", "test", root=tmp_path)
    sizes = [np.zeros((32, 32, 3), np.uint8), np.zeros((32, 30, 3), np.uint8)]
    write_table(path, sizes, [1, 2])
    with pytest.raises(DataDamaged, match=r"several sizes: image 1 of .*test\.parquet is 32 x 30"):
        datasets.load("cifar10-jpeg", "test", root=tmp_path)


@pytest.mark.parametrize(
    ("side", "labels", "words"),
    [
        (28, range(10), r"of \(3, 28, 28\), those of cifar10-jpeg are \(3, 32, 32\)"),
        (32, range(1, 11), r"labels 1\.\.10, but cifar10-jpeg has 10 classes"),
        (32, range(-1, 9), r"labels -1\.\.8"),
        (32, [0, 1, 2, 3, 4, 5, 6, 7, 8, 8], "no image of class truck"),
        (32, [None, *range(9)], "1 images have no label"),
        (32, [0.5] * 10, "label is double, not whole numbers"),
        (32, range(10), "damaged, or other data: .*sha256 13d8fe5.*, but has [0-9a-f]{64}"),
    ],
)
def test_tables_of_other_content_are_refused(tmp_path, side, labels, words):
    path = tmp_path / "cifar10-jpeg" / "test.parquet"
    write_table(path, np.zeros((10, side, side, 3), np.uint8), labels)
    with pytest.raises(DataDamaged, match=words) as caught:
        datasets.load("cifar10-jpeg", "test", root=tmp_path)
    assert str(path) in str(caught.value)


def test_a_table_without_encoded_images_is_refused(tmp_path):
    path = tmp_path / "cifar10-jpeg" / "test.parquet"
    path.parent.mkdir()
    pyarrow.parquet.write_table(pyarrow.table({"img": [[1, 2]], "label": [1]}), path)
    with pytest.raises(DataDamaged, match=r"column img is list.*not a struct"):
        datasets.load("cifar10-jpeg", "test", root=tmp_path)


def test_mnist_is_the_same_in_every_container(tmp_path, monkeypatch, mnist_files):
    images, labels = (array.astype(np.uint8) for array in mnist_files.values())
    for kind in ("idx", "gz", "parquet", "parquet-rgb"):
        home = tmp_path / kind / "mnist"
        (home / "MNIST" / "raw").mkdir(parents=True)
        for name, array in mnist_files.items():
            if kind == "idx":
                (home / "MNIST" / "raw" / name).write_bytes(idx(array))
            elif kind == "gz":
                content = gzip.compress(idx(array), compresslevel=1)
                (home / "MNIST" / "raw" / f"{name}.gz").write_bytes(content)
        if kind == "parquet":
            write_table(home / "test-00000-of-00001.parquet", images, labels, "image")
        elif kind == "parquet-rgb":
            grey = np.repeat(images[..., None], 3, axis=3)
            write_table(home / "test.parquet", grey, labels)
    register(monkeypatch, "mnist", "test", map(idx, mnist_files.values()))
    wanted = fingerprint_of(identity.digests(map(idx, mnist_files.values())))
    for kind in ("idx", "gz", "parquet", "parquet-rgb"):
        data = datasets.load("mnist", "test", root=tmp_path / kind)  # verified
        assert np.array_equal(data.images[:, 0], images), kind
        parts = identity.mnist_parts(data.images, data.labels)
        assert fingerprint_of(identity.digests(parts)) == wanted
        assert datasets.fingerprint("mnist", "test", root=tmp_path / kind) == wanted
        assert datasets.verify("mnist", "test", root=tmp_path / kind)


def test_one_other_pixel_or_label_is_noticed_and_the_file_named(tmp_path, monkeypatch, mnist_files):
    register(monkeypatch, "mnist", "test", map(idx, mnist_files.values()))
    home = tmp_path / "MNIST" / "raw"
    home.mkdir(parents=True)
    for changed in mnist_files:
        for name, array in mnist_files.items():
            array = array.copy()
            if name == changed:
                array.flat[-1] ^= 1
            (home / name).write_bytes(idx(array))
        with pytest.raises(DataDamaged, match=f"{changed} should hold .*{changed}") as caught:
            datasets.load("mnist", "test", root=tmp_path)
        assert str(caught.value).count("should hold") == 1


def test_cifar10_is_identified_by_its_binary_files(tmp_path, monkeypatch):
    """In a table too; a table of other images says which of the files it differs from."""
    empty = torch.zeros(20_001, 3, 32, 32, dtype=torch.uint8), torch.zeros(20_001).long()
    sizes = [len(part) * 3073 for part in identity.cifar10_parts(*empty)]
    assert sizes == [30_730_000, 30_730_000, 3073]
    monkeypatch.setattr(identity, "CIFAR10_PART", 10)
    rng = np.random.default_rng(0)
    records = np.concatenate([cifar_records(rng, 10) for _ in range(2)])
    images = torch.from_numpy(records[:, 1:]).reshape(-1, 3, 32, 32)
    labels = torch.from_numpy(records[:, 0]).long()
    halves = [part.tobytes() for part in (records[:10], records[10:])]
    assert [bytes(part) for part in identity.cifar10_parts(images, labels)] == halves
    register(monkeypatch, "cifar10", "test", [records[:10].tobytes()])
    pixels = images[:10].permute(0, 2, 3, 1).numpy()
    write_table(tmp_path / "cifar10" / "test.parquet", pixels, labels[:10].tolist())
    assert torch.equal(datasets.load("cifar10", "test", root=tmp_path).images, images[:10])
    write_table(tmp_path / "cifar10" / "test.parquet", pixels[::-1], labels[:10].tolist())
    with pytest.raises(DataDamaged, match=r"test\.parquet should hold .*test_batch\.bin"):
        datasets.verify("cifar10", "test", root=tmp_path)


def test_too_few_and_too_many_parts_are_noticed(tmp_path):
    one, two = File("a/x.bin", "1"), File("a/y.bin", "2")
    with pytest.raises(DataDamaged, match=r"y\.bin, sha256 2, but has less"):
        identity.check([tmp_path], ["1"], (one, two))
    with pytest.raises(DataDamaged, match="nothing more, but has 2"):
        identity.check([tmp_path], ["1", "2"], (one,))
    identity.check([tmp_path], ["1", "2"], (one, two))


def test_fingerprints_on_record_need_no_data(tmp_path):
    every = [
        (name, split) for name in datasets.DATASETS for split in datasets.DATASETS[name].splits
    ]
    found = [datasets.fingerprint(*one, root=tmp_path) for one in every if one[0] != "imagenet"]
    assert len(set(found)) == len(found) - 3  # digits and shapes say their revision alone
    assert datasets.fingerprint("shapes", "train") == "embedded-r1"
    assert set(FILES) <= set(every)
    with pytest.raises(DataMissing, match="imagenet"):
        datasets.fingerprint("imagenet", "val", root=tmp_path)
    with pytest.raises(ValueError, match="Did you mean"):
        datasets.fingerprint("mnits", "train")


def test_the_registry_is_well_formed():
    files = [file for files in FILES.values() for file in files] + list(WEIGHTS.values())
    digests = [file.sha256 for file in files] + [f.download.sha256 for f in files if f.download]
    assert all(len(digest) == 64 and int(digest, 16) for digest in digests)
    assert len({file.place for file in files}) == len(files) == len({f.sha256 for f in files})
    assert all(bool(file.how) != bool(file.download) for file in files)


@pytest.mark.parametrize("key", list(FILES), ids=" ".join)
def test_local_data_are_those_on_record(key):
    for root in (datasets.data_root(), SHARED):
        try:
            assert datasets.verify(*key, root=root)
            return
        except DataMissing:
            continue
    pytest.skip("not on this machine")


@pytest.mark.parametrize(
    ("name", "split", "file"),
    [
        ("mnist", "train", "mnist/MNIST/raw/train-images-idx3-ubyte.gz"),
        ("cifar10", "test", "cifar10/cifar-10-batches-bin/test_batch.bin"),
        ("cifar10-jpeg", "train", "cifar10-jpeg/train.parquet"),
        ("cifar10-train-head", "train", "cifar10-lossless-head/train.parquet"),
        ("imagenet-sample", "train", "imagenet-sample/sample.parquet"),
    ],
)
def test_missing_files_say_where_they_go(tmp_path, name, split, file):
    with pytest.raises(DataMissing) as caught:
        datasets.load(name, split, root=tmp_path)
    message = str(caught.value)
    assert str(tmp_path / file) in message and "EQUIVAR_DATA" in message
    assert "Get it with make data" in message or "Put it there by hand" in message
    assert "sha256" in message or "https://" in message
    assert isinstance(caught.value, FileNotFoundError)


def test_local_mnist_has_the_published_statistics():
    root = next((r for r in (datasets.data_root(), SHARED) if (r / "mnist").exists()), None)
    if root is None:
        pytest.skip("no local MNIST")
    data = datasets.load("mnist", "train", root=root)
    mean, std = channel_statistics(data.images)
    assert len(data) == 60_000
    assert (*mean, *std) == pytest.approx((0.1307, 0.3081), abs=5e-5)
    assert torch.bincount(data.labels)[:3].tolist() == [5923, 6742, 5958]
