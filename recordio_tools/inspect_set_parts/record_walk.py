"""Records made of the places where parts of records start, and what is broken between them."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from recordio_tools.inspect_set_parts.image_end import TAIL_BYTES, ends_there
from recordio_tools.inspect_set_parts.record_rows import (
    CUT_OFF,
    GOOD,
    NO_START,
    RECORD,
    TOO_SHORT,
    WRONG_LENGTH,
    WRONG_PARTS,
    broken_row,
)
from unequal.faces.image_format import START_BYTES
from unequal.faces.record_format import (
    FIRST,
    LABEL_HEADER,
    LAST,
    LENGTH_BITS,
    MAGIC,
    MIDDLE,
    PART_HEADER,
    WHOLE,
    join_parts,
    unpack,
)

SECTOR = 512
MOST_PARTS = 1 << 20


class RecordWalk:
    """Makes records of the parts, whose starts are known, and tells what is broken."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._open = np.zeros(0, RECORD)
        self._covered = 0

    def take(self, starts: np.ndarray, at_end: bool = False) -> np.ndarray:
        """The rows up to the last start, of which it is not yet known what follows it."""
        parts = np.concatenate([self._open, starts[starts["offset"] >= self._covered]])
        if not len(parts):
            return parts
        following = np.append(parts["offset"][1:], self._size)
        rows = []
        if parts["offset"][0] > self._covered:
            rows.append(self._unstarted(self._covered, int(parts["offset"][0])))
        kinds = parts["kind"]
        decided = len(parts) if at_end else len(parts) - 1
        odd = np.flatnonzero((parts["end"] != following) | (kinds != WHOLE))
        inner = np.isin(kinds, (MIDDLE, LAST))
        closing = np.flatnonzero(~np.isin(kinds, (FIRST, MIDDLE)) | ~np.append(inner[1:], False))
        done = 0
        for i in odd[odd < decided].tolist():
            if i < done:
                continue
            rows.append(parts[done:i])
            done = i
            last = int(closing[np.searchsorted(closing, i)])
            if last >= decided:
                if last - i < MOST_PARTS:
                    break
                last = decided - 1
            if kinds[i] == WHOLE:
                rows.append(self._odd_length(parts[i : i + 2], int(following[i])))
            else:
                rows.append(self._in_parts(parts[i : last + 1], following[i : last + 1]))
            done = int(np.searchsorted(parts["offset"], rows[-1]["end"][-1]))
        else:
            rows.append(parts[done:decided])
            done = max(done, decided)
        self._open = parts[done:]
        rows = np.concatenate(rows)
        short = LABEL_HEADER.size + 4 * rows["flag"] > rows["length"]
        rows["fault"][(rows["fault"] == GOOD) & short] = TOO_SHORT
        if len(rows):
            self._covered = int(rows["end"][-1])
        return rows

    def finish(self) -> np.ndarray:
        """The rows that were left, up to the end of the file."""
        rows = self.take(np.zeros(0, RECORD), at_end=True)
        if self._covered < self._size:
            rows = np.append(rows, self._unstarted(self._covered, self._size))
        return rows

    def _in_parts(self, parts: np.ndarray, following: np.ndarray) -> np.ndarray:
        """The rows of the parts of one record, or of what is left of it."""
        kinds = parts["kind"].tolist()
        offset, end, stop = int(parts["offset"][0]), int(parts["end"][-1]), int(following[-1])
        if end > stop == self._size:
            return broken_row(offset, stop, CUT_OFF)
        right = kinds == [FIRST] + [MIDDLE] * (len(kinds) - 2) + [LAST]
        if right and np.array_equal(parts["end"][:-1], following[:-1]) and end <= stop:
            row = self._joined(offset, end)
            between = self._between(end, stop, row, parts[-1:])
            if between is not None:
                return np.append(row, between)
        fault = WRONG_PARTS if kinds[0] <= LAST else WRONG_LENGTH
        return broken_row(offset, stop, fault, int(parts["id"][0]))

    def _odd_length(self, parts: np.ndarray, following: int) -> np.ndarray:
        """The rows of a record in one part that does not end where the next start is."""
        offset, end = int(parts["offset"][0]), int(parts["end"][0])
        wrong = broken_row(offset, following, WRONG_LENGTH, int(parts["id"][0]))
        if end > following == self._size:
            return broken_row(offset, self._size, CUT_OFF)
        if end > following:
            # Some writers do not split a payload that holds the magic number by chance. Such a
            # number leads nowhere, while a wrong length runs over records that do.
            if self._leads(end) and not self._leads(int(parts["end"][1])):
                return parts[:1]
            return wrong
        between = self._between(end, following, parts[:1], parts[:1])
        return wrong if between is None else np.append(parts[:1], between)

    def _between(
        self, end: int, following: int, record: np.ndarray, last_part: np.ndarray
    ) -> np.ndarray | None:
        """The rows of what lies between the end of a record and the next start, if anything.

        None where nothing can lie there, so that the length of the record must be wrong.
        """
        if end == following:
            return np.zeros(0, RECORD)
        lost = self._bytes(end, SECTOR)
        if len(lost) < PART_HEADER.size:
            return broken_row(end, following, CUT_OFF)
        rows = self._unstarted(end, following)
        sure = self._end_at(int(rows["offset"][-1])) == following or lost == bytes(SECTOR)
        return rows if sure or self._is_complete(record, last_part, following) else None

    def _unstarted(self, start: int, stop: int) -> np.ndarray:
        """The rows of bytes without a start.

        One for each record where their magic numbers alone are damaged, or were never written.
        """
        starts = [start]
        while starts[-1] < stop:
            end = self._end_at(starts[-1])
            if end is None or end > stop:
                return broken_row(start, stop, NO_START)
            starts.append(end)
        return np.concatenate(
            [broken_row(one, end, NO_START) for one, end in zip(starts, starts[1:])]
        )

    def _end_at(self, start: int) -> int | None:
        """Where the record ends that would be at `start`; None where it would be too short."""
        head = self._bytes(start, PART_HEADER.size)
        if len(head) < PART_HEADER.size:
            return None
        length = PART_HEADER.unpack(head)[1] & ((1 << LENGTH_BITS) - 1)
        if length < LABEL_HEADER.size:
            return None
        return start + PART_HEADER.size + (length + 3) // 4 * 4

    def _is_complete(self, record: np.ndarray, last_part: np.ndarray, following: int) -> bool:
        """Whether a record ends where its length says, although bytes follow that are none.

        That shows by the end of its image or, where that tells nothing, by the numbers of records
        that are lacking between it and the next one.
        """
        flag, length = int(record["flag"][0]), int(record["length"][0])
        length -= LABEL_HEADER.size + 4 * flag
        if length < TAIL_BYTES:
            complete = True if flag >= 2 and length == 0 else None
        else:
            tail = int(last_part["offset"][0] + last_part["length"][0]) + PART_HEADER.size
            start, tail = record["start"][0].tobytes(), self._bytes(tail - TAIL_BYTES, TAIL_BYTES)
            complete = ends_there(start, tail, length)
        if complete is None:
            head = self._bytes(following + PART_HEADER.size, LABEL_HEADER.size)
            if len(head) == LABEL_HEADER.size:
                lacking = LABEL_HEADER.unpack(head)[2] - int(record["id"][0]) - 1
                room = following - int(record["end"][0])
                complete = 0 < lacking <= room // (PART_HEADER.size + LABEL_HEADER.size)
        return bool(complete)

    def _joined(self, offset: int, end: int) -> np.ndarray:
        """A record that was written in several parts."""
        row = np.zeros(1, RECORD)
        row["offset"], row["end"] = offset, end
        payload = join_parts(self._bytes(offset, end - offset))
        row["length"] = len(payload)
        try:
            header, image = unpack(payload)
        except ValueError:
            row["fault"], row["id"] = TOO_SHORT, -1
            return row
        numbers = np.append(header.label, np.nan)
        row["flag"], row["id"] = header.flag, np.uint64(header.id).astype(np.int64)
        row["label"] = numbers[0]
        row["second"] = numbers[1]
        start = image[:START_BYTES].ljust(START_BYTES, b"\0")
        row["start"] = np.frombuffer(start, np.uint8)
        return row

    def _leads(self, place: int) -> bool:
        """Whether a record can start there, or the file ends."""
        return place == self._size or self._bytes(place, 4) == MAGIC.to_bytes(4, "little")

    def _bytes(self, offset: int, count: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(count)
