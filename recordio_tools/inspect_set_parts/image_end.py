"""Whether a record ends where the image in it does: a sign that its length is right."""

from __future__ import annotations

from unequal.faces.image_format import image_format

TAIL_BYTES = 12


def ends_there(start: bytes, tail: bytes, length: int) -> bool | None:
    """Whether an encoded image of `length` bytes is complete, going by its first and last ones.

    Args:
        start: its first image_format.START_BYTES bytes, or more.
        tail: its last TAIL_BYTES bytes.
        length: how many it has in all, TAIL_BYTES or more.

    Returns:
        None where its format has no end that could be told.
    """
    found = image_format(start)
    name = found.name if found else ""
    if name == "JPEG":
        return tail.endswith(b"\xff\xd9")
    if name == "PNG":
        return tail[:8] == b"\0\0\0\0IEND"
    if name == "GIF":
        return tail.endswith(b";")
    if name == "WebP":
        return int.from_bytes(start[4:8], "little") + 8 == length
    if name == "BMP":
        return int.from_bytes(start[2:6], "little") == length
    return None
