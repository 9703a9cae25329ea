"""Which images did not get into a set, and why: left_out.csv and the counts."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType

LEFT_OUT_FILE = "left_out.csv"


class LeftOut:
    """Writes `folder`/left_out.csv, columns path and reason.

    Where nothing is left out there is no file, or with `always` one without rows.

    Attributes:
        reasons: how many images were left out for each reason; of 'what: more', `what` counts.
        first: path and reason of the first one, None where there is none.
    """

    def __init__(self, folder: str | Path, always: bool = False) -> None:
        self.reasons: dict[str, int] = {}
        self.first: tuple[str, str] | None = None
        self._path = Path(folder) / LEFT_OUT_FILE
        self._file = None
        if always:
            self._open()

    def add(self, path: str, reason: str) -> None:
        """Notes one image."""
        if self._file is None:
            self._open()
        self.first = self.first or (path, reason)
        self._rows.writerow([path, reason])
        what = reason.partition(":")[0]
        self.reasons[what] = self.reasons.get(what, 0) + 1

    def __enter__(self) -> LeftOut:
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
        self._rows.writerow(["path", "reason"])
