"""One record of an open .rec file, whole or as much of it as its label takes."""

from __future__ import annotations

import struct
from typing import BinaryIO

from unequal.faces.record_format import (
    LABEL_HEADER,
    LAST,
    LENGTH_BITS,
    MAGIC,
    PART_HEADER,
    WHOLE,
    Header,
    join_parts,
    part_length,
    unpack,
)

# PART_HEADER and LABEL_HEADER, and the first number of a label array, if there is one
HEADERS = struct.Struct("<IIIfQQ")
HEADERS_AND_LABEL = struct.Struct("<IIIfQQf")
MULTIPART = 1 << LENGTH_BITS


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


def read_face_at(file: BinaryIO, offset: int) -> tuple[int, tuple[float, ...] | None, bytes]:
    """Label, what follows it in the label array (None: there is no array), and image.

    ValueError where there is no record at `offset`, or its label is no whole number from 0.
    """
    if file.tell() != offset:
        file.seek(offset)
    head = file.read(HEADERS.size)
    if len(head) == HEADERS.size:
        magic, size, flag, number, _, _ = HEADERS.unpack(head)
        if magic == MAGIC and LABEL_HEADER.size + 4 * flag <= size < MULTIPART:
            body = file.read((size + 3) // 4 * 4 - LABEL_HEADER.size)
            end = size - LABEL_HEADER.size
            if flag == 0 and len(body) >= end:
                return _whole(number), None, body[:end]
            if len(body) >= end:
                values = struct.unpack_from(f"<{flag}f", body)
                return _whole(values[0]), values[1:], body[4 * flag : end]
    header, image = read_at(file, offset)  # stored in parts, or broken
    if header.flag == 0:
        return _whole(header.label), None, image
    first, *more = header.label.tolist()
    return _whole(first), tuple(more), image


def read_label_at(file: BinaryIO, offset: int, file_size: int) -> int:
    """Label of the record at `offset`, of which no more is read than it takes.

    ValueError as read_face_at.
    """
    file.seek(offset)
    head = file.read(HEADERS_AND_LABEL.size)
    if len(head) == HEADERS_AND_LABEL.size:
        magic, size, flag, number, _, _, first = HEADERS_AND_LABEL.unpack(head)
        is_whole = LABEL_HEADER.size + 4 * flag <= size < MULTIPART
        if magic == MAGIC and is_whole and offset + PART_HEADER.size + size <= file_size:
            return _whole(first if flag else number)
    return read_face_at(file, offset)[0]


def _whole(label: float) -> int:
    if not 0 <= label < 2**31 or label != int(label):
        raise ValueError(f"its label is {label}")
    return int(label)
