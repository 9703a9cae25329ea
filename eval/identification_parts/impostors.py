"""The similarity that a given share of impostor pairs exceeds, exactly, without holding them all.

A sample says between which two similarities that threshold lies. While all pairs pass by, those
above are counted and those between are kept; then the threshold is one of the kept ones. Where
they are too many to be kept they are counted in bins, and a further pass looks into one bin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Sequence

import numpy as np

TIE = 1e-6  # similarities that are closer than this are equal: float32 tells no more
LOWEST, HIGHEST = np.float32(-2), np.float32(2)  # beyond every cosine
BINS = 1024
SAMPLE_ERROR = 0.03
SAMPLE_RANKS = 20
ROUNDING = 1e-12  # of a product such as 0.29 * 100


@dataclass
class Window:
    """Similarities in (low, high] are kept, those above counted, for some false accept rates."""

    low: np.float32
    high: np.float32
    fars: list[float]
    above: int = 0
    inside: int = 0
    kept: list[np.ndarray] = field(default_factory=list)
    bins: np.ndarray | None = None

    def add(self, values: np.ndarray, most: int) -> None:
        """Keep values of this window; in bins once they are more than `most`."""
        self.inside += len(values)
        self.kept.append(values)
        if self.bins is not None or self.inside > most:
            if self.bins is None:
                self.bins = np.zeros(BINS + 1, np.int64)
            for some in self.kept:
                places = np.searchsorted(self.edges(), some, "left")
                self.bins += np.bincount(places, minlength=BINS + 1)
            self.kept = []

    def edges(self) -> np.ndarray:
        """float32 (BINS + 1,): bin i is (edges[i - 1], edges[i]], and bin 0 is empty."""
        return np.linspace(self.low, self.high, BINS + 1).astype(np.float32)


class Impostors:
    """Looks at the similarities of all impostor pairs, in one pass or a few.

    A pass is `begin`, `look` at everything, `end`; passes are needed while `unknown` is not empty.

    Args:
        fars: false accept rates, above 0 and below 1.
        most_pairs: as many pairs as there may be.
        most_kept: how many similarities may be held.
        sample: some of them, drawn evenly, float32.

    Attributes:
        pairs: how many were looked at.
        thresholds: {far: similarity that at most this share of impostor pairs exceeds, the lowest
            such; None where not even one pair may exceed it}.
    """

    def __init__(
        self, fars: Sequence[float], most_pairs: int, most_kept: int, sample: np.ndarray
    ) -> None:
        self.thresholds: dict[float, float | None] = {far: None for far in fars}
        self.unknown = sorted({far for far in fars if far * most_pairs >= 1}, reverse=True)
        self.pairs = 0
        self._most_kept = most_kept
        if most_pairs <= most_kept:
            self._windows = [Window(LOWEST, HIGHEST, list(self.unknown))]
        else:
            self._windows = merged([_expected(far, sample) for far in self.unknown])

    def begin(self) -> None:
        """Start a pass."""
        self.pairs = 0

    def look(self, scores: np.ndarray, count: int) -> None:
        """`count` impostor pairs, among others that are -inf; `scores` float32 of any shape."""
        self.pairs += count
        values = scores.ravel()
        for window in self._windows:
            # twice as fast as a boolean index where few are taken
            values = values.take(np.flatnonzero(values > window.low))
            over = values > window.high
            above = np.count_nonzero(over)
            window.above += above
            if above < len(values):
                window.add(values[~over], self._most_kept // len(self._windows))
                values = values[over]

    def end(self) -> None:
        """Settle the thresholds that this pass has shown, and where to look for the others."""
        further = []
        for window in self._windows:
            for far in window.fars:
                allowed = int(far * self.pairs * (1 + ROUNDING))
                if allowed >= 1:
                    further += self._settle(far, window, allowed)
        self._windows = merged(further)
        self.unknown = [far for window in self._windows for far in window.fars]

    def _settle(self, far: float, window: Window, allowed: int) -> list[Window]:
        place = allowed - window.above  # among the window's values, from the highest
        if place < 0:
            return [Window(window.high, HIGHEST, [far])]
        if place >= window.inside:
            return [Window(LOWEST, window.low, [far])]
        if window.bins is None:
            values = np.concatenate(window.kept)
            self.thresholds[far] = float(np.partition(values, -1 - place)[-1 - place])
            return []
        edges = window.edges()
        bin_number = BINS - int(np.searchsorted(np.cumsum(window.bins[::-1]), place, "right"))
        low, high = edges[bin_number - 1], edges[bin_number]
        if high - low < TIE:
            self.thresholds[far] = float(high)
            return []
        return [Window(low, high, [far])]


def _expected(far: float, sample: np.ndarray) -> Window:
    """Where the sample lets the threshold lie: the rarer, the less it can tell."""
    error = 1 + SAMPLE_ERROR / far**0.5
    fewer = int(far * len(sample) / error) - SAMPLE_RANKS
    more = int(far * len(sample) * error) + SAMPLE_RANKS
    ranks = [rank for rank in (fewer, more) if 0 <= rank < len(sample)]
    if ranks:
        sample = -np.partition(-sample, ranks)
    return Window(
        sample[more] if more < len(sample) else LOWEST,
        sample[fewer] if fewer >= 0 else HIGHEST,
        [far],
    )


def merged(windows: Sequence[Window]) -> list[Window]:
    """New, empty windows, of which no two overlap, in ascending order."""
    found: list[Window] = []
    for window in sorted(windows, key=lambda one: one.low):
        if found and window.low < found[-1].high:
            found[-1].high = max(found[-1].high, window.high)
            found[-1].fars += window.fars
        else:
            found.append(Window(window.low, window.high, list(window.fars)))
    return found
