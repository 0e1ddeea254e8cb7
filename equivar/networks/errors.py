"""Say in one line where an error came from."""

from __future__ import annotations

import traceback
from pathlib import Path


def first_line(error: BaseException) -> str:
    """An error's message up to the first line break; its name if it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .:") if lines else type(error).__name__


def at_fault(error: BaseException, within: Path | None = None) -> str:
    """The innermost place of an error, such as `file.py, line 12`.

    It is a place in the file `within` if the error passed through that file.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    inside = [f for f in frames if within and Path(f.filename) == within]
    frames = inside or frames
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "?"
