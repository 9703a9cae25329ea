"""Which identities look the same: their centres, and the pairs of close centres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Iterator

import numpy as np

if TYPE_CHECKING:
    from unequal.checkpoints.embedder import Embed

BLOCK = 1024


def mean_directions(
    faces: Iterable[tuple[int, np.ndarray]], embed: Embed, identities: int, batch_size: int
) -> np.ndarray:
    """Return the mean direction of each identity's embeddings.

    Args:
        faces: (identity, image) pairs, in any order: a number below `identities`, and uint8
            (3, height, width) RGB.
        embed: maps uint8 (batch_size, 3, height, width) to embeddings (batch_size, emb). It gets
            no other shape, because the last batch is filled up with copies of its last image.
        identities: their number.
        batch_size: images embedded at a time.

    Returns:
        float32 (identities, emb): every embedding is normalised, and so is the mean of each
        identity's; rows of zeros for identities without an image. (identities, 0) without images.
    """
    centres = np.zeros((identities, 0), np.float32)
    for rows, images in _batches(faces, batch_size):
        embeddings = np.asarray(embed(images), np.float32)[: len(rows)]
        if not centres.shape[1]:
            centres = np.zeros((identities, embeddings.shape[1]), np.float32)
        np.add.at(centres, rows, _normalised(embeddings))
    for start in range(0, identities, BLOCK):
        block = slice(start, start + BLOCK)
        centres[block] = _normalised(centres[block])
    return centres


def pairs_above(
    centres: np.ndarray, threshold: float, block: int = BLOCK
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield all pairs of rows whose cosine is at least `threshold`, each once, some at a time.

    Args:
        centres: float32 (identities, emb), rows of length 1, or of zeros, which are in no pair.
        threshold: above 0.
        block: the cosines of `block` x `block` pairs are held at a time.

    Yields:
        first row, second row (int64, first < second) and cosine (float32), each (pairs,).
    """
    for top in range(0, len(centres), block):
        for left in range(top, len(centres), block):
            cosines = centres[top : top + block] @ centres[left : left + block].T
            found = cosines >= threshold
            if left == top:
                found = np.triu(found, 1)
            first, second = np.nonzero(found)
            if len(first):
                yield first + top, second + left, cosines[first, second]


def connected(pairs: Iterable[tuple[int, int]], count: int) -> np.ndarray:
    """Group the numbers 0..count-1 that are linked by pairs, also over other numbers.

    Returns:
        int64 (count,): the smallest number of each one's group.
    """
    parents = list(range(count))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parents[high] = low
    return np.array([root(number) for number in range(count)], np.int64)


def _batches(
    faces: Iterable[tuple[int, np.ndarray]], batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rows: list[int] = []
    images: list[np.ndarray] = []
    for row, image in faces:
        rows.append(row)
        images.append(image)
        if len(rows) == batch_size:
            yield np.array(rows), np.stack(images)
            rows, images = [], []
    if rows:
        images += [images[-1]] * (batch_size - len(images))
        yield np.array(rows), np.stack(images)


def _normalised(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
