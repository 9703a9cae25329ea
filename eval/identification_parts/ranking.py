"""At which rank a probe finds its mate among all that compete; ties go to those that compete."""

from __future__ import annotations

import numpy as np

from eval.identification_parts.impostors import TIE
from eval.identification_parts.mates import GenuineScores
from eval.identification_parts.score_tiles import Tile

MISSED = np.iinfo(np.int64).max


class BestMate:
    """The whole gallery competes: the rank of a probe is that of its most similar mate."""

    def __init__(self, probes: int) -> None:
        self._best = np.full(probes, -np.inf, np.float32)
        self._nearer = np.zeros(probes, np.int64)
        self._bounds = np.empty(0, np.float32)

    def add(self, genuine: GenuineScores) -> None:
        """Similarities with mates; all of them come before the first tile."""
        np.maximum.at(self._best, genuine.probes, genuine.scores)
        # a probe that nothing is similar to has missed already: none is counted
        self._bounds = np.where(self._best > -np.inf, self._best - np.float32(TIE), np.inf)
        self._bounds = self._bounds.astype(np.float32)

    def look(self, tile: Tile) -> None:
        """Those of a tile compete."""
        probes = slice(tile.row, tile.row + len(tile.scores))
        nearer = tile.scores >= self._bounds[probes, None]
        self._nearer[probes] += [np.count_nonzero(row) for row in nearer]

    def ranks(self) -> np.ndarray:
        """int64 (probes,), from 1; MISSED where the probe or all its mates cannot be compared."""
        return np.where(self._best > -np.inf, self._nearer + 1, MISSED)


class EachMateAlone:
    """Every mate in turn stands alone among the distractors, as in MegaFace.

    Held are the `most` highest similarities of each probe to distractors that reach its worst
    mate: those decide every rank up to `most`.
    """

    def __init__(self, probes: int, most: int) -> None:
        self._worst = np.full(probes, np.inf, np.float32)
        self._nearest = np.full((probes, most), -np.inf, np.float32)
        self._bounds = np.empty(0, np.float32)

    def add(self, genuine: GenuineScores) -> None:
        """Similarities with mates; all of them come before the first tile."""
        usable = genuine.scores > -np.inf
        np.minimum.at(self._worst, genuine.probes[usable], genuine.scores[usable])
        self._bounds = self._worst - np.float32(TIE)

    def look(self, tile: Tile) -> None:
        """Those of a tile compete, where they are distractors."""
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

    def ranks(self, genuine: GenuineScores) -> np.ndarray:
        """int64 of each pair of probe and mate, from 1; beyond `most` or MISSED, if it is worse."""
        nearest = self._nearest[genuine.probes]
        nearer = (nearest >= (genuine.scores - np.float32(TIE))[:, None]).sum(axis=1)
        return np.where(genuine.scores > -np.inf, nearer + 1, MISSED)
