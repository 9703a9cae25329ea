"""Batches of an iterator as NumPy arrays, compared number by number."""

from __future__ import annotations

import numpy as np


def arrays(batches):
    return [(b.data[0].asnumpy(), b.label[0].asnumpy()) for b in batches]


def assert_same(first, second):
    assert len(first) == len(second)
    for (data, label), (other_data, other_label) in zip(first, second):
        np.testing.assert_array_equal(data, other_data)
        np.testing.assert_array_equal(label, other_label)
