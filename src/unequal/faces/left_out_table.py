"""What did not get into an output, and why: left_out.csv, warnings and counts."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from types import TracebackType
from typing import Callable, Sequence, TextIO

LEFT_OUT_FILE = "left_out.csv"
RECORD_COLUMNS = ("record", "reason")
MOST_TOLD = 10
logger = logging.getLogger(__name__)


class LeftOutTable:
    """The file `folder`/left_out.csv with these columns.

    Where nothing is left out there is no file, or with `always` one without rows.
    """

    def __init__(
        self, folder: str | Path, columns: Sequence[str] = RECORD_COLUMNS, always: bool = False
    ) -> None:
        self._path = Path(folder) / LEFT_OUT_FILE
        self._columns = columns
        self._file: TextIO | None = None
        if always:
            self._write(self._columns)

    def write(self, *row: object) -> None:
        """Write the row of one thing that is left out."""
        if self._file is None:
            self._write(self._columns)
        self._write(row)

    def __enter__(self) -> LeftOutTable:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, row: Sequence[object]) -> None:
        if self._file is None:
            # a path that is not UTF-8 comes out as it went in
            self._file = self._path.open(
                "w", newline="", encoding="utf-8", errors="surrogateescape"
            )
        csv.writer(self._file, lineterminator="\n").writerow(row)


class LeftOut(LeftOutTable):
    """The table of the images that are left out, columns path and reason, with their counts.

    Attributes:
        reasons: how many images were left out for each reason; of 'what: more', `what` counts.
        first: path and reason of the first one, None where there is none.
    """

    def __init__(self, folder: str | Path, always: bool = False) -> None:
        super().__init__(folder, ("path", "reason"), always)
        self.reasons: dict[str, int] = {}
        self.first: tuple[str, str] | None = None

    def __enter__(self) -> LeftOut:
        return self

    def add(self, path: str, reason: str) -> None:
        """Write and count one image."""
        self.write(path, reason)
        self.first = self.first or (path, reason)
        what = reason.partition(":")[0]
        self.reasons[what] = self.reasons.get(what, 0) + 1


class BrokenRecords:
    """An `on_broken` for FaceSetReader that warns of the first broken records and counts them all.

    Args:
        path: the .rec file.
        listing: is given key and reason of each one, for left_out.csv; None where nothing is
            written.

    Attributes:
        path: as given.
        count: how many there were.
    """

    def __init__(self, path: Path, listing: Callable[[int, str], object] | None = None) -> None:
        self.path = path
        self.count = 0
        self._listing = listing

    def __call__(self, key: int, reason: str) -> None:
        """Take note of one record."""
        self.count += 1
        if self._listing is not None:
            self._listing(key, reason)
        if self.count <= MOST_TOLD:
            logger.warning("%s: record %d is left out: %s", self.path, key, reason)

    def close(self) -> None:
        """Log how many more there were."""
        if self.count > MOST_TOLD:
            see = "" if self._listing is None else f", see {LEFT_OUT_FILE}"
            logger.warning("%s: %d more are left out%s", self.path, self.count - MOST_TOLD, see)
