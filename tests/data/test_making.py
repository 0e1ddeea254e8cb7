"""What the registry makes of originals: the tensors and images on record, or an error."""

import errno
import io
import pickle
import tarfile
from dataclasses import replace

import numpy as np
import pyarrow.parquet
import pytest
import safetensors.torch
import torch
from file_server import honest, send, sha256
from image_tables import encoded, write_table
from PIL import Image
from places import SHARED

from equivar import data as datasets
from equivar.data import alike, making, sample
from equivar.data.fetch import LOCK, obtain
from equivar.data.making import make
from equivar.data.readers import HEAD
from equivar.data.registry import FILES, WEIGHTS, WEIGHTS_SHA256, Download, File
from equivar.files import DataDamaged, DataMissing, data_root

ORIGINALS = (data_root() / "originals", SHARED.parent / "originals")
pytestmark = pytest.mark.usefixtures("in_no_time")


def only(folder):
    """The files under a folder, the lock aside."""
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.name != LOCK)


def tarred(files):
    """A tar archive, gzipped, with all files in one folder as GitHub has it."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"repository-0123/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return written.getvalue()


def noise(seed, size=(8, 8), grey=100):
    """An image whose mean and deviation a JPEG keeps."""
    rng = np.random.default_rng(seed)
    picture = np.clip(rng.normal(grey, 30, (*size[::-1], 1)) * np.ones(3), 0, 255)
    return picture.astype(np.uint8)


# Weights


@pytest.fixture
def checkpoint(tmp_path):
    """(its path, what it should become): as a network in DataParallel was saved in 2018."""
    torch.manual_seed(0)
    state = {"conv1.weight": torch.randn(2, 3, 1, 1), "bn1.running_var": torch.rand(2)}
    path = tmp_path / "resnet.th"
    saved = {"best_prec1": 90.0, "state_dict": {f"module.{k}": v for k, v in state.items()}}
    torch.save(saved, path, _use_new_zipfile_serialization=False)
    return path, state | {"bn1.num_batches_tracked": torch.tensor(0)}


def test_a_checkpoint_becomes_the_tensors_of_the_network(tmp_path, checkpoint):
    path, expected = checkpoint
    made = File("weights/w.safetensors", sha256(safetensors.torch.save(expected)))
    make(made, path, tmp_path / "root")
    found = safetensors.torch.load_file(tmp_path / "root" / made.place)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[k], v) and found[k].dtype == v.dtype for k, v in expected.items())


def test_other_tensors_are_refused_and_not_kept(tmp_path, checkpoint):
    with pytest.raises(DataDamaged, match=f"should have sha256 {'0' * 64}, has .* other tensors"):
        make(File("weights/w.safetensors", "0" * 64), checkpoint[0], tmp_path / "root")
    assert not only(tmp_path / "root")


class Runs:
    """What a pickle can do when it is loaded."""

    def __reduce__(self):
        return print, ("ran",)


@pytest.mark.parametrize(
    "content", [b"<html>", pickle.dumps(Runs(), 2), pickle.dumps({"epoch": 1}, 2)]
)
def test_what_is_no_checkpoint_is_named_and_not_run(tmp_path, capsys, content):
    path = tmp_path / "resnet.th"
    path.write_bytes(content)
    with pytest.raises(DataDamaged, match=r"resnet\.th is no checkpoint of a state dict"):
        make(File("weights/w.safetensors", "0" * 64), path, tmp_path / "root")
    assert "ran" not in capsys.readouterr().out and not only(tmp_path / "root")


@pytest.mark.parametrize("name", [name for name in WEIGHTS if name.startswith("cifar10_resnet")])
def test_the_published_checkpoints_give_the_weights_on_record(tmp_path, name):
    file = WEIGHTS[name]
    original = file.original.place.rpartition("/")[2]
    path = next((f / original for f in ORIGINALS if (f / original).is_file()), None)
    if path is None:
        pytest.skip("not on this machine")
    assert sha256(path.read_bytes()) == file.original.sha256
    make(file, path, tmp_path)
    assert sha256((tmp_path / file.place).read_bytes()) == WEIGHTS_SHA256[name]


# CIFAR-10 as JPEG


@pytest.fixture
def jpegs(tmp_path, monkeypatch):
    """(files of a small repository, the two files to make of it)."""
    monkeypatch.setattr(making, "JPEGS", {"train": 6, "test": 4})
    files = {
        f"{split}/{name}/{i:04}.jpg": encoded(noise(100 * count + 10 * (name == "dog") + i), "JPEG")
        for split, count in (("train", 3), ("test", 2))
        for name in ("cat", "dog")
        for i in range(count)
    }
    rng = np.random.default_rng(0)
    record = []
    for split, count in (("train", 6), ("test", 4)):  # the orders are drawn one after the other
        names = sorted(name for name in files if name.startswith(split))
        names = [names[i] for i in rng.permutation(count)]
        pictures = [files[name] for name in names]
        path = tmp_path / "expected.parquet"
        making.write_table(path, names, pictures, [int("dog" in name) for name in names], {})
        content = alike.content_digest([path])
        record.append(File(f"cifar10-jpeg/{split}.parquet", "0" * 64, content=content))
        path.unlink()
    return files, record


def test_the_table_holds_the_images_in_the_order_on_record(tmp_path, jpegs):
    files, record = jpegs
    (tmp_path / "a.tar.gz").write_bytes(tarred(files | {"README.md": b"x"}))
    for file, split, count in zip(record, ("train", "test"), (6, 4), strict=True):
        make(file, tmp_path / "a.tar.gz", tmp_path)
        table = pyarrow.parquet.read_table(tmp_path / file.place).to_pylist()
        assert len(table) == count
        for row in table:
            name = f"{split}/{row['img']['path']}"
            assert row["img"]["bytes"] == files[name] and row["label"] == int("dog" in name)


@pytest.mark.parametrize("change", ["image", "name", "fewer"])
def test_a_repository_that_was_changed_is_refused(tmp_path, jpegs, change):
    files, [train, _] = jpegs
    if change == "image":
        files["train/cat/0001.jpg"] = files["train/dog/0001.jpg"]
    else:
        content = files.pop("train/cat/0001.jpg")
        files |= {"train/dog/0009.jpg": content} if change == "name" else {}
    (tmp_path / "a.tar.gz").write_bytes(tarred(files))
    said = "has 5 images in train, not 6" if change == "fewer" else "images and labels of sha256"
    with pytest.raises(DataDamaged, match=said):
        make(train, tmp_path / "a.tar.gz", tmp_path / "root")
    assert not only(tmp_path / "root")


def test_half_an_archive_is_named(tmp_path, jpegs):
    files, [train, _] = jpegs
    whole = tarred(files)
    (tmp_path / "a.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataDamaged, match=r"a\.tar\.gz can not be unpacked"):
        make(train, tmp_path / "a.tar.gz", tmp_path)


def test_the_order_of_the_images_on_record_is_the_one_that_is_drawn():
    rng = np.random.default_rng(0)
    for split, count in making.JPEGS.items():
        path = SHARED / "cifar10-jpeg" / f"{split}.parquet"
        if not path.exists():
            pytest.skip("not on this machine")
        table = pyarrow.parquet.ParquetFile(path).read(columns=["img.path"])
        names = table["img"].combine_chunks().field("path").to_pylist()
        drawn = rng.permutation(count)
        assert np.array_equal(np.array(sorted(names))[drawn], names)


def test_another_table_of_the_same_images_is_accepted(tmp_path, monkeypatch):
    pictures, labels = [noise(i, (32, 32)) for i in range(10)], list(range(10))
    path = tmp_path / "cifar10-jpeg" / "train.parquet"
    write_table(path, pictures, labels)
    file = File("cifar10-jpeg/train.parquet", "0" * 64, content=alike.content_digest([path]))
    monkeypatch.setitem(FILES, ("cifar10-jpeg", "train"), (file,))
    write_table(path, pictures, labels, column="image", names=["x"] * 10)  # other bytes
    assert datasets.verify("cifar10-jpeg", "train", tmp_path)
    assert "same images" in datasets.other_bytes("cifar10-jpeg", "train", tmp_path)
    assert datasets.load("cifar10-jpeg", "train", tmp_path).labels.tolist() == labels
    write_table(path, pictures, labels[::-1])
    for read in (datasets.verify, datasets.load):
        with pytest.raises(DataDamaged, match="images and labels of sha256"):
            read("cifar10-jpeg", "train", tmp_path)


# The first images of CIFAR-10


@pytest.fixture
def official(tmp_path, monkeypatch):
    """The official file that the head begins: its records, with the head put on record."""
    rng = np.random.default_rng(0)
    labels = np.arange(HEAD + 20)[:, None] % 10
    records = np.concatenate([labels, rng.integers(0, 256, (HEAD + 20, 3072))], 1).astype(np.uint8)
    file = replace(
        FILES["cifar10-train-head", "train"][0], content=sha256(records[:HEAD].tobytes())
    )
    monkeypatch.setitem(FILES, ("cifar10-train-head", "train"), (file,))
    return records


def test_the_head_is_read_from_the_official_file(tmp_path, official):
    with pytest.raises(DataMissing, match=r"data_batch_1\.bin"):
        datasets.load("cifar10-train-head", "train", tmp_path)
    path = tmp_path / "cifar10" / "cifar-10-batches-bin" / "data_batch_1.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(official.tobytes())
    before = datasets.fingerprint("cifar10-train-head", "train", tmp_path)
    data = datasets.load("cifar10-train-head", "train", tmp_path)
    assert np.array_equal(data.images.flatten(1), official[:HEAD, 1:]) and len(data) == HEAD
    assert before == datasets.fingerprint("cifar10-train-head", "train", "nowhere")
    official[HEAD:] = 0  # what comes after the head does not matter
    path.write_bytes(official.tobytes())
    assert datasets.verify("cifar10-train-head", "train", tmp_path)
    official[HEAD - 1, 1] += 1
    path.write_bytes(official.tobytes())
    with pytest.raises(DataDamaged, match="pixels and labels of sha256"):
        datasets.load("cifar10-train-head", "train", tmp_path)


def test_the_official_file_is_fetched_for_the_head(tmp_path, monkeypatch, server, official):
    content = tarred({"data_batch_1.bin": official.tobytes(), "data_batch_2.bin": b"x"})
    server.answers["a"] = lambda request, start: honest(request, start, content)
    download = Download("cifar10/a.tar.gz", (server.url("a"),), sha256(content))
    place, member = (
        "cifar10/cifar-10-batches-bin/data_batch_1.bin",
        "repository-0123/data_batch_1.bin",
    )
    instead = File(place, sha256(official.tobytes()), download, member)
    file = replace(FILES["cifar10-train-head", "train"][0], instead=instead)
    monkeypatch.setitem(FILES, ("cifar10-train-head", "train"), (file,))
    obtain([file], tmp_path)
    assert only(tmp_path) == ["data_batch_1.bin"]
    assert datasets.verify("cifar10-train-head", "train", tmp_path)


# The sample of ImageNet


def test_an_image_is_made_smaller_unless_it_has_its_size():
    content = encoded(noise(0, (500, 333)), "JPEG")
    made = sample.resized(content, "x", (432, 288))
    assert Image.open(io.BytesIO(made)).size == (432, 288) and len(made) < len(content)
    assert sample.resized(content, "x", (500, 333)) == content
    with pytest.raises(DataDamaged, match="x can not be decoded"):
        sample.resized(content[:300], "x", (432, 288))


@pytest.fixture
def three(tmp_path, monkeypatch):
    """The files of a repository with three classes, whose sample is on record."""
    monkeypatch.setattr(sample, "ON_RECORD", tmp_path / "record.csv")
    names = [f"n0000000{i}_x.JPEG" for i in range(3)]
    files = {name: encoded(noise(i, (330, 300)), "JPEG") for i, name in enumerate(names)}
    small = [sample.resized(content, "x", (317, 288)) for content in files.values()]
    known = sample.statistics(small)
    known.assign(name=names).to_csv(tmp_path / "record.csv", index=False)
    return files


def test_the_sample_is_made_and_known_by_its_statistics(tmp_path, three, monkeypatch):
    (tmp_path / "a.tar.gz").write_bytes(tarred(three))
    file = FILES["imagenet-sample", "train"][0]
    make(file, tmp_path / "a.tar.gz", tmp_path)
    assert datasets.verify("imagenet-sample", "train", tmp_path)
    assert "2 grey levels" in datasets.other_bytes("imagenet-sample", "train", tmp_path)
    data = datasets.load("imagenet-sample", "train", tmp_path, size=280, resize=288)
    assert data.labels.tolist() == [0, 1, 2] and data.images.shape == (3, 3, 280, 280)
    monkeypatch.setattr(sample, "QUALITY", 85)  # as another Pillow, only more so
    (tmp_path / file.place).unlink()
    make(file, tmp_path / "a.tar.gz", tmp_path)
    assert datasets.verify("imagenet-sample", "train", tmp_path)


def test_another_image_is_refused_and_named(tmp_path, three):
    name = list(three)[1]
    three[name] = encoded(noise(1, (330, 300), grey=104), "JPEG")
    (tmp_path / "a.tar.gz").write_bytes(tarred(three))
    with pytest.raises(DataDamaged, match=f"differs by [34].* grey levels, most in {name}"):
        make(FILES["imagenet-sample", "train"][0], tmp_path / "a.tar.gz", tmp_path / "root")
    del three[name]
    (tmp_path / "a.tar.gz").write_bytes(tarred(three))
    with pytest.raises(DataDamaged, match=f"lacks 1 of the images, the first {name}"):
        make(FILES["imagenet-sample", "train"][0], tmp_path / "a.tar.gz", tmp_path / "root")
    assert not only(tmp_path / "root")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("size", "1 images of another size, the first one n00000001"),
        ("order", "not one for each of 3 classes in their order"),
        ("fewer", "2 images, not one for each of 3 classes"),
    ],
)
def test_a_table_of_other_images_is_refused(tmp_path, three, change, said):
    names, pictures = list(three), [noise(i, (317, 288)) for i in range(3)]
    labels = [0, 1, 2]
    if change == "size":
        pictures[1] = noise(1, (318, 288))
    elif change == "order":
        labels = [1, 0, 2]
    else:
        pictures, labels = pictures[:2], labels[:2]
    write_table(tmp_path / "imagenet-sample" / "sample.parquet", pictures, labels, names=names)
    with pytest.raises(DataDamaged, match=said):
        datasets.verify("imagenet-sample", "train", tmp_path)


def test_the_record_is_of_the_images_on_record():
    path = SHARED / "imagenet-sample" / "sample.parquet"
    if not path.exists():
        pytest.skip("not on this machine")
    known = sample.pd.read_csv(sample.ON_RECORD)
    found = sample.statistics([image for image, _ in alike.rows([path])[:50]])
    assert len(known) == 1000
    assert np.abs(found - known[found.columns][:50]).to_numpy().max() < 0.2


# From a network


@pytest.fixture
def remote(server, jpegs):
    """The small repository on a server; the files to make of it, with these addresses."""
    files, record = jpegs
    content = tarred(files)
    server.answers["real"] = lambda request, start: honest(request, start, content)
    server.answers["moved"] = lambda request, start: send(
        request, 302, b"", Location=server.url("real")
    )
    server.answers["half"] = lambda r, start: honest(r, start, content, most=len(content) // 2)
    server.answers["page"] = lambda request, start: send(request, 200, b"<html>")
    server.answers["other"] = lambda request, start: send(request, 200, tarred({"README": b"x"}))

    def at(*names, digest=""):
        download = Download("originals/a.tar.gz", tuple(map(server.url, names)), digest)
        return [replace(file, original=download) for file in record]

    return at


def test_originals_are_fetched_once_through_a_redirect_and_not_kept(tmp_path, server, remote):
    obtain(remote("gone", "moved"), tmp_path)
    assert only(tmp_path) == ["test.parquet", "train.parquet"]
    assert [name for name, _ in server.seen] == ["gone", "gone", "moved", "real"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["half"], "the connection broke off"),
        (["gone"], "the server answered 404"),
        (["page"], "a.tar.gz can not be unpacked"),
        (["other"], "has 0 images in train"),
    ],
)
def test_an_original_that_is_cut_off_gone_or_another_leaves_nothing(
    tmp_path, capsys, remote, names, said
):
    obtain(remote(*names), tmp_path)
    assert said in capsys.readouterr().out and not only(tmp_path)


def test_an_original_of_other_bytes_is_told_and_the_next_address_asked(tmp_path, server, remote):
    digest = sha256(b"not what comes")
    obtain(remote("real", "page", digest=digest), tmp_path)
    assert not only(tmp_path)
    assert [name for name, _ in server.seen] == ["real"] * 2 + ["page"] * 2


def test_an_original_that_lies_there_is_used_and_kept(tmp_path, server, remote, jpegs):
    place = tmp_path / "originals" / "a.tar.gz"
    place.parent.mkdir()
    place.write_bytes(tarred(jpegs[0]))
    obtain(remote("gone"), tmp_path)
    assert only(tmp_path) == ["a.tar.gz", "test.parquet", "train.parquet"] and not server.seen


def test_a_full_disk_leaves_no_half_table(tmp_path, monkeypatch, remote):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(making.pyarrow.parquet, "write_table", full)
        with pytest.raises(OSError, match="No space left"):
            obtain(remote("real"), tmp_path)
    assert only(tmp_path) == ["a.tar.gz"]  # what was fetched is used the next time
    obtain(remote("gone"), tmp_path)
    assert {"test.parquet", "train.parquet"} <= set(only(tmp_path))
