"""Find which of many points lie closest to another one, by matrix products in float32."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# A tile of distances, 1 MiB, is still in the cache when its minima are taken.
TILE_ROWS, TILE_COLUMNS = 256, 1024
ROWS_AT_ONCE = 128  # of a search in float64
# Squared distances of unit vectors below this are rounding errors of float64: the points are equal.
EQUAL = 1e-12


class Neighbours(NamedTuple):
    """Some points, each with the nearest other one: positions, and float32 squared distances."""

    points: np.ndarray
    others: np.ndarray
    distances: np.ndarray


def closest_neighbours(points: np.ndarray, count: int) -> Neighbours:
    """Return at least the ``count`` points that have the nearest neighbours, in any order.

    Args:
        points: float64 (n, dimensions), finite, of length 1 at most, n >= 2.
        count: 1 to n.

    Returns:
        The points in question and the lowest position of each one's nearest neighbours. They are
        found in float32 and compared in float64.
    """
    nearest, error = nearest_distances(points)
    # One error belongs to the point that sets the limit, one to the point that is compared to it.
    limit = np.partition(nearest, count - 1)[count - 1] + 2 * (error + EQUAL)
    # Of a pair that is as close as that, both points are candidates.
    candidates = np.flatnonzero(nearest <= limit)
    points = points[candidates]
    others = _nearest_others(points)
    selves = np.arange(len(points))
    between = points[np.minimum(selves, others)] - points[np.maximum(selves, others)]
    distances = _as_compared(np.einsum("ij,ij->i", between, between))
    return Neighbours(candidates, candidates[others], distances)


def nearest_distances(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Return each point's squared distance to its nearest other one, and its largest error.

    Each pair is computed once, a tile of pairs at a time, so that memory grows with n and not
    with n^2.

    Args:
        points: float64 (n, dimensions), finite, n >= 2.

    Returns:
        float32 (n,), and how wrong these numbers can be at most.
    """
    # This changes no distance, and makes rounding errors as small as the points are close.
    points = (points - points.mean(axis=0)).astype(np.float32)
    squares = np.einsum("ij,ij->i", points, points)[:, None]
    ones = np.ones_like(squares)
    # |a|^2 + |b|^2 - 2ab is one product where the points get two more columns
    left = np.concatenate([-2 * points, squares, ones], axis=1)
    right = np.concatenate([points, ones, squares], axis=1)
    nearest = np.full(len(points), np.inf, np.float32)
    for row in range(0, len(points), TILE_ROWS):
        rows = slice(row, row + TILE_ROWS)
        for column in range(row, len(points), TILE_COLUMNS):
            columns = slice(column, column + TILE_COLUMNS)
            tile = left[rows] @ right[columns].T
            if column == row:
                np.fill_diagonal(tile, np.inf)
            np.minimum(nearest[rows], tile.min(axis=1), out=nearest[rows])
            np.minimum(nearest[columns], tile.min(axis=0), out=nearest[columns])
    # Every product and sum rounds by 2^-24 at most; the four terms together are at most 4 |p|^2.
    roundings = points.shape[1] + 8
    return nearest, float(4 * roundings * 2.0**-24 * 4 * squares.max())


def _nearest_others(points: np.ndarray) -> np.ndarray:
    """Return for each point the position of the nearest other one, the lowest of several."""
    points = points - points.mean(axis=0)
    squares = np.einsum("ij,ij->i", points, points)
    found = np.empty(len(points), np.int64)
    for first in range(0, len(points), ROWS_AT_ONCE):
        some = slice(first, first + ROWS_AT_ONCE)
        distances = points[some] @ points.T
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
