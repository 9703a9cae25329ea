"""Bags: a few random images of each of many random tail identities, to find confusing ones in.

walk through a permutation of the identities; take ``bag_size`` images, k of each identity
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, NamedTuple

import numpy as np

from unequal.faces.face_records import Groups
from unequal.support.errors import InputError


class Bag(NamedTuple):
    """Images of whole identities: `counts[i]` of `keys` are of identity i, one after the other.

    `cursor`: how many images came before it in its permutation. `reordered`: that one is new.
    """

    keys: np.ndarray
    counts: np.ndarray
    cursor: int
    reordered: bool


@dataclass
class TailBags:
    """Draws bags of up to `bag_size` images, `images_per_identity` or what it has of each identity.

    As in the 2019 code no identity comes twice within a permutation of the tail, and a new one
    begins when the rest of the old one does not fill a bag. A tail smaller than a bag is one bag.
    Identities with a single image have no centre worth the name: they are left out, unless
    images_per_identity is 1. `unused` counts them.

    Raises:
        InputError: fewer than `identities_needed` are left; `path` is the .rec to name.
    """

    groups: Groups
    bag_size: int
    images_per_identity: int
    identities_needed: int
    path: Path

    def __post_init__(self) -> None:
        self._take(self.groups.keys, np.diff(self.groups.starts))

    def reorder(self) -> None:
        """Have the next bag begin a new permutation of the tail."""
        self._order = self._ends = np.empty(0, np.int64)
        self._next = 0

    def forget(self, bad_keys: Iterable[int]) -> None:
        """Never draw these images again, and begin a new permutation."""
        good = ~np.isin(self._keys, list(bad_keys))
        counts = np.add.reduceat(good, self._starts[:-1], dtype=np.int64)
        self._take(self._keys[good], counts)

    def draw(self, rng: np.random.Generator) -> Bag:
        """Return the next bag."""
        per_identity = self.images_per_identity
        taken = int(self._ends[self._next - 1]) if self._next else 0
        full = self.bag_size // per_identity * per_identity
        reordered = not len(self._ends) or self._ends[-1] - taken < full
        if reordered:
            counts = np.minimum(np.diff(self._starts), per_identity)
            self._order = rng.permutation(len(counts))
            self._ends = np.cumsum(counts[self._order])
            self._next, taken = 0, 0
        stop = int(np.searchsorted(self._ends, taken + self.bag_size, side="right"))
        images = [
            rng.permutation(self._keys[self._starts[i] : self._starts[i + 1]])[:per_identity]
            for i in self._order[self._next : stop]
        ]
        self._next = stop
        return Bag(np.concatenate(images), np.array([len(k) for k in images]), taken, reordered)

    def _take(self, keys: np.ndarray, counts: np.ndarray) -> None:
        least = min(self.images_per_identity, 2)
        usable = counts >= least
        left = int(usable.sum())
        self.unused = len(counts) - left
        self._keys = keys[np.repeat(usable, counts)]
        self._starts = np.concatenate([[0], np.cumsum(counts[usable])])
        if left < self.identities_needed:
            raise InputError(
                f"{self.path}: {left} identities have {least} or more images, but "
                f"`batchsize_id` needs {self.identities_needed} of them; lower it to "
                f"{left * self.images_per_identity} or less"
            )
        self.reorder()
