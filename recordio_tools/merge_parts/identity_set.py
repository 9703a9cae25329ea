"""The identities of one of the sets that are merged, each to be read as often as needed."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Iterator

import numpy as np

from unequal.faces.identity_lists import read_names
from unequal.faces.set_reader import Face, FaceSetReader, OnBroken


class IdentitySet:
    """The set `data_dir` by identity. It takes some 40 bytes an image.

    Attributes:
        data_dir: as given.
        size: (height, width) of the images in pixels.
        labels: int64 (identities,), ascending: those that a record with a readable label has.
        images: int64 (identities,), how many such records each has.

    Raises:
        InputError: see FaceSetReader, its image_size, and read_names.
    """

    def __init__(self, data_dir: str | Path, on_broken: OnBroken) -> None:
        """`on_broken` is told key and reason of records whose label cannot be read."""
        self._reader = FaceSetReader(data_dir)
        self.data_dir = data_dir
        self.size = self._reader.image_size()
        self._names = read_names(data_dir)
        keys, labels = array("q"), array("q")
        for key, label in self._reader.labels(on_broken):
            keys.append(key)
            labels.append(label)
        order = np.argsort(np.array(labels, np.int64), kind="stable")
        self._keys, ascending = (np.array(some, np.int64)[order] for some in (keys, labels))
        self.labels, starts, self.images = np.unique(
            ascending, return_index=True, return_counts=True
        )
        self._starts = np.append(starts, len(order))

    def __len__(self) -> int:
        """How many identities there are."""
        return len(self.labels)

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
        given = self._names.get(label)
        if given is not None:
            return given
        return self._reader.name_of(int(self._keys[self._starts[row]]), label).rpartition("/")[0]
