"""Faces of a source as batches for a network, decoded in threads while it works."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Iterator, NamedTuple

import cv2
import numpy as np

from eval.embed_parts.face_sources import FaceSource
from unequal.support.errors import InputError

MOST_THREADS = 16


class FaceBatch(NamedTuple):
    """Rows `start`, `start` + 1, ... of a source.

    `texts`: label and name of each; `readable`: bool, one each; `images`: uint8
    (batch size, 3, height, width) RGB, zeros for those that cannot be decoded; a last batch that
    is not full repeats its last image.
    """

    start: int
    texts: list[tuple[str, str]]
    readable: np.ndarray
    images: np.ndarray


def size_of_first(source: FaceSource) -> tuple[int, int]:
    """(height, width) that all images must have: as `property` says, or that of the first image.

    Raises InputError where no image can be decoded.
    """
    if source.image_size is not None:
        return source.image_size
    for row in range(source.count):
        image = _decode(source.read(row).encoded)
        if image is not None:
            return image.shape[:2]
    raise InputError(f"{source.path}: none of its {source.count} images can be decoded")


def face_batches(source: FaceSource, start: int, batch_size: int) -> Iterator[FaceBatch]:
    """All rows from `start` on; the next batch is decoded while one is being used.

    Raises InputError for an image of another size than the others.
    """
    size = size_of_first(source)
    waiting: deque[tuple[int, np.ndarray, list[Future]]] = deque()
    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as pool:

        def begin(first: int) -> None:
            rows = range(first, min(first + batch_size, source.count))
            images = np.zeros((batch_size, 3, *size), np.uint8)
            work = [pool.submit(_fill, source, row, images[row - first]) for row in rows]
            waiting.append((first, images, work))

        for first in range(start, source.count, batch_size):
            begin(first)
            if len(waiting) > 1:
                yield _finished(source, *waiting.popleft())
        while waiting:
            yield _finished(source, *waiting.popleft())


def _finished(source: FaceSource, start: int, images: np.ndarray, work: list[Future]) -> FaceBatch:
    texts, readable = [], []
    for row, one in enumerate(work, start):
        label, size = one.result()
        name = source.name_of(row, label)
        if size is not None and size != images.shape[2:]:
            raise InputError(
                f"{source.path}: image {name} is {size[0]}x{size[1]} pixels (height x width), "
                f"others {images.shape[2]}x{images.shape[3]}: align all to one size"
            )
        texts.append((label, name))
        readable.append(size is not None)
    images[len(work) :] = images[len(work) - 1]
    return FaceBatch(start, texts, np.array(readable), images)


def _fill(source: FaceSource, row: int, planes: np.ndarray) -> tuple[str, tuple[int, int] | None]:
    """Label and size of an image, which is written to `planes` if it fits; None: no image."""
    label, encoded = source.read(row)
    image = _decode(encoded)
    if image is None:
        return label, None
    if image.shape[:2] == planes.shape[1:]:
        planes[:] = image.transpose(2, 0, 1)
    return label, image.shape[:2]


def _decode(encoded: bytes) -> np.ndarray | None:
    from unequal.faces.decoding import BadImage, decode_rgb

    try:
        return decode_rgb(encoded)
    except (BadImage, cv2.error):
        return None
