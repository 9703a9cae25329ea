"""The bytes of one RecordIO record and of the InsightFace header inside it."""

from __future__ import annotations

import struct
from typing import NamedTuple, Sequence

import numpy as np

MAGIC = 0xCED7230A
MAGIC_BYTES = struct.pack("<I", MAGIC)
PART_HEADER = struct.Struct("<II")
LABEL_HEADER = struct.Struct("<IfQQ")
PLAIN_HEADER = struct.Struct("<IIIfQQf")
RECORD_HEADER_BYTES = PART_HEADER.size + LABEL_HEADER.size

LENGTH_BITS = 29
WHOLE, FIRST, MIDDLE, LAST = range(4)
CUT_OFF = "it ends within a record"


class Header(NamedTuple):
    """What precedes the image in a record.

    `flag` is the length of a label array, 0 where the label is one number; `label` is that
    float32 array or number.
    """

    flag: int
    label: float | np.ndarray
    id: int
    id2: int


class FaceRecord(NamedTuple):
    """A record's content.

    `label` is its number, or the first one of its label array; `more` the rest of that array, None
    where the label is a single number; `image` the encoded file.
    """

    label: float
    more: tuple[float, ...] | None
    image: bytes

    @property
    def labels(self) -> np.ndarray:
        """The whole label array, float32."""
        return np.array([self.label, *(self.more or ())], np.float32)


def part_length(head: bytes) -> int:
    """Return the bytes on disk of the part with these first 8: header, payload and padding.

    Raises:
        ValueError: no part starts with them.
    """
    if len(head) < PART_HEADER.size:
        raise ValueError(CUT_OFF)
    magic, code = PART_HEADER.unpack_from(head)
    if magic != MAGIC:
        raise ValueError("no record starts there")
    length = code & ((1 << LENGTH_BITS) - 1)
    return PART_HEADER.size + (length + 3) // 4 * 4


def join_parts(blob: bytes) -> bytes:
    """Return the payload of the record that starts `blob`, which may be followed by other bytes.

    A payload that holds the magic number at a multiple of four bytes is stored in parts, with
    that number left out between them.

    Raises:
        ValueError: the bytes are no whole record.
    """
    parts: list[bytes] = []
    start = 0
    while True:
        end = start + part_length(blob[start : start + PART_HEADER.size])
        _, code = PART_HEADER.unpack_from(blob, start)
        kind, length = code >> LENGTH_BITS, code & ((1 << LENGTH_BITS) - 1)
        if kind not in ((FIRST, WHOLE) if not parts else (MIDDLE, LAST)):
            raise ValueError("its parts are out of order")
        body = start + PART_HEADER.size
        if body + length > len(blob):
            raise ValueError(CUT_OFF)
        parts.append(blob[body : body + length])
        if kind in (WHOLE, LAST):
            return parts[0] if kind == WHOLE else MAGIC_BYTES.join(parts)
        start = end


def unpack(payload: bytes) -> tuple[Header, bytes]:
    """Split a record's payload into its header and the encoded image.

    Raises:
        ValueError: it is too short for its header.
    """
    if len(payload) < LABEL_HEADER.size:
        raise ValueError("it is too short for a header")
    flag, number, first_id, second_id = LABEL_HEADER.unpack_from(payload)
    if flag == 0:
        return Header(0, number, first_id, second_id), payload[LABEL_HEADER.size :]
    end = LABEL_HEADER.size + 4 * flag
    if len(payload) < end:
        raise ValueError("it is too short for its label")
    label = np.frombuffer(payload, "<f4", flag, LABEL_HEADER.size)
    return Header(flag, label, first_id, second_id), payload[end:]


def read_record(blob: bytes) -> FaceRecord:
    """Return the record that starts `blob`, which may be followed by other bytes.

    A record in one part takes a third of the time that join_parts and unpack would take, because
    its header is unpacked at once.

    Raises:
        ValueError: the bytes are no whole record.
    """
    if len(blob) >= PLAIN_HEADER.size:
        magic, length, flag, number, _, _, _ = PLAIN_HEADER.unpack_from(blob)
        start, stop = RECORD_HEADER_BYTES + 4 * flag, PART_HEADER.size + length
        if magic == MAGIC and start <= stop <= len(blob) and length < 1 << LENGTH_BITS:
            if flag == 0:
                return FaceRecord(number, None, blob[start:stop])
            label, *more = struct.unpack_from(f"<{flag}f", blob, RECORD_HEADER_BYTES)
            return FaceRecord(label, tuple(more), blob[start:stop])
    return as_record(*unpack(join_parts(blob)))


def as_record(header: Header, image: bytes) -> FaceRecord:
    """Return the record with this header and image."""
    label, *more = np.atleast_1d(header.label).tolist()
    return FaceRecord(label, tuple(more) if header.flag else None, image)


def pack(labels: Sequence[float] | None, number: float, key: int, image: bytes) -> bytes:
    """Return the payload of a record, as mx.recordio.pack makes it.

    `labels` is the label array, in place of `number`; None means that `number` is the only label.
    """
    if labels is None:
        return LABEL_HEADER.pack(0, number, key, 0) + image
    return (
        LABEL_HEADER.pack(len(labels), 0.0, key, 0)
        + struct.pack(f"<{len(labels)}f", *labels)
        + image
    )


def frame(payload: bytes) -> bytes:
    """Return the bytes of a payload in a .rec file, as dmlc's RecordIOWriter writes them.

    See join_parts.

    Raises:
        ValueError: it has 2**29 bytes or more.
    """
    if len(payload) >= 1 << LENGTH_BITS:
        raise ValueError(f"a record of {len(payload)} bytes is too long")
    if MAGIC_BYTES not in payload:
        return _part(WHOLE, payload)
    parts: list[bytes] = []
    start = found = 0
    while True:
        found = payload.find(MAGIC_BYTES, found)
        if found < 0:
            break
        if found % 4:
            found += 1
            continue
        parts.append(_part(MIDDLE if parts else FIRST, payload[start:found]))
        start = found = found + len(MAGIC_BYTES)
    parts.append(_part(LAST if parts else WHOLE, payload[start:]))
    return b"".join(parts)


def _part(kind: int, body: bytes) -> bytes:
    header = PART_HEADER.pack(MAGIC, kind << LENGTH_BITS | len(body))
    return header + body + b"\0" * (-len(body) % 4)
