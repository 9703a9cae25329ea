"""Reading a face set: `property`, `train.rec` and `train.idx` of one folder."""

from __future__ import annotations

import os
import weakref
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unequal.faces.ranges_cache import Stamp, read_or_recall, size_and_time
from unequal.faces.record_at import read_at
from unequal.faces.record_format import FaceRecord, as_record, read_record
from unequal.faces.record_index import RecordIndex, read_index
from unequal.faces.record_labels import Labels, read_labels
from unequal.support.errors import InputError


class Property(NamedTuple):
    """The line of a `property` file: number of classes, image height and width in pixels."""

    num_classes: int
    height: int
    width: int


class Groups(NamedTuple):
    """Record keys by identity: those of identity i are `keys[starts[i]:starts[i + 1]]`."""

    keys: np.ndarray
    starts: np.ndarray


def read_property(data_dir: str | Path) -> Property:
    """Read `data_dir`/property, one line 'num_classes,height,width' (as the 2019 code).

    Raises:
        InputError: the file is missing or holds something else.
    """
    path = Path(data_dir) / "property"
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; a data folder needs this file, one line "
            "'num_classes,height,width' such as '85742,112,112'"
        ) from error
    try:
        num_classes, height, width = (int(part) for part in text.split(","))
        if min(num_classes, height, width) >= 1:
            return Property(num_classes, height, width)
    except ValueError:
        pass
    raise InputError(
        f"{path}: holds {text[:40]!r} where one line 'num_classes,height,width' is expected, "
        "such as '85742,112,112'"
    )


