"""requirements.lock fits pyproject.toml on every Python that the project supports."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

try:
    import tomllib
except ImportError:  # before Python 3.11
    import tomli as tomllib

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
PYTHONS = ("3.8", "3.9", "3.10", "3.11")


def locked(python: str) -> dict[str, list[str]]:
    """The version or versions that the lock gives each package under one Python."""
    versions: dict[str, list[str]] = {}
    for line in (REPOSITORY / "requirements.lock").read_text().splitlines():
        if line.startswith("#"):
            continue
        requirement = Requirement(line)
        environment = {"python_version": python, "python_full_version": f"{python}.0"}
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", line
            versions.setdefault(canonicalize_name(requirement.name), []).append(specifier.version)
    return versions


def declared() -> list[str]:
    """All requirements of pyproject.toml, those of the extras included."""
    extras = PROJECT["optional-dependencies"].values()
    return PROJECT["dependencies"] + [text for extra in extras for text in extra]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("text", declared())
def test_every_declared_package_is_locked_once_within_its_range(python, text):
    requirement = Requirement(text)
    if requirement.marker and not requirement.marker.evaluate({"python_version": python}):
        return
    versions = locked(python)[canonicalize_name(requirement.name)]
    assert len(versions) == 1
    assert requirement.specifier.contains(versions[0])


@pytest.mark.parametrize("python", PYTHONS)
def test_no_package_is_locked_twice_for_one_python(python):
    twice = {name: versions for name, versions in locked(python).items() if len(versions) > 1}
    assert twice == {}


def test_what_the_declared_packages_need_is_locked_too():
    """Follows the metadata of the installed packages, under the Python that runs this."""
    lock = locked("{}.{}".format(*sys.version_info))
    extras = PROJECT["optional-dependencies"]
    waiting = [Requirement(text) for text in PROJECT["dependencies"] + extras["dev"]]
    seen = set()
    no_extra = {"extra": ""}
    while waiting:
        name = canonicalize_name(waiting.pop().name)
        if name in seen:
            continue
        seen.add(name)
        needs = [Requirement(text) for text in metadata.requires(name) or []]
        waiting += [need for need in needs if not need.marker or need.marker.evaluate(no_extra)]
    assert seen - set(lock) == set()


def test_the_supported_pythons_are_those_of_the_lock():
    assert PROJECT["requires-python"] == ">=3.8,<3.12"
    named = [re.findall(r":: (3\.\d+)$", text) for text in PROJECT["classifiers"]]
    assert tuple(version for found in named for version in found) == PYTHONS


def test_the_lock_names_no_place_on_the_network():
    text = (REPOSITORY / "requirements.lock").read_text()
    assert "://" not in text
    assert "--" not in text and " @ " not in text
