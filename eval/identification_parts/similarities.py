"""Cosine similarities of all probes and others, as tiles that stay in the processor's cache.

Only some rows at a time are copied from an array, so that a file of millions is never held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterator, NamedTuple, Union

import numpy as np

TIE = 1e-6  # similarities that are closer than this are equal: float32 tells no more
MOST_COLUMNS, MOST_ROWS = 4096, 256
FLOAT = 4  # bytes


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
    def shape(self) -> tuple[int, ...]:
        """(m, d), as of an array."""
        return (len(self), *self._array.shape[1:])


Embeddings = Union[np.ndarray, Selected]


def unit_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 copies of rows (n, d), of length 1, and bool (n,): which can be compared.

    A row that is not finite or is all zeros has no direction: its copy is all zeros.
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


class Sizes(NamedTuple):
    """How many probes are held, how many others and probes make a tile, and pairs at a time."""

    probes: int
    columns: int
    rows: int
    pairs: int


@dataclass
class Faces:
    """Embeddings, and who they show."""

    embeddings: Embeddings  # (n, d)
    identities: np.ndarray  # int64 (n,), or none at all of distractors
    unusable: int = 0  # embeddings without a direction, known after a pass


class Tile(NamedTuple):
    """Cosine similarities of probes and others, and where they stand among all."""

    row: int  # the number of the first probe
    column: int  # the number of the first of the others
    # float32 (rows, columns), which the receiver may overwrite. Pairs that are not compared have
    # -inf: mates, an image with itself, embeddings without a direction
    scores: np.ndarray
    impostors: int  # the number of pairs that are compared
    distractors: bool  # whether the others are distractors


class SamePerson:
    """The pairs at which two arrays of identities agree, numbered in the order of the first.

    Args:
        rows: int64 (n,).
        columns: int64 (m,).

    Attributes:
        counts: int64 (n,), the pairs of each row.
    """

    def __init__(self, rows: np.ndarray, columns: np.ndarray) -> None:
        self._order = np.argsort(columns, kind="stable")
        ordered = columns[self._order]
        first = np.searchsorted(ordered, rows, "left")
        self.counts = np.searchsorted(ordered, rows, "right") - first
        self._ends = np.cumsum(self.counts)
        self._shift = first - self._ends + self.counts

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def pairs(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and columns, int64, of the pairs from number `start` to before `stop`."""
        numbers = np.arange(start, min(stop, len(self)))
        rows = np.searchsorted(self._ends, numbers, "right")
        return rows, self._order[numbers + self._shift[rows]]


def sizes(memory: int, dimensions: int, probes: int) -> Sizes:
    """Share out `memory` bytes; every part is at least one row, however little memory that is."""
    row = FLOAT * dimensions
    columns = min(max(memory // 8 // (2 * row), 1), MOST_COLUMNS)
    return Sizes(
        probes=min(max(memory // 4 // row, 1), max(probes, 1)),
        columns=columns,
        rows=min(max(memory // 8 // (2 * FLOAT * columns), 1), MOST_ROWS),
        pairs=max(memory // 8 // (4 * row), 1),
    )


def tiles(
    probes: Faces, others: list[Faces], size: Sizes, progress: Callable[[int], object]
) -> Iterator[Tile]:
    """Yield the similarities of all probes with all others; `progress` gets the numbers done."""
    buffer = np.empty(size.rows * size.columns, np.float32)
    for start in range(0, len(probes.embeddings), size.probes):
        some = slice(start, start + size.probes)
        rows, rows_usable = unit_rows(probes.embeddings[some])
        probes.unusable += np.count_nonzero(~rows_usable)
        identities = probes.identities[some]
        for faces in others:
            for column in range(0, len(faces.embeddings), size.columns):
                block = slice(column, column + size.columns)
                columns, usable = unit_rows(faces.embeddings[block])
                faces.unusable += 0 if start else np.count_nonzero(~usable)
                there = faces.identities[block]
                for row in range(0, len(rows), size.rows):
                    part = slice(row, row + size.rows)
                    mine = rows[part]
                    scores = buffer[: len(mine) * len(columns)].reshape(len(mine), len(columns))
                    np.matmul(mine, columns.T, out=scores)
                    count = _leave_out(scores, rows_usable[part], usable, identities[part], there)
                    yield Tile(start + row, column, scores, count, not len(there))
                progress(len(rows) * len(columns))


def _leave_out(
    scores: np.ndarray,
    rows_usable: np.ndarray,
    columns_usable: np.ndarray,
    identities: np.ndarray,
    others: np.ndarray,
) -> int:
    """Set what is not compared to -inf, and return how many pairs are left."""
    left = np.count_nonzero(rows_usable) * np.count_nonzero(columns_usable)
    if left < scores.size:
        scores[~rows_usable] = -np.inf
        scores[:, ~columns_usable] = -np.inf
    same = SamePerson(identities, others)
    mates = same.pairs(0, len(same))
    left -= np.count_nonzero(rows_usable[mates[0]] & columns_usable[mates[1]])
    scores[mates] = -np.inf
    return int(left)
