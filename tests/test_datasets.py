"""Data sets: embedded ones, files of every known form, the MNIST6 tasks, and what goes wrong."""

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from PIL import Image

from equivar import data as datasets
from equivar.data import DataDamaged, DataMissing, ImageData, identity
from equivar.data.images import channel_statistics
from equivar.data.registry import FILES, WEIGHTS, File, fingerprint_of
from equivar.data.shapes import OUTLINES

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def digits_like(count=200, side=8, classes=tuple("0123456789")):
    """Random images; the label is also written into the first pixel."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 1, side, side), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % len(classes)
    images[:, 0, 0, 0] = labels.to(torch.uint8)
    return ImageData("made-up", "train", images, labels, classes, (0.5,), (0.25,))


# ImageData


def test_normalised_is_pixel_minus_mean_over_deviation():
    data = digits_like(6)
    wanted = (data.images.double() / 255 - 0.5) / 0.25
    found = data.normalised()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=1e-6)
    torch.testing.assert_close(data.normalised([4, 1]), found[[4, 1]])
    torch.testing.assert_close(data.normalised(2), found[:2])
    other = data.normalised(slice(1, 3), mean=(0.0,), std=(1.0,))
    torch.testing.assert_close(other, data.images[1:3] / 255)


def test_subset_keeps_images_with_their_labels():
    data = digits_like(30)
    some = data.subset([7, 23, 11])
    assert some.labels.tolist() == [7, 3, 1]
    assert some.images[:, 0, 0, 0].tolist() == [7, 3, 1]
    assert len(data.subset(5)) == 5 and len(data.subset(torch.tensor([], dtype=torch.long))) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": torch.zeros(4, 1, 8, 8)}, "uint8"),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, r"int64 \(4,\)"),
        ({"labels": torch.tensor([0, 1, 2, 10])}, r"labels 0\.\.10, but 10 classes"),
        ({"labels": torch.tensor([0, 1, 2, -1])}, r"labels -1\.\.2"),
        ({"mean": (0.5, 0.5)}, "1 numbers"),
    ],
)
def test_image_data_must_fit_together(change, words):
    whole = digits_like(4)
    parts = {name: getattr(whole, name) for name in whole.__dataclass_fields__}
    with pytest.raises(ValueError, match=words):
        ImageData(**{**parts, **change})


# Embedded


@pytest.fixture(scope="module")
def shapes():
    return {split: datasets.load("shapes", split) for split in ("train", "test")}


def test_digits_are_a_fixed_split_of_all_1797():
    train, test = datasets.load("digits", "train"), datasets.load("digits", "test")
    assert train.images.shape == (1297, 1, 28, 28) and test.images.shape == (500, 1, 28, 28)
    assert not train.images[:, :, :4].any() and train.images[:, :, 4:24, 4:24].any()
    seen = {image.numpy().tobytes() for image in train.images}
    assert len(seen) == 1297 and not any(im.numpy().tobytes() in seen for im in test.images)
    assert torch.bincount(test.labels).min() >= 35
    assert torch.equal(test.images, datasets.load("digits", "test").images)


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_stated_statistics_are_those_of_the_training_images(name, shapes):
    data = shapes["train"] if name == "shapes" else datasets.load(name)
    mean, std = channel_statistics(data.images)
    assert mean == pytest.approx(data.mean, abs=2e-3)
    assert std == pytest.approx(data.std, abs=2e-3)


def test_shapes_splits(shapes):
    train, test = shapes["train"], shapes["test"]
    assert train.images.shape == (10_000, 3, 32, 32) and test.images.shape == (2_000, 3, 32, 32)
    assert torch.bincount(train.labels).tolist() == [1000] * 10
    assert torch.bincount(test.labels).tolist() == [200] * 10
    assert train.classes == tuple(OUTLINES)
    seen = {image.numpy().tobytes() for image in train.images}
    assert len(seen) == 10_000 and not any(im.numpy().tobytes() in seen for im in test.images)


def test_shapes_depend_on_the_seed_alone():
    labels = np.arange(40) % 10
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = datasets.draw_shapes(labels, 5)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert np.array_equal(first, datasets.draw_shapes(labels, 5))
    assert not np.array_equal(first, datasets.draw_shapes(labels, 6))
    with pytest.raises(ValueError, match=r"0\.\.9"):
        datasets.draw_shapes([10], 0)


def test_shapes_lie_near_the_centre(shapes):
    """Averaged over many images, the object shows as a difference between classes there only."""
    data = shapes["train"]
    means = torch.stack(
        [data.images[data.labels == label].float().std(0).mean(0) for label in range(10)]
    )
    spread = means.std(0)  # (32, 32), between the classes
    assert spread[8:24, 8:24].mean() > 2 * spread[:4].mean()


@pytest.mark.parametrize("name", list(OUTLINES))
def test_outlines_have_a_good_size_and_differ(name):
    place = np.linspace(-1.5, 1.5, 61, dtype=np.float32)
    u, v = np.broadcast_arrays(place[None, None, :], place[None, :, None])
    masks = {key: outline(u, v)[0] < 0 for key, outline in OUTLINES.items()}
    inside = masks.pop(name)
    assert 0.08 < inside.mean() < 0.35
    assert not inside[[0, -1]].any() and not inside[:, [0, -1]].any()
    assert all((inside ^ other).mean() > 0.03 for other in masks.values())


def test_loading_leaves_the_global_generators_alone():
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    datasets.mnist6(datasets.load("digits"), "rot-eq")
    datasets.load("shapes", "test")
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


# MNIST6


def test_mnist6_keeps_six_digits_and_renumbers_them():
    data = digits_like()
    plain = datasets.mnist6(data)
    assert plain.classes == ("2", "3", "4", "5", "7", "9") and len(plain) == 120
    named = [int(plain.classes[label]) for label in plain.labels]
    assert named == plain.images[:, 0, 0, 0].tolist()  # the label that was written there
    assert plain.name == "mnist6(made-up)"


def test_mnist6_rot_inv_turns_each_image_once():
    data = digits_like()
    plain, turned = datasets.mnist6(data), datasets.mnist6(data, "rot-inv", seed=1)
    assert torch.equal(plain.labels, turned.labels) and plain.classes == turned.classes
    turns = found_turns(plain.images, turned.images)
    assert torch.bincount(turns, minlength=4).min() >= 15  # 30 expected of each
    again = datasets.mnist6(data, "rot-inv", seed=1)
    other = datasets.mnist6(data, "rot-inv", seed=2)
    assert torch.equal(turned.images, again.images)
    assert not torch.equal(turned.images, other.images)


def test_mnist6_rot_eq_labels_digit_and_turn():
    data = digits_like()
    plain, turned = datasets.mnist6(data), datasets.mnist6(data, "rot-eq", seed=1)
    assert torch.equal(turned.images, datasets.mnist6(data, "rot-inv", seed=1).images)
    assert len(turned.classes) == 24 and turned.classes[:5] == (
        "2-0",
        "2-90",
        "2-180",
        "2-270",
        "3-0",
    )
    assert torch.equal(turned.labels // 4, plain.labels)
    assert torch.equal(turned.labels % 4, found_turns(plain.images, turned.images))


def found_turns(plain, turned):
    """How many quarter turns lead from each image to its partner."""
    fits = [(plain.rot90(k, (2, 3)) == turned).flatten(1).all(1) for k in range(4)]
    fits = torch.stack(fits, dim=1).int()
    assert (fits.sum(1) == 1).all()
    return fits.argmax(1)


def test_mnist6_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match=r"'rot-env'.*Did you mean 'rot-inv'"):
        datasets.mnist6(digits_like(), "rot-env")
    with pytest.raises(ValueError, match="no class 2, 3"):
        datasets.mnist6(digits_like(classes=tuple("abcdefghij")))
    data = digits_like()
    with pytest.raises(ValueError, match=r"made-up \(train\) has no image of class 7"):
        datasets.mnist6(data.subset(data.labels != 7))
    flat = digits_like()
    flat = ImageData(**{**vars(flat), "images": flat.images[:, :, :6]})
    with pytest.raises(ValueError, match="square"):
        datasets.mnist6(flat, "rot-inv")


# Files


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


@pytest.fixture
def any_data(monkeypatch):
    """Made-up files pass for the published ones."""
    monkeypatch.setattr(identity, "check", lambda paths, found, expected: None)


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


def encoded(picture, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    return buffer.getvalue()


def write_table(path, pictures, labels, column="img", names=None):
    rows = [
        {"bytes": encoded(picture), "path": names[i] if names else None}
        for i, picture in enumerate(pictures)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.table({column: rows, "label": labels})
    pyarrow.parquet.write_table(table, path, row_group_size=100)


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


# Identity


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


# ImageNet

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


def test_unknown_names_list_near_ones():
    with pytest.raises(ValueError, match=r"'cifar'.*Did you mean .*'cifar10'.*mnist"):
        datasets.load("cifar")
    with pytest.raises(ValueError, match=r"split of digits 'val'.*train, test"):
        datasets.load("digits", "val")
    with pytest.raises(ValueError, match="Known: train"):
        datasets.load("cifar10-train-head", "test")


def test_data_root_prefers_argument_then_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIVAR_DATA", str(tmp_path))
    assert datasets.data_root() == tmp_path
    assert datasets.data_root("elsewhere") == Path("elsewhere")
    monkeypatch.delenv("EQUIVAR_DATA")
    assert datasets.data_root().parts[-2:] == ("data", "raw")


def test_local_mnist_has_the_published_statistics():
    root = next((r for r in (datasets.data_root(), SHARED) if (r / "mnist").exists()), None)
    if root is None:
        pytest.skip("no local MNIST")
    data = datasets.load("mnist", "train", root=root)
    mean, std = channel_statistics(data.images)
    assert len(data) == 60_000
    assert (*mean, *std) == pytest.approx((0.1307, 0.3081), abs=5e-5)
    assert torch.bincount(data.labels)[:3].tolist() == [5923, 6742, 5958]
