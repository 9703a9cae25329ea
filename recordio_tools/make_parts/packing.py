"""From one line of an image list to the bytes of its record, or the reason why it has none."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

import cv2
import numpy as np

from unequal.faces.alignment import ALIGNED_SIZE, align_face
from unequal.faces.decoding import BadImage, decode_rgb
from unequal.faces.image_format import image_format
from unequal.faces.image_list import ListedFace
from unequal.faces.jpeg import QUALITY, encode_jpeg
from unequal.faces.record_format import LENGTH_BITS

MOST_BYTES = (1 << LENGTH_BITS) - (1 << 10)
SAME_SUFFIX = {".jpeg": ".jpg", ".jpe": ".jpg", ".tiff": ".tif"}
NAMED_SUFFIXES = {".jpg", ".png", ".bmp", ".webp", ".tif", ".gif"}


class Packing(NamedTuple):
    """How images become records."""

    root: str  # the folder of the list's paths
    size: tuple[int, int]  # (height, width) of the records' images, pixels
    resize: bool = False  # images of other sizes to it
    quality: int = QUALITY  # of JPEGs written anew, 1 to 100
    trust: bool = False  # take aligned images without decoding them


class Packed(NamedTuple):
    """What became of an image: its bytes, or b'' and the reason why it is left out."""

    face: ListedFace
    image: bytes = b""
    reason: str = ""  # 'what' or 'what: more', where `what` is one of few
    change: str = ""  # 'aligned' or 'resized' for an image that was encoded anew
    misnamed: bool = False  # the bytes, taken as they are, have another format than the path says


class _LeftOut(ValueError):
    """The image cannot be packed; the message is the reason."""


def pack_face(packing: Packing, face: ListedFace) -> Packed:
    """Read, check and, where needed, align or resize the image of one line.

    An image that is aligned and of the right size keeps its bytes, in any format.
    """
    try:
        if not face.aligned and face.landmarks is None:
            raise _LeftOut("not aligned and without landmarks")
        image = _read(packing.root, face.path)
        if not face.aligned:
            aligned = _align(image, face.landmarks, packing.size)
            return Packed(face, encode_jpeg(aligned, packing.quality), change="aligned")
        if not packing.trust:
            pixels = _decode(image)
            if pixels.shape[:2] != packing.size:
                if not packing.resize:
                    raise _LeftOut(f"another size: {pixels.shape[0]}x{pixels.shape[1]}")
                resized = _resize(pixels, packing.size)
                return Packed(face, encode_jpeg(resized, packing.quality), change="resized")
        return Packed(face, image, misnamed=_is_misnamed(face.path, image))
    except _LeftOut as error:
        return Packed(face, reason=str(error))


def size_of(root: str, face: ListedFace) -> tuple[int, int] | Packed:
    """Return the (height, width) that an image has in its record when no size is given.

    That of the file, or ALIGNED_SIZE for one that will be aligned; a Packed with the reason where
    it cannot be packed.
    """
    packed = pack_face(Packing(root, ALIGNED_SIZE, trust=True), face)
    if packed.reason or packed.change:
        return packed if packed.reason else ALIGNED_SIZE
    try:
        height, width = _decode(packed.image).shape[:2]
    except _LeftOut as error:
        return packed._replace(image=b"", reason=str(error))
    return height, width


def _read(root: str, name: str) -> bytes:
    path = os.path.join(root, name)
    if "\0" in path:
        raise _LeftOut("cannot be read: its path holds a zero byte")
    try:
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _LeftOut("cannot be read: it is no file")
            if status.st_size > MOST_BYTES:
                raise _LeftOut(f"more than the {MOST_BYTES} bytes that a record holds")
            image = file.read()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _LeftOut(f"file not found: {path}") from error
    except OSError as error:
        raise _LeftOut(f"cannot be read: {error.strerror}") from error
    if not image:
        raise _LeftOut("empty file")
    return image


def _open_at_once(path: str, flags: int) -> int:
    # a reader of a pipe would wait
    return os.open(path, flags | os.O_NONBLOCK)


def _decode(image: bytes) -> np.ndarray:
    try:
        return decode_rgb(image)
    except BadImage as error:
        raise _LeftOut("cannot be decoded") from error


def _align(image: bytes, landmarks: np.ndarray | None, size: tuple[int, int]) -> np.ndarray:
    pixels = _decode(image)
    try:
        # the precision of recordio_tools.align, so that both give the same bytes
        return align_face(pixels, np.asarray(landmarks, np.float32), size)
    except ValueError as error:
        raise _LeftOut(f"cannot be aligned: {error}") from error


def _resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    shrinks = pixels.shape[0] >= height and pixels.shape[1] >= width
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(pixels, (width, height), interpolation=way)


def _is_misnamed(path: str, image: bytes) -> bool:
    suffix = os.path.splitext(path)[1].lower()
    suffix = SAME_SUFFIX.get(suffix, suffix)
    found = image_format(image)
    return found is not None and suffix in NAMED_SUFFIXES and found.suffix != suffix
