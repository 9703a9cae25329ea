"""What a .rec file holds, read from front to back without its index, broken stretches included."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Iterator

import numpy as np

from unequal.data.record_format import (
    FIRST,
    LABEL_HEADER,
    LAST,
    LENGTH_BITS,
    MAGIC,
    MIDDLE,
    PART_HEADER,
    WHOLE,
    join_parts,
    unpack,
)

BLOCK = 1 << 20
MARGIN = 1 << 12
SECTOR = 512
MOST_PARTS = 1 << 20
GOOD, NO_START, WRONG_LENGTH, CUT_OFF, WRONG_PARTS, TOO_SHORT = range(6)
FAULTS = (
    "",
    "no record starts there",
    "its length leads to no record",
    "the file ends within it",
    "its parts are out of order",
    "it is too short for its header",
)

RECORD = np.dtype(
    [
        ("offset", np.int64),
        ("end", np.int64),
        ("length", np.int64),
        ("id", np.int64),
        ("flag", np.int64),
        ("label", np.float32),
        ("second", np.float32),
        ("magic", np.uint32),
        ("kind", np.uint8),
        ("fault", np.uint8),
    ],
    align=True,
)


def scan(path: str | Path, block: int = BLOCK) -> Iterator[np.ndarray]:
    """The records of the file, some at a time, in its order, in constant memory.

    Each array has the type RECORD and the rows follow one another without a gap, from the first
    byte of the file to the last. `fault` is GOOD for a whole record; `offset` and `end` are where
    it starts and where the next one does, `length` its payload in bytes, `flag`, `label` (the first
    number of an array), `second` (the second one, NaN without) and `id` its header, and `magic` the
    first four bytes of its image. Another `fault` (FAULTS tells it) marks a record, or bytes that
    belong to none, up to the next place where a record can start: those are the magic numbers at
    multiples of four, which RecordIO writes nowhere else. Of such a row only `offset` and `end`
    mean something.

    Args:
        path: the .rec file.
        block: bytes read at a time, a multiple of four.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        walk = _Walk(file, size)
        for starts in _starts(file, size, block):
            rows = walk.take(starts)
            if len(rows):
                yield rows
        rows = walk.finish()
        if len(rows):
            yield rows


