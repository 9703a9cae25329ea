"""One record of an open .rec file, whole or as much of it as its label takes."""

from __future__ import annotations

from typing import BinaryIO

from unequal.data.record_format import (
    LABEL_HEADER,
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
    """Header and image of the record at `offset`; ValueError where there is none."""
    if file.tell() != offset:
        file.seek(offset)
    head = file.read(PART_HEADER.size)
    length = part_length(head) - PART_HEADER.size
    code = PART_HEADER.unpack(head)[1]
    kind, size = code >> LENGTH_BITS, code & ((1 << LENGTH_BITS) - 1)
    if kind == WHOLE:
        body = file.read(length)
        if len(body) < size:
            raise ValueError("it ends within a record")
        return unpack(body[:size])
    blob = head + file.read(length)
    while kind != LAST and len(blob) < 1 << LENGTH_BITS:
        head = file.read(PART_HEADER.size)
        blob += head + file.read(part_length(head) - PART_HEADER.size)
        kind = PART_HEADER.unpack(head)[1] >> LENGTH_BITS
    return unpack(join_parts(blob))


def read_head_at(file: BinaryIO, offset: int) -> tuple[Header, bytes]:
    """Header of the record at `offset`, of which no more is read than it takes."""
    file.seek(offset)
    blob = file.read(PART_HEADER.size + LABEL_HEADER.size)
    part_length(blob)
    if PART_HEADER.unpack_from(blob)[1] >> LENGTH_BITS != WHOLE:
        return read_at(file, offset)
    flag = LABEL_HEADER.unpack_from(blob, PART_HEADER.size)[0] if len(blob) == 32 else 0
    return unpack(blob[PART_HEADER.size :] + file.read(4 * min(flag, 64)))
