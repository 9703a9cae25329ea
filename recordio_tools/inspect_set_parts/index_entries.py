"""The entries of train.idx in the order of the records that they point to, some at a time."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from recordio_tools.inspect_set_parts.key_runs import KeyRuns
from unequal.faces.record_format import (
    LABEL_HEADER,
    LENGTH_BITS,
    PART_HEADER,
    WHOLE,
    part_length,
    unpack,
)
from unequal.faces.record_index import read_index_blocks
from unequal.support.errors import InputError

SAMPLED_PER_BLOCK = 16
ENDLESS = int(np.iinfo(np.int64).max)


class IndexEntries:
    """Reads an index twice: once to see what it is like, once to hand out its entries.

    One that is not in the order of the file is held in memory, 16 bytes an entry.

    Attributes:
        reason: why there is no index to speak of; '' where there is one.
        keys: all its keys.
        lists_header: whether key 0 is among them.
        ids_are_keys: whether the numbers in the records' own headers are their keys, going by a
            sample. They are not in a set whose maker left them all 0 or copied them from another
            set; there the index knows.
    """

    def __init__(self, path: Path, records: Path) -> None:
        self.reason = ""
        self.keys = KeyRuns()
        self.lists_header = False
        self.ids_are_keys = True
        self._next_keys = self._next_offsets = np.empty(0, np.int64)
        self._blocks = iter(())
        try:
            ordered, header, sample = self._look(path)
        except InputError as error:
            self.keys = KeyRuns()
            self.reason = str(error).replace(f"{path}:", f"{path.name}:").partition(";")[0]
            return
        self.lists_header = header is not None
        with records.open("rb") as file:
            self.ids_are_keys = self._ids_are_keys(file.fileno(), sample, header)
        self._blocks = read_index_blocks(path)
        if not ordered:
            keys, offsets = (np.concatenate(column) for column in zip(*self._blocks))
            order = np.argsort(offsets, kind="stable")
            self._blocks = iter([(keys[order], offsets[order])])

    def take(self, stop: int = ENDLESS) -> tuple[np.ndarray, np.ndarray]:
        """Keys and offsets of the entries that point below byte `stop` and were not taken yet."""
        while not len(self._next_offsets) or self._next_offsets[-1] < stop:
            keys, offsets = next(self._blocks, (None, None))
            if keys is None:
                break
            self._next_keys = np.concatenate([self._next_keys, keys])
            self._next_offsets = np.concatenate([self._next_offsets, offsets])
        count = int(np.searchsorted(self._next_offsets, stop))
        keys, self._next_keys = np.split(self._next_keys, [count])
        offsets, self._next_offsets = np.split(self._next_offsets, [count])
        return keys, offsets

    def _look(self, path: Path) -> tuple[bool, int | None, set[tuple[int, int]]]:
        """Whether the offsets ascend, that of key 0, and some (key, offset) from all over."""
        last, ordered, header, sample = -1, True, None, set()
        for keys, offsets in read_index_blocks(path):
            self.keys.add(keys)
            ordered = ordered and offsets[0] >= last and bool(np.all(np.diff(offsets) >= 0))
            last = int(offsets[-1])
            for zero in np.flatnonzero(keys == 0):
                header = int(offsets[zero])
            picks = np.linspace(0, len(keys) - 1, SAMPLED_PER_BLOCK).astype(int)
            sample.update(zip(keys[picks].tolist(), offsets[picks].tolist()))
        return ordered, header, sample

    @staticmethod
    def _ids_are_keys(file: int, sample: set[tuple[int, int]], header: int | None) -> bool:
        found = [(key, _id_at(file, offset)) for key, offset in sample]
        found = [(key, number) for key, number in found if number is not None]
        if 2 * sum(key == number for key, number in found) >= len(found):
            return True
        if len({number for _, number in found}) == 1:
            return False
        return header is None or not _is_header(file, header)


def _is_header(file: int, offset: int) -> bool:
    """Whether a record is at `offset` that holds two labels, a range of records, and no image."""
    blob = os.pread(file, PART_HEADER.size + LABEL_HEADER.size + 8, offset)
    try:
        alone = part_length(blob) == len(blob)
        header, _ = unpack(blob[PART_HEADER.size :])
    except ValueError:
        return False
    return alone and header.flag == 2 and 1 <= header.label[0] <= header.label[1]


def _id_at(file: int, offset: int) -> int | None:
    """The number in the header of the record at `offset`; None where there is none."""
    blob = os.pread(file, PART_HEADER.size + LABEL_HEADER.size, offset)
    try:
        part_length(blob)
    except ValueError:
        return None
    if len(blob) < PART_HEADER.size + LABEL_HEADER.size:
        return None
    if PART_HEADER.unpack_from(blob)[1] >> LENGTH_BITS != WHOLE:
        return None
    return LABEL_HEADER.unpack_from(blob, PART_HEADER.size)[2]
