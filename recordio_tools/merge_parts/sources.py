"""The sets that are merged: their identities in one numbering, and the names of their images."""

from __future__ import annotations

import os
from array import array
from functools import partial
from pathlib import Path
from typing import Callable, Iterator, Sequence

import numpy as np

from unequal.faces.identity_lists import read_names
from unequal.faces.left_out_table import BrokenRecords
from unequal.faces.set_reader import Face, FaceSetReader, OnBroken
from unequal.support.errors import InputError


class IdentitySet:
    """One of the sets by identity. It takes some 40 bytes an image.

    Args:
        data_dir: the set.
        start: the first part of the paths that its images get.
        broken: is told of the records whose label cannot be read.

    Attributes:
        size: (height, width) of the images in pixels.
        labels: int64 (identities,), ascending: those that a record with a readable label has.
        images: int64 (identities,), how many such records each has.

    Raises:
        InputError: see FaceSetReader, its image_size, and read_names.
    """

    def __init__(self, data_dir: str | Path, start: str, broken: BrokenRecords) -> None:
        self._reader = FaceSetReader(data_dir)
        self.data_dir, self.start, self.broken = data_dir, start, broken
        self.size = self._reader.image_size()
        self._names = read_names(data_dir)
        keys, labels = array("q"), array("q")
        for key, label in self._reader.labels(broken):
            keys.append(key)
            labels.append(label)
        order = np.argsort(np.array(labels, np.int64), kind="stable")
        self._keys, ascending = (np.array(some, np.int64)[order] for some in (keys, labels))
        self.labels, starts, self.images = np.unique(
            ascending, return_index=True, return_counts=True
        )
        self._starts = np.append(starts, len(order))

    def faces(self, row: int, on_broken: OnBroken, most: int | None = None) -> Iterator[Face]:
        """Yield the images of identity `labels[row]`, in the order of the set.

        With `most`, at most that many of them, evenly spaced. `on_broken` is told key and reason of
        records that cannot be read, which are passed over.
        """
        keys = self._keys[self._starts[row] : self._starts[row + 1]]
        if most is not None and most < len(keys):
            keys = keys[np.linspace(0, len(keys) - 1, most).astype(int)]
        return self._reader.faces(on_broken, keys)

    def name_of(self, row: int) -> str:
        """Return its name in identities.txt, else the folder of its first image, or ''."""
        label = int(self.labels[row])
        if label in self._names:
            return self._names[label]
        return self._reader.name_of(int(self._keys[self._starts[row]]), label).rpartition("/")[0]


class Sources:
    """The identities of several sets, numbered from 0 set after set, by label in each.

    Attributes:
        sets: the sets.
        labels: int64 (identities,), the label of each identity in its set.
        images: int64 (identities,), how many images each has.
    """

    def __init__(self, sets: Sequence[IdentitySet]) -> None:
        self.sets = sets
        self.labels = np.concatenate([source.labels for source in sets])
        self.images = np.concatenate([source.images for source in sets])
        self._starts = np.cumsum([0] + [len(source.labels) for source in sets])

    def at(self, number: int) -> tuple[IdentitySet, int]:
        """Return the set of an identity and its row there."""
        place = int(np.searchsorted(self._starts, number, side="right")) - 1
        return self.sets[place], int(number - self._starts[place])

    def close_broken(self) -> int:
        """Log what is not yet told of broken records; return their number."""
        for source in self.sets:
            source.broken.close()
        return sum(source.broken.count for source in self.sets)


def open_sources(
    data_dirs: Sequence[str | Path],
    starts: Sequence[str],
    listing: Callable[[str, int, str], object] | None = None,
) -> Sources:
    """Open the sets and read their labels.

    Args:
        data_dirs: the sets.
        starts: see `prefixes`.
        listing: is given set, key and reason of each record that cannot be read, now or later.

    Raises:
        InputError: a set is not sound, or has images of another size than the first one.
    """
    sets: list[IdentitySet] = []
    for data_dir, start in zip(data_dirs, starts):
        told = listing and partial(listing, str(data_dir))
        sets.append(IdentitySet(data_dir, start, BrokenRecords(Path(data_dir) / "train.rec", told)))
        if sets[-1].size != sets[0].size:
            raise InputError(
                "{}: has images of {}x{} pixels, but {} of {}x{}; merge sets of one size".format(
                    data_dir, *sets[-1].size, data_dirs[0], *sets[0].size
                )
            )
    return Sources(sets)


def prefixes(data_dirs: Sequence[str | Path]) -> list[str]:
    """Return the first part of the paths of each set's images: '' for a single set.

    Else it is the end of the folder's path that is long enough to differ from set to set.

    Raises:
        InputError: two are the same folder.
    """
    parts = [os.path.realpath(data_dir).strip(os.sep).split(os.sep) for data_dir in data_dirs]
    if len(parts) == 1:
        return [""]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) + "/" for part in parts]
        if len(set(names)) == len(names):
            return names
    raise InputError("`data_dirs`: names a set twice; name each once")
