"""Does train.idx tell where the records of train.rec are? Both are read in step."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, Tuple

import numpy as np

from recordio_tools.inspect_set_parts.findings import Examples, Findings
from recordio_tools.inspect_set_parts.key_runs import KeyRuns, keys_text
from recordio_tools.inspect_set_parts.record_walk import CUT_OFF, FAULTS, GOOD
from unequal.faces.record_at import read_at
from unequal.faces.record_index import read_index_blocks
from unequal.support.counted import counted
from unequal.support.errors import InputError

NEW_INDEX = "--repair makes it anew from train.rec, or take the .idx written with it"
COPY = "copy it again, or write the others as a new set with python -m recordio_tools.subset"
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

    def __init__(self, data_dir: Path) -> None:
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
            self.reason = str(error).replace(f"{self.path}:", "train.idx:").partition(";")[0]
        self._beyond, self._nowhere, self._others = Examples(), Examples(), Examples()
        self._lacking, self._faults = Examples(), Examples()

    @property
    def keys_known(self) -> bool:
        """Whether anything tells the keys: the records' own headers or the index."""
        return self.ids_are_keys or not self.reason

    @property
    def all_known(self) -> bool:
        """Whether there is no record that is broken, cut off or without a key."""
        lacking = self._lacking.count and not self.ids_are_keys
        return not (self.broken or self._beyond.count or lacking)

    @property
    def lost_header(self) -> bool:
        """Whether the index lists a record 0 that is broken or not there."""
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
        self._nowhere.add(
            np.flatnonzero(good[at] & ~right),
            lambda i: f"record {keys[i]}: no record starts at byte {offsets[i]}",
        )
        self._others.add(
            np.flatnonzero(right & (ids[at] != keys)),
            lambda i: f"record {keys[i]}: byte {offsets[i]} holds record {ids[at[i]]}",
        )
        self._lacking.add(
            np.flatnonzero(good & (listed < 0)), lambda i: f"record {ids[i]} at byte {offset[i]}"
        )
        self._faults.add(np.flatnonzero(~good), lambda i: _fault(rows[i], keys[at == i]))
        return np.where(good, ids if self.ids_are_keys else listed, -1)

    def tell(self, findings: Findings) -> None:
        """Add what was found, after the last row."""
        self._take_beyond(*self._take(ENDLESS))
        findings.problem(
            "broken_records",
            f"train.rec: {counted(self._faults.count, 'broken record')}",
            COPY,
            self._faults,
        )
        repeated = self.ids.runs().repeated()
        if self.ids_are_keys:
            findings.problem(
                "ids_repeat",
                "train.rec: several records have the same number in their headers",
                "if sets were strung together, join them with python -m recordio_tools.merge",
                Examples().add(repeated, lambda key: f"record {key}"),
            )
        inside = self._entries - self._beyond.count
        if self.reason:
            findings.problem("index_unreadable", self.reason, "--repair makes it from train.rec")
        elif 2 * self._nowhere.count > inside:
            text = "belongs to another train.rec, because at {} of its {} entries no record starts"
            self._tell(findings, "index_of_another_set", text, self._nowhere)
        else:
            self._tell_entries(findings)

    def _tell_entries(self, findings: Findings) -> None:
        findings.problem(
            "index_beyond_end",
            f"train.rec: was cut off, {counted(self._beyond.count, 'record')} of train.idx would "
            "go beyond its end",
            "copy it again, or let --repair list what is left",
            self._beyond,
        )
        self._tell(findings, "index_nowhere", "at {} of {} entries no record starts", self._nowhere)
        if self.ids_are_keys:
            text = "{} of {} entries lead to another record"
            self._tell(findings, "index_other_record", text, self._others)
        elif self._others.count:
            findings.note(
                "ids_not_kept",
                f"train.rec: {counted(self._others.count, 'record')} whose own header tells "
                "another number than train.idx, which is right",
            )
        self._tell(findings, "index_lacks", "lacks {} records of train.rec", self._lacking)
        repeated = self._keys.runs().repeated()
        examples = Examples().add(repeated, lambda key: f"record {key}")
        self._tell(findings, "index_repeats", "lists {} records twice", examples)

    def _tell(self, findings: Findings, kind: str, text: str, examples: Examples) -> None:
        text = "train.idx: " + text.format(examples.count, self._entries)
        findings.problem(kind, text, NEW_INDEX, examples)

    def _take_beyond(self, keys: np.ndarray, offsets: np.ndarray) -> None:
        self._beyond.add(
            np.arange(len(keys)), lambda i: f"record {keys[i]}: would start at byte {offsets[i]}"
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
