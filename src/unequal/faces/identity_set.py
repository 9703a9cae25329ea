"""The identities of a set, each to be read at any time and as often as needed."""

from __future__ import annotations

from array import array
from pathlib import Path
from types import TracebackType
from typing import Iterator

import numpy as np

from unequal.faces.identity_lists import read_names
from unequal.faces.list_lines import ListLines
from unequal.faces.record_at import read_at
from unequal.faces.record_index import read_index_blocks
from unequal.faces.set_copy import size_of
from unequal.faces.set_reader import BUFFER, Face, FaceSetReader, OnBroken


class IdentitySet:
    """The set `data_dir` by identity; use it in a `with` block. It takes some 30 bytes an image.

    For tools that come back to identities, in an order of their own; FaceSetReader takes less to go
    through a set once, and sheet.identities.SetIdentities finds identities of FaceRecords.

    Attributes:
        data_dir: as given.
        size: (height, width) of the images in pixels.
        labels: int64 (identities,), ascending: those that a record with a readable label has.
        images: int64 (identities,), how many such records each has.

    Raises InputError as FaceSetReader, size_of and read_names. `on_broken` is told key and reason
    of records whose label cannot be read.
    """

    def __init__(self, data_dir: str | Path, on_broken: OnBroken) -> None:
        reader = FaceSetReader(data_dir)
        self.data_dir = data_dir
        self.size = size_of(reader)
        self._given_names = read_names(data_dir)
        self._keys, labels = _keys_by_label(reader, on_broken)
        self.labels, starts, self.images = np.unique(labels, return_index=True, return_counts=True)
        self._starts = np.append(starts, len(labels))
        self._offsets = _offsets_of(reader.index_path, self._keys)
        self._lines = ListLines(reader.data_dir / "train.lst")
        self._file = reader.path.open("rb", BUFFER)

    def __len__(self) -> int:
        """How many identities there are."""
        return len(self.labels)

    def __enter__(self) -> IdentitySet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._lines.close()

    def faces(self, row: int, on_broken: OnBroken, most: int | None = None) -> Iterator[Face]:
        """The images of identity `labels[row]`, in the order of the set.

        With `most`, at most so many of them, evenly spaced. `on_broken` is told key and reason of
        records that cannot be read, which are passed over.
        """
        places = np.arange(self._starts[row], self._starts[row + 1])
        if most is not None and most < len(places):
            places = places[np.linspace(0, len(places) - 1, most).astype(int)]
        label = int(self.labels[row])
        for place in places.tolist():
            key = int(self._keys[place])
            try:
                header, image = read_at(self._file, int(self._offsets[place]))
            except ValueError as error:
                on_broken(key, str(error))
                continue
            more = None if header.flag == 0 else tuple(header.label.tolist()[1:])
            yield Face(key, label, image, self._lines.path_of(key, label), more)

    def name_of(self, row: int) -> str:
        """The identity's name in identities.txt, else the folder of its first image, or ''."""
        label = int(self.labels[row])
        given = self._given_names.get(label)
        if given is not None:
            return given
        return self._lines.path_of(int(self._keys[self._starts[row]]), label).rpartition("/")[0]


def _keys_by_label(reader: FaceSetReader, on_broken: OnBroken) -> tuple[np.ndarray, np.ndarray]:
    """Keys and labels of all images in ascending order of label, int64."""
    keys, labels = array("q"), array("q")
    for key, label in reader.labels(on_broken):
        keys.append(key)
        labels.append(label)
    order = np.argsort(np.array(labels, np.int64), kind="stable")
    return np.array(keys, np.int64)[order], np.array(labels, np.int64)[order]


def _offsets_of(index_path: Path, wanted: np.ndarray) -> np.ndarray:
    """Where in the .rec file the records of those keys start, int64."""
    keys, offsets = (np.concatenate(columns) for columns in zip(*read_index_blocks(index_path)))
    order = np.argsort(keys, kind="stable")
    return offsets[order[np.searchsorted(keys, wanted, sorter=order)]]
