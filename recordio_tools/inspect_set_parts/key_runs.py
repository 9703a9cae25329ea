"""Record keys with their labels, held as the runs of consecutive numbers that they consist of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

ABSENT = -2  # where other labels are a class from 0, or -1 for no class


class Runs(NamedTuple):
    """Keys starts..stops-1 of one label each, in ascending order; int64 (n,) columns."""

    starts: np.ndarray
    stops: np.ndarray
    labels: np.ndarray

    def take(self, chosen: np.ndarray) -> Runs:
        """Return the runs that a mask or an array of places chooses."""
        return Runs(*(column[chosen] for column in self))

    def missing(self, first: int, stop: int) -> Runs:
        """Return the runs of first..stop-1 that are in none of these."""
        reached = np.clip(np.maximum.accumulate(np.append(first, self.stops)), first, stop)
        ends = np.clip(np.append(self.starts, stop), first, stop)
        gap = ends > reached
        return Runs(reached[gap], ends[gap], np.full(gap.sum(), ABSENT))

    def repeated(self) -> np.ndarray:
        """Return keys that come twice, int64: the first one of each run that does."""
        starts = self.starts[1:]
        return starts[starts < np.maximum.accumulate(self.stops)[:-1]] if len(starts) else starts

    def labels_at(self, keys: np.ndarray) -> np.ndarray:
        """Return the labels of int64 (n,) keys, ABSENT where there is no such key."""
        at = np.searchsorted(self.starts, keys, side="right") - 1
        found = (at >= 0) & (keys < np.append(self.stops, 0)[at])
        return np.where(found, np.append(self.labels, ABSENT)[at], ABSENT)


class KeyRuns:
    """Collects keys, each with a label: 24 bytes a run, so an identity if they are in order."""

    def __init__(self) -> None:
        self._blocks = [np.zeros((3, 0), np.int64)]

    def add(self, keys: np.ndarray, labels: np.ndarray | None = None) -> None:
        """Add int64 keys (n,), and their labels (0 without)."""
        labels = np.zeros_like(keys) if labels is None else labels
        begins = np.ones(len(keys), bool)
        begins[1:] = (np.diff(keys) != 1) | (np.diff(labels) != 0)
        ends = np.append(begins[1:], True)[: len(keys)]
        self._blocks.append(np.stack([keys[begins], keys[ends] + 1, labels[begins]]))

    def runs(self) -> Runs:
        """Return all runs, in ascending order of their starts."""
        table = np.concatenate(self._blocks, axis=1)
        return Runs(*table[:, np.argsort(table[0], kind="stable")])


def compare(one: Runs, other: Runs) -> tuple[Runs, np.ndarray]:
    """Return the stretches where two sets of runs differ: those of `one`, and `other`'s labels."""
    edges = np.unique(np.concatenate([one.starts, one.stops, other.starts, other.stops]))
    starts, stops = edges[:-1], edges[1:]
    labels, others = one.labels_at(starts), other.labels_at(starts)
    differ = labels != others
    return Runs(starts, stops, labels).take(differ), others[differ]


def keys_text(first: int, stop: int, name: str = "") -> str:
    """Return keys first..stop-1 in words: '3', '3 to 5', 'record 3', 'records 3 to 5'."""
    name = f"{name}{'s' if stop > first + 1 else ''} " if name else ""
    return name + (f"{first}" if stop == first + 1 else f"{first} to {stop - 1}")
