"""Does train.idx tell where the records of train.rec are? Both are read in step."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recordio_tools.inspect_set_parts.findings import Examples, Findings
from recordio_tools.inspect_set_parts.index_entries import IndexEntries
from recordio_tools.inspect_set_parts.key_runs import KeyRuns
from recordio_tools.inspect_set_parts.record_rows import CUT_OFF, FAULTS, GOOD
from unequal.support.counted import counted

NEW_INDEX = "--repair makes it anew from train.rec, or take the .idx written with it"
COPY = "copy it again, or write the others as a new set with python -m recordio_tools.subset"


class IndexCheck:
    """Compares the index of a set with the rows of a scan of its .rec, block by block.

    Attributes:
        path: the index.
        ids: the numbers in the headers of the whole records met so far.
        ids_are_keys: whether those are the records' keys; see IndexEntries.
        broken_keys: the keys of broken records, as far as the index tells them.
        records: how many whole records were met.
        broken: how many broken stretches were.
    """

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "train.idx"
        self.ids = KeyRuns()
        self.broken_keys = KeyRuns()
        self.records = self.broken = 0
        self._size = (data_dir / "train.rec").stat().st_size
        self._entries = IndexEntries(self.path, data_dir / "train.rec")
        self.ids_are_keys = self._entries.ids_are_keys
        self._header_found = False
        self._lost, self._beyond, self._others = Examples(), Examples(), Examples()
        self._lacking, self._doubled, self._faults = Examples(), Examples(), Examples()

    @property
    def keys_known(self) -> bool:
        """Whether anything tells the keys: the index or the records' own headers."""
        return self.ids_are_keys or not self._entries.reason

    @property
    def all_known(self) -> bool:
        """Whether the keys of all whole records are known."""
        return self.ids_are_keys or not self._lacking.count

    @property
    def beyond(self) -> int:
        """How many entries are not wholly within the file, as `tell` found out."""
        return self._beyond.count

    @property
    def lost_header(self) -> bool:
        """Whether the index lists a record 0 that is not there, or broken."""
        return self._entries.lists_header and not self._header_found

    def keys_of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The key of each row of the next block of the scan, and whether it is known."""
        whole = rows["fault"] == GOOD
        ids = rows["id"][whole]
        if self._entries.reason and not self.records and len(ids) > 1:
            self.ids_are_keys = bool(np.any(ids != ids[0]))
        self.ids.add(ids)
        self.records += len(ids)
        self.broken += len(rows) - len(ids)
        keys, offsets = self._entries.take(int(rows["end"][-1]))
        at = np.searchsorted(rows["offset"], offsets, side="right") - 1
        good = whole[at]
        self._take_broken(rows, ~whole, keys[~good], offsets[~good], at[~good])
        keys, offsets, at = keys[good], offsets[good], at[good]
        start = rows["offset"][at] == offsets
        self._lost.add(
            np.flatnonzero(~start),
            lambda i: (
                f"record {keys[i]}: byte {offsets[i]} is within the record that starts at "
                f"byte {rows['offset'][at[i]]}"
            ),
        )
        return self._take_good(rows, whole, keys[start], at[start])

    def tell(self, findings: Findings) -> None:
        """Add what was found, after the last block."""
        keys, offsets = self._entries.take()
        self._take_beyond(keys, offsets)
        findings.problem(
            "broken_records",
            f"train.rec: {counted(self._faults.count, 'broken record')}",
            COPY,
            self._faults,
        )
        if self.ids_are_keys and not self.ids.same:
            repeated = Examples()
            repeated.add(self.ids.repeated(), lambda key: f"record {key}")
            findings.problem(
                "ids_repeat",
                "train.rec: several records have the same number in their headers",
                "if sets were strung together, join them with python -m recordio_tools.merge",
                repeated,
            )
        entries = self._entries.keys.count
        renumbered = self._others.count if self.ids_are_keys else 0
        inside = entries - self._beyond.count
        if self._entries.reason:
            findings.problem(
                "index_unreadable", self._entries.reason, "--repair makes it from train.rec"
            )
        elif 2 * self._lost.count > inside:
            findings.problem(
                "index_of_another_set",
                f"train.idx: belongs to another train.rec, for {self._lost.count} of its {entries} "
                "entries are where no record starts",
                NEW_INDEX,
                self._lost,
            )
        elif 2 * renumbered > inside:
            findings.problem(
                "index_renumbered",
                f"train.idx: numbers {renumbered} of {entries} records otherwise than their "
                "headers do",
                NEW_INDEX,
                self._others,
            )
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
        findings.problem(
            "index_nowhere",
            f"train.idx: {counted(self._lost.count, 'entry', 'entries')} where no record starts",
            NEW_INDEX,
            self._lost,
        )
        if self.ids_are_keys:
            findings.problem(
                "index_other_record",
                f"train.idx: {counted(self._others.count, 'entry', 'entries')} of another record",
                NEW_INDEX,
                self._others,
            )
        elif self._others.count:
            findings.note(
                "ids_not_kept",
                f"train.rec: {counted(self._others.count, 'record')} whose own header tells "
                "another number than train.idx, which is right",
            )
        findings.problem(
            "index_lacks",
            f"train.idx: lacks {counted(self._lacking.count, 'record')} of train.rec",
            NEW_INDEX,
            self._lacking,
        )
        repeated = Examples()
        repeated.add(self._entries.keys.repeated(), lambda key: f"record {key}")
        findings.problem("index_repeats", "train.idx: lists records twice", NEW_INDEX, repeated)
        findings.problem(
            "index_two_keys",
            f"train.idx: gives {counted(self._doubled.count, 'record')} two keys",
            NEW_INDEX,
            self._doubled,
        )

    def _take_good(
        self, rows: np.ndarray, whole: np.ndarray, keys: np.ndarray, at: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Entries `keys` start at the whole rows `at`."""
        offset, ids = rows["offset"], rows["id"]
        self._header_found |= bool(np.any(keys == 0))
        self._others.add(
            np.flatnonzero(ids[at] != keys),
            lambda i: f"record {keys[i]}: byte {offset[at[i]]} holds record {ids[at[i]]}",
        )
        self._doubled.add(
            np.flatnonzero((np.diff(at) == 0) & (np.diff(keys) != 0)),
            lambda i: f"byte {offset[at[i]]}: records {keys[i]} and {keys[i + 1]}",
        )
        listed = np.zeros(len(rows), np.int64)
        found = np.zeros(len(rows), bool)
        listed[at], found[at] = keys, True
        self._lacking.add(
            np.flatnonzero(whole & ~found), lambda i: f"record {ids[i]} at byte {offset[i]}"
        )
        return (ids, whole) if self.ids_are_keys else (listed, found)

    def _take_beyond(self, keys: np.ndarray, offsets: np.ndarray) -> None:
        self._beyond.add(
            np.arange(len(keys)), lambda i: f"record {keys[i]}: byte {offsets[i]} of {self._size}"
        )

    def _take_broken(
        self,
        rows: np.ndarray,
        broken: np.ndarray,
        keys: np.ndarray,
        offsets: np.ndarray,
        at: np.ndarray,
    ) -> None:
        """Entries `keys` point to the broken rows `at`, or to somewhere within them."""
        self.broken_keys.add(np.sort(keys))
        cut_off = rows["fault"][at] == CUT_OFF
        self._take_beyond(keys[cut_off], offsets[cut_off])

        def tell(place: tuple[int, int | None]) -> str:
            i, entry = place
            row = rows[i]
            reason = f"{FAULTS[row['fault']]} ({counted(row['end'] - row['offset'], 'byte')})"
            if entry is None:
                return f"byte {row['offset']}: {reason}"
            if offsets[entry] == row["offset"]:
                return f"record {keys[entry]} at byte {row['offset']}: {reason}"
            return (
                f"record {keys[entry]} at byte {offsets[entry]}: within what is broken from byte "
                f"{row['offset']} on"
            )

        unlisted = np.setdiff1d(np.flatnonzero(broken), at)
        places = [(i, None) for i in unlisted.tolist()]
        places += [(i, entry) for entry, i in enumerate(at.tolist())]
        self._faults.add(sorted(places, key=lambda place: place[0]), tell)
