"""Where runs are computed."""

from __future__ import annotations

import torch


def fastest() -> torch.device:
    """The GPU where PyTorch has one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
