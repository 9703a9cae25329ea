"""Where the records of a .rec file lie: its .idx file, read and held in a few bytes a record."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Iterator

import numpy as np

from unequal.faces.record_format import PART_HEADER, part_length
from unequal.support.errors import InputError

SAMPLED_RECORDS = 64
INDEX_BLOCK = 1 << 20


class RecordIndex:
    """First byte and end of each record of a .rec file, by key.

    Held are the bounds of the records in the order of the file, 8 bytes each, and the place of
    each key in that order, 4 bytes; the keys themselves only where they are not consecutive.

    Args:
        path: the .rec file, for messages.
        index_path: the .idx file.
        file: descriptor of the .rec.
        keys: int64, as `read_index` gives them.
        offsets: int64 likewise.
        check: look whether sampled records start where the index says, and whether the file is
            cut off.

    Raises:
        InputError: the .rec is empty or a record is listed twice, or the check has failed.
    """

    def __init__(
        self,
        path: Path,
        index_path: Path,
        file: int,
        keys: np.ndarray,
        offsets: np.ndarray,
        check: bool = True,
    ) -> None:
        size = os.fstat(file).st_size
        if size == 0:
            raise InputError(f"{path}: is empty; copy or pack the set again")
        self._index_path = index_path
        self._bounds, ranks = _in_file_order(offsets, size)
        self._first, self._keys, self._places = _by_key(index_path, keys, ranks)
        if check:
            _check_positions(path, index_path, file, self._bounds[:-1], size)
        else:
            np.minimum(self._bounds, size, out=self._bounds)  # nothing lies beyond a file cut off

    def __len__(self) -> int:
        return len(self._places)

    def span(self, key: int) -> tuple[int, int]:
        """Return the first byte of a record and of the next one.

        Raises:
            InputError: there is no such record.
        """
        row = key - self._first
        if self._keys is not None:
            row = int(np.searchsorted(self._keys, key))
            row = row if row < len(self._keys) and self._keys[row] == key else -1
        if not 0 <= row < len(self._places):
            raise InputError(f"{self._index_path}: has no record {key}; take the .idx of this .rec")
        place = self._places.item(row)
        return self._bounds.item(place), self._bounds.item(place + 1)

    def spans(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return first bytes and ends, int64, of many records; 0 where there is no such record."""
        rows = keys - self._first
        if self._keys is not None:
            rows = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            rows[self._keys[rows] != keys] = -1
        known = (rows >= 0) & (rows < len(self._places))
        places = self._places[np.where(known, rows, 0)]
        return self._bounds[places] * known, self._bounds[places + 1] * known

    def has_all(self, first: int, stop: int) -> bool:
        """Return whether every key of range(first, stop) is listed."""
        if first >= stop:
            return True
        if self._keys is None:
            return self._first <= first and stop <= self._first + len(self)
        found = np.searchsorted(self._keys, [first, stop])
        return int(found[1] - found[0]) == stop - first


def read_index(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Return keys and offsets, int64, of a .idx file; raises as `read_index_blocks`."""
    columns: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for block in read_index_blocks(path):
        for column, numbers in zip(columns, block):
            column.append(numbers.copy())
    joined = []
    for column in columns:
        joined.append(np.concatenate(column))
        column.clear()  # one column at a time is held twice
    return joined[0], joined[1]


def read_index_blocks(path: str | Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield keys and offsets, int64, of a .idx file, some at a time, in the order of its lines.

    Raises:
        InputError: it is missing, empty or something else.
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
    """Return how to fix a lost or wrong index."""
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


def _in_file_order(offsets: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the ascending offsets with `size` after them, and the rank of each (None: its place).

    Of keys that share an offset, each has the rank of the last one, whose record is not empty.
    """
    bounds = np.empty(len(offsets) + 1, np.int64)
    bounds[:-1] = offsets
    bounds[-1] = size
    if np.all(offsets[:-1] < offsets[1:]):
        return bounds, None
    bounds[:-1].sort()
    return bounds, np.searchsorted(bounds[:-1], offsets, side="right") - 1


def _by_key(
    path: Path, keys: np.ndarray, ranks: np.ndarray | None
) -> tuple[int, np.ndarray | None, np.ndarray]:
    """Return the lowest key, the ascending keys (None: consecutive), and the ranks in that order.

    Ranks None count up from 0.
    """
    count = len(keys)
    counter = np.uint32 if count < 1 << 32 else np.int64
    ranks = np.arange(count, dtype=counter) if ranks is None else ranks.astype(counter)
    first = int(keys.min())
    if int(keys.max()) - first + 1 == count:
        rows = keys - first if first else keys
        places = np.empty(count, counter)
        listed = np.zeros(count, bool)
        places[rows], listed[rows] = ranks, True
        if listed.all():
            return first, None, places
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    if np.any(keys[:-1] == keys[1:]):
        raise InputError(f"{path}: lists a record twice; {_anew(path)}")
    return first, keys, ranks[order]


def _check_positions(
    path: Path, index_path: Path, file: int, offsets: np.ndarray, size: int
) -> None:
    """Check that the first, the last and some records between start where the .idx says."""
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
