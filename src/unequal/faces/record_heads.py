"""The labels of many records without their images: a few reads of the file for thousands."""

from __future__ import annotations

import os
from typing import Iterator, NamedTuple

import numpy as np

from unequal.faces.record_format import LABEL_HEADER, LENGTH_BITS, MAGIC, PART_HEADER

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
SPARSE = 512  # bytes per record, beyond which passing over images is faster than reading them


class Heads(NamedTuple):
    """Labels of the records `rows` of those asked for.

    `label` (n, 2) float32 holds the first two numbers of each label, 0 for what it lacks; `length`
    int64 how many it has. Both mean something only where `plain`, bool: what is broken or stored
    in parts has to be looked at one by one.
    """

    rows: np.ndarray
    label: np.ndarray
    length: np.ndarray
    plain: np.ndarray


def read_heads(file: int, starts: np.ndarray, stops: np.ndarray) -> Iterator[Heads]:
    """The labels of records that lie in bytes `starts` to `stops`, int64, in the file's order."""
    order = np.argsort(starts, kind="stable")
    for i in range(0, len(order), AT_ONCE):
        rows = order[i : i + AT_ONCE]
        yield _understand(rows, _read(file, starts[rows]), stops[rows] - starts[rows])


def _read(file: int, starts: np.ndarray) -> np.ndarray:
    """(n, 40) uint8: what stands at ascending places of the file, 0 beyond its end."""
    first, last = int(starts[0]), int(starts[-1])
    found = np.zeros((len(starts), HEAD.itemsize), np.uint8)
    if last - first > SPARSE * len(starts):
        for row, start in zip(found, starts.tolist()):
            head = os.pread(file, HEAD.itemsize, start)
            row[: len(head)] = np.frombuffer(head, np.uint8)
        return found
    blob = os.pread(file, last - first + HEAD.itemsize, first)
    padded = np.zeros(last - first + HEAD.itemsize, np.uint8)
    padded[: len(blob)] = np.frombuffer(blob, np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(padded, HEAD.itemsize)
    return np.take(windows, starts - first, axis=0, out=found)


def _understand(rows: np.ndarray, found: np.ndarray, spans: np.ndarray) -> Heads:
    heads = found.view(HEAD)[:, 0]
    flag = heads["flag"].astype(np.int64)
    payload = heads["code"].astype(np.int64)  # of a whole record, the bits above are 0
    plain = (heads["magic"] == MAGIC) & (payload < 1 << LENGTH_BITS)
    plain &= (payload >= LABEL_HEADER.size + 4 * flag) & (PART_HEADER.size + payload <= spans)
    label = np.where(flag[:, None] > np.arange(2), heads["label"], np.float32(0))
    label[:, 0] = np.where(flag == 0, heads["number"], label[:, 0])
    return Heads(rows, label, np.maximum(flag, 1), plain)
