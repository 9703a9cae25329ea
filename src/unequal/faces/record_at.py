"""One record of a .rec file that has no sound index."""

from __future__ import annotations

from typing import BinaryIO

from unequal.faces.record_format import (
    LAST,
    LENGTH_BITS,
    PART_HEADER,
    WHOLE,
    Header,
    join_parts,
    part_length,
    unpack,
)


def read_at(file: BinaryIO, offset: int) -> tuple[Header, bytes]:
    """Return header and encoded image of the record that starts at `offset` of an open file.

    Raises:
        ValueError: none starts there, or it is broken.
    """
    file.seek(offset)
    blob = b""
    while len(blob) < 1 << LENGTH_BITS:
        head = file.read(PART_HEADER.size)
        blob += head + file.read(part_length(head) - PART_HEADER.size)
        if PART_HEADER.unpack(head)[1] >> LENGTH_BITS in (WHOLE, LAST):
            break
    return unpack(join_parts(blob))
