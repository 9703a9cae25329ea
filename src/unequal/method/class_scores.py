"""Reading and changing a few class scores of each row without a tensor of the scores' size.

The 2019 graph does both with one-hot rows (N, C): at 100,000 classes they dominate memory.
"""

from __future__ import annotations


def _places(F, column, classes: int):
    """int32 (N,): where the scores (N, classes) of ``column`` (N,) lie when they are flattened.

    Integers, for float32 cannot number the scores beyond 2^24; clipped to the classes, for not
    every operator looks where it writes.
    """
    row = F.cast(F.contrib.arange_like(column, axis=0), dtype="int32")
    return row * classes + F.clip(F.cast(column, dtype="int32"), 0, classes - 1)


def replace_labelled(F, scores, label, values, classes: int):
    """``scores`` (N, classes) with ``values`` (N,) in the columns of ``label`` (N,)."""
    flat = F.contrib.index_copy(F.reshape(scores, shape=(-1,)), _places(F, label, classes), values)
    return F.reshape(flat, shape=(-1, classes))


def gather(F, scores, classes: int, *columns):
    """(K, N): the scores of K ``columns`` (N,), class numbers, of each row of ``scores`` (N, C).

    One gather, whatever K: its gradient is one tensor of the scores' size, that of K picks is K.
    """
    places = F.stack(*[_places(F, column, classes) for column in columns], axis=0)
    return F.take(F.reshape(scores, shape=(-1,)), places)
