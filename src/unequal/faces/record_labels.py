"""The identity ranges and the labels of many records, read without their images."""

from __future__ import annotations

from typing import Callable

import numpy as np

from unequal.faces.record_format import Header
from unequal.faces.record_heads import read_heads
from unequal.faces.record_index import RecordIndex

HeaderOf = Callable[[int], Header]


def read_labels(file: int, index: RecordIndex, keys: np.ndarray, header_of: HeaderOf) -> np.ndarray:
    """float32 labels of the records `keys` of an open .rec; of an array label, the first number.

    `header_of` reads a single record: one that is stored in parts, or that it raises for.
    """
    labels = np.empty(len(keys), np.float32)
    plain = np.zeros(len(keys), bool)
    for heads in read_heads(file, *index.spans(keys)):
        labels[heads.rows], plain[heads.rows] = heads.label[:, 0], heads.plain
    for row in np.flatnonzero(~plain).tolist():
        header = header_of(int(keys[row]))
        labels[row] = header.label if header.flag == 0 else header.label[0]
    return labels


def read_ranges(
    file: int, index: RecordIndex, keys: np.ndarray, first_identity: int, header_of: HeaderOf
) -> np.ndarray:
    """int64 (n, 2): the ranges of image keys that the identity records `keys` hold.

    `header_of` as for `read_labels`. Raises NoRange for the first one that holds none.
    """
    ranges = np.empty((len(keys), 2), np.int64)
    plain = np.zeros(len(keys), bool)
    for heads in read_heads(file, *index.spans(keys)):
        sound = heads.plain & (heads.length >= 2) & are_ranges(heads.label, first_identity)
        ranges[heads.rows[sound]] = heads.label[sound]
        plain[heads.rows[sound]] = True
    for row in np.flatnonzero(~plain).tolist():
        header = header_of(int(keys[row]))
        if header.flag < 2 or not are_ranges(header.label[None, :2], first_identity)[0]:
            raise NoRange(int(keys[row]), header)
        ranges[row] = header.label[:2]
    return ranges


def are_ranges(ranges: np.ndarray, first_identity: int) -> np.ndarray:
    """Which rows of (n, 2) are first and last + 1 of images, whose keys are below that one."""
    first, stop = ranges[:, 0], ranges[:, 1]
    return (first >= 1) & (first <= stop) & (stop <= first_identity)


class NoRange(ValueError):
    """The identity record `key` with this `header` holds no range of images."""

    def __init__(self, key: int, header: Header) -> None:
        super().__init__(key, header)
        self.key = key
        self.header = header
