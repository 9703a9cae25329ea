"""How far each of many points is from its nearest other one, by matrix products in float32."""

from __future__ import annotations

import numpy as np

# A tile of distances, 1 MiB, is still in the cache when its minima are taken.
TILE_ROWS, TILE_COLUMNS = 256, 1024


def nearest_distances(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Squared distance of each point to its nearest other one, and how wrong it can be at most.

    `points` (n, dimensions) float64, finite, n >= 2. Returns float32 (n,) and the bound. Each pair
    is computed once, a tile of pairs at a time, so that memory grows with n and not with n^2.
    """
    # Distances do not change, and rounding errors are as small as the points are close.
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
