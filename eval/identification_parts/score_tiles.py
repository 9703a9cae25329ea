"""All similarities of probes and others, as tiles that stay in the processor's cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterator, NamedTuple

import numpy as np

from eval.identification_parts.mates import NOBODY, pairs_within
from eval.identification_parts.unit_rows import unit_rows

MOST_COLUMNS, MOST_ROWS = 4096, 256
FLOAT = 4  # bytes


class Sizes(NamedTuple):
    """How many probes are held, how many others and probes make a tile, numbers to keep, pairs."""

    probes: int
    columns: int
    rows: int
    kept: int
    pairs: int


@dataclass
class Faces:
    """Embeddings (n, d) and their identities, int64 (n,), or None for distractors.

    `unusable`: how many embeddings have no direction, known after a pass.
    """

    embeddings: np.ndarray
    identities: np.ndarray | None
    unusable: int = 0


class Tile(NamedTuple):
    """Cosine similarities float32 (rows, columns) of probes and others, -inf where not compared.

    Not compared are mates, an image with itself, and embeddings without a direction. `row` and
    `column` are the places of the first; `impostors` how many pairs are compared. The scores may
    be overwritten.
    """

    row: int
    column: int
    scores: np.ndarray
    impostors: int
    distractors: bool


def sizes(memory: int, dimensions: int, probes: int) -> Sizes:
    """How `memory` bytes are shared; every part is at least one row, however little that is."""
    row = FLOAT * dimensions
    columns = min(max(memory // 8 // (2 * row), 1), MOST_COLUMNS)
    return Sizes(
        probes=min(max(memory // 4 // row, 1), max(probes, 1)),
        columns=columns,
        rows=min(max(memory // 8 // (2 * FLOAT * columns), 1), MOST_ROWS),
        kept=max(memory // 8 // FLOAT, 64),
        pairs=max(memory // 8 // (4 * row), 1),
    )


def tiles(
    probes: Faces, others: list[Faces], size: Sizes, progress: Callable[[int], object] | None = None
) -> Iterator[Tile]:
    """The similarities of all probes with all others; `progress` is told the numbers done."""
    buffer = np.empty(size.rows * size.columns, np.float32)
    for faces in (probes, *others):
        faces.unusable = 0
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
                there = None if faces.identities is None else faces.identities[block]
                for row in range(0, len(rows), size.rows):
                    part = slice(row, row + size.rows)
                    mine = rows[part]
                    scores = buffer[: len(mine) * len(columns)].reshape(len(mine), len(columns))
                    np.matmul(mine, columns.T, out=scores)
                    count = _leave_out(scores, rows_usable[part], usable, identities[part], there)
                    yield Tile(start + row, column, scores, count, there is None)
                if progress is not None:
                    progress(len(rows) * len(columns))


def _leave_out(
    scores: np.ndarray,
    rows_usable: np.ndarray,
    columns_usable: np.ndarray,
    identities: np.ndarray,
    others: np.ndarray | None,
) -> int:
    """Set what is not compared to -inf; returns how many pairs are left."""
    left = np.count_nonzero(rows_usable) * np.count_nonzero(columns_usable)
    if left < scores.size:
        scores[~rows_usable] = -np.inf
        scores[:, ~columns_usable] = -np.inf
    if others is not None:
        mates = pairs_within(identities, others)
        left -= np.count_nonzero(rows_usable[mates[0]] & columns_usable[mates[1]])
        scores[mates] = -np.inf
    return int(left)


def sample(
    probes: Faces, others: list[Faces], most: int, random: np.random.RandomState
) -> np.ndarray:
    """`most` or fewer similarities of pairs that are no mates, of probes and others drawn evenly.

    float32 (n,), in no order.
    """
    rows = _draw(random, len(probes.embeddings), max(int(most**0.5) // 2, 1))
    mine, rows_usable = unit_rows(probes.embeddings[rows])
    total = sum(len(faces.embeddings) for faces in others)
    columns = _draw(random, total, max(most // max(len(rows), 1), 1))
    parts, first = [], 0
    for faces in others:
        count = len(faces.embeddings)
        here = columns[(columns >= first) & (columns < first + count)] - first
        block, usable = unit_rows(faces.embeddings[here])
        there = np.full(len(here), NOBODY) if faces.identities is None else faces.identities[here]
        scores = mine @ block.T
        _leave_out(scores, rows_usable, usable, probes.identities[rows], there)
        parts.append(scores[scores > -np.inf])
        first += count
    return np.concatenate(parts)


def _draw(random: np.random.RandomState, count: int, wanted: int) -> np.ndarray:
    # with repetitions left out: drawing without them would hold all numbers up to `count`
    if wanted >= count:
        return np.arange(count)
    return np.unique(random.randint(0, count, wanted))
