"""Reading a face set: `property`, `train.rec` and `train.idx` of one folder."""

from __future__ import annotations

import os
import weakref
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unequal.faces.ranges_cache import Stamp, read_or_recall, size_and_time
from unequal.faces.record_format import Header, join_parts, label_and_image, unpack
from unequal.faces.record_index import RecordIndex, read_index
from unequal.faces.record_labels import NoRange, are_ranges, read_labels, read_ranges
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

    Raises InputError where it is missing or is something else.
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
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or min(numbers) < 1:
        raise InputError(
            f"{path}: holds {text[:40]!r} where one line 'num_classes,height,width' is expected, "
            "such as '85742,112,112'"
        )
    return Property(*numbers)


class FaceRecords:
    """The records of `data_dir`/train.rec, found through train.idx.

    Two layouts are read: InsightFace's, where record 0 says which records are images and which
    are identities, and im2rec's, where every record is an image. Reading is safe from several
    threads and after a fork: no file position is shared. For reading in any order, as training
    does; to go through a set from end to end, recordio_tools' FaceSetReader holds no index.

    Attributes:
        path: the .rec file.
        header_label: record 0's label [first identity record, last + 1], float32; None where
            record 0 is an image.
        image_keys: int64 keys of the images, in the order of the 2019 code (ascending, or that of
            train.idx where record 0 is an image).

    Raises InputError where a file is missing or empty, the two do not belong together, the .rec
    is cut off, or record 0 cannot be understood.
    """

    def __init__(self, data_dir: str | Path) -> None:
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
            self._index = RecordIndex(self.path, self.index_path, self._file, keys, offsets)
            del offsets  # of millions of records, that is much
            self._take_layout(keys)
        except InputError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; harmless when done twice."""
        self._close()

    def read(self, key: int) -> tuple[float, bytes]:
        """Label and encoded image of one record; of an array label, the first element.

        Raises InputError naming the record and the file where there is no such whole record.
        """
        start, stop = self._index.span(key)
        try:
            return label_and_image(os.pread(self._file, stop - start, start))
        except ValueError as error:
            raise self._broken(key, error) from error

    def record(self, key: int) -> tuple[Header, bytes]:
        """Header and encoded image of one record; raises InputError as `read`."""
        start, stop = self._index.span(key)
        try:
            return unpack(join_parts(os.pread(self._file, stop - start, start)))
        except ValueError as error:
            raise self._broken(key, error) from error

    @cached_property
    def identities(self) -> np.ndarray:
        """int64 (identities, 2): first image key and last + 1, in the order of their records.

        Read once, when first asked for. Without a header record they are found by reading all
        labels, in ascending order of label; InputError where the images of one identity then do
        not have consecutive keys (`groups` has no such need).
        """
        if self.header_label is not None:
            return self._ranges_of_header()
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

    def _take_layout(self, keys: np.ndarray) -> None:
        self.header_label: np.ndarray | None = None
        self.image_keys = keys
        with_zero = self._index.has_all(0, 1)
        header, _ = self.record(0 if with_zero else int(keys[0]))
        if header.flag == 0 or not with_zero:
            return
        label = np.asarray(header.label)
        whole = len(label) >= 2 and bool(np.all(np.isfinite(label[:2]) & (label[:2] % 1 == 0)))
        if not whole or not 1 <= label[0] <= label[1]:
            raise InputError(
                f"{self.path}: record 0's label is {label[:4]}, not [first identity record, "
                "last + 1]; pack the set again in InsightFace's layout"
            )
        self.header_label = label
        if not self._index.has_all(1, int(label[0])):
            raise InputError(
                f"{self.index_path}: lacks images that record 0 of {self.path.name} counts "
                f"({int(label[0]) - 1}); take the .idx written with this .rec"
            )
        self.image_keys = np.arange(1, int(label[0]))

    def _ranges_of_header(self) -> np.ndarray:
        first, stop = int(self.header_label[0]), int(self.header_label[1])
        # Among more keys than records one is missing, which is told before memory runs out.
        keys = np.arange(first, min(stop, first + len(self._index) + 1))
        try:
            return read_or_recall(
                self.data_dir,
                self._stamp,
                keys,
                lambda some: read_ranges(self._file, self._index, some, first, self._header),
                lambda ranges: bool(are_ranges(ranges, first).all()),
            )
        except NoRange as error:
            raise InputError(
                f"{self.path}: identity record {error.key}'s label is {error.header.label}, not a "
                f"range of images 1..{first - 1}; pack the set again"
            ) from error

    def _groups_by_label(self) -> Groups:
        keys = np.sort(self.image_keys)
        labels = read_or_recall(
            self.data_dir,
            self._stamp,
            keys,
            lambda some: read_labels(self._file, self._index, some, self._header),
        )
        order = np.argsort(labels, kind="stable")
        _, starts = np.unique(labels[order], return_index=True)
        return Groups(keys[order], np.append(starts, len(keys)))

    def _broken(self, key: int, error: ValueError) -> InputError:
        return InputError(
            f"{self.path}: record {key} is broken: {error}; copy or pack the set again"
        )

    def _header(self, key: int) -> Header:
        return self.record(key)[0]
