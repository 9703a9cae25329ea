"""Writes a set of millions of records in seconds: all that opening looks at, and no pictures.

In InsightFace's layout: record 0, the images (a header, a label, some bytes), the identities.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Iterator

import numpy as np

MAGIC = 0xCED7230A
PART = 8
LABELS = 2
BODY = 64
AT_ONCE = 200_000
IDENTITY = np.dtype(
    [
        ("magic", "<u4"),
        ("length", "<u4"),
        ("flag", "<u4"),
        ("number", "<f4"),
        ("key", "<u8"),
        ("second", "<u8"),
        ("label", "<f4", LABELS),
    ]
)
IMAGE = np.dtype(IDENTITY.descr + [("body", "u1", BODY)])


def write_large_set(folder: Path, images: int, identities: int) -> None:
    """Make ``folder`` and its property, train.rec and train.idx; each identity has as many images.

    ``identities`` divides ``images``.
    """
    folder.mkdir(parents=True)
    (folder / "property").write_text(f"{identities},112,112\n", encoding="ascii")
    each = images // identities
    with open(folder / "train.rec", "wb") as file:
        for keys in _runs(1, images + 1):
            labels = np.stack([(keys - 1) // each, np.zeros_like(keys)], axis=1)
            _write(file, IMAGE, keys, labels)
        first = images + 1
        _write(file, IDENTITY, np.zeros(1), np.array([[first, first + identities]]))
        for keys in _runs(first, first + identities):
            begin = 1 + (keys - first) * each
            _write(file, IDENTITY, keys, np.stack([begin, begin + each], axis=1))
    with open(folder / "train.idx", "w", encoding="ascii") as file:
        header = images * IMAGE.itemsize
        _write_index(file, np.zeros(1, int), header, IDENTITY.itemsize)
        for keys in _runs(1, images + 1):
            _write_index(file, keys, int(keys[0] - 1) * IMAGE.itemsize, IMAGE.itemsize)
        for keys in _runs(first, first + identities):
            start = header + int(keys[0] - first + 1) * IDENTITY.itemsize
            _write_index(file, keys, start, IDENTITY.itemsize)


def _runs(start: int, stop: int) -> Iterator[np.ndarray]:
    for low in range(start, stop, AT_ONCE):
        yield np.arange(low, min(low + AT_ONCE, stop))


def _write(file: IO[bytes], kind: np.dtype, keys: np.ndarray, labels: np.ndarray) -> None:
    records = np.zeros(len(keys), kind)
    records["magic"], records["length"], records["flag"] = MAGIC, kind.itemsize - PART, LABELS
    records["key"], records["label"] = keys, labels
    records.tofile(file)


def _write_index(file: IO[str], keys: np.ndarray, start: int, step: int) -> None:
    offsets = range(start, start + step * len(keys), step)
    file.write("".join(f"{key}\t{offset}\n" for key, offset in zip(keys.tolist(), offsets)))
