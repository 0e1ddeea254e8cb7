"""Pretrained weights through timm and torchvision, and what to say when they can not be had."""

from __future__ import annotations

import logging
import socket
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass

import huggingface_hub
import timm
from timm.models import _builder

from equivar.files import DataMissing
from equivar.networks.places import first_line

_PATIENCE = 10  # seconds
_FILE = "model.safetensors"


@dataclass(frozen=True)
class Place:
    """Where published weights lie: in words, and whether to look for the network first."""

    words: str
    url: str = ""  # asked for once before the library tries, which it does for a minute


def on_the_hub(name: str) -> Place:
    """Where timm fetches the weights of a network from."""
    config = timm.get_pretrained_cfg(name)
    if not config.hf_hub_id:
        return Place(str(config.url))
    words = f"{config.hf_hub_id} on the Hugging Face hub"
    constants = huggingface_hub.constants
    here = huggingface_hub.try_to_load_from_cache(config.hf_hub_id, _FILE)
    if constants.HF_HUB_OFFLINE or isinstance(here, str):
        return Place(words)
    return Place(words, constants.ENDPOINT)


@contextmanager
def checked_by_name():
    """timm compares what it fetches from an address with the sha256 that the file's name begins."""
    before = _builder._CHECK_HASH
    _builder.set_pretrained_check_hash(True)
    try:
        yield
    finally:
        _builder.set_pretrained_check_hash(before)


@contextmanager
def fetching(name: str, place: Place):
    """DataMissing, with what was to be fetched and what to do, for all that goes wrong inside."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)  # its retries, a line each
        if place.url:
            _knock(place.url)
        yield
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "reason", None)
        reason = reason if isinstance(reason, OSError) else error
        raise DataMissing(
            f"the pretrained weights of {name} ({place.words}) could not be had: "
            f"{first_line(reason)}. Without a network, give them as a local file (a state dict, "
            ".safetensors or .pth), or take 'random' weights."
        ) from error
    finally:
        logger.setLevel(level)


def _knock(url: str):
    """Raise where there is no network at all; whatever answers will do."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_PATIENCE).close()
    except urllib.error.URLError as error:
        if isinstance(error.reason, (ConnectionError, TimeoutError, socket.gaierror)):
            raise
