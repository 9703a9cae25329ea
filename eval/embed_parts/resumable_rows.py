"""Rows of numbers with a line of text each, written so that a kill at any moment loses little.

While NAME.npy is being made there are NAME.npy.partial, NAME.csv.partial and NAME.npy.journal. A
line of the journal says how many rows and bytes of both are safe on the disk. It is written after
them, and what lies beyond its last whole line is cut off when the work is resumed.
"""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import IO, Any, Mapping, NamedTuple, Sequence

import numpy as np

from unequal.support.errors import InputError
from unequal.support.files import replace_file

COLUMNS = ("row", "label", "name")


class Written(NamedTuple):
    """How far the files reach: rows, bytes of NAME.npy and of NAME.csv."""

    rows: int
    bytes: int
    text: int


class Files(NamedTuple):
    """The files of one output."""

    rows: Path
    texts: Path
    about: Path
    partial_rows: Path
    partial_texts: Path
    journal: Path


def files_of(output: str | Path) -> Files:
    """Return the files of NAME.npy.

    Raises:
        InputError: the name has another suffix, or its folder does not exist.
    """
    rows = Path(output)
    if rows.suffix != ".npy":
        raise InputError(f"`output` {rows}: give a name that ends in .npy")
    if not rows.parent.is_dir():
        raise InputError(f"`output` {rows}: there is no folder {rows.parent}: make it first")
    return Files(
        rows,
        rows.with_suffix(".csv"),
        rows.with_suffix(".json"),
        Path(f"{rows}.partial"),
        rows.with_suffix(".csv.partial"),
        Path(f"{rows}.journal"),
    )


class OpenFiles(NamedTuple):
    """The files of an output that is being made."""

    rows: IO[bytes]
    texts: IO[bytes]
    journal: IO[bytes]


