"""Random generators of a place: those that move have the numbers of those that are made."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from unequal.support.random_streams import Purpose, generator, generators


def draws(rng):
    """Numbers of every kind that the iterators draw, and half-used words between them."""
    return [
        rng.random(),
        rng.permutation(3).tolist(),
        int(rng.integers(5, dtype=np.uint32)),
        rng.normal(),
        rng.random(3).tolist(),
    ]


@pytest.mark.parametrize("seed", [0, 7, 2**63 + 5])
def test_a_generator_that_moves_gives_what_a_new_one_gives(seed):
    at = generators(seed, Purpose.TAIL_IMAGE, 3)
    for position in (0, 5, 4, 5, 10**9, 0):
        wanted = np.random.Generator(
            np.random.Philox(key=(2 << 64) | seed, counter=[0, 0, 3, position])
        )
        assert draws(at(position)) == draws(wanted)


def test_threads_do_not_move_each_others_generators():
    at = generators(1, Purpose.IMAGE, 1)
    here = at(4)
    here.random()
    other = threading.Thread(target=lambda: at(9).random(50))
    other.start()
    other.join()
    wanted = generator(1, Purpose.IMAGE, 1, 4)
    wanted.random()
    assert here.random() == wanted.random()
