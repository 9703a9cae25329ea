"""Does train.idx tell where the records of train.rec are? If not, it is made anew."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Iterator

import numpy as np

from recordio_tools.inspect_set_parts.record_walk import is_bare, walk
from recordio_tools.inspect_set_parts.set_report import Findings
from unequal.faces.record_format import CUT_OFF
from unequal.faces.record_index import read_index, read_index_blocks
from unequal.support.counted import counted
from unequal.support.errors import InputError
from unequal.support.files import replace_file
from unequal.support.output_file import write_file

REPAIRED = {"index_unreadable", "index_wrong", "index_lacks", "layout_wrong"}


class IndexCheck:
    """Compares the index of a set with a walk through its .rec.

    The keys of the records are those that the index tells; where it cannot be read, the numbers in
    the records' own headers. If it is not in the order of the file, it is held: 16 bytes an entry.

    Attributes:
        readable: whether the index can be read.
        records, broken: how many whole records and broken stretches there are.
    """

    def __init__(self, data_dir: Path, findings: Findings) -> None:
        self._path = data_dir / "train.idx"
        self.readable = True
        self.records = self.broken = 0
        self._findings = findings
        self._next = np.empty((2, 0), np.int64)
        self._blocks: Iterator[tuple[np.ndarray, np.ndarray]] = iter(())
        try:
            self._blocks = self._open()
        except InputError as error:
            self.readable = False
            findings.note("index_unreadable", index_reason=str(error).partition(";")[0])

    def keys_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the keys of the next rows, all whole, int64; -1 where one is not listed."""
        self.records += len(rows)
        ids, offset = rows["id"], rows["offset"]
        if not self.readable:
            return ids
        keys, offsets = self._take(int(rows["end"][-1]))
        at = np.searchsorted(offset, offsets, side="right") - 1
        right = offset[at] == offsets
        right[1:] &= offsets[1:] != offsets[:-1]
        listed = np.full(len(rows), -1, np.int64)
        listed[at[right]] = keys[right]
        self._findings.counts["ids_not_kept"] += int(np.sum(ids[at[right]] != keys[right]))
        self._add_wrong(keys[~right], offsets[~right])
        self._findings.add(
            "index_lacks",
            np.flatnonzero(listed < 0),
            lambda i: f"record {ids[i]} at byte {offset[i]}",
        )
        return listed

    def take_broken(self, start: int, stop: int, fault: str) -> None:
        """Take a broken stretch of bytes, and what is wrong with it."""
        self.broken += 1
        keys, offsets = self._take(stop)
        names = f"record {keys.min()} at " if len(keys) else ""
        if len(keys) > 1:
            names = f"records {keys.min()} to {keys.max()} at "
        text = f"{names}byte {start}: {fault} ({stop - start} bytes passed over)"
        self._findings.add("broken_records", [text])
        if fault == CUT_OFF:  # readers refuse a set whose index goes beyond the end
            self._add_wrong(keys, offsets)

    def tell(self) -> None:
        """Add the entries beyond the end of train.rec."""
        self._add_wrong(*self._take(np.iinfo(np.int64).max))

    def _add_wrong(self, keys: np.ndarray, offsets: np.ndarray) -> None:
        cases = list(zip(keys, offsets))
        self._findings.add("index_wrong", cases, lambda one: f"record {one[0]}: byte {one[1]}")

    def _open(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read the index once, and return its entries, some at a time, in the file's order."""
        entries, last, ordered = 0, -1, True
        for _, offsets in read_index_blocks(self._path):
            entries += len(offsets)
            ordered &= bool(np.all(np.diff(offsets, prepend=last) >= 0))
            last = int(offsets[-1])
        self._findings.facts["entries"] = entries
        if ordered:
            return read_index_blocks(self._path)
        keys, offsets = read_index(self._path)
        order = np.argsort(offsets, kind="stable")
        return iter([(keys[order], offsets[order])])

    def _take(self, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return keys and offsets of the next entries below byte `stop`."""
        while not self._next.size or self._next[1, -1] < stop:
            block = next(self._blocks, None)
            if block is None:
                break
            self._next = np.concatenate([self._next, block], axis=1)
        count = int(np.searchsorted(self._next[1], stop))
        taken, self._next = np.split(self._next, [count], axis=1)
        return taken[0], taken[1]


def repair_index(data_dir: str | Path, found: dict[str, Any]) -> str:
    """Replace train.idx of a set where it is wrong; some 80 bytes a record are held.

    The keys are the numbers in the records' headers. Where the maker of a set left them all 0, or
    copied them from another set, the keys are those of face2rec2's order. The old file is kept as
    train.idx.old (.old2, ... where there is one already).

    Args:
        data_dir: the set.
        found: what `inspect_set` has found.

    Returns:
        What was done, or why nothing could be.

    Raises:
        InputError: the index cannot be written.
        OSError: train.rec cannot be read.
    """
    path = Path(data_dir) / "train.idx"
    kinds = {one["kind"]: one["count"] for one in [*found["problems"], *found["notes"]]}
    if not REPAIRED & set(kinds):
        return f"{path}: is right; left as it is"
    if "no_images" in kinds:
        return f"{path}: cannot be made anew, because train.rec holds no image to list"
    keys, offsets, bare, counts = _records(path.with_name("train.rec"))
    how = "the numbers in their headers"
    not_kept = 2 * kinds.get("ids_not_kept", 0) > len(keys)
    if not_kept or keys.min() < 0 or len(np.unique(keys)) < len(keys):
        how = "their places in the file"
        images = int(np.sum(bare == 0))
        if bare[:images].any():
            return (
                f"{path}: cannot be made anew, because several records have the same number in "
                "their headers; if sets were strung together, use python -m recordio_tools.merge"
            )
        keys = np.arange(1, len(keys) + 1) - bare
        keys[images : images + 1] = 0
    if keys.max() + 1 != len(keys) or len(keys) not in counts[keys == 0]:
        keys, offsets = keys[bare == 0], offsets[bare == 0]
    if "index_unreadable" not in kinds and np.array_equal(read_index(path), [keys, offsets]):
        return f"{path}: is already what can be made of train.rec; left as it is"
    names = (path.with_name(f"{path.name}.old{number}") for number in ("", *range(2, 1000)))
    old = next(name for name in names if not name.exists()) if path.exists() else None

    def write(name: str) -> None:
        np.savetxt(name, np.stack([keys, offsets], axis=1), fmt="%d", delimiter="\t")
        if old is not None:
            replace_file(old, lambda partial: shutil.copy2(path, partial))

    write_file("repair", path, write)
    message = f"{path}: made anew, {counted(len(keys), 'record')} by {how}"
    message += f"; the old one is {old.name}" if old is not None else ""
    if len(keys) < len(bare):
        message += (
            "\nRecord 0, or some records that it counts, are lost: only images are listed, as in "
            "im2rec's layout; python -m recordio_tools.subset writes a sound set from them"
        )
    return message


def _records(path: Path) -> np.ndarray:
    """Return ids, first bytes, which are no images, what these count: int64 (4, records)."""
    found = [np.zeros((4, 0), np.int64)]
    for rows, fault in walk(path):
        if not fault:
            bare = is_bare(rows)
            counts = np.where(bare, rows["second"], 0).astype(np.int64)
            found.append(np.stack([rows["id"], rows["offset"], bare, counts]))
    return np.concatenate(found, axis=1)
