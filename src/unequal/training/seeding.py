"""Seeds: every random number of a run depends on one seed and a place in the run."""

from __future__ import annotations

import time

import mxnet as mx
import numpy as np


def any_seed() -> int:
    """Return a seed that nobody has chosen."""
    return time.time_ns() % 2**31


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and MXNet for a repeatable run."""
    from gluoncv.utils.random import seed as seed_libraries

    seed_libraries(seed)


def seed_step(seed: int, step: int) -> None:
    """Seed MXNet for one step (dropout): its numbers depend on these two alone.

    MXNet does not tell the state of its generators, so a run could not resume from it.
    """
    mx.random.seed(int(np.random.SeedSequence([seed, step]).generate_state(1)[0] >> 1))
