"""What did not get into an output, and why: left_out.csv and the counts."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import Sequence

LEFT_OUT_FILE = "left_out.csv"


class LeftOutTable:
    """Writes `folder`/left_out.csv with these columns.

    Where nothing is left out there is no file, or with `always` one without rows.
    """

    def __init__(self, folder: str | Path, columns: Sequence[str], always: bool = False) -> None:
        self._path = Path(folder) / LEFT_OUT_FILE
        self._columns = columns
        self._file = None
        if always:
            self._open()

    def write(self, *row: object) -> None:
        """Notes one thing that is left out."""
        if self._file is None:
            self._open()
        self._rows.writerow(row)

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

    def _open(self) -> None:
        # a path that is not UTF-8 comes out as it went in
        self._file = self._path.open("w", newline="", encoding="utf-8", errors="surrogateescape")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow(self._columns)


class LeftOut(LeftOutTable):
    """Writes which images are left out, columns path and reason, and counts them.

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
        """Notes one image."""
        self.write(path, reason)
        self.first = self.first or (path, reason)
        what = reason.partition(":")[0]
        self.reasons[what] = self.reasons.get(what, 0) + 1
