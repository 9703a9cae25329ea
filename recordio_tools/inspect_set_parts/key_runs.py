"""Record keys, held as the runs of consecutive numbers that they consist of."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np

SOME = 10


class Runs(NamedTuple):
    """Runs start..stop-1 of keys with one label, in ascending order; int64 columns (n,)."""

    starts: np.ndarray
    stops: np.ndarray
    labels: np.ndarray


class KeyRuns:
    """Collects keys, each with a label if need be.

    A set in the order of its keys takes 24 bytes for each of its identities, or a few runs in all
    where labels are left out; keys in any order take 24 bytes each.

    Attributes:
        count: how many keys were added.
    """

    def __init__(self) -> None:
        self.count = 0
        self._starts, self._stops, self._labels = array("q"), array("q"), array("q")
        self._doubled: list[int] = []

    def add(self, keys: np.ndarray, labels: np.ndarray | None = None) -> None:
        """Add int64 keys (n,), and their labels."""
        if not len(keys):
            return
        self.count += len(keys)
        labels = np.zeros_like(keys) if labels is None else labels
        step = np.diff(keys, prepend=self._stops[-1] - 1 if self._stops else keys[0] - 2)
        if not step.all():
            # the same number again and again would make a run each time
            self._doubled = (self._doubled + keys[step == 0][:SOME].tolist())[:SOME]
            keys, labels, step = keys[step != 0], labels[step != 0], step[step != 0]
            if not len(keys):
                return
        new_label = np.diff(labels, prepend=self._labels[-1] if self._labels else 0) != 0
        first = np.flatnonzero((step != 1) | new_label)
        ends = np.append(keys[first - 1], keys[-1]) + 1
        if not len(first) or first[0] > 0:
            self._stops[-1] = int(ends[0])
        self._starts.extend(keys[first].tolist())
        self._stops.extend(ends[1:].tolist())
        self._labels.extend(labels[first].tolist())

    def add_ranges(self, starts: np.ndarray, stops: np.ndarray) -> None:
        """Add the keys of ranges start..stop-1, none of them empty."""
        self.count += int((stops - starts).sum())
        self._starts.extend(starts.tolist())
        self._stops.extend(stops.tolist())
        self._labels.extend([0] * len(starts))

    @property
    def same(self) -> bool:
        """Whether one key was added again and again, and no other."""
        return self.count > 1 and len(self._starts) == 1 and self._stops[0] == self._starts[0] + 1

    @property
    def unique(self) -> bool:
        """Whether no key was added twice."""
        return not self.repeated()

    def repeated(self) -> list[int]:
        """Some of the keys that were added twice, ascending."""
        starts, stops, _ = self.runs()
        again = starts[1:][starts[1:] < np.maximum.accumulate(stops)[:-1]]
        return sorted({*self._doubled, *again[:SOME].tolist()})[:SOME]

    def runs(self) -> Runs:
        """All runs, in ascending order."""
        columns = [np.array(c, np.int64) for c in (self._starts, self._stops, self._labels)]
        order = np.argsort(columns[0], kind="stable")
        return Runs(*(column[order] for column in columns))

    def range(self) -> tuple[int, int]:
        """The smallest key and the largest one + 1; (0, 0) without any."""
        return (min(self._starts), max(self._stops)) if self._starts else (0, 0)

    def missing(self, first: int, stop: int) -> tuple[int, list[tuple[int, int]]]:
        """How many of first..stop-1 were not added, and the first stretches (start, stop)."""
        starts, stops, _ = self.runs()
        reached = np.clip(np.maximum.accumulate(np.append(first, stops)), first, stop)
        gaps = np.clip(np.append(starts, stop), first, stop) - reached
        some = np.flatnonzero(gaps > 0)
        stretches = [(at, at + gap) for at, gap in zip(reached[some].tolist(), gaps[some].tolist())]
        return int(gaps[some].sum()), stretches[:SOME]


def stretch_text(stretch: tuple[int, int]) -> str:
    """A stretch of labels in words: '3' or '3 to 5'."""
    first, stop = stretch
    return f"{first}" if stop == first + 1 else f"{first} to {stop - 1}"


def records_text(stretch: tuple[int, int]) -> str:
    """A stretch of keys in words: 'record 3' or 'records 3 to 5'."""
    first, stop = stretch
    return f"record{'s' if stop > first + 1 else ''} {stretch_text(stretch)}"
