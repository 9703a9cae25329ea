"""Read and change a few class scores of each row, without a tensor of the size of the scores.

The 2019 graph does both with one-hot rows (N, C), and so does the lineage form
(``symbols.lineage_2019``). At 100,000 classes these rows take most of the memory.
"""

from __future__ import annotations

from symbols.lineage_2019 import Ops, Tensor, in_lineage_form


def replace_labelled(
    F: Ops, scores: Tensor, label: Tensor, old: Tensor, new: Tensor, classes: int
) -> Tensor:
    """Return the scores (N, C) with ``new`` (N,) for ``old`` (N,) in the columns ``label`` (N,).

    A row whose label is none of the C ``classes`` stays as it is.
    """
    if in_lineage_form():
        change = F.expand_dims(new - old, 1)
        return scores + F.broadcast_mul(one_hot(F, label, classes), change)
    known = F.broadcast_logical_and(label >= 0, label < classes)
    values = F.where(known, new, old)
    flat = F.contrib.index_copy(F.reshape(scores, shape=(-1,)), _places(F, label, classes), values)
    return F.reshape(flat, shape=(-1, classes))


def gather(F: Ops, scores: Tensor, classes: int, *columns: Tensor) -> Tensor:
    """Return (K, N): of each row of the scores (N, C) those in K ``columns`` (N,).

    One gather for all columns: its gradient is one tensor of the size of the scores, while K
    picks would make K of them.
    """
    places = F.stack(*[_places(F, column, classes) for column in columns], axis=0)
    return F.take(F.reshape(scores, shape=(-1,)), places)


def column_sums(F: Ops, scores: Tensor, classes: int, *columns: Tensor) -> list[Tensor]:
    """Return for each of the ``columns`` (N,) the sum (1,) over the rows of the scores (N, C)."""
    if in_lineage_form():
        # the 2019 code made the rows of the last column first
        rows = [one_hot(F, column, classes) for column in reversed(columns)]
        return [F.sum(F.broadcast_mul(row, scores), axis=[0, 1]) for row in reversed(rows)]
    if len(columns) == 1:
        return [F.sum(F.pick(scores, columns[0], axis=1))]
    sums = F.sum(gather(F, scores, classes, *columns), axis=1)
    return [F.slice_axis(sums, axis=0, begin=k, end=k + 1) for k in range(len(columns))]


def largest(F: Ops, scores: Tensor) -> Tensor:
    """Return the column (N,) of the largest score of each row (N, C), without a gradient."""
    return F.argmax(scores if in_lineage_form() else F.BlockGrad(scores), axis=1)


def one_hot(F: Ops, label: Tensor, classes: int, value: float = 1.0) -> Tensor:
    """Return rows (N, C) of zeros with ``value`` in the columns ``label`` (N,)."""
    return F.one_hot(label, depth=classes, on_value=value, off_value=0.0)


def _places(F: Ops, column: Tensor, classes: int) -> Tensor:
    """Return where the scores of ``column`` (N,) lie in the flattened scores (N, C): int32 (N,).

    They are integers because float32 cannot number scores beyond 2^24. They are clipped to the
    classes because not every operator looks where it writes.
    """
    row = F.cast(F.contrib.arange_like(column, axis=0), dtype="int32")
    return row * classes + F.clip(F.cast(column, dtype="int32"), 0, classes - 1)
