"""Random generators that depend on a place in the run, not on which thread gets there when."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

WORD = (1 << 64) - 1


class Purpose(IntEnum):
    """What a generator is for; two purposes never share numbers."""

    ORDER = 0
    IMAGE = 1
    TAIL_IMAGE = 2
    BAGS = 3


def generator(
    seed: int, purpose: Purpose, round_number: int = 0, position: int = 0
) -> np.random.Generator:
    """The generator of one place: the same arguments give the same numbers.

    `round_number` counts passes over the data, `position` rows within one. Counter-based (Philox),
    so that one can be had for every image at the cost of a few microseconds.
    """
    bits = np.random.Philox(
        key=(int(purpose) << 64) | (seed & WORD), counter=[0, 0, round_number, position]
    )
    return np.random.Generator(bits)
