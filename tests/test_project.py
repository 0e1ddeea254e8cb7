"""What must go together in the repository: the lock, the environments, the book's contents."""

import re
import tomllib

import chapters
import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.version import Version
from places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"].values()
WANTED = PROJECT["dependencies"] + [line for extra in EXTRAS for line in extra]


def locked():
    """The lock's versions for this interpreter and system, {name: version}."""
    lines = re.findall(r"^[a-z0-9].*$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    pins = [Requirement(line) for line in lines]
    here = default_environment()
    return {
        pin.name.lower(): next(iter(pin.specifier)).version
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(here)
    }


@pytest.mark.parametrize("line", WANTED)
def test_the_lock_holds_what_the_project_asks_for(line):
    wanted = Requirement(line)
    assert Version(locked()[wanted.name.lower()]) in wanted.specifier, "run: make lock"


def test_the_lock_can_build_the_package_offline():
    assert "setuptools" in locked()


def test_conda_users_get_the_same_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *plain, last = environment["dependencies"]
    assert last == {"pip": ["-r requirements.lock", "-e ."]}
    python = next(name for name in plain if name.startswith("python="))
    assert Version(python.split("=")[1]) in Requirement("p" + PROJECT["requires-python"]).specifier


def test_the_book_holds_every_chapter():
    chapters.chapters_of(ROOT)


def test_every_profile_is_explained_in_the_book():
    explained = yaml.safe_load((ROOT / "book" / "profiles.yml").read_text())
    there = {path.stem for path in (ROOT / "notebooks" / "profiles").glob("*.yaml")}
    assert there <= set(explained)


def test_ci_calls_the_two_commands_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text()
    readme = (ROOT / "README.md").read_text()
    assert re.findall(r"^make \w+", script, re.MULTILINE) == ["make test", "make all"]
    assert "    make all " in readme and "    make test " in readme
