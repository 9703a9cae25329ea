"""What kind of image file some bytes are, told by how they start."""

from __future__ import annotations

from typing import NamedTuple


class ImageFormat(NamedTuple):
    """The usual suffix of such files, with its dot, and their media type."""

    suffix: str
    media_type: str


# What OpenCV decodes. A start may hold a gap, '....', for a length that is different in each file.
STARTS = {
    b"\xff\xd8\xff": ImageFormat(".jpg", "image/jpeg"),
    b"\x89PNG\r\n\x1a\n": ImageFormat(".png", "image/png"),
    b"RIFF....WEBP": ImageFormat(".webp", "image/webp"),
    b"GIF8": ImageFormat(".gif", "image/gif"),
    b"BM": ImageFormat(".bmp", "image/bmp"),
    b"II*\0": ImageFormat(".tif", "image/tiff"),
    b"MM\0*": ImageFormat(".tif", "image/tiff"),
    b"\0\0\0\x0cjP  ": ImageFormat(".jp2", "image/jp2"),
    b"....ftypavif": ImageFormat(".avif", "image/avif"),
    b"P5": ImageFormat(".pgm", "image/x-portable-graymap"),
    b"P6": ImageFormat(".ppm", "image/x-portable-pixmap"),
}


def image_format(image: bytes) -> ImageFormat | None:
    """The format of an encoded image; None for bytes that start like none of those known."""
    for start, found in STARTS.items():
        if all(image.startswith(part, place) for place, part in _parts(start)):
            return found
    return None


def _parts(start: bytes) -> list[tuple[int, bytes]]:
    """What stands at which place of a start, gaps left out."""
    before, gap, after = start.partition(b"....")
    return [(0, before), (len(before) + len(gap), after)]
