"""Which tail identities to separate: those whose centres lie closest to each other."""

from __future__ import annotations

from typing import Sequence

import numpy as np

# Below this, the squared distance of unit vectors is float64 rounding: the centres are equal.
EQUAL = 1e-12


def pick_confusing(embeddings: np.ndarray, counts: Sequence[int], n_identities: int) -> np.ndarray:
    """Positions of the `n_identities` most confusing identities, those of close pairs adjacent.

    `embeddings` (rows, emb) holds `counts[i]` rows of identity i, one identity after the other.
    A centre is the mean of an identity's rows, each scaled to length 1 (the centre is not). Pairs
    are walked through by the squared distance of their centres, equal ones by position; what is
    not yet picked of a pair is picked, the lower position first, as the 2019 code, which took
    accidental positions where that ran out of pairs closer than 1 and broke ties by accident.

    Returns int64 positions. Raises ValueError for more identities than there are.
    """
    counts = np.asarray(counts)
    if not 0 <= n_identities <= len(counts):
        raise ValueError(f"cannot pick {n_identities} of {len(counts)} identities")
    if len(counts) < 2:
        return np.arange(n_identities)
    distances = centre_distances(embeddings, counts)
    total = len(counts) * (len(counts) - 1) // 2
    considered = min(total, 8 * n_identities)
    while True:
        picked = _walk(distances, considered, n_identities)
        if len(picked) == n_identities:
            return np.array(picked, np.int64)
        considered = min(total, 4 * considered)


def centre_distances(embeddings: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """float32 (identities, identities): squared distances of the centres above the diagonal.

    The diagonal and what lies below it is infinite, as is a distance that is no number.
    """
    rows = np.asarray(embeddings, np.float64)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(float).tiny)
    counts = np.asarray(counts)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    centres = np.add.reduceat(rows, starts, axis=0) / counts[:, None]
    squares = np.einsum("ij,ij->i", centres, centres)
    distances = squares[:, None] + squares[None, :] - 2.0 * (centres @ centres.T)
    distances[distances < EQUAL] = 0.0
    distances[np.isnan(distances)] = np.inf
    distances[np.tri(len(counts), dtype=bool)] = np.inf
    return distances.astype(np.float32)


def _walk(distances: np.ndarray, considered: int, n_identities: int) -> list:
    """What is picked from the `considered` closest pairs, at most `n_identities`."""
    flat = distances.ravel()
    limit = np.partition(flat, considered - 1)[considered - 1]
    pairs = np.flatnonzero(flat <= limit)
    pairs = pairs[np.argsort(flat[pairs], kind="stable")]
    picked: list = []
    chosen = np.zeros(len(distances), bool)
    for pair in zip(*(index.tolist() for index in np.unravel_index(pairs, distances.shape))):
        for position in pair:
            if not chosen[position] and len(picked) < n_identities:
                chosen[position] = True
                picked.append(position)
        if len(picked) == n_identities:
            break
    return picked
