"""Pretrained weights through timm and torchvision, and what to say when they are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import timm
from timm.models import _builder

from equivar.files import DataMissing
from equivar.networks.errors import first_line


def on_the_hub(name: str) -> str:
    """The place from which timm fetches the weights of a network, in words."""
    config = timm.get_pretrained_cfg(name)
    return f"{config.hf_hub_id} on the Hugging Face hub" if config.hf_hub_id else str(config.url)


@contextmanager
def checked_by_name() -> Iterator[None]:
    """Let timm compare a fetched file with the beginning of a sha256 that is in the file's name."""
    before = _builder._CHECK_HASH
    _builder.set_pretrained_check_hash(True)
    try:
        yield
    finally:
        _builder.set_pretrained_check_hash(before)


@contextmanager
def fetching(name: str, where: str) -> Iterator[None]:
    """Turn an OSError or RuntimeError inside into DataMissing.

    The message says what was to be fetched and what to do. Without a network the libraries try for
    a while, and say so; with HF_HUB_OFFLINE=1 the library of the hub does not try.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "reason", None)
        reason = reason if isinstance(reason, OSError) else error
        raise DataMissing(
            f"the pretrained weights of {name} ({where}) could not be had: {first_line(reason)}. "
            "Without a network, give them as a local file (a state dict, .safetensors or .pth), or "
            "take 'random' weights."
        ) from error
