"""Random generators that depend on a place in the run, not on which thread gets there when."""

from __future__ import annotations

import threading
from enum import IntEnum
from typing import Callable

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
    """Return the generator of one place: the same arguments give the same numbers.

    `round_number` counts passes over the data, `position` rows within one. It is counter-based
    (Philox), so that one for each image costs a few microseconds.
    """
    bits = np.random.Philox(
        key=(int(purpose) << 64) | (seed & WORD), counter=[0, 0, round_number, position]
    )
    return np.random.Generator(bits)


def generators(
    seed: int, purpose: Purpose, round_number: int = 0
) -> Callable[[int], np.random.Generator]:
    """Return a function from a position to what `generator` gives for it, ten times as fast.

    Every thread has one generator; the next call in that thread moves it to another place.
    """
    of_thread = threading.local()

    def at(position: int) -> np.random.Generator:
        try:
            found, state = of_thread.generator, of_thread.state
        except AttributeError:
            found = of_thread.generator = generator(seed, purpose, round_number)
            state = of_thread.state = found.bit_generator.state
        state["state"]["counter"][3] = position
        found.bit_generator.state = state
        return found

    return at
