"""Does train.idx tell where the records of train.rec are? Both are read in step."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, Tuple

import numpy as np

from recordio_tools.inspect_set_parts.findings import Findings
from recordio_tools.inspect_set_parts.key_runs import KeyRuns, keys_text
from recordio_tools.inspect_set_parts.record_walk import CUT_OFF, FAULTS, GOOD
from unequal.faces.record_at import read_at
from unequal.faces.record_index import read_index_blocks
from unequal.support.counted import counted
from unequal.support.errors import InputError

ENDLESS = int(np.iinfo(np.int64).max)
Entries = Tuple[np.ndarray, np.ndarray]


class IndexCheck:
    """Compares the index of a set with the rows of a walk through its .rec.

    An index that is not in the order of the file is held in memory, 16 bytes an entry.

    Attributes:
        path: the index.
        reason: why the index cannot be read; '' where it can.
        ids: the numbers in the headers of the whole records.
        ids_are_keys: whether these are the records' keys. They are not where the maker of a set
            left them all 0 or copied them from another set; there the index tells the keys.
        records, broken: how many whole records and broken stretches there are.
    """

    def __init__(self, data_dir: Path, findings: Findings) -> None:
        self._findings = findings
        self.path = data_dir / "train.idx"
        self.reason = ""
        self.ids, self._keys = KeyRuns(), KeyRuns()
        self.ids_are_keys = True
        self.records = self.broken = self._entries = 0
        self._header: int | None = None
        self._header_found = False
        self._next = np.empty((2, 0), np.int64)
        self._blocks: Iterator[Entries] = iter(())
        try:
            self._blocks = self._open()
        except InputError as error:
            self._header = None
            self.reason = str(error).replace(f"{self.path}:", "train.idx:").partition(";")[0]

    @property
    def keys_known(self) -> bool:
        """Return whether anything tells the keys: the records' own headers or the index."""
        return self.ids_are_keys or not self.reason

    @property
    def all_known(self) -> bool:
        """Return whether there is no record that is broken, cut off or without a key."""
        found = self._findings
        lacking = found.count("index_lacks") and not self.ids_are_keys
        return not (self.broken or found.count("index_beyond_end") or lacking)

    @property
    def lost_header(self) -> bool:
        """Return whether the index lists a record 0 that is broken or not there."""
        return self._header is not None and not self._header_found

    def keys_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the keys of the next rows, int64; -1 where a key is not known."""
        good, offset, ids = rows["fault"] == GOOD, rows["offset"], rows["id"]
        keys, offsets = self._take(int(rows["end"][-1]))
        at = np.searchsorted(offset, offsets, side="right") - 1
        right = good[at] & (offset[at] == offsets)
        listed = np.full(len(rows), -1, np.int64)
        listed[at[right]] = keys[right]
        if not self.records:
            self.ids_are_keys = self._judge(ids[good], listed[good])
        self.records += int(good.sum())
        self.broken += int((~good).sum())
        self.ids.add(ids[good])
        self._header_found |= bool(np.any(keys[right] == 0))
        cut_off = rows["fault"][at] == CUT_OFF
        self._take_beyond(keys[cut_off], offsets[cut_off])
        found = self._findings
        found.add("broken_records", np.flatnonzero(~good), lambda i: _fault(rows[i], keys[at == i]))
        found.add(
            "index_nowhere",
            np.flatnonzero(good[at] & ~right),
            lambda i: f"record {keys[i]}: byte {offsets[i]}",
        )
        other = np.flatnonzero(right & (ids[at] != keys))
        if self.ids_are_keys:
            found.add(
                "index_other_record",
                other,
                lambda i: f"record {keys[i]}: byte {offsets[i]} holds record {ids[at[i]]}",
            )
        else:
            found.set("ids_not_kept", len(other))
        found.add(
            "index_lacks",
            np.flatnonzero(good & (listed < 0)),
            lambda i: f"record {ids[i]} at byte {offset[i]}",
        )
        return np.where(good, ids if self.ids_are_keys else listed, -1)

    def tell(self) -> None:
        """Add what shows after the last row only."""
        found = self._findings
        found.facts["entries"] = self._entries
        self._take_beyond(*self._take(ENDLESS))
        repeated = self._keys.runs().repeated()
        found.add("index_repeats", repeated, lambda key: f"record {key}")
        if self.ids_are_keys:
            repeated = self.ids.runs().repeated()
            found.add("ids_repeat", repeated, lambda key: f"record {key}")
        if self.reason:
            found.set("index_unreadable", index_reason=self.reason)
            found.drop("index_lacks", "index_repeats")
        elif 2 * found.count("index_nowhere") > self._entries - found.count("index_beyond_end"):
            found.rename("index_nowhere", "index_of_another_set")
            found.drop("index_lacks", "index_repeats", "index_other_record", "index_beyond_end")

    def _take_beyond(self, keys: np.ndarray, offsets: np.ndarray) -> None:
        self._findings.add(
            "index_beyond_end",
            range(len(keys)),
            lambda i: f"record {keys[i]}: would start at byte {offsets[i]}",
        )

    def _open(self) -> Iterator[Entries]:
        """Read the index once, and return its entries, some at a time, in the file's order."""
        last, ordered = -1, True
        for keys, offsets in read_index_blocks(self.path):
            self._keys.add(keys)
            self._entries += len(keys)
            ordered &= bool(np.all(np.diff(offsets, prepend=last) >= 0))
            last = int(offsets[-1])
            self._header = next(iter(offsets[keys == 0].tolist()), self._header)
        blocks = read_index_blocks(self.path)
        if ordered:
            return blocks
        keys, offsets = (np.concatenate(column) for column in zip(*blocks))
        order = np.argsort(offsets, kind="stable")
        return iter([(keys[order], offsets[order])])

    def _take(self, stop: int) -> Entries:
        """Return keys and offsets of the next entries below byte `stop`."""
        while not self._next.size or self._next[1, -1] < stop:
            block = next(self._blocks, None)
            if block is None:
                break
            self._next = np.concatenate([self._next, block], axis=1)
        count = int(np.searchsorted(self._next[1], stop))
        taken, self._next = np.split(self._next, [count], axis=1)
        return taken[0], taken[1]

    def _judge(self, ids: np.ndarray, listed: np.ndarray) -> bool:
        """Return whether the ids of the first records are their keys; -1 is not `listed`."""
        if len(ids) > 1 and np.all(ids == ids[0]):
            return False
        found = listed >= 0
        if self._header is None or 2 * np.sum(ids[found] == listed[found]) >= found.sum():
            return True
        try:
            with self.path.with_name("train.rec").open("rb") as file:
                header, image = read_at(file, self._header)
        except ValueError:
            return True
        label = np.append(header.label, 0)
        return bool(image or header.flag != 2 or not 1 <= label[0] <= label[1])


def _fault(row: np.ndarray, keys: np.ndarray) -> str:
    """Return a broken row in words, with the keys of the entries that lead into it."""
    name = f"{keys_text(keys.min(), keys.max() + 1, 'record')} at " if len(keys) else ""
    lost = counted(row["end"] - row["offset"], "byte")
    return f"{name}byte {row['offset']}: {FAULTS[row['fault']]} ({lost} passed over)"
