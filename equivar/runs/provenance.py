"""Where a run came from: the program, its versions and the machine, without names or paths."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import version

import torch

from equivar.files import PROJECT
from equivar.runs.spec import Spec

PACKAGES = ("torch", "torchvision", "timm", "numpy", "pandas")


def provenance(spec: Spec, seconds: float) -> dict[str, object]:
    """What is stored beside the results of `spec`, which took `seconds` to make."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    return {
        **spec.facts,
        "key": spec.key,
        "label": str(spec),
        "seconds": round(seconds, 1),
        "device": device,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "commit": commit(),
    }


@cache
def commit() -> str | None:
    """The commit of the checkout, with "+" where files differ from it; None outside of git."""
    try:
        head = _git("rev-parse", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--", "equivar") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PROJECT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()
