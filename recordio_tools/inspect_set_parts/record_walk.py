"""The records of a .rec file from front to back, read without its index."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from unequal.faces import record_format as form
from unequal.faces.image_format import START_BYTES
from unequal.faces.record_at import read_at
from unequal.faces.record_labels import HEAD

BLOCK = 1 << 20
RECORD = np.dtype(
    [("offset", "i8"), ("end", "i8"), ("id", "i8"), ("flag", "i8"), ("label", "f4")]
    + [("second", "f4"), ("length", "i8"), ("start", "u1", START_BYTES)]
)


def walk(path: str | Path, block: int = BLOCK) -> Iterator[tuple[np.ndarray, str]]:
    """Yield the records of a file in its order, in constant memory.

    Where a record cannot be read, the walk continues at the next start of a record: a magic number
    at a multiple of four bytes.

    Args:
        path: the .rec file.
        block: about how many bytes of records are yielded at a time.

    Yields:
        Rows of type RECORD, and ''. Without a gap they tell `offset` and `end` in bytes, the `id`
        and `flag` of the header, the `label` (the first number of an array), the `second` number
        (NaN without), the `length` and the first bytes, `start`, of the image. Or one row of a
        broken stretch, of which only `offset` and `end` are known, and what is wrong with it.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        offset = 0
        while offset < size:
            blob = os.pread(file.fileno(), (offset // block + 2) * block - offset, offset)
            rows, fault = _in_a_row(blob, offset, size), ""
            if not len(rows):
                rows, fault = _one(file, offset, size)
            yield rows, fault
            offset = int(rows["end"][-1])


def is_bare(rows: np.ndarray) -> np.ndarray:
    """Return which rows are record 0 or identity records, bool: two labels, a range, no image."""
    first, second = rows["label"], rows["second"]
    whole = (rows["flag"] >= 2) & (rows["length"] == 0)
    whole &= (first == np.floor(first)) & (second == np.floor(second))
    return whole & (first >= 1) & (first <= second) & (second < 2**31)


def _in_a_row(blob: bytes, offset: int, size: int) -> np.ndarray:
    """Return the records in one part with which `blob` starts, each ending at the next start."""
    content = np.frombuffer(blob + bytes(HEAD.itemsize), np.uint8)
    words = content[: len(content) // 4 * 4].view("<u4")
    starts = 4 * np.flatnonzero(words == form.MAGIC)
    if not len(starts) or starts[0]:
        return np.zeros(0, RECORD)
    stops = np.append(starts[1:], len(blob) if offset + len(blob) == size else -1)
    heads = sliding_window_view(content, HEAD.itemsize)[starts].view(HEAD)[:, 0]
    flags, payload = heads["flag"].astype(np.int64), heads["code"].astype(np.int64)
    lengths = payload - form.LABEL_HEADER.size - 4 * flags
    sound = (lengths >= 0) & (starts + form.PART_HEADER.size + (payload + 3) // 4 * 4 == stops)
    count = int(np.argmin(np.append(sound, False)))
    starts, heads, flags = starts[:count], heads[:count], flags[:count]
    rows = np.empty(count, RECORD)
    rows["offset"], rows["end"] = offset + starts, offset + stops[:count]
    rows["id"], rows["flag"], rows["length"] = heads["ids"][:, 0], flags, lengths[:count]
    rows["label"] = np.where(flags > 0, heads["label"][:, 0], heads["number"])
    rows["second"] = np.where(flags > 1, heads["label"][:, 1], np.nan)
    images = starts + form.RECORD_HEADER_BYTES + 4 * flags
    rows["start"] = sliding_window_view(content, START_BYTES)[images]
    return rows


def _one(file: BinaryIO, offset: int, size: int) -> tuple[np.ndarray, str]:
    """Return the record at `offset`, which may have several parts, or a broken stretch."""
    row = np.zeros(1, RECORD)
    row["offset"] = offset
    following = _next_start(file, offset + 4, size)
    try:
        head = os.pread(file.fileno(), form.PART_HEADER.size, offset)
        end = offset + form.part_length(head)
        leads = end == size or os.pread(file.fileno(), 4, end) == head[:4]
        if not leads and following < min(end, size):
            raise ValueError("its length leads to no record")
        if end > size:
            raise ValueError(form.CUT_OFF)
        header, image = read_at(file, offset)
    except ValueError as error:
        row["end"] = following
        return row, str(error)
    row["end"], row["flag"], row["length"] = file.tell(), header.flag, len(image)
    row["id"] = np.uint64(header.id).astype(np.int64)
    row["label"], row["second"] = np.append(header.label, [np.nan, np.nan])[:2]
    start = np.frombuffer(image[:START_BYTES], np.uint8)
    row["start"][0, : len(start)] = start
    return row, ""


def _next_start(file: BinaryIO, start: int, size: int) -> int:
    """Return the first byte from `start` on where a record starts; `size` where none does."""
    while start + form.PART_HEADER.size <= size:
        block = os.pread(file.fileno(), BLOCK, start)
        words = np.frombuffer(block, "<u4", len(block) // 4)
        first = words[1:] >> form.LENGTH_BITS <= form.FIRST
        found = np.flatnonzero(first & (words[:-1] == form.MAGIC))
        if len(found):
            return start + 4 * int(found[0])
        start += 4 * (len(words) - 1)
    return size
