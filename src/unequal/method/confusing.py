"""Confusing identities: the ones worth separating, because their centres are closest.

c_i = mean of the normalised embeddings of identity i
walk through the pairs i < j by |c_i - c_j|^2; pick i and j unless they are picked already
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from unequal.support.nearest_points import closest_neighbours


def pick_confusing(
    embeddings: np.ndarray, counts: Sequence[int] | np.ndarray, n_identities: int
) -> np.ndarray:
    """Pick the most confusing identities, those of close pairs beside each other.

    Distances are compared as float32, equal ones by position. The 2019 code took accidental
    positions where it ran out of pairs closer than 1, and broke ties by accident.

    Args:
        embeddings: (rows, E), ``counts[i]`` rows of identity i, one identity after the other.
        counts: how many rows each identity has.
        n_identities: how many to pick.

    Returns:
        int64 positions; identities whose centre is no number come last.

    Raises:
        ValueError: more identities are wanted than there are.
    """
    if not 0 <= n_identities <= len(counts):
        raise ValueError(f"cannot pick {n_identities} of {len(counts)} identities")
    centres = identity_centres(embeddings, counts)
    known = np.isfinite(centres).all(axis=1)
    with_centre, without = np.flatnonzero(known), np.flatnonzero(~known)
    wanted = min(n_identities, len(with_centre))
    picked = np.arange(wanted)
    if wanted and len(with_centre) > 1:
        picked = _walk(centres if known.all() else centres[known], wanted)
    return np.concatenate([with_centre[picked], without[: n_identities - wanted]])


def identity_centres(embeddings: np.ndarray, counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return the centres c_i, float64 (identities, E)."""
    embeddings, counts = np.asarray(embeddings), np.asarray(counts)
    starts = np.cumsum(counts) - counts
    centres = np.zeros((len(counts), embeddings.shape[1]))
    for image in range(counts.max()):
        those = np.flatnonzero(counts > image)
        rows = embeddings[starts[those] + image].astype(np.float64)
        lengths = np.maximum(np.sqrt(np.einsum("ij,ij->i", rows, rows)), np.finfo(float).tiny)
        centres[those] += rows / (lengths * counts[those])[:, None]
    return centres


def _walk(centres: np.ndarray, n_identities: int) -> np.ndarray:
    """Return the first identities that the walk picks.

    It meets an identity first in the pair with its nearest other one. So it is enough to sort
    these pairs, and only of the identities that may be picked.
    """
    found = closest_neighbours(centres, n_identities)
    lower, higher = np.minimum(found.points, found.others), np.maximum(found.points, found.others)
    return found.points[np.lexsort((found.points, higher, lower, found.distances))][:n_identities]
