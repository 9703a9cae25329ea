"""Centres of identities, close pairs of them, and chains of pairs, against plain computations."""

from __future__ import annotations

import numpy as np
import pytest

from recordio_tools.merge_parts.matches import Matches, group, mean_directions, pairs_above

PIXELS = 3 * 2 * 2


@pytest.fixture
def images() -> np.ndarray:
    return np.random.randint(0, 256, (11, 3, 2, 2)).astype(np.uint8)


@pytest.fixture
def weights() -> np.ndarray:
    return np.random.normal(size=(PIXELS, 5))


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.sqrt(np.sum(vector**2))


@pytest.mark.parametrize("batch_size", [1, 4, 11, 64])
def test_a_centre_is_the_direction_of_the_mean_of_normalised_embeddings(
    images, weights, batch_size
):
    rows = [2, 0, 0, 3, 2, 0, 3, 3, 2, 0, 0]
    shapes = set()

    def embed(batch):
        shapes.add(batch.shape)
        return (batch.reshape(len(batch), -1) @ weights).astype(np.float32)

    centres = mean_directions(zip(rows, images), embed, 5, batch_size)
    assert centres.shape == (5, 5) and centres.dtype == np.float32
    assert shapes == {(batch_size, 3, 2, 2)}
    for identity in (0, 2, 3):
        own = [unit(image.ravel() @ weights) for row, image in zip(rows, images) if row == identity]
        np.testing.assert_allclose(centres[identity], unit(np.mean(own, axis=0)), atol=1e-6)
    assert not centres[[1, 4]].any()


def test_images_are_taken_as_they_come_and_not_kept():
    given = []

    def faces():
        for number in range(40):
            given.append(number)
            yield number, np.zeros((3, 2, 2), np.uint8)

    def embed(batch):
        assert len(given) % 8 == 0
        return np.ones((len(batch), 2))

    mean_directions(faces(), embed, 40, 8)
    assert len(given) == 40


@pytest.mark.parametrize("block", [1, 3, 7, 23, 100])
@pytest.mark.parametrize("threshold", [0.1, 0.6])
def test_pairs_are_all_those_above_the_threshold_each_once(block, threshold):
    centres = np.array([unit(vector) for vector in np.random.normal(size=(23, 4))])
    centres[5] = 0
    cosines = {(i, j): float(np.sum(centres[i] * centres[j])) for j in range(23) for i in range(j)}
    expected = {pair: cosine for pair, cosine in cosines.items() if cosine >= threshold}
    assert expected and min(abs(cosine - threshold) for cosine in cosines.values()) > 1e-6
    found = {}
    for first, second, cosine in pairs_above(centres.astype(np.float32), threshold, block):
        for pair in zip(first.tolist(), second.tolist(), cosine.tolist()):
            assert pair[:2] not in found
            found[pair[:2]] = pair[2]
    assert found == pytest.approx(expected, abs=1e-6)


def test_no_image_at_all_gives_no_pair():
    centres = mean_directions([], lambda images: images, 3, 4)
    assert centres.shape == (3, 0) and list(pairs_above(centres, 0.5)) == []


@pytest.mark.parametrize("links", [0, 5, 20, 60])
def test_a_group_is_what_can_be_reached_in_the_order_of_its_first_members(links):
    pairs = np.random.randint(0, 40, (links, 2))
    neighbours = {number: {number} for number in range(40)}
    for one, other in pairs.tolist():
        neighbours[one].add(other)
        neighbours[other].add(one)
    expected = []
    for number in range(40):
        reached, waiting = set(), [number]
        while waiting:
            current = waiting.pop()
            reached.add(current)
            waiting += neighbours[current] - reached
        expected += [sorted(reached)] if min(reached) == number else []
    matches = Matches(*pairs.T, np.ones(links))
    assert group(np.zeros(40, int), matches, same_labels=False) == expected
