"""A cache of what was read from the records of a large set, beside it, for the next start."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Callable, NamedTuple, Sequence

import numpy as np

from unequal.support.files import replace_file

CACHE_NAME = ".train.ranges"
CACHED_FROM = 10_000
CHECKED = 64
MAGIC = b"unequal ranges 1"
PREAMBLE = struct.Struct("<16sqqqq8sI")


class Stamp(NamedTuple):
    """Sizes in bytes and times of writing in nanoseconds: what a cache was made from."""

    rec_size: int
    rec_time: int
    index_size: int
    index_time: int


def size_and_time(file: int | Path) -> tuple[int, int]:
    """Return bytes and time of writing (ns) of an open or a named file; 0, 0 without it."""
    try:
        found = os.stat(file)
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def read_or_recall(
    data_dir: Path,
    stamp: Stamp,
    keys: np.ndarray,
    read: Callable[[np.ndarray], np.ndarray],
    fit: Callable[[np.ndarray], bool] = lambda values: True,
) -> np.ndarray:
    """Return `read(keys)`, an int64 or float32 row for each key, from the cache if it is valid.

    The cache is valid if its size and checksum are right, it was made from files of this `stamp`,
    all of it is `fit`, and some rows equal what `read` gives for them now. Else it is made anew.
    Sets with fewer keys than CACHED_FROM are read every time, and no cache is made.
    """
    if len(keys) < CACHED_FROM:
        return read(keys)
    picks = np.linspace(0, len(keys) - 1, CHECKED).astype(int)
    path = data_dir / CACHE_NAME
    nothing = read(keys[:0])
    kept = _load(path, stamp, nothing.dtype, (len(keys),) + nothing.shape[1:])
    if kept is not None and fit(kept) and np.array_equal(kept[picks], read(keys[picks])):
        return kept
    values = read(keys)
    _store(path, stamp, values)
    return values


def _load(path: Path, stamp: Stamp, dtype: np.dtype, shape: Sequence[int]) -> np.ndarray | None:
    wanted = int(np.prod(shape)) * dtype.itemsize
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size != PREAMBLE.size + wanted:
                return None
            head, body = file.read(PREAMBLE.size), file.read(wanted)
    except OSError:
        return None
    if len(body) != wanted or head != _preamble(stamp, dtype, body):
        return None
    return np.frombuffer(body, dtype).reshape(tuple(shape))


def _store(path: Path, stamp: Stamp, values: np.ndarray) -> None:
    body = values.tobytes()
    head = _preamble(stamp, values.dtype, body)
    try:
        replace_file(path, lambda name: _write(name, head, body))
    except OSError:
        pass  # read-only, full, or being written by another process: the cache only saves time


def _preamble(stamp: Stamp, dtype: np.dtype, body: bytes) -> bytes:
    return PREAMBLE.pack(MAGIC, *stamp, dtype.str.encode(), zlib.crc32(body))


def _write(path: str, head: bytes, body: bytes) -> None:
    with open(path, "wb") as file:
        file.write(head)
        file.write(body)