def _starts(file: BinaryIO, size: int, block: int) -> Iterator[np.ndarray]:
    """The parts of records that start in each block, as their headers tell them."""
    buffer = bytearray(block + MARGIN)
    words = np.frombuffer(buffer, "<u4")
    numbers = words.view("<f4")
    for base in range(0, size, block):
        file.seek(base)
        filled = file.readinto(buffer)
        if filled < len(buffer):
            buffer[filled:] = bytes(len(buffer) - filled)
        at = np.flatnonzero(words[: block // 4] == MAGIC)
        code = words[at + 1]
        flag = words[at + 2].astype(np.int64)
        image = at + 8 + flag
        parts = np.zeros(len(at), RECORD)
        parts["offset"] = base + 4 * at
        parts["length"] = code & ((1 << LENGTH_BITS) - 1)
        parts["end"] = parts["offset"] + PART_HEADER.size + (parts["length"] + 3) // 4 * 4
        parts["kind"] = code >> LENGTH_BITS
        parts["flag"] = flag
        parts["label"] = np.where(flag == 0, numbers[at + 3], numbers[at + 8])
        parts["second"] = np.where(flag >= 2, numbers[at + 9], np.nan)
        parts["id"] = words[at + 4] | words[at + 5].astype(np.int64) << 32
        parts["magic"] = np.where(image < len(words), words[np.minimum(image, len(words) - 1)], 0)
        yield parts


class _Walk:
    """Makes records of the parts, whose starts are known, and tells what is broken."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._open = np.zeros(0, RECORD)
        self._covered = 0

    def take(self, starts: np.ndarray, at_end: bool = False) -> np.ndarray:
        """The rows up to the last start, of which it is not yet known what follows it."""
        parts = np.concatenate([self._open, starts[starts["offset"] >= self._covered]])
        if not len(parts):
            return parts
        following = np.append(parts["offset"][1:], self._size)
        rows = []
        if parts["offset"][0] > self._covered:
            rows.append(_broken(self._covered, parts["offset"][0], NO_START))
        kinds = parts["kind"]
        decided = len(parts) if at_end else len(parts) - 1
        odd = np.flatnonzero((parts["end"] != following) | (kinds != WHOLE))
        inner = np.isin(kinds, (MIDDLE, LAST))
        closing = np.flatnonzero(~np.isin(kinds, (FIRST, MIDDLE)) | ~np.append(inner[1:], False))
        done = 0
        for i in odd[odd < decided].tolist():
            if i < done:
                continue
            rows.append(parts[done:i])
            done = i
            last = int(closing[np.searchsorted(closing, i)])
            if last >= decided:
                if last - i < MOST_PARTS:
                    break
                last = decided - 1
            if kinds[i] == WHOLE:
                rows.append(self._odd_length(parts[i : i + 2], int(following[i])))
            else:
                rows.append(self._in_parts(parts[i : last + 1], following[i : last + 1]))
            done = int(np.searchsorted(parts["offset"], rows[-1]["end"][-1]))
        else:
            rows.append(parts[done:decided])
            done = max(done, decided)
        self._open = parts[done:]
        rows = np.concatenate(rows)
        short = LABEL_HEADER.size + 4 * rows["flag"] > rows["length"]
        rows["fault"][(rows["fault"] == GOOD) & short] = TOO_SHORT
        if len(rows):
            self._covered = int(rows["end"][-1])
        return rows

    def finish(self) -> np.ndarray:
        """The rows that were left, up to the end of the file."""
        rows = self.take(np.zeros(0, RECORD), at_end=True)
        if self._covered < self._size:
            rows = np.append(rows, _broken(self._covered, self._size, NO_START))
        return rows

    def _in_parts(self, parts: np.ndarray, following: np.ndarray) -> np.ndarray:
        """The rows of the parts of one record, or of what is left of it."""
        kinds = parts["kind"].tolist()
        offset, end, stop = int(parts["offset"][0]), int(parts["end"][-1]), int(following[-1])
        if end > stop == self._size:
            return _broken(offset, stop, CUT_OFF)
        right = kinds == [FIRST] + [MIDDLE] * (len(kinds) - 2) + [LAST]
        if right and np.array_equal(parts["end"][:-1], following[:-1]) and end <= stop:
            between = self._between(end, stop)
            if between is not None:
                return np.append(self._joined(offset, end), between)
        return _broken(offset, stop, WRONG_PARTS if kinds[0] <= LAST else WRONG_LENGTH)

    def _odd_length(self, parts: np.ndarray, following: int) -> np.ndarray:
        """The rows of a record in one part that does not end where the next start is."""
        offset, end = int(parts["offset"][0]), int(parts["end"][0])
        if end > following == self._size:
            return _broken(offset, self._size, CUT_OFF)
        if end > following:
            # Some writers do not split a payload that holds the magic number by chance. Such a
            # number leads nowhere, while a wrong length runs over records that do.
            if self._leads(end) and not self._leads(int(parts["end"][1])):
                return parts[:1]
            return _broken(offset, following, WRONG_LENGTH)
        between = self._between(end, following)
        if between is None:
            return _broken(offset, following, WRONG_LENGTH)
        return np.append(parts[:1], between)

    def _between(self, end: int, following: int) -> np.ndarray | None:
        """The row of what lies between the end of a record and the next start, if anything.

        None where nothing can lie there, so that the length of the record must be wrong.
        """
        if end == following:
            return np.zeros(0, RECORD)
        lost = self._bytes(end, SECTOR)
        if len(lost) < PART_HEADER.size:
            return _broken(end, following, CUT_OFF)
        # It is a record whose magic number alone is damaged, or was never written.
        length = PART_HEADER.unpack_from(lost)[1] & ((1 << LENGTH_BITS) - 1)
        fits = end + PART_HEADER.size + (length + 3) // 4 * 4 == following
        return _broken(end, following, NO_START) if fits or lost == bytes(SECTOR) else None

    def _joined(self, offset: int, end: int) -> np.ndarray:
        """A record that was written in several parts."""
        row = np.zeros(1, RECORD)
        row["offset"], row["end"] = offset, end
        payload = join_parts(self._bytes(offset, end - offset))
        row["length"] = len(payload)
        try:
            header, image = unpack(payload)
        except ValueError:
            row["fault"] = TOO_SHORT
            return row
        numbers = np.append(header.label, np.nan)
        row["flag"], row["id"] = header.flag, np.uint64(header.id).astype(np.int64)
        row["label"] = numbers[0]
        row["second"] = numbers[1]
        row["magic"] = int.from_bytes(image[:4], "little")
        return row

    def _leads(self, place: int) -> bool:
        """Whether a record can start there, or the file ends."""
        return place == self._size or self._bytes(place, 4) == MAGIC.to_bytes(4, "little")

    def _bytes(self, offset: int, count: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(count)


def _broken(offset: int, end: int, fault: int) -> np.ndarray:
    row = np.zeros(1, RECORD)
    row["offset"], row["end"], row["fault"] = offset, end, fault
    return row

