"""Running ahead in a thread: order, limits, errors and ends."""

from __future__ import annotations

import threading

import pytest

from unequal.support.prefetch import Prefetcher


def counting(upto, made):
    for number in range(upto):
        made.append(number)
        yield number


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_items_come_in_order_and_then_the_end_stays_the_end(depth):
    ahead = Prefetcher(counting(20, []), depth)
    assert list(ahead) == list(range(20))
    with pytest.raises(StopIteration):
        next(ahead)


def test_it_is_ahead_by_one_more_than_its_depth_and_no_further():
    reached = threading.Event()

    def source():
        for number in range(100):
            made.append(number)
            if number == 2:
                reached.set()
            yield number

    made = []
    ahead = Prefetcher(source(), depth=2)
    assert reached.wait(10), "two items wait and a third is made, without anybody asking"
    assert next(ahead) == 0
    ahead.close()
    assert len(made) <= 4


@pytest.mark.parametrize("depth", [0, 1])
def test_an_error_comes_after_the_items_before_it(depth):
    def source():
        yield 1
        raise KeyError("broken")

    ahead = Prefetcher(source(), depth)
    assert next(ahead) == 1
    with pytest.raises(KeyError, match="broken"):
        next(ahead)
    ahead.close()


@pytest.mark.parametrize("depth", [0, 2])
def test_closing_ends_the_thread_in_the_middle(depth):
    before = threading.active_count()
    made = []
    ahead = Prefetcher(counting(10**9, made), depth)
    assert next(ahead) == 0
    ahead.close()
    ahead.close()
    assert threading.active_count() == before
    with pytest.raises(StopIteration):
        next(ahead)
