"""The records of a .rec file from front to back, read without its index."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, Iterator

import numpy as np

from unequal.faces.image_format import START_BYTES
from unequal.faces.record_at import read_at
from unequal.faces.record_format import FIRST, LABEL_HEADER, LENGTH_BITS, MAGIC, PART_HEADER

BLOCK = 1 << 20
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
    [("offset", "i8"), ("end", "i8"), ("id", "i8"), ("flag", "i8"), ("label", "f4")]
    + [("second", "f4"), ("length", "i8"), ("start", f"S{START_BYTES}"), ("fault", "i8")]
)
HEADERS = struct.Struct("<IIIfqQ")  # PART_HEADER, then LABEL_HEADER
NUMBER = struct.Struct("<f")
MOST_BYTES = (1 << LENGTH_BITS) - 1
NOTHING = (-1, 0, float("nan"), float("nan"), 0, b"")
Row = tuple


def walk(path: str | Path, block: int = BLOCK) -> Iterator[np.ndarray]:
    """Yield the records of a file in its order, in constant memory.

    Where a record cannot be read, the walk goes on at the next start of a record: a magic number
    at a multiple of four bytes. The bytes up to there are one row with a fault.

    Args:
        path: the .rec file.
        block: how many bytes of records are yielded at a time, at least.

    Yields:
        Rows of type RECORD that follow one another without a gap: `offset` and `end` in bytes,
        the `id` and the `flag` of the header, the `label` (the first number of an array), the
        `second` number (NaN without), the `length` and the first bytes, `start`, of the image;
        and the `fault`, GOOD for a whole record. With a fault only `offset` and `end` are known.

    Raises:
        OSError: the file cannot be read.
    """
    rows: list[Row] = []
    limit = block
    for row in _rows(path):
        rows.append(row)
        if row[1] >= limit:
            yield np.array(rows, RECORD)
            rows, limit = [], row[1] + block
    if rows:
        yield np.array(rows, RECORD)


def is_bare(rows: np.ndarray) -> np.ndarray:
    """Return which rows are record 0 or identity records, bool: two labels, a range, no image."""
    first, second = rows["label"], rows["second"]
    whole = (rows["fault"] == GOOD) & (rows["flag"] >= 2) & (rows["length"] == 0)
    whole &= (first == np.floor(first)) & (second == np.floor(second))
    return whole & (first >= 1) & (first <= second) & (second < 2**31)


def _rows(path: str | Path) -> Iterator[Row]:
    """Yield one tuple of RECORD's columns for each record or broken stretch."""
    with open(path, "rb", BLOCK) as file:
        size = os.fstat(file.fileno()).st_size
        offset = 0
        before: Row | None = None
        while offset < size:
            row = _row(file, offset, size)
            if row[-1] == GOOD:
                if before is not None:
                    yield before
                before, offset = row, row[1]
                continue
            begin = offset if before is None or row[-1] != NO_START else before[0]
            following = _next_start(file, begin + 4, size)
            if before is not None and following < before[1]:
                # a record starts inside the one before, whose length leads to none
                row = _broken(before[0], WRONG_LENGTH)
            elif before is not None:
                yield before
            if row[-1] == CUT_OFF and following < size:
                row = _broken(row[0], WRONG_LENGTH)
            yield (row[0], following, *row[2:])
            before, offset = None, following
            file.seek(offset)
        if before is not None:
            yield before


def _row(file: BinaryIO, offset: int, size: int) -> Row:
    """Return the record at `offset`, which is where the file stands."""
    head = file.read(HEADERS.size)
    if len(head) < HEADERS.size:
        return _broken(offset, CUT_OFF)
    magic, length, flag, label, number, _ = HEADERS.unpack(head)
    if magic != MAGIC:
        return _broken(offset, NO_START)
    if length > MOST_BYTES:
        return _row_of_parts(file, offset)
    image = length - LABEL_HEADER.size - 4 * flag
    if image < 0:
        return _broken(offset, TOO_SHORT)
    end = offset + PART_HEADER.size + (length + 3) // 4 * 4
    if end > size:
        return _broken(offset, CUT_OFF)
    if length <= BLOCK:
        body = file.read(end - offset - HEADERS.size)
    else:  # such a length is hardly right: do not hold so many bytes
        body = file.read(BLOCK)
        file.seek(end)
    second = float("nan")
    if flag:
        (label,) = NUMBER.unpack_from(body)
        second = NUMBER.unpack_from(body, 4)[0] if flag > 1 else second
    start = body[4 * flag : 4 * flag + START_BYTES]
    return offset, end, number, flag, label, second, image, start, GOOD


def _row_of_parts(file: BinaryIO, offset: int) -> Row:
    """Return the record at `offset` that was written in several parts."""
    try:
        header, image = read_at(file, offset)
    except ValueError:
        return _broken(offset, WRONG_PARTS)
    numbers = np.append(header.label, [np.nan, np.nan])[:2].tolist()
    number = int(np.uint64(header.id).astype(np.int64))
    start = image[:START_BYTES]
    return offset, file.tell(), number, header.flag, *numbers, len(image), start, GOOD


def _next_start(file: BinaryIO, start: int, size: int) -> int:
    """Return the first byte from `start` on where a record starts; `size` where none does."""
    while start + PART_HEADER.size <= size:
        file.seek(start)
        block = file.read(BLOCK)
        words = np.frombuffer(block, "<u4", len(block) // 4)
        found = np.flatnonzero((words[:-1] == MAGIC) & (words[1:] >> LENGTH_BITS <= FIRST))
        if len(found):
            return start + 4 * int(found[0])
        start += 4 * (len(words) - 1)
    return size


def _broken(offset: int, fault: int) -> Row:
    return (offset, offset, *NOTHING, fault)
