"""Reading a face set from end to end, one record at a time, whatever its size."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, Callable, Iterator, NamedTuple

import numpy as np

from unequal.faces.face_records import Property, read_property
from unequal.faces.list_lines import ListLines
from unequal.faces.record_at import read_at, read_face_at, read_label_at
from unequal.faces.record_index import read_index_blocks
from unequal.faces.set_names import SetNames
from unequal.support.errors import InputError

BUFFER = 1 << 20
SMALL_BUFFER = 1 << 12
HELD_AT_ONCE = 1 << 14
OnBroken = Callable[[int, str], None]


class Face(NamedTuple):
    """One image of a set.

    `image` is the encoded file; `name` its path in train.lst, '' where there is none; `more` what
    follows the label in the record's label array, None where the label is a single number.
    """

    key: int
    label: int
    image: bytes
    name: str = ""
    more: tuple[float, ...] | None = None


class FaceSetReader:
    """The images of the set `data_dir`, streamed in the order of its identities.

    A set in InsightFace's layout whose index is in the order of its keys, as face2rec2 writes it,
    is read front to back; nothing grows with the number of images. Of other sets the index and the
    labels are held in memory, and images are read in ascending order of label.

    For tools that go through a set once. IdentitySet gives single identities, as often as needed;
    unequal.faces.face_records.FaceRecords single records, as training does.

    Args:
        data_dir: the folder.
        by_label: read in ascending order of label whatever the layout, for a set in which the
            images of an identity do not follow one another.

    Attributes:
        path: the .rec file.
        images: how many image records the index lists.
        size: (height, width), from `property`; None where that file is missing.
        num_classes: from `property`; None likewise.

    Raises:
        InputError: a file is missing or empty, record 0 cannot be understood, or the index lists
            a record twice or lacks images that record 0 counts.
    """

    def __init__(self, data_dir: str | Path, by_label: bool = False) -> None:
        self.data_dir = Path(data_dir)
        self._by_label = by_label
        self.path = self.data_dir / "train.rec"
        self.index_path = self.data_dir / "train.idx"
        found = self._property()
        self.size = (found.height, found.width) if found else None
        self.num_classes = found.num_classes if found else None
        self._first_identity = 0
        self._held: tuple[np.ndarray, np.ndarray] | None = None
        self.images = self._take_layout()

    def faces(self, on_broken: OnBroken | None = None) -> Iterator[Face]:
        """All images with their labels and names.

        `on_broken` is told key and reason of each record that cannot be read, which is then passed
        over; without it InputError is raised.
        """
        with self._open() as file, self._names() as name_of:
            for key, offset in self._places():
                try:
                    label, more, image = read_face_at(file, offset)
                except ValueError as error:
                    self._broken(key, error, on_broken)
                    continue
                yield Face(key, label, image, name_of(key, label), more)

    def labels(self, on_broken: OnBroken | None = None) -> Iterator[tuple[int, int]]:
        """(key, label) of all images, in the order of `faces`; images are not read."""
        with self._open() as file:
            size = os.fstat(file.fileno()).st_size
            for key, offset in self._places():
                try:
                    label = read_label_at(file, offset, size)
                except ValueError as error:
                    self._broken(key, error, on_broken)
                    continue
                yield key, label

    def _property(self) -> Property | None:
        return read_property(self.data_dir) if (self.data_dir / "property").exists() else None

    def _take_layout(self) -> int:
        """Finds record 0 and whether the index is in order; returns the number of images."""
        last, count, in_order, header_offset = 0, 0, True, None
        for keys, offsets in read_index_blocks(self.index_path):
            zero = np.flatnonzero(keys == 0)
            if len(zero):
                header_offset = int(offsets[zero[0]])
                keys = np.delete(keys, zero)
            in_order &= bool(np.all(np.diff(keys, prepend=last) == 1))
            last = int(keys[-1]) if len(keys) else last
            count += len(keys)
        self._first_identity = self._read_layout(header_offset)
        front_to_back = self._first_identity and in_order and not self._by_label
        if front_to_back and self._first_identity <= last + 1:
            return self._first_identity - 1
        self._held = self._hold_index()
        return len(self._held[0])

    def _read_layout(self, header_offset: int | None) -> int:
        """The key of the first identity record, which record 0 tells; 0 where that is an image."""
        if header_offset is None:
            return 0
        with self._open() as file:
            try:
                header, _ = read_at(file, header_offset)
            except ValueError as error:
                raise self._is_broken(0, error) from error
        if header.flag == 0:
            return 0
        if header.flag < 2 or not 1 <= header.label[0] <= header.label[1] < np.inf:
            raise InputError(
                f"{self.path}: record 0's label is {header.label[:4]}, not [first identity record, "
                "last + 1]; pack the set again in InsightFace's layout"
            )
        return int(header.label[0])

    def _hold_index(self) -> tuple[np.ndarray, np.ndarray]:
        """Keys and offsets of all images, in the order in which they are to be read."""
        blocks = list(read_index_blocks(self.index_path))
        keys, offsets = (np.concatenate(columns) for columns in zip(*blocks))
        if self._first_identity:
            images = (keys > 0) & (keys < self._first_identity)
            keys, offsets = keys[images], offsets[images]
        order = np.argsort(keys, kind="stable")
        keys, offsets = keys[order], offsets[order]
        if np.any(np.diff(keys) == 0):
            raise InputError(
                f"{self.index_path}: lists a record twice; make it anew by python -m "
                f"recordio_tools.inspect_set --data-dir {self.data_dir} --repair"
            )
        if self._first_identity and len(keys) != self._first_identity - 1:
            raise InputError(
                f"{self.index_path}: lacks images that record 0 of {self.path.name} counts "
                f"({self._first_identity - 1}); take the .idx written with this .rec"
            )
        if self._by_label or not self._first_identity:
            order = np.argsort(self._labels_at(offsets), kind="stable")
            keys, offsets = keys[order], offsets[order]
        return keys, offsets

    def _labels_at(self, offsets: np.ndarray) -> np.ndarray:
        """The labels of the records there, int64; -1 for broken ones."""
        found = np.full(len(offsets), -1, np.int64)
        with self._open() as file:
            size = os.fstat(file.fileno()).st_size
            for row, offset in enumerate(offsets):
                try:
                    found[row] = read_label_at(file, int(offset), size)
                except ValueError:
                    continue
        return found

    def _open(self) -> BinaryIO:
        # far from the last record, a large buffer would be filled for each one
        scattered = self._held is not None
        try:
            return self.path.open("rb", SMALL_BUFFER if scattered else BUFFER)
        except OSError as error:
            raise InputError(
                f"{self.path}: {error.strerror}; a data folder needs train.rec, train.idx and "
                "property"
            ) from error

    def _places(self) -> Iterator[tuple[int, int]]:
        """Key and offset of each image, in order."""
        if self._held is not None:
            for start in range(0, len(self._held[0]), HELD_AT_ONCE):
                some = slice(start, start + HELD_AT_ONCE)
                yield from zip(*(column[some].tolist() for column in self._held))
            return
        for keys, offsets in read_index_blocks(self.index_path):
            for key, offset in zip(keys.tolist(), offsets.tolist()):
                if 0 < key < self._first_identity:
                    yield key, offset

    def _broken(self, key: int, error: ValueError, on_broken: OnBroken | None) -> None:
        if on_broken is None:
            raise self._is_broken(key, error) from error
        on_broken(key, str(error))

    def _is_broken(self, key: int, error: ValueError) -> InputError:
        return InputError(
            f"{self.path}: record {key} is broken: {error}; see python -m "
            f"recordio_tools.inspect_set --data-dir {self.data_dir}"
        )

    @contextmanager
    def _names(self) -> Iterator[Callable[[int, int], str]]:
        """A function of key and label that tells the image's path in train.lst, '' without one."""
        path = self.data_dir / "train.lst"
        if not path.exists():
            yield lambda key, label: ""
        elif self._held is None:
            yield SetNames(path).of
        else:
            with closing(ListLines(path)) as lines:
                yield lines.path_of
