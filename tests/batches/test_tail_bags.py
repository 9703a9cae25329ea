"""Drawing bags: whole identities, no repetition within a permutation, short identities."""

from __future__ import annotations

import numpy as np
import pytest

from unequal.batches.tail_bags import TailBags
from unequal.faces.face_records import Groups
from unequal.support.errors import InputError


def tail(counts, bag_size, per_identity=3, needed=1):
    starts = np.concatenate([[0], np.cumsum(counts)])
    return TailBags(
        Groups(np.arange(100, 100 + starts[-1]), starts),
        bag_size,
        per_identity,
        needed,
        "t/train.rec",
    )


def owner(counts, key):
    """The identity that a record of `tail` belongs to."""
    return int(np.searchsorted(np.cumsum(counts), key - 100, side="right"))


def identities(counts, bag):
    """The identity of each of the bag's groups, checked to be of one identity each."""
    found, start = [], 0
    for count in bag.counts:
        owners = {owner(counts, key) for key in bag.keys[start : start + count]}
        assert len(owners) == 1
        found.append(owners.pop())
        start += count
    assert start == len(bag.keys) == len(set(bag.keys.tolist()))
    return found


def test_a_permutation_is_walked_through_without_repetition_as_in_the_2019_code():
    counts = [5] * 10
    bags = tail(counts, bag_size=12)
    rng = np.random.default_rng(0)
    drawn = [bags.draw(rng) for _ in range(5)]
    assert [bag.reordered for bag in drawn] == [True, False, True, False, True]
    assert [bag.cursor for bag in drawn] == [0, 12, 0, 12, 0]
    assert all(len(bag.keys) == 12 and bag.counts.tolist() == [3] * 4 for bag in drawn)
    for first, second in (drawn[0:2], drawn[2:4]):
        assert len(set(identities(counts, first) + identities(counts, second))) == 8


def test_the_last_full_bag_of_a_permutation_is_used():
    bags = tail([3] * 8, bag_size=12)
    rng = np.random.default_rng(0)
    assert [bags.draw(rng).reordered for _ in range(4)] == [True, False, True, False]


def test_images_of_an_identity_are_random_and_all_come_up():
    bags = tail([7], bag_size=3)
    rng = np.random.default_rng(0)
    seen = {key for _ in range(100) for key in bags.draw(rng).keys.tolist()}
    assert seen == set(range(100, 107))


def test_short_identities_give_what_they_have_and_single_images_are_left_out():
    counts = [1, 2, 5, 0, 3, 2, 1]
    bags = tail(counts, bag_size=100)
    assert bags.unused == 3
    bag = bags.draw(np.random.default_rng(0))
    assert sorted(zip(identities(counts, bag), bag.counts)) == [(1, 2), (2, 3), (4, 3), (5, 2)]


def test_single_images_are_used_where_one_is_asked_for():
    counts = [1, 2, 0, 1]
    bags = tail(counts, bag_size=100, per_identity=1)
    bag = bags.draw(np.random.default_rng(0))
    assert bags.unused == 1 and sorted(identities(counts, bag)) == [0, 1, 3]


def test_a_bag_never_exceeds_its_size_whatever_does_not_divide():
    counts = [2, 3, 9, 4, 2, 3, 3, 2, 5, 8]
    rng = np.random.default_rng(1)
    for per_identity in (1, 2, 3, 4):
        for bag_size in (6, 7, 8, 9, 10):
            bags = tail(counts, bag_size, per_identity)
            for _ in range(30):
                bag = bags.draw(rng)
                assert len(identities(counts, bag)) >= bag_size // per_identity
                assert bag_size - per_identity < len(bag.keys) <= bag_size


def test_a_bag_larger_than_the_tail_is_the_tail_every_time():
    counts = [3, 4, 5]
    bags = tail(counts, bag_size=1000)
    rng = np.random.default_rng(0)
    for _ in range(3):
        bag = bags.draw(rng)
        assert bag.reordered and sorted(identities(counts, bag)) == [0, 1, 2]


def test_reorder_begins_a_new_permutation():
    bags = tail([3] * 20, bag_size=6)
    rng = np.random.default_rng(0)
    bags.draw(rng)
    assert not bags.draw(rng).reordered
    bags.reorder()
    bag = bags.draw(rng)
    assert bag.reordered and bag.cursor == 0


def test_forgotten_images_are_not_drawn_again():
    counts = [3, 3, 3]
    bags = tail(counts, bag_size=100)
    bags.forget([100, 103, 104])
    bag = bags.draw(np.random.default_rng(0))
    assert sorted(bag.keys.tolist()) == [101, 102, 106, 107, 108]
    assert sorted(identities(counts, bag)) == [0, 2]


def test_too_few_identities_are_told():
    with pytest.raises(InputError, match="2 identities have 2 or more .*needs 3.* 6 or less"):
        tail([1, 2, 3], bag_size=9, needed=3)
    bags = tail([3, 3, 3], bag_size=9, needed=3)
    with pytest.raises(InputError, match="t/train.rec: 2 identities"):
        bags.forget([100, 101])
