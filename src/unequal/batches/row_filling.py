"""Filling the rows of a training batch from a sequence of records."""

from __future__ import annotations

from typing import Callable, Sequence

import numpy as np

from unequal.faces.decoding import ImageLoader, write_planes
from unequal.support.errors import InputError

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
RngAt = Callable[[int], np.random.Generator]


def fill_rows(
    loader: ImageLoader,
    sequence: np.ndarray,
    cursor: int,
    rows: Sequence[int] | np.ndarray,
    data: np.ndarray,
    labels: np.ndarray,
    augment: Augment,
    rng_at: RngAt,
) -> int | None:
    """Put the next images of a sequence into rows of a batch.

    Args:
        loader: decodes them. The row of a bad image gets the next image of the sequence.
        sequence: record keys.
        cursor: position in the sequence of the first image.
        rows: which rows of the batch to fill.
        data: (B, 3, height, width), the images of the batch.
        labels: (B,).
        augment: changes an image; the one at position p is changed with `rng_at(p)`.
        rng_at: see `augment`.

    Returns:
        The position after the last image used; None where the sequence ended before the rows did.
    """
    empty = np.asarray(rows)
    while len(empty):
        keys = sequence[cursor : cursor + len(empty)]
        if len(keys) < len(empty):
            return None

        targets = empty.tolist()

        def place(
            i: int, image: np.ndarray, targets: list[int] = targets, start: int = cursor
        ) -> None:
            write_planes(augment(image, rng_at(start + i)), data[targets[i]])

        found, good = loader.each(keys, place)
        labels[empty[good]] = found[good]
        empty = empty[~good]
        cursor += len(keys)
    return cursor


def check_labels(loader: ImageLoader, labels: np.ndarray, num_classes: int | None) -> None:
    """Raise InputError where a label is not in 0..num_classes-1; with None nothing is checked."""
    if num_classes is None:
        return
    wrong = (labels < 0) | (labels >= num_classes)
    if wrong.any():
        raise InputError(
            f"{loader.path}: has label {labels[wrong][0]:g}, but "
            f"{loader.records.data_dir / 'property'} says {num_classes} classes; correct it"
        )