class ResumableRows:
    """Writes float32 rows to NAME.npy, with NAME.csv (row, label, name) and NAME.json beside it.

    Args:
        output: NAME.npy.
        count: the number of rows that there will be.
        settings: what the rows depend on, as JSON knows it; kept in the journal and NAME.json.
        fresh: whether to remove what is there, finished or not.

    Attributes:
        unreadable: names of the rows that have no numbers.

    Raises:
        InputError: something is there that was made with other settings.
    """

    def __init__(
        self, output: str | Path, count: int, settings: Mapping[str, Any], fresh: bool = False
    ) -> None:
        self.files = files_of(output)
        self.count = count
        self.settings = dict(settings)
        self.unreadable: list[str] = []
        self._written = Written(0, 0, 0)
        self._journal_end = 0
        self._open: OpenFiles | None = None
        self._not_in_journal: list[str] = []
        if fresh:
            self._remove(self.files)
        if self.files.rows.exists():
            self._compare(self.files.rows, self._about().get("settings"))
            self._written, self.unreadable = Written(count, 0, 0), self._about()["unreadable"]
            self._remove([self.files.journal])
        else:
            self._recall()

    @property
    def done(self) -> int:
        """The number of rows that are there; `count` if all is finished."""
        return self._written.rows

    def append(
        self, rows: np.ndarray, texts: Sequence[tuple[str, str]], unreadable: Sequence[str]
    ) -> None:
        """Write float32 rows (n, d), label and name of each; they count after `commit`."""
        if self._open is None:
            self._open = self._begin(rows.shape[1]) if self.done == 0 else self._resume()
        files = self._open
        files.rows.write(np.ascontiguousarray(rows, "<f4").tobytes())
        text = io.StringIO()
        numbered = enumerate(texts, start=self.done)
        csv.writer(text, lineterminator="\n").writerows((row, *pair) for row, pair in numbered)
        files.texts.write(text.getvalue().encode("utf-8", "surrogateescape"))
        self.unreadable += unreadable
        self._not_in_journal += unreadable
        # in one step: after an interruption above, what was half written does not count
        self._written = Written(self.done + len(rows), files.rows.tell(), files.texts.tell())

    def commit(self) -> None:
        """Make what was appended safe, the journal last."""
        if self._open is None:
            return
        for file in self._open[:2]:
            file.flush()
            os.fsync(file.fileno())
        _write_line(
            self._open.journal, {**self._written._asdict(), "unreadable": self._not_in_journal}
        )
        self._not_in_journal = []

    def close(self) -> None:
        """Commit and close the files; harmless when done twice."""
        self.commit()
        for file in self._open or ():
            file.close()
        self._open = None

    def finish(self) -> None:
        """Put everything in place, NAME.npy last of all: where it is, the others are."""
        self.close()
        if self.files.rows.exists():
            return
        about = {"settings": self.settings, "rows": self.count, "unreadable": self.unreadable}
        text = json.dumps(about, indent=1) + "\n"
        replace_file(self.files.about, lambda name: Path(name).write_text(text, encoding="utf-8"))
        if self.files.partial_texts.exists():
            os.replace(self.files.partial_texts, self.files.texts)
        os.replace(self.files.partial_rows, self.files.rows)
        self._remove([self.files.journal])

    def _begin(self, dimensions: int) -> OpenFiles:
        self._remove([*self.files[3:]])
        journal = self.files.journal.open("ab")
        _write_line(journal, {"settings": self.settings})
        rows = self.files.partial_rows.open("wb")
        header = {"descr": "<f4", "fortran_order": False, "shape": (self.count, dimensions)}
        np.lib.format.write_array_header_1_0(rows, header)
        texts = self.files.partial_texts.open("wb")
        texts.write((",".join(COLUMNS) + "\n").encode())
        return OpenFiles(rows, texts, journal)

    def _resume(self) -> OpenFiles:
        paths = self.files.partial_rows, self.files.partial_texts, self.files.journal
        found = OpenFiles(*(path.open("r+b") for path in paths))
        ends = (self._written.bytes, self._written.text, self._journal_end)
        for file, end in zip(found, ends):
            file.truncate(end)
            file.seek(end)
        return found

    def _recall(self) -> None:
        if not self.files.journal.exists():
            return
        lines = self.files.journal.read_bytes().splitlines(keepends=True)
        whole = [json.loads(line) for line in lines if line.endswith(b"\n")]
        if not whole:
            return
        self._compare(self.files.journal, whole[0].get("settings"))
        if len(whole) == 1 or not self.files.partial_rows.exists():
            return
        last = {name: whole[-1][name] for name in Written._fields}
        self._written = Written(**last)
        self.unreadable = [name for line in whole[1:] for name in line["unreadable"]]
        self._journal_end = sum(len(line) for line in lines if line.endswith(b"\n"))
        if self.files.partial_rows.stat().st_size < self._written.bytes:
            raise InputError(
                f"{self.files.partial_rows}: is shorter than {self.files.journal} says: give "
                "`fresh` to begin anew"
            )

    def _compare(self, path: Path, settings: Mapping[str, Any] | None) -> None:
        if settings is None:
            raise InputError(
                f"{path}: was made by something else: give another `output`, or `fresh` to "
                "replace it"
            )
        for name in dict.fromkeys([*self.settings, *settings]):
            before, now = settings.get(name), self.settings.get(name)
            if before != now:
                raise InputError(
                    f"{path}: was made with {name} {before}, not {now}: give that again, another "
                    "`output`, or `fresh` to begin anew"
                )

    def _about(self) -> dict[str, Any]:
        try:
            return json.loads(self.files.about.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    @staticmethod
    def _remove(paths: Sequence[Path]) -> None:
        for path in paths:
            if path.exists():
                path.unlink()


def _write_line(journal: IO[bytes], line: Mapping[str, Any]) -> None:
    journal.write(json.dumps(line).encode() + b"\n")
    journal.flush()
    os.fsync(journal.fileno())
