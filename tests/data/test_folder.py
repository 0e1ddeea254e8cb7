"""Folders of images: what is found, how it is decoded, and what can not be."""

import io

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

from equivar.data import normalise
from equivar.data.folder import FolderImages, image_files, open_images, read_image
from equivar.data.input import Input
from equivar.files import DataDamaged
from equivar.networks.sources import from_timm, from_torchvision

SMALL = Input(3, 12, 12, (12, 12))
RNG = np.random.default_rng(0)


def picture(height=20, width=30, channels=3):
    """Smooth, so that compression changes little; a bright corner on the upper left."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    pixels = np.stack([200 * (1 - x), 200 * (1 - y), 60 + 80 * x * y], axis=-1)[..., :channels]
    return Image.fromarray(pixels.astype(np.uint8).squeeze())


@pytest.fixture
def folder(tmp_path):
    for name in ("b/2.png", "b/10.PNG", "a/1.webp", "c.bmp", ".hidden.png", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no image")
        else:
            picture().save(path)
    return tmp_path


def test_files_are_found_below_the_folder_sorted_by_name(folder):
    names = [path.relative_to(folder).as_posix() for path in image_files(folder)]
    assert names == ["a/1.webp", "b/10.PNG", "b/2.png", "c.bmp"]


def test_batches_can_be_read_again_and_tell_their_number(folder):
    images = FolderImages(folder, SMALL, batch_size=3)
    first, second = list(images), list(images)
    assert [tuple(batch.shape) for batch in first] == [(3, 3, 12, 12), (1, 3, 12, 12)]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert len(images) == 2 and len(images.dataset) == 4


def test_images_of_a_data_set_come_in_a_drawn_order():
    def images(count=None, order=None):
        return open_images("shapes", SMALL, count, order=order)

    def pixels(found):
        return [image.numpy().tobytes() for image in found.dataset]

    whole, drawn, again, other = (images(order=order) for order in (None, 0, 0, 1))
    assert pixels(drawn) == pixels(again) != pixels(whole)
    assert sorted(pixels(drawn)) == sorted(pixels(other)) == sorted(pixels(whole))
    assert pixels(drawn) != pixels(other)
    # labels go with their images
    labels = dict(zip(pixels(whole), whole.labels.tolist(), strict=True))
    assert [labels[one] for one in pixels(drawn)] == drawn.labels.tolist()
    # some are the first of that order; without one, the first as they lie
    assert pixels(images(5, 0)) == pixels(drawn)[:5] and pixels(images(5)) == pixels(whole)[:5]


def test_files_of_a_folder_come_in_a_drawn_order(folder):
    def paths(**more):
        return open_images(folder, SMALL, **more).dataset

    assert paths() == image_files(folder)
    orders = [paths(order=seed) for seed in range(4)]
    assert orders[0] == paths(order=0)
    assert all(sorted(one) == sorted(paths()) for one in orders)
    assert len({tuple(one) for one in orders}) > 1
    # which of them are taken does not depend on the order
    assert sorted(paths(count=2, order=3)) == sorted(paths(count=2))


def test_a_count_is_spread_over_the_folders(tmp_path):
    for name in "abcdef":
        for number in range(2):
            picture().save(tmp_path / f"{name}{number}.png")
    chosen = FolderImages(tmp_path, SMALL, count=3).dataset
    assert [path.stem for path in chosen] == ["a0", "c0", "e0"]


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "1", "LA", "I;16", "I"])
def test_any_sort_of_pixels_becomes_what_the_network_takes(tmp_path, mode):
    image = picture().convert("L")
    if mode.startswith("I"):
        wide = np.asarray(image).astype(np.uint16) * 257
        image = Image.fromarray(wide if mode == "I;16" else wide.astype(np.int32))
    path = tmp_path / ("x.tif" if mode in ("CMYK", "I") else "x.png")
    (image if mode.startswith("I") else image.convert(mode)).save(path)
    colour, grey = (read_image(path, Input(c, 12, 12, (12, 12), mean=(0,) * c, std=(1,) * c))
                    for c in (3, 1))  # fmt: skip
    assert colour.shape == (3, 12, 12) and grey.shape == (1, 12, 12)
    assert abs(grey.mean() - np.asarray(picture().convert("L").resize((12, 12))).mean()) < 12
    assert abs(colour.mean() - grey.mean()) < 2


def test_a_picture_is_turned_as_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    picture(40, 40).save(tmp_path / "x.jpg", exif=exif, quality=95)
    turned = read_image(tmp_path / "x.jpg", SMALL)
    upright = np.asarray(picture(40, 40).resize((12, 12))).transpose(2, 0, 1)
    assert abs(turned - np.rot90(upright, -1, (1, 2)).astype(float)).mean() < 4
    assert abs(turned - upright.astype(float)).mean() > 20


def test_a_large_jpeg_is_decoded_small_and_looks_the_same(tmp_path):
    picture(900, 1300).save(tmp_path / "x.jpg", quality=95)
    picture(900, 1300).save(tmp_path / "x.png")
    quick, exact = (read_image(tmp_path / f"x.{end}", SMALL).astype(int) for end in ("jpg", "png"))
    assert abs(quick - exact).max() <= 4


def test_a_very_long_picture_keeps_its_middle(tmp_path):
    pixels = np.zeros((3, 3000), np.uint8)
    pixels[:, 1490:1510] = 255
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png", SMALL).min() > 200


def squeezenet():
    preset = torchvision.models.SqueezeNet1_1_Weights.DEFAULT.transforms()
    return from_torchvision("squeezenet1_1", "random", {}, 0).input, preset


def vit():
    made = from_timm("test_vit", "random", {}, 0)
    return made.input, create_transform(**resolve_model_data_config(made.model))


@pytest.mark.parametrize("shape", [(300, 401), (401, 300), (97, 133)])
@pytest.mark.parametrize("network", [squeezenet, vit])
def test_preparation_is_that_of_the_library(network, shape):
    wanted, transform = network()
    image = Image.fromarray(RNG.integers(0, 256, (*shape, 3), dtype=np.uint8))
    pixels = torch.from_numpy(wanted.prepare(image).copy())
    ours = normalise(pixels[None], wanted.mean, wanted.std)[0]
    torch.testing.assert_close(ours, transform(image))


def test_bad_folders_are_told_at_once(tmp_path):
    with pytest.raises(ValueError, match=r"no images in .*jpg"):
        FolderImages(tmp_path, SMALL)
    with pytest.raises(FileNotFoundError, match=r"no folder shaps \(.*Did you mean 'shapes'"):
        open_images("shaps", SMALL)
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(ValueError, match="is a file"):
        FolderImages(tmp_path / "x.png", SMALL)


def broken(kind):
    if kind == "empty":
        return b""
    if kind == "text":
        return b"no image at all"
    stream = io.BytesIO()
    picture(200, 200).save(stream, "PNG")
    return stream.getvalue()[:300]


@pytest.mark.parametrize("kind", ["empty", "text", "cut off"])
def test_an_unreadable_image_is_named_and_skipped_only_on_request(folder, kind):
    (folder / "b" / "5.png").write_bytes(broken(kind))
    with pytest.raises(DataDamaged, match=r"5\.png can not be read"):
        list(FolderImages(folder, SMALL))
    images = FolderImages(folder, SMALL, skip_unreadable=True)
    assert sum(map(len, images)) == sum(map(len, images)) == 4
    assert [path.name for path in images.skipped] == ["5.png"]


def test_a_folder_of_broken_images_alone_is_an_error(tmp_path):
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(DataDamaged, match="none of the 1 images"):
        list(FolderImages(tmp_path, SMALL, skip_unreadable=True))


@pytest.mark.parametrize(("channels", "side"), [(3, 32), (3, 48), (1, 28)])
def test_without_a_folder_the_package_draws_images(channels, side):
    wanted = Input(channels, side, side, (side, side), mean=(0,) * channels, std=(1,) * channels)
    images = open_images("", wanted, count=5, batch_size=2)
    assert [tuple(batch.shape) for batch in images] == [
        (n, channels, side, side) for n in (2, 2, 1)
    ]
    assert images.name == "shapes test" and len(images.dataset) == 5
    batch = next(iter(images))
    assert 0 <= batch.min() < batch.max() <= 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"channels": 4}, "1 or 3 channels"),
        ({"resize": (100, 100)}, "no 224 x 224 pixels can be cut out"),
        ({"interpolation": "cubic"}, "bicubic"),
        ({"mean": (0.5,)}, "3 numbers each"),
        ({"std": (1, 1, 0)}, "std above 0"),
        ({"mean": (123.7, 116.3, 103.5)}, "divide them by 255"),
        ({"std": (58.4, 57.1, 57.4)}, "divide them by 255"),
    ],
)
def test_an_input_that_can_not_be_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        Input(**values)


def test_another_size_keeps_the_share_cut_off():
    assert Input().changed(size=112).resize == (128, 128)
    assert Input().changed(mean=[0.5], std=[0.25]).mean == (0.5, 0.5, 0.5)


def test_linked_folders_are_followed_and_loops_are_not(tmp_path):
    """As data sets are often laid out: a folder of links, each to the images of one class."""
    store, chosen = tmp_path / "store", tmp_path / "chosen"
    for name in ("cat", "dog"):
        (store / name).mkdir(parents=True)
        picture().save(store / name / "1.png")
    chosen.mkdir()
    for name, target in (("a", "cat"), ("b", "dog"), ("again", "cat")):
        (chosen / name).symlink_to(store / target, target_is_directory=True)
    (store / "cat" / "back").symlink_to(chosen, target_is_directory=True)
    (store / "dog" / "itself").symlink_to(store / "dog", target_is_directory=True)
    names = [path.relative_to(chosen).as_posix() for path in image_files(chosen)]
    assert names == ["a/1.png", "again/1.png", "b/1.png"]
