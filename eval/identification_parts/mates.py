"""Which gallery images show the identity of a probe: its mates."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Sequence

import numpy as np

from eval.identification_parts.unit_rows import unit_rows
from unequal.support.errors import InputError

NOBODY = -1  # the identity of distractors, which no probe has


class GenuineScores(NamedTuple):
    """Probe numbers int64 (n,) and their cosine similarity with one mate each, float32 (n,).

    A pair of which one embedding cannot be compared has -inf.
    """

    probes: np.ndarray
    scores: np.ndarray


def identity_numbers(gallery_labels: Sequence, probe_labels: Sequence) -> list[np.ndarray]:
    """Labels, all integers or all strings, as int64 numbers from 0 that gallery and probes share.

    Raises InputError for labels of another or of different kinds.
    """
    both = [np.asarray(labels) for labels in (gallery_labels, probe_labels)]
    kinds = ["i" if labels.dtype.kind in "iu" else labels.dtype.kind for labels in both]
    if kinds[0] != kinds[1] or kinds[0] not in ("i", "U"):
        raise InputError(
            f"labels of types {both[0].dtype} (gallery) and {both[1].dtype} (probes): give "
            "integers for both or strings for both"
        )
    numbers = np.unique(np.concatenate(both), return_inverse=True)[1]
    return np.split(numbers, [len(both[0])])


class Mates:
    """The pairs of a probe and a gallery image of the same identity.

    Args:
        gallery_identities, probe_identities: int64, as `identity_numbers` gives them.
        same_set: gallery and probes are the same images; none is its own mate.

    Attributes:
        counts: int64 (probes,), the mates of each.
    """

    def __init__(
        self, gallery_identities: np.ndarray, probe_identities: np.ndarray, same_set: bool
    ) -> None:
        self._order = np.argsort(gallery_identities, kind="stable")
        ordered = gallery_identities[self._order]
        self._first = np.searchsorted(ordered, probe_identities, "left")
        found = np.searchsorted(ordered, probe_identities, "right") - self._first
        self._ends = np.cumsum(found)
        self._same_set = same_set
        self.counts = found - int(same_set)

    def scores(
        self, gallery: np.ndarray, probes: np.ndarray, at_once: int
    ) -> Iterator[GenuineScores]:
        """All pairs, in the order of the probes, `at_once` or fewer at a time."""
        total = int(self._ends[-1]) if len(self._ends) else 0
        for start in range(0, total, at_once):
            numbers = np.arange(start, min(start + at_once, total))
            rows = np.searchsorted(self._ends, numbers, "right")
            before_next = self._ends[rows] - numbers
            found = self.counts[rows] + int(self._same_set)
            columns = self._order[self._first[rows] + found - before_next]
            if self._same_set:
                others = rows != columns
                rows, columns = rows[others], columns[others]
            yield GenuineScores(rows, _cosines(probes, rows, gallery, columns))


def _cosines(
    probes: np.ndarray, rows: np.ndarray, gallery: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    first, first_usable = unit_rows(probes[rows])
    second, second_usable = unit_rows(gallery[columns])
    scores = np.einsum("ij,ij->i", first, second)
    scores[~(first_usable & second_usable)] = -np.inf
    return scores


def pairs_within(identities: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns, int64, at which (n,) `identities` and (m,) `others` are the same."""
    order = np.argsort(others, kind="stable")
    ordered = others[order]
    first = np.searchsorted(ordered, identities, "left")
    counts = np.searchsorted(ordered, identities, "right") - first
    rows = np.repeat(np.arange(len(identities)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, order[first[rows] + within]
