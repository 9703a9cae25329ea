"""What a .rec file holds, read from front to back without its index, broken stretches included."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Iterator

import numpy as np

from recordio_tools.inspect_set_parts.record_rows import RECORD
from recordio_tools.inspect_set_parts.record_walk import RecordWalk
from unequal.faces.image_format import START_BYTES
from unequal.faces.record_format import LENGTH_BITS, MAGIC, PART_HEADER

BLOCK = 1 << 20
MARGIN = 1 << 12


def scan(path: str | Path, block: int = BLOCK) -> Iterator[np.ndarray]:
    """The records of the file, some at a time, in its order, in constant memory.

    Each array has the type RECORD and the rows follow one another without a gap, from the first
    byte of the file to the last. `fault` is GOOD for a whole record; `offset` and `end` are where
    it starts and where the next one does, `length` its payload in bytes, `flag`, `label` (the first
    number of an array), `second` (the second one, NaN without) and `id` its header, and `start`
    the first bytes of its image (what follows in the file, where it is shorter). Another `fault`
    (FAULTS tells it) marks a record, or bytes that belong to none, up to the next place where a
    record can start: those are the magic numbers at multiples of four, which RecordIO writes
    nowhere else. Of such a row only `offset` and `end`
    mean something, and `id`: the number in the header that starts it, -1 where none does.

    Args:
        path: the .rec file.
        block: bytes read at a time, a multiple of four.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        walk = RecordWalk(file, size)
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
        places = image[:, None] + np.arange(START_BYTES // 4)
        start = np.where(places < len(words), words[np.minimum(places, len(words) - 1)], 0)
        parts["start"] = start.astype("<u4").view(np.uint8)
        yield parts
