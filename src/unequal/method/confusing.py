"""Which tail identities to separate: those whose centres lie closest to each other."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from unequal.method.nearest_distances import nearest_distances

# Below this, the squared distance of unit vectors is float64 rounding: the centres are equal.
EQUAL = 1e-12
IDENTITIES_AT_ONCE = 128  # whose rows stay in the cache


def pick_confusing(embeddings: np.ndarray, counts: Sequence[int], n_identities: int) -> np.ndarray:
    """Positions of the `n_identities` most confusing identities, those of close pairs adjacent.

    `embeddings` (rows, emb) holds `counts[i]` rows of identity i, one identity after the other.
    A centre is the mean of an identity's rows, each scaled to length 1 (the centre is not). Pairs
    are walked through by the squared distance of their centres (float32), equal ones by position;
    what is not yet picked of a pair is picked, the lower position first, as the 2019 code, which
    took accidental positions where that ran out of pairs closer than 1 and broke ties by accident.
    Identities whose centre is no number come last.

    That walk meets an identity first in the pair with its nearest other one. So the pairs need not
    be sorted: each identity's nearest one is looked for, in float32, and then in float64 for
    those that may be picked.

    Returns int64 positions. Raises ValueError for more identities than there are.
    """
    counts = np.asarray(counts)
    if not 0 <= n_identities <= len(counts):
        raise ValueError(f"cannot pick {n_identities} of {len(counts)} identities")
    centres = identity_centres(embeddings, counts)
    known = np.isfinite(centres).all(axis=1)
    with_centre, without = np.flatnonzero(known), np.flatnonzero(~known)
    if not known.all():
        centres = centres[known]
    wanted = min(n_identities, len(centres))
    picked = np.arange(wanted) if len(centres) < 2 else _pick(centres, wanted)
    return np.concatenate([with_centre[picked], without[: n_identities - wanted]])


def identity_centres(embeddings: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """float64 (identities, emb): mean of each identity's rows, each scaled to length 1."""
    embeddings, counts = np.asarray(embeddings), np.asarray(counts)
    centres = np.zeros((len(counts), embeddings.shape[1]))
    starts = np.cumsum(counts) - counts
    for first in range(0, len(counts), IDENTITIES_AT_ONCE):
        some = slice(first, first + IDENTITIES_AT_ONCE)
        for image in range(counts[some].max()):
            those = first + np.flatnonzero(counts[some] > image)
            rows = embeddings[starts[those] + image].astype(np.float64)
            lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
            rows /= (np.maximum(lengths, np.finfo(float).tiny) * counts[those])[:, None]
            centres[those] += rows
    return centres


def _pick(centres: np.ndarray, n_identities: int) -> np.ndarray:
    if n_identities == 0:
        return np.empty(0, np.int64)
    nearest, error = nearest_distances(centres)
    # one error for the identity that sets the limit, one for the identity that is held against it
    limit = np.partition(nearest, n_identities - 1)[n_identities - 1] + 2 * (error + EQUAL)
    # of a pair that is as close as that, both are candidates
    candidates = np.flatnonzero(nearest <= limit)
    centres = centres[candidates]
    others = _nearest_others(centres)
    selves = np.arange(len(centres))
    lower, higher = np.minimum(selves, others), np.maximum(selves, others)
    between = centres[lower] - centres[higher]
    distances = _as_compared(np.einsum("ij,ij->i", between, between))
    return candidates[np.lexsort((selves, higher, lower, distances))][:n_identities]


def _nearest_others(centres: np.ndarray) -> np.ndarray:
    """For each centre, the position of the nearest other one, the lowest of several."""
    centres = centres - centres.mean(axis=0)
    squares = np.einsum("ij,ij->i", centres, centres)
    found = np.empty(len(centres), np.int64)
    for first in range(0, len(centres), IDENTITIES_AT_ONCE):
        some = slice(first, first + IDENTITIES_AT_ONCE)
        distances = centres[some] @ centres.T
        distances *= -2.0
        distances += squares[some, None]
        distances += squares
        distances = _as_compared(distances)
        np.fill_diagonal(distances[:, first:], np.inf)
        found[some] = distances.argmin(axis=1)
    return found


def _as_compared(distances: np.ndarray) -> np.ndarray:
    distances[distances < EQUAL] = 0.0
    return distances.astype(np.float32)
