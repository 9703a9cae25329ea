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
        if applies(requirement, python):
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", line
            versions.setdefault(canonicalize_name(requirement.name), []).append(specifier.version)
    return versions


def applies(requirement: Requirement, python: str) -> bool:
    """Whether a requirement of no extra counts under this Python."""
    environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def declared(python: str, *extras: str) -> list[Requirement]:
    """The requirements of pyproject.toml, those of the extras (default: all) included."""
    optional = PROJECT["optional-dependencies"]
    texts = PROJECT["dependencies"] + [text for e in extras or optional for text in optional[e]]
    return [need for need in map(Requirement, texts) if applies(need, python)]


@pytest.mark.parametrize("python", PYTHONS)
def test_every_package_is_locked_once_and_the_declared_ones_within_their_ranges(python):
    lock = locked(python)
    assert {name: versions for name, versions in lock.items() if len(versions) > 1} == {}
    for requirement in declared(python):
        (version,) = lock[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_what_the_declared_packages_need_is_locked_too():
    """Follows the metadata of the installed packages, under the Python that runs this."""
    python = "{}.{}".format(*sys.version_info)
    lock = locked(python)
    waiting = declared(python, "dev")
    seen = set()
    while waiting:
        name = canonicalize_name(waiting.pop().name)
        if name in seen:
            continue
        seen.add(name)
        needs = [Requirement(text) for text in metadata.requires(name) or []]
        waiting += [need for need in needs if applies(need, python)]
    assert seen - set(lock) == set()


def test_the_supported_pythons_are_those_of_the_lock():
    assert PROJECT["requires-python"] == ">=3.8,<3.12"
    named = [re.findall(r":: (3\.\d+)$", text) for text in PROJECT["classifiers"]]
    assert tuple(version for found in named for version in found) == PYTHONS


def test_the_lock_names_no_place_on_the_network():
    text = (REPOSITORY / "requirements.lock").read_text()
    assert "://" not in text
    assert "--" not in text and " @ " not in text