class FaceRecords:
    """The records of `data_dir`/train.rec, found by key through train.idx.

    Two layouts are read: InsightFace's, where record 0 says which records are images and which
    are identities, and im2rec's, where every record is an image. Reading is safe in several
    threads and after a fork, because no file position is shared.

    Args:
        data_dir: the folder.
        check: look whether some records start where the index says, and whether the file is cut
            off. Without it a broken record is only noticed when it is read.

    Attributes:
        path: the .rec file.
        index_path: the .idx file.
        header_label: record 0's label [first identity record, last + 1], float32; None where
            record 0 is an image.
        image_keys: int64 keys of the images, in the order of the 2019 code (ascending, or that of
            train.idx where record 0 is an image).

    Raises:
        InputError: a file is missing or empty, the two do not belong together, the .rec is cut
            off, or record 0 cannot be understood.
    """

    def __init__(self, data_dir: str | Path, check: bool = True) -> None:
        self.data_dir = Path(data_dir)
        self.path = self.data_dir / "train.rec"
        self.index_path = self.data_dir / "train.idx"
        index_stamp = size_and_time(self.index_path)  # before it is read, lest it changes later
        keys, offsets = read_index(self.index_path)
        try:
            self._file = os.open(str(self.path), os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise InputError(
                f"{self.path}: {error.strerror}; a data folder needs train.rec, train.idx and "
                "property"
            ) from error
        self._close = weakref.finalize(self, os.close, self._file)
        self._stamp = Stamp(*size_and_time(self._file), *index_stamp)
        try:
            self._index = RecordIndex(self.path, self.index_path, self._file, keys, offsets, check)
            del offsets  # of millions of records, that is much
            self.header_label = self._read_header()
            self.image_keys = keys
            if self.header_label is not None:
                self.image_keys = np.arange(1, int(self.header_label[0]))
        except InputError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; harmless when done twice."""
        self._close()

    def read(self, key: int) -> tuple[float, bytes]:
        """Return label and encoded image of one record; of an array label, the first element.

        Raises:
            InputError: there is no such whole record; the message names it and the file.
        """
        label, _, image = self.record(key)
        return label, image

    def record(self, key: int) -> FaceRecord:
        """Return one record; raises InputError as `read`."""
        start, stop = self._index.span(key)
        try:
            return self._read(start, stop)
        except ValueError as error:
            raise self.broken(key, str(error)) from error

    def labels(self, keys: np.ndarray) -> Labels:
        """Return the labels of many records, and which of them are broken, without the images."""
        return read_labels(
            self._file,
            *self._index.spans(keys),
            lambda row: self._read(*self._index.span(int(keys[row]))),
        )

    def broken(self, key: int, reason: str) -> InputError:
        """Return the error about a record that cannot be read."""
        return InputError(
            f"{self.path}: record {key} is broken: {reason}; copy or pack the set again, or see "
            f"python -m recordio_tools.inspect_set --data-dir {self.data_dir}"
        )

    @cached_property
    def identities(self) -> np.ndarray:
        """int64 (identities, 2): first image key and last + 1, in the order of their records.

        Read once, when first asked for. Without a header record they are found by reading all
        labels, in ascending order of label.

        Raises:
            InputError: there is no header record, and the images of one identity do not have
                consecutive keys (`groups` does not need that).
        """
        if self.header_label is not None:
            return self._ranges_of_header(self.header_label)
        keys, starts = self.groups
        first, last = keys[starts[:-1]], keys[starts[1:] - 1]
        if np.any(last - first + 1 != np.diff(starts)):
            raise InputError(
                f"{self.path}: the images of an identity are scattered; pack the set sorted by "
                "identity"
            )
        return np.stack([first, last + 1], axis=1)

    @cached_property
    def groups(self) -> Groups:
        """The image keys of each identity, in the order of `identities`."""
        if self.header_label is None:
            return self._groups_by_label()
        first, counts = self.identities[:, 0], np.diff(self.identities, axis=1)[:, 0]
        starts = np.concatenate([[0], np.cumsum(counts)])
        return Groups(np.arange(starts[-1]) + np.repeat(first - starts[:-1], counts), starts)

    def _read(self, start: int, stop: int) -> FaceRecord:
        """Return the record that starts at a byte; `stop` is where the index has the next one."""
        try:
            return read_record(os.pread(self._file, stop - start, start))
        except ValueError:
            # a wrong entry of the index may point into this record, which then seems to end there
            with self.path.open("rb") as file:
                return as_record(*read_at(file, start))

    def _read_header(self) -> np.ndarray | None:
        """Return record 0's label, None where it is an image or there is no record 0."""
        if not self._index.has_all(0, 1):
            return None
        header = self.record(0)
        if header.more is None:
            return None
        label = header.labels
        whole = len(label) >= 2 and bool(np.all(np.isfinite(label[:2]) & (label[:2] % 1 == 0)))
        if not whole or not 1 <= label[0] <= label[1]:
            raise InputError(
                f"{self.path}: record 0's label is {label[:4]}, not [first identity record, "
                "last + 1]; pack the set again in InsightFace's layout"
            )
        if not self._index.has_all(1, int(label[0])):
            raise InputError(
                f"{self.index_path}: lacks images that record 0 of {self.path.name} counts "
                f"({int(label[0]) - 1}); take the .idx written with this .rec"
            )
        return label

    def _ranges_of_header(self, label: np.ndarray) -> np.ndarray:
        first, stop = int(label[0]), int(label[1])

        def read(keys: np.ndarray) -> np.ndarray:
            values = self._sound_labels(keys)
            wrong = np.flatnonzero((values.lengths < 2) | ~_are_ranges(values.values, first))
            if len(wrong):
                key = int(keys[wrong[0]])
                raise InputError(
                    f"{self.path}: identity record {key}'s label is {self.record(key).labels}, not "
                    f"a range of images 1..{first - 1}; pack the set again"
                )
            return values.values.astype(np.int64)

        # Among more keys than records one is missing, which is told before memory runs out.
        keys = np.arange(first, min(stop, first + len(self._index) + 1))
        return read_or_recall(
            self.data_dir,
            self._stamp,
            keys,
            read,
            lambda kept: bool(_are_ranges(kept, first).all()),
        )

    def _groups_by_label(self) -> Groups:
        keys = np.sort(self.image_keys)

        def read(keys: np.ndarray) -> np.ndarray:
            return self._sound_labels(keys).values[:, 0]

        labels = read_or_recall(self.data_dir, self._stamp, keys, read)
        order = np.argsort(labels, kind="stable")
        _, starts = np.unique(labels[order], return_index=True)
        return Groups(keys[order], np.append(starts, len(keys)))

    def _sound_labels(self, keys: np.ndarray) -> Labels:
        """Return the labels of many records; raises InputError where one is broken."""
        found = self.labels(keys)
        if found.broken:
            self.record(int(keys[min(found.broken)]))
        return found


def _are_ranges(ranges: np.ndarray, first_identity: int) -> np.ndarray:
    """Return which rows of (n, 2) are first and last + 1 of images, whose keys come first."""
    first, stop = ranges[:, 0], ranges[:, 1]
    return (first >= 1) & (first <= stop) & (stop <= first_identity)
