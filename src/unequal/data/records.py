"""Reading a face set: `property`, `train.rec` and `train.idx` of one folder."""

from __future__ import annotations

import os
import warnings
import weakref
from functools import cached_property
from pathlib import Path
from typing import Iterator, NamedTuple

import numpy as np

from unequal.data.record_format import PART_HEADER, Header, join_parts, part_length, unpack
from unequal.errors import InputError

SAMPLED_RECORDS = 64
INDEX_BLOCK = 1 << 20


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
        keys, offsets = _read_index(self.index_path)
        try:
            self._file = os.open(str(self.path), os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise InputError(
                f"{self.path}: {error.strerror}; a data folder needs train.rec, train.idx and "
                "property"
            ) from error
        self._close = weakref.finalize(self, os.close, self._file)
        try:
            self._take_index(keys, offsets)
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
        header, payload = self.record(key)
        label = header.label if header.flag == 0 else header.label[0]
        return float(label), payload

    def record(self, key: int) -> tuple[Header, bytes]:
        """Header and encoded image of one record; raises InputError as `read`."""
        position = int(np.searchsorted(self._keys, key))
        if position == len(self._keys) or self._keys[position] != key:
            raise InputError(f"{self.index_path}: has no record {key}; take the .idx of this .rec")
        try:
            blob = os.pread(self._file, int(self._spans[position]), int(self._offsets[position]))
            return unpack(join_parts(blob))
        except ValueError as error:
            raise InputError(
                f"{self.path}: record {key} is broken: {error}; copy or pack the set again"
            ) from error

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

    def _take_index(self, keys: np.ndarray, offsets: np.ndarray) -> None:
        size = os.fstat(self._file).st_size
        if size == 0:
            raise InputError(f"{self.path}: is empty; copy or pack the set again")
        order = np.argsort(keys, kind="stable")
        self._keys, self._offsets = keys[order], offsets[order]
        in_file = np.sort(offsets)
        _check_positions(self.path, self.index_path, self._file, in_file, size)
        following = np.append(in_file[1:], size)
        self._spans = following[np.searchsorted(in_file, self._offsets)] - self._offsets

    def _take_layout(self, keys: np.ndarray) -> None:
        self.header_label: np.ndarray | None = None
        self.image_keys = keys
        header, _ = self.record(0 if 0 in keys else int(keys[0]))
        if header.flag == 0 or 0 not in keys:
            return
        label = np.asarray(header.label)
        whole = len(label) >= 2 and bool(np.all(np.isfinite(label[:2]) & (label[:2] % 1 == 0)))
        if not whole or not 1 <= label[0] <= label[1]:
            raise InputError(
                f"{self.path}: record 0's label is {label[:4]}, not [first identity record, "
                "last + 1]; pack the set again in InsightFace's layout"
            )
        self.header_label = label
        self.image_keys = np.arange(1, int(label[0]))
        if len(self.image_keys) and not np.isin(self.image_keys, self._keys).all():
            raise InputError(
                f"{self.index_path}: lacks images that record 0 of {self.path.name} counts "
                f"({len(self.image_keys)}); take the .idx written with this .rec"
            )

    def _ranges_of_header(self) -> np.ndarray:
        first, stop = int(self.header_label[0]), int(self.header_label[1])
        ranges = np.empty((stop - first, 2), np.int64)
        for row, key in enumerate(range(first, stop)):
            header, _ = self.record(key)
            if header.flag < 2 or not 1 <= header.label[0] <= header.label[1] <= first:
                raise InputError(
                    f"{self.path}: identity record {key}'s label is {header.label}, not a range of "
                    f"images 1..{first - 1}; pack the set again"
                )
            ranges[row] = header.label[:2]
        return ranges

    def _groups_by_label(self) -> Groups:
        keys = np.sort(self.image_keys)
        labels = np.array([self.read(key)[0] for key in keys])
        order = np.argsort(labels, kind="stable")
        _, starts = np.unique(labels[order], return_index=True)
        return Groups(keys[order], np.append(starts, len(keys)))


def read_index_blocks(path: str | Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """int64 keys and offsets of a .idx file, some at a time, in the order of its lines.

    Raises InputError where it is missing, empty or something else.
    """
    empty = True
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            while True:
                text = file.read(INDEX_BLOCK)
                if not text:
                    break
                text += file.readline()
                if text.strip():
                    empty = False
                    yield _parse_index(path, text)
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; a data folder needs train.rec, train.idx and property; "
            f"where only the .idx is lost, {_anew(path)}"
        ) from error
    if empty:
        raise InputError(f"{path}: is empty; {_anew(path)}")


def _anew(index_path: str | Path) -> str:
    """How a lost or wrong index is mended."""
    folder = Path(index_path).parent
    return f"make it anew: python -m recordio_tools.inspect_set --data-dir {folder} --repair"


def _parse_index(path: str | Path, text: str) -> tuple[np.ndarray, np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            numbers = np.fromstring(text, dtype=np.int64, sep=" ")
        except (DeprecationWarning, ValueError):
            numbers = np.empty(0, np.int64)
    if not len(numbers) or len(numbers) % 2 or numbers[1::2].min() < 0:
        raise InputError(f"{path}: is no index of lines 'key<tab>offset'; {_anew(path)}")
    return numbers[::2], numbers[1::2]


def _read_index(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Keys and offsets, in the order of the file's lines."""
    blocks = list(read_index_blocks(path))
    keys, offsets = (np.concatenate(columns) for columns in zip(*blocks))
    if len(np.unique(keys)) != len(keys):
        raise InputError(f"{path}: lists a record twice; {_anew(path)}")
    return keys, offsets


def _check_positions(
    path: Path, index_path: Path, file: int, offsets: np.ndarray, size: int
) -> None:
    """Look at the first, the last and some records between: do they start where the .idx says?"""
    last = int(offsets[-1])
    if last + PART_HEADER.size > size:
        raise InputError(
            f"{path}: is truncated, or {index_path.name} is another file's: it has {size} bytes "
            f"and a record is said to start at {last}; copy both again"
        )
    picks = np.linspace(0, len(offsets) - 1, min(SAMPLED_RECORDS, len(offsets))).astype(int)
    for offset in offsets[picks].tolist():
        try:
            length = part_length(os.pread(file, PART_HEADER.size, offset))
        except ValueError as error:
            raise InputError(
                f"{index_path}: does not belong to {path.name}: byte {offset} is listed, but "
                f"{error}; take the .idx written with this .rec, or {_anew(index_path)}"
            ) from error
        if offset + length > size:
            raise InputError(
                f"{path}: is truncated: the record at byte {offset} needs {offset + length} bytes "
                f"and the file has {size}; copy it again"
            )
