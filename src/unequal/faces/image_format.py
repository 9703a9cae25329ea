"""The format of an image file, known by its first bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class ImageFormat(NamedTuple):
    """Its name, the usual suffix of such files, with its dot, and their media type."""

    name: str
    suffix: str
    media_type: str


# What OpenCV decodes. A start may hold a gap, '....', for a length that is different in each file.
STARTS = {
    b"\xff\xd8\xff": ImageFormat("JPEG", ".jpg", "image/jpeg"),
    b"\x89PNG\r\n\x1a\n": ImageFormat("PNG", ".png", "image/png"),
    b"RIFF....WEBP": ImageFormat("WebP", ".webp", "image/webp"),
    b"GIF8": ImageFormat("GIF", ".gif", "image/gif"),
    b"BM": ImageFormat("BMP", ".bmp", "image/bmp"),
    b"II*\0": ImageFormat("TIFF", ".tif", "image/tiff"),
    b"MM\0*": ImageFormat("TIFF", ".tif", "image/tiff"),
    b"\0\0\0\x0cjP  ": ImageFormat("JPEG 2000", ".jp2", "image/jp2"),
    b"....ftypavif": ImageFormat("AVIF", ".avif", "image/avif"),
    b"P5": ImageFormat("PGM", ".pgm", "image/x-portable-graymap"),
    b"P6": ImageFormat("PPM", ".ppm", "image/x-portable-pixmap"),
}

START_BYTES = max(map(len, STARTS))
NAMES = list(dict.fromkeys(found.name for found in STARTS.values()))
UNKNOWN = -1


def image_format(image: bytes) -> ImageFormat | None:
    """Return the format of an encoded image, None where its first bytes are of no known one."""
    for start, found in STARTS.items():
        if all(image.startswith(part, place) for place, part in _parts(start)):
            return found
    return None


def format_numbers(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the formats of many images as numbers of NAMES, UNKNOWN (-1) where there is none.

    Args:
        starts: uint8 (images, START_BYTES), the first bytes of each; those after the end of a
            shorter image are ignored.
        lengths: int64 (images,), bytes of each.

    Returns:
        int64 (images,).
    """
    numbers = np.full(len(starts), UNKNOWN)
    left = np.arange(len(starts))
    for start, found in STARTS.items():
        fits = lengths[left] >= len(start)
        for place, part in _parts(start):
            some = starts[left, place : place + len(part)]
            fits &= np.all(some == np.frombuffer(part, np.uint8), axis=1)
        numbers[left[fits]] = NAMES.index(found.name)
        left = left[~fits]
        if not len(left):
            break
    return numbers


def _parts(start: bytes) -> list[tuple[int, bytes]]:
    """Return places and bytes of a start, without its gap."""
    before, gap, after = start.partition(b"....")
    return [(0, before), (len(before) + len(gap), after)]
