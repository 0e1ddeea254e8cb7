"""Write requirements.lock anew from pyproject.toml, for Linux, macOS and Windows."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = ["--universal", "--python-version", "3.11", "--no-header", "--all-extras", "--quiet"]


def compile_lock(target, *options):
    """Resolve into target; versions that it already holds stay where they still fit."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", *OPTIONS]
    return subprocess.run([*command, "-o", str(target), *options], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(compile_lock("requirements.lock", *sys.argv[1:]))
