"""Embeddings as rows of length 1, some at a time, so that a file of millions is never held."""

from __future__ import annotations

from typing import Any

import numpy as np


class Selected:
    """Some rows of an array, which may be a memory-mapped file; copied only when asked for.

    Args:
        array: (n, d).
        rows: int64 (m,), which of its rows, in this order.
    """

    def __init__(self, array: np.ndarray, rows: np.ndarray) -> None:
        self._array = array
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, which: Any) -> np.ndarray:
        return self._array[self._rows[which]]

    @property
    def ndim(self) -> int:
        """2, as of an array."""
        return self._array.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """(m, d), as of an array."""
        return (len(self), *self._array.shape[1:])


def unit_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows (n, d) as float32 copies of length 1, and bool (n,): which can be compared.

    A row that is not finite, or is all zeros, has no direction; its copy is all zeros.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        copies = np.array(rows, np.float32, order="C")
        lengths = np.sqrt(np.einsum("ij,ij->i", copies, copies, dtype=np.float64))
    usable = np.isfinite(lengths) & (lengths > 0)
    if not usable.all():
        copies[~usable] = 0
        lengths[~usable] = 1
    copies /= lengths.astype(np.float32)[:, None]
    return copies, usable
