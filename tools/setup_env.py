"""Make .venv with the versions of requirements.lock and this package in it.

Runs on the bare Python that the machine has, so it uses the standard library only.
uv installs several times faster than pip; where it cannot be had or fails, pip does it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
LOCK = "requirements.lock"
OLDEST = (3, 11)


def call(*arguments, **options):
    """Run a program in the project's folder; True when it succeeded."""
    command = [str(part) for part in arguments]
    return subprocess.run(command, cwd=str(ROOT), **options).returncode == 0


def works(python):
    """Whether an environment is there and new enough (not half made, or of a Python gone)."""
    check = f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"
    try:
        done = subprocess.run([str(python), "-c", check], stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return done.returncode == 0


def make_venv():
    if works(PYTHON):
        return
    if sys.version_info < OLDEST:
        sys.exit(
            "setup: this is Python {}.{}, but {}.{} or newer is needed; name one: "
            "make setup PYTHON=python3.12".format(*sys.version_info[:2], *OLDEST)
        )
    print("setup: making .venv", flush=True)
    if not call(sys.executable, "-m", "venv", "--clear", VENV):
        sys.exit(
            "setup: Python could not make .venv; on Debian and Ubuntu the package "
            "python3-venv is needed"
        )


def have_uv():
    """Install the locked uv into .venv, and say whether it is there."""
    pin = re.search(r"^uv==\S+", (ROOT / LOCK).read_text(), re.MULTILINE)
    install = [PYTHON, "-m", "pip", "install", "--quiet", pin.group() if pin else "uv"]
    return call(*install) and call(PYTHON, "-m", "uv", "--version", stdout=subprocess.DEVNULL)


def install(name, *tool):
    """Install the lock and then this package, linked to its sources, without its dependencies."""
    print(f"setup: {name} installs the versions of {LOCK}", flush=True)
    return call(*tool, "-r", LOCK) and call(*tool, "--no-deps", "--no-build-isolation", "-e", ".")


def main():
    os.environ.setdefault("UV_SYSTEM_CERTS", "1")  # behind a proxy with a certificate of its own
    os.environ.setdefault("UV_COMPILE_BYTECODE", "1")  # as pip does: every start is faster
    make_venv()
    (VENV / ".ready").unlink(missing_ok=True)
    done = have_uv() and install("uv", PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON)
    if not done:
        print("setup: uv did not work here, so pip does it", flush=True)
    if not done and not install("pip", PYTHON, "-m", "pip", "install"):
        sys.exit("setup: the installation failed, see above; run the same command to go on")
    (VENV / ".ready").touch()
    print("setup: .venv is ready", flush=True)


if __name__ == "__main__":
    main()
