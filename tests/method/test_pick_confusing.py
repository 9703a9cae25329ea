"""Which identities are picked from a bag."""

from __future__ import annotations

import json

import numpy as np
import pytest

from unequal.method.confusing import identity_centres, pick_confusing
from unequal.support.nearest_points import nearest_distances


def by_definition(embeddings, counts, n_identities):
    """The same, pair by pair in plain Python."""
    rows = [row / np.sqrt(np.sum(row * row)) for row in np.asarray(embeddings, np.float64)]
    starts = np.cumsum([0, *counts])
    centres = [np.mean(rows[a:b], axis=0) for a, b in zip(starts[:-1], starts[1:])]
    pairs = sorted(
        (np.float32(np.sum((centres[i] - centres[j]) ** 2).round(12)), i, j)
        for i in range(len(counts))
        for j in range(i + 1, len(counts))
    )
    picked = []
    for _, i, j in pairs:
        picked += [position for position in (i, j) if position not in picked]
    return picked[:n_identities]


def golden_cases(golden):
    """(bag, --batchsize_id) of the recorded picks that distances alone decide."""
    meta = json.loads((golden / "d_pick" / "meta.json").read_text())
    for bag, facts in meta.items():
        for name, case in facts.items():
            if isinstance(case, dict) and case["defined_by_distances"]:
                size = int(name.replace("batchsize_id", "").strip("_ "))
                yield bag, size, facts["images_per_identity"]


def test_golden_picks_are_the_same_identities(golden):
    stored = np.load(golden / "d_pick" / "pick.npz")
    checked = 0
    for bag, size, per_identity in golden_cases(golden):
        embeddings, wanted = stored[f"{bag}/embeddings"], stored[f"{bag}/id_sel_{size}"]
        counts = [per_identity] * (len(embeddings) // per_identity)
        picked = pick_confusing(embeddings, counts, len(wanted))
        even = len(wanted) // 2 * 2
        assert set(picked[:even].tolist()) == set(wanted[:even].tolist()), (bag, size)
        if even != len(wanted):
            following = pick_confusing(embeddings, counts, even + 2)[even:]
            assert picked[even] in following and wanted[even] in following, (bag, size)
        checked += 1
    assert checked == 25


@pytest.mark.parametrize("bag", ["bag300close", "bag300", "bag60", "bag100_one_image"])
def test_golden_distances(golden, bag):
    stored = np.load(golden / "d_pick" / "pick.npz")
    wanted, embeddings = stored[f"{bag}/pdists"], stored[f"{bag}/embeddings"]
    counts = [len(embeddings) // len(wanted)] * len(wanted)
    above = np.triu_indices(len(wanted), 1)
    centres = identity_centres(embeddings, counts)
    distances = np.square(centres[:, None] - centres[None]).sum(axis=2)
    np.testing.assert_allclose(distances[above], wanted[above], rtol=1e-5, atol=1e-6)
    nearest, error = nearest_distances(centres)
    wanted = wanted + np.diag(np.full(len(wanted), np.inf))
    np.testing.assert_allclose(nearest, wanted.min(axis=1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["collapsed", "whole numbers", "many twins"])
def test_picks_equal_the_definition_where_float32_cannot_tell_pairs_apart(kind):
    rng = np.random.RandomState(7)
    embeddings = rng.normal(size=(90, 6))
    if kind == "collapsed":
        embeddings = 1 + 1e-3 * embeddings
    elif kind == "whole numbers":
        embeddings = 1 + np.abs(embeddings).round()
    else:
        embeddings = embeddings[rng.randint(0, 9, 90)]
    counts = [1, 2, 3] * 15
    for n_identities in (1, 2, 7, 20, 44, 45):
        picked = pick_confusing(embeddings, counts, n_identities).tolist()
        assert picked == by_definition(embeddings, counts, n_identities)


@pytest.mark.parametrize("n_identities", [0, 1, 2, 3, 10, 39, 40])
def test_picks_equal_the_definition_for_identities_of_any_size(n_identities):
    rng = np.random.RandomState(4)
    counts = rng.randint(1, 6, 40)
    embeddings = rng.normal(size=(counts.sum(), 8)) * rng.uniform(0.1, 9, (counts.sum(), 1))
    picked = pick_confusing(embeddings.astype(np.float32), counts, n_identities)
    assert picked.dtype == np.int64
    wanted = by_definition(embeddings.astype(np.float32), counts, n_identities)
    assert picked.tolist() == wanted


def test_equal_distances_are_taken_by_position():
    corners = np.repeat(np.eye(6), 2, axis=0)
    assert pick_confusing(corners, [2] * 6, 4).tolist() == [0, 1, 2, 3]
    twins = np.concatenate([np.eye(6), np.eye(6)])
    assert pick_confusing(twins, [1] * 12, 6).tolist() == [0, 6, 1, 7, 2, 8]
    once = np.random.RandomState(0).normal(size=(30, 64))
    picked = pick_confusing(np.concatenate([once, once]), [1] * 60, 20)
    assert picked.reshape(10, 2).tolist() == [[i, i + 30] for i in range(10)]


def test_all_identities_of_a_bag_without_a_close_pair_are_picked_once():
    far = np.concatenate([np.eye(5), -np.eye(5)])
    assert sorted(pick_confusing(far, [1] * 10, 10)) == list(range(10))


def test_of_an_odd_number_the_last_pair_gives_its_lower_position():
    angles = np.deg2rad([0, 50, 100, 101, 200, 205])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert pick_confusing(embeddings, [1] * 6, 3).tolist() == [2, 3, 4]


def test_a_single_identity_is_picked_alone():
    assert pick_confusing(np.ones((3, 4)), [3], 1).tolist() == [0]


def test_rows_without_length_or_number_do_not_hang():
    embeddings = np.zeros((6, 3))
    embeddings[3] = np.nan
    assert pick_confusing(embeddings, [2, 2, 2], 3).tolist() == [0, 2, 1]
    assert pick_confusing(np.full((6, 3), np.nan), [2, 2, 2], 2).tolist() == [0, 1]


def test_more_identities_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="cannot pick 3 of 2"):
        pick_confusing(np.ones((2, 4)), [1, 1], 3)
