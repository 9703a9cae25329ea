"""Faces of a source as batches for a network, decoded in threads while it works."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generator, Iterable, NamedTuple

import numpy as np

from eval.embed_parts.face_sources import FaceSource
from unequal.faces.decoding import MOST_WORKERS, BadImage, decode_rgb, write_planes
from unequal.support.environment import usable_cores
from unequal.support.errors import InputError
from unequal.support.pipelining import one_behind


class FaceBatch(NamedTuple):
    """Consecutive images of a source.

    Attributes:
        texts: label and name of each image.
        readable: bool, one for each image.
        images: uint8 (batch size, 3, height, width) RGB, zeros for those that cannot be decoded;
            a last batch that is not full repeats its last image.
    """

    texts: list[tuple[str, str]]
    readable: np.ndarray
    images: np.ndarray


def size_of_first(source: FaceSource) -> tuple[int, int]:
    """Return the (height, width) that all images must have.

    It is what `property` says, else the size of the first image that can be decoded.

    Raises:
        InputError: no image can be decoded.
    """
    if source.image_size is not None:
        return source.image_size
    for row in range(source.count):
        image = _decoded(source.read(row).encoded)
        if image is not None:
            height, width, _ = image.shape
            return height, width
    raise InputError(f"{source.path}: none of its {source.count} images can be decoded")


def face_batches(
    source: FaceSource, start: int, batch_size: int
) -> Generator[FaceBatch, None, None]:
    """Yield all images from number `start` on; a batch is decoded while the last one is used.

    Raises:
        InputError: an image has another size than the others.
    """
    size = size_of_first(source)
    with ThreadPoolExecutor(min(usable_cores(), MOST_WORKERS)) as pool:

        def begun() -> Generator[tuple, None, None]:
            for first in range(start, source.count, batch_size):
                rows = range(first, min(first + batch_size, source.count))
                images = np.zeros((batch_size, 3, *size), np.uint8)
                yield rows, images, pool.map(partial(_fill, source), rows, images)

        for batch in one_behind(begun()):
            yield _finished(source, *batch)


def _finished(
    source: FaceSource,
    rows: range,
    images: np.ndarray,
    filled: Iterable[tuple[str, tuple[int, ...] | None]],
) -> FaceBatch:
    texts, readable = [], []
    for row, (label, size) in zip(rows, filled):
        name = source.name_of(row, label)
        if size is not None and size != images.shape[2:]:
            raise InputError(
                f"{source.path}: image {name} is {size[0]}x{size[1]} pixels (height x width), "
                f"others {images.shape[2]}x{images.shape[3]}: align all to one size"
            )
        texts.append((label, name))
        readable.append(size is not None)
    images[len(rows) :] = images[len(rows) - 1]
    return FaceBatch(texts, np.array(readable), images)


def _fill(source: FaceSource, row: int, planes: np.ndarray) -> tuple[str, tuple[int, ...] | None]:
    """Return an image's label and size, None if it is none; write it to `planes` if it fits."""
    label, encoded = source.read(row)
    image = _decoded(encoded)
    if image is None:
        return label, None
    if image.shape[:2] == planes.shape[1:]:
        write_planes(image, planes)
    return label, image.shape[:2]


def _decoded(encoded: bytes) -> np.ndarray | None:
    try:
        return decode_rgb(encoded)
    except BadImage:
        return None
