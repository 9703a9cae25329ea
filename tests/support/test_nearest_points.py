"""Nearest distances in float32 are as exact as they say."""

from __future__ import annotations

import numpy as np
import pytest

from unequal.support.nearest_points import nearest_distances


@pytest.mark.parametrize("count", [2, 257, 1025])
@pytest.mark.parametrize("spread, place", [(1.0, 0.0), (1e-4, 1.0)])
def test_nearest_distances_are_as_exact_as_they_say(count, spread, place):
    points = place + spread * np.random.RandomState(count).normal(size=(count, 16))
    nearest, error = nearest_distances(points)
    distances = np.array([np.square(points - point).sum(axis=1) for point in points])
    np.fill_diagonal(distances, np.inf)
    assert np.abs(nearest - distances.min(axis=1)).max() <= error
    assert error < 1e-3 * np.square(points - points.mean(axis=0)).sum(axis=1).max()
