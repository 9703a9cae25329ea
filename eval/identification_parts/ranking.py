"""The mates of each probe, and the rank at which a probe finds one; a tie counts as a miss."""

from __future__ import annotations

from typing import Iterable, Iterator, NamedTuple, Sequence, Union

import numpy as np

from eval.identification_parts.similarities import TIE, Embeddings, SamePerson, Tile, unit_rows
from unequal.support.errors import InputError

Labels = Union[Sequence[int], Sequence[str], np.ndarray]
MISSED = np.iinfo(np.int64).max  # the rank where the probe or its mates have no direction


class GenuineScores(NamedTuple):
    """Probe numbers int64 (n,) and their cosine similarity with one mate each, float32 (n,).

    A pair of which one embedding cannot be compared has -inf.
    """

    probes: np.ndarray
    scores: np.ndarray


def identity_numbers(gallery_labels: Labels, probe_labels: Labels) -> list[np.ndarray]:
    """Return labels as int64 numbers from 0, which gallery and probes share.

    Raises:
        InputError: the labels are neither all integers nor all strings.
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
        gallery_identities: int64 (gallery images,), as `identity_numbers` gives them.
        probe_identities: int64 (probes,).
        same_set: gallery and probes are the same images; none is its own mate.

    Attributes:
        counts: int64 (probes,), the mates of each.
    """

    def __init__(
        self, gallery_identities: np.ndarray, probe_identities: np.ndarray, same_set: bool
    ) -> None:
        self._same = SamePerson(probe_identities, gallery_identities)
        self.same_set = same_set
        self.counts = self._same.counts - int(same_set)

    def scores(
        self, gallery: Embeddings, probes: Embeddings, at_once: int
    ) -> Iterator[GenuineScores]:
        """Yield all pairs in the order of the probes, `at_once` or fewer at a time."""
        for start in range(0, len(self._same), at_once):
            rows, columns = self._same.pairs(start, start + at_once)
            if self.same_set:
                others = rows != columns
                rows, columns = rows[others], columns[others]
            yield GenuineScores(rows, _cosines(probes[rows], gallery[columns]))


def _cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first, first_usable = unit_rows(first)
    second, second_usable = unit_rows(second)
    scores = np.einsum("ij,ij->i", first, second)
    scores[~(first_usable & second_usable)] = -np.inf
    return scores


class BestMate:
    """The whole gallery competes: the rank of a probe is that of its most similar mate."""

    def __init__(self, mates: Mates) -> None:
        self._counts = mates.counts
        self._best = np.full(len(mates.counts), -np.inf, np.float32)
        self._nearer = np.zeros(len(mates.counts), np.int64)
        self._bounds = np.empty(0, np.float32)

    def add(self, genuine: GenuineScores) -> None:
        """Take similarities with mates; all of them come before the first tile."""
        np.maximum.at(self._best, genuine.probes, genuine.scores)
        # a probe that nothing is similar to has missed already: none is counted
        self._bounds = np.where(self._best > -np.inf, self._best - np.float32(TIE), np.inf)
        self._bounds = self._bounds.astype(np.float32)

    def look(self, tile: Tile) -> None:
        """Let the similarities of a tile compete."""
        probes = slice(tile.row, tile.row + len(tile.scores))
        nearer = tile.scores >= self._bounds[probes, None]
        self._nearer[probes] += [np.count_nonzero(row) for row in nearer]

    def ranks(self, genuine: Iterable[GenuineScores]) -> Iterator[np.ndarray]:
        """Yield the ranks of all probes with a mate, int64 (n,)."""
        ranks = np.where(self._best > -np.inf, self._nearer + 1, MISSED)
        yield ranks[self._counts > 0]


class EachMateAlone:
    """Every mate in turn stands alone among the distractors, as in MegaFace.

    Held are the `most` highest similarities of each probe to distractors that reach its worst
    mate: those decide every rank up to `most`.
    """

    def __init__(self, mates: Mates, most: int) -> None:
        self._worst = np.full(len(mates.counts), np.inf, np.float32)
        self._nearest = np.full((len(mates.counts), most), -np.inf, np.float32)
        self._bounds = np.empty(0, np.float32)

    def add(self, genuine: GenuineScores) -> None:
        """Take similarities with mates; all of them come before the first tile."""
        usable = genuine.scores > -np.inf
        np.minimum.at(self._worst, genuine.probes[usable], genuine.scores[usable])
        self._bounds = self._worst - np.float32(TIE)

    def look(self, tile: Tile) -> None:
        """Let the similarities of a tile compete if they are those of distractors."""
        if not tile.distractors:
            return
        near = tile.scores >= self._bounds[tile.row : tile.row + len(tile.scores), None]
        for row in np.flatnonzero(near.any(axis=1)):
            nearest = self._nearest[tile.row + row]
            found = np.concatenate([nearest, tile.scores[row][near[row]]])
            nearest[:] = np.partition(found, -len(nearest))[-len(nearest) :]
            # one that is no nearer than all of these changes no rank up to `most`
            bound = max(self._bounds[tile.row + row], nearest.min())
            self._bounds[tile.row + row] = bound

    def ranks(self, genuine: Iterable[GenuineScores]) -> Iterator[np.ndarray]:
        """Yield the ranks of all pairs, some at a time; one above `most` is only a bound."""
        for pairs in genuine:
            nearest = self._nearest[pairs.probes]
            nearer = (nearest >= (pairs.scores - np.float32(TIE))[:, None]).sum(axis=1)
            yield np.where(pairs.scores > -np.inf, nearer + 1, MISSED)
