"""Drawing bags of tail images: a few random images of each of many random identities."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, NamedTuple

import numpy as np

from unequal.faces.face_records import Groups
from unequal.support.errors import InputError


class Bag(NamedTuple):
    """Images of whole identities, grouped: those of identity i are `counts[i]` of `keys` in turn.

    `cursor` is the number of images taken before it from the same permutation of the tail;
    `reordered` tells that the permutation is new.
    """

    keys: np.ndarray
    counts: np.ndarray
    cursor: int
    reordered: bool


class TailBags:
    """Draws bags of up to `bag_size` images, `images_per_identity` or what it has of each identity.

    No identity comes twice within one permutation of the tail; a new permutation begins when the
    rest of the old one does not fill a bag (as the 2019 code). A tail smaller than a bag is
    one bag. Identities with a single image have no centre worth the name and are left out,
    unless images_per_identity is 1; `unused` counts them.

    Raises InputError where fewer than `identities_needed` are left; `path` is the .rec to name.
    """

    def __init__(
        self,
        groups: Groups,
        bag_size: int,
        images_per_identity: int,
        identities_needed: int,
        path: Path,
    ) -> None:
        self.bag_size = bag_size
        self.images_per_identity = images_per_identity
        self.identities_needed = identities_needed
        self.path = path
        self._take(groups)

    def reorder(self) -> None:
        """Have the next bag begin a new permutation of the tail."""
        self._order = np.empty(0, np.int64)
        self._ends = np.empty(0, np.int64)
        self._next = 0

    def forget(self, bad_keys: Iterable[int]) -> None:
        """Never draw these images again, and begin a new permutation."""
        keys, starts = self._groups
        good = ~np.isin(keys, list(bad_keys))
        counts = np.add.reduceat(good, starts[:-1], dtype=np.int64)
        self._take(Groups(keys[good], np.concatenate([[0], np.cumsum(counts)])))

    def draw(self, rng: np.random.Generator) -> Bag:
        """The next bag."""
        per_identity = self.images_per_identity
        taken = int(self._ends[self._next - 1]) if self._next else 0
        full = self.bag_size // per_identity * per_identity
        reordered = not len(self._ends) or self._ends[-1] - taken < full
        if reordered:
            counts = np.minimum(np.diff(self._groups.starts), per_identity)
            self._order = rng.permutation(len(counts))
            self._ends = np.cumsum(counts[self._order])
            self._next, taken = 0, 0
        stop = int(np.searchsorted(self._ends, taken + self.bag_size, side="right"))
        keys, starts = self._groups
        images = [
            rng.permutation(keys[starts[i] : starts[i + 1]])[:per_identity]
            for i in self._order[self._next : stop]
        ]
        self._next = stop
        return Bag(np.concatenate(images), np.array([len(k) for k in images]), taken, reordered)

    def _take(self, groups: Groups) -> None:
        keys, starts = groups
        counts = np.diff(starts)
        usable = counts >= min(self.images_per_identity, 2)
        self.unused = int(len(counts) - usable.sum())
        keys = keys[np.repeat(usable, counts)]
        self._groups = Groups(keys, np.concatenate([[0], np.cumsum(counts[usable])]))
        if usable.sum() < self.identities_needed:
            least = min(self.images_per_identity, 2)
            raise InputError(
                f"{self.path}: {usable.sum()} identities have {least} or more images, but "
                f"--batchsize_id needs {self.identities_needed} of them; lower it to "
                f"{usable.sum() * self.images_per_identity} or less"
            )
        self.reorder()
