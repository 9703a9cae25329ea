"""Images to compare two forms of a network on: faces from where a user has some, or random ones."""

from __future__ import annotations

import numpy as np

from eval.embed_parts.face_batches import face_batches
from eval.embed_parts.face_sources import open_faces
from unequal.support.errors import InputError

COUNT = 8
SEED = 2019


def random_images(image_size: tuple[int, int], count: int = COUNT) -> np.ndarray:
    """The same uint8 (count, 3, height, width) in every run."""
    shape = (count, 3, *image_size)
    return np.random.RandomState(SEED).randint(0, 256, shape, np.uint8)


def faces_of(path: str, count: int = COUNT) -> np.ndarray:
    """The first images of what `open_faces` opens: uint8 (n, 3, H, W), RGB.

    Those that cannot be decoded are left out; n is 2 to `count`: a single image is given twice.
    Raises InputError as `open_faces` does, where none can be decoded, or they are not of one size.
    """
    source = open_faces(path)
    try:
        batches = face_batches(source, 0, min(count, source.count))
        first = next(batches)
        batches.close()
    finally:
        source.close()
    images = first.images[first.readable]
    if not len(images):
        raise InputError(f"{path}: its first {len(first.images)} images cannot be decoded")
    return np.repeat(images, 2, axis=0) if len(images) == 1 else images
