"""The similarity that a given share of impostor pairs exceeds, in one pass over all pairs.

Similarities are counted in bins that are half as wide as a tie, so the upper edge of a bin is
as good a threshold as the similarity itself. Once enough pairs have been seen, those that lie
below every threshold are passed over.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from eval.identification_parts.similarities import TIE, Tile

PER_UNIT = 1 << 21  # a power of 2, so that float32 similarities are multiplied exactly
BLOCK = 1 << 10
OFFSET = PER_UNIT + BLOCK  # rounding may take a cosine a little below -1
MOST_WAITING = 1 << 18  # similarities that are counted together
ROUNDING = 1e-12  # of a product such as 0.29 * 100


class Impostors:
    """Counts the similarities of impostor pairs.

    Args:
        fars: false accept rates, above 0 and below 1.
        most_pairs: an upper bound of the number of pairs.
        same_set: gallery and probes are the same images; of (a, b) and (b, a) one is counted.

    Attributes:
        pairs: the number of pairs that were looked at.
    """

    def __init__(self, fars: Sequence[float], most_pairs: int, same_set: bool) -> None:
        self.pairs = 0
        self._fars = fars
        self._same_set = same_set
        self._needed = _allowed(max(fars, default=0), most_pairs)
        self._bins = np.zeros(2 * OFFSET, np.int64)
        self._first = 0  # the bins below this one are not complete
        self._waiting = [np.empty(0, np.float32)]
        self._held = 0

    def look(self, tile: Tile) -> None:
        """Count the pairs of a tile, whose scores may be overwritten."""
        scores, count = tile.scores, tile.impostors
        last_row, last_column = (np.array(scores.shape) + (tile.row, tile.column)) - 1
        if self._same_set and not tile.distractors and tile.column <= last_row:
            if last_column <= tile.row:
                return
            places = np.arange(scores.shape[1]) + tile.column
            scores[places <= tile.row + np.arange(scores.shape[0])[:, None]] = -np.inf
            count = np.count_nonzero(scores > -np.inf)
        self.pairs += count
        values = scores.ravel()
        lowest = np.float32((self._first - OFFSET) / PER_UNIT)
        # twice as fast as a boolean index where few are taken
        values = values.take(np.flatnonzero(values >= lowest))
        self._waiting.append(values)
        self._held += len(values)
        if self._held > MOST_WAITING:
            self._count()
            self._first = self._bin_of(self._needed)

    def thresholds(self) -> dict[float, float | None]:
        """Return the similarity above which a pair is accepted at each false accept rate.

        It is the lowest such that at most this share of impostor pairs lies above it, or is a
        tie with it; None where not even one pair may.
        """
        self._count()
        found: dict[float, float | None] = {}
        for far in self._fars:
            allowed = _allowed(far, self.pairs)
            upper_edge = (self._bin_of(allowed) + 1 - OFFSET) / PER_UNIT
            found[far] = upper_edge + TIE / 2 if allowed else None
        return found

    def _count(self) -> None:
        values = np.concatenate(self._waiting)
        self._waiting, self._held = [values[:0]], 0
        if len(values):
            places = np.floor(values * np.float32(PER_UNIT)).astype(np.int64) + OFFSET
            first = places.min()
            counts = np.bincount(places - first)
            self._bins[first : first + len(counts)] += counts

    def _bin_of(self, place: int) -> int:
        """Return the bin of the similarity at `place` from the highest, which is at 0."""
        blocks = np.cumsum(self._bins.reshape(-1, BLOCK).sum(axis=1)[::-1])
        block = int(np.searchsorted(blocks, place, "right"))
        if block == len(blocks):
            return self._first
        end = len(self._bins) - block * BLOCK
        counts = np.cumsum(self._bins[end - BLOCK : end][::-1])
        higher = blocks[block - 1] if block else 0
        return end - 1 - int(np.searchsorted(counts, place - higher, "right"))


def _allowed(far: float, pairs: int) -> int:
    return int(far * pairs * (1 + ROUNDING))
