"""Thumbnails of records, as data: addresses for a page."""

from __future__ import annotations

import base64
from typing import NamedTuple

import cv2
import numpy as np

from unequal.faces.decoding import BadImage, decode_rgb
from unequal.faces.face_records import FaceRecords
from unequal.faces.image_format import image_format
from unequal.faces.jpeg import encode_jpeg
from unequal.support.errors import InputError

SHOWN_BY_BROWSERS = {"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"}
JPEG_QUALITY = 90


class Picture(NamedTuple):
    """The thumbnail of one record.

    `address` is a data: address, '' where there is none. Then `reason` says why, or the picture
    was given before. `width` and `height` are in pixels.
    """

    key: int
    address: str = ""
    width: int = 0
    height: int = 0
    reason: str = ""


def picture_of(records: FaceRecords, key: int, longest: int) -> Picture:
    """Return the thumbnail of a record, whose longer side has at most `longest` pixels.

    An image that is no larger and of a format that browsers show is taken as it is. Others are
    encoded as JPEG. A broken image gives a picture with a reason.
    """
    try:
        _, image = records.read(key)
        return _thumbnail(key, image, longest)
    except (InputError, BadImage) as error:
        return Picture(key, reason=str(error.__cause__ or error))


def _thumbnail(key: int, image: bytes, longest: int) -> Picture:
    pixels = decode_rgb(image)
    height, width = pixels.shape[:2]
    found = image_format(image)
    media_type = found.media_type if found else ""
    if max(height, width) > longest or media_type not in SHOWN_BY_BROWSERS:
        scale = min(1.0, longest / max(height, width))
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        image, media_type = _jpeg(pixels, width, height), "image/jpeg"
    text = base64.b64encode(image).decode("ascii")
    return Picture(key, f"data:{media_type};base64,{text}", width, height)


def _jpeg(pixels: np.ndarray, width: int, height: int) -> bytes:
    smaller = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return encode_jpeg(smaller, JPEG_QUALITY)
