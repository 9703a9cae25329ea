"""The labels of many records without their images: a few reads of the file for thousands."""

from __future__ import annotations

import os
from typing import Callable, NamedTuple

import numpy as np

from unequal.faces.record_format import LABEL_HEADER, LENGTH_BITS, MAGIC, PART_HEADER, FaceRecord

HEAD = np.dtype(
    [
        ("magic", "<u4"),
        ("code", "<u4"),
        ("flag", "<u4"),
        ("number", "<f4"),
        ("ids", "<u8", 2),
        ("label", "<f4", 2),
    ]
)
AT_ONCE = 1 << 14
SPARSE = 512  # bytes a record, above which passing over the images is faster than reading them


class Labels(NamedTuple):
    """The labels of some records.

    Attributes:
        values: float32 (records, 2), the first two numbers of each label; 0 for what it lacks.
        lengths: int32 (records,), how many numbers it has.
        broken: why a record cannot be read, by its row.
    """

    values: np.ndarray
    lengths: np.ndarray
    broken: dict[int, str]


def read_labels(
    file: int, starts: np.ndarray, stops: np.ndarray, read: Callable[[int], FaceRecord]
) -> Labels:
    """Return the labels of the records in the bytes `starts` to `stops`, int64, of an open .rec.

    `read` gives the record of a row. It is called for records in several parts, and for those
    that are broken, for which it raises ValueError.
    """
    values = np.zeros((len(starts), 2), np.float32)
    lengths = np.ones(len(starts), np.int32)
    broken: dict[int, str] = {}
    order = np.argsort(starts, kind="stable")
    for i in range(0, len(order), AT_ONCE):
        rows = order[i : i + AT_ONCE]
        heads = _heads(file, starts[rows])
        flag = heads["flag"].astype(np.int64)
        values[rows] = np.where(flag[:, None] > np.arange(2), heads["label"], np.float32(0))
        values[rows[flag == 0], 0] = heads["number"][flag == 0]
        lengths[rows] = np.maximum(flag, 1)
        payload = heads["code"].astype(np.int64)  # of a record in one part: the bits above are 0
        plain = (heads["magic"] == MAGIC) & (payload < 1 << LENGTH_BITS)
        plain &= payload >= LABEL_HEADER.size + 4 * flag
        plain &= PART_HEADER.size + payload <= stops[rows] - starts[rows]
        for row in np.sort(rows[~plain]).tolist():
            values[row] = 0
            try:
                found = read(row).labels
            except ValueError as error:
                broken[row] = str(error)
                continue
            values[row, : min(2, len(found))] = found[:2]
            lengths[row] = len(found)
    return Labels(values, lengths, broken)


def _heads(file: int, starts: np.ndarray) -> np.ndarray:
    """Return HEAD (records,): what stands at ascending places of the file, 0 beyond its end."""
    first, last = int(starts[0]), int(starts[-1])
    found = np.zeros((len(starts), HEAD.itemsize), np.uint8)
    if last - first > SPARSE * len(starts):
        for row, start in zip(found, starts.tolist()):
            head = os.pread(file, HEAD.itemsize, start)
            row[: len(head)] = np.frombuffer(head, np.uint8)
    else:
        blob = os.pread(file, last - first + HEAD.itemsize, first)
        padded = np.zeros(last - first + HEAD.itemsize, np.uint8)
        padded[: len(blob)] = np.frombuffer(blob, np.uint8)
        windows = np.lib.stride_tricks.sliding_window_view(padded, HEAD.itemsize)
        np.take(windows, starts - first, axis=0, out=found)
    return found.view(HEAD)[:, 0]
