"""Every test starts from the same seed, printed when it fails."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest

# One thread a process: the same numbers in this process and in those that tests start, and no
# threads that wait for one another where two processes share two cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import unequal  # noqa: E402, F401  (before mxnet)

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def seed(request) -> int:
    """Seed Python, NumPy and MXNet; the number is shown with a failing test's captured output."""
    import mxnet

    number = 20190616
    random.seed(number)
    np.random.seed(number)
    mxnet.random.seed(number)
    print(f"seed {number}")
    return number


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of numbers that the 2019 code computed."""
    return REPOSITORY / "tests" / "golden"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real faces and large golden files; skips where it is not there."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "real").is_dir():
        pytest.skip("../shared with real faces is not beside this checkout")
    return folder


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A headless Chromium for the tests of a file; skips where there is none."""
    from browser import Browser, NoBrowser

    try:
        opened = Browser(tmp_path_factory.mktemp("chromium"))
    except NoBrowser as error:
        pytest.skip(f"needs Chromium: {error}")
    yield opened
    opened.close()
