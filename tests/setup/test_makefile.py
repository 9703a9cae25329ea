"""What `make` says on a machine without a fitting Python; an installation itself is not tried."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MAKE = shutil.which("make")

pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")


@pytest.fixture
def clone(tmp_path) -> Path:
    """A folder with the files that installing starts from."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(REPOSITORY / name, tmp_path)
    return tmp_path


def make(clone: Path, *arguments: str, **programs: str) -> subprocess.CompletedProcess:
    """Run make with only these programs, given as shell scripts, and a few basic ones."""
    folder = clone / "bin"
    folder.mkdir()
    for name in ("rm", "touch"):
        (folder / name).symlink_to(shutil.which(name))
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    environ = {"PATH": str(folder), "HOME": str(clone)}
    command = [MAKE, "-C", str(clone), "--no-print-directory", *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.run(command, env=environ, text=True, **streams)


@pytest.mark.parametrize("target", ["setup", "demo", "test", "lint", "types", "bench"])
def test_without_a_python_every_target_ends_with_one_clear_line(clone, target):
    result = make(clone, target, python3="exit 127")  # as a version manager's stand-in
    line, make_itself = result.stderr.splitlines()
    assert result.returncode != 0
    assert "no Python 3.8 to 3.11 found" in line and "uv" in line and "PYTHON=" in line
    assert "Error 2" in make_itself
    assert not (clone / ".venv").exists()


def test_a_python_of_the_user_that_does_not_fit_is_refused(clone):
    result = make(clone, "setup", "PYTHON=python3.12", **{"python3.12": "exit 1"})
    assert result.returncode != 0
    assert "PYTHON=python3.12 is not a Python 3.8 to 3.11" in result.stderr


def test_uv_makes_the_environment_where_no_python_fits(clone):
    result = make(clone, "setup", uv='echo "uv $*" >> calls; exit 3')
    assert result.returncode != 0
    assert (clone / "calls").read_text() == "uv venv --quiet --seed --python 3.11 .venv\n"


def commands(clone: Path, *arguments: str) -> str:
    """What make would run, with an environment that is up to date for the build in its name."""
    return make(clone, "--dry-run", *arguments).stdout


def test_plain_targets_keep_the_build_that_setup_chose(clone):
    (clone / ".venv").mkdir()
    (clone / ".venv" / ".installed-gpu").touch()
    assert commands(clone, "types").strip() == ".venv/bin/python -m mypy"


@pytest.mark.parametrize(
    "arguments, installs, removes",
    [
        (["setup"], "'.[cpu,onnx,dev]'", "show --quiet mxnet-cu112"),
        (["setup", "GPU=0"], "'.[cpu,onnx,dev]'", "show --quiet mxnet-cu112"),
        (["setup", "GPU=1"], "'.[gpu,onnx,dev]'", "show --quiet mxnet "),
        (["test", "GPU=1"], "'.[gpu,onnx,dev]'", "show --quiet mxnet "),
    ],
)
def test_the_build_asked_for_is_installed_and_the_other_removed(
    clone, arguments, installs, removes
):
    text = commands(clone, *arguments)
    assert f"-c requirements.lock -e {installs}" in text
    assert removes in text


def test_a_changed_lock_installs_again(clone):
    (clone / ".venv").mkdir()
    stamp = clone / ".venv" / ".installed-cpu"
    stamp.touch()
    os.utime(stamp, (0, 0))
    assert "pip install" in commands(clone, "lint")
