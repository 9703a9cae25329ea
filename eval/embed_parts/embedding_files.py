"""Embeddings in files, and labels and names of their rows, as eval.embed writes and reads them.

They are written so that a kill at any moment loses little. While NAME.npy is being made there are
NAME.npy.partial, NAME.csv.partial and NAME.npy.progress. The last one says how many rows and bytes
of both are safe on the disk, and is replaced after they are. What lies beyond is cut off when the
work is resumed.
"""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import IO, Any, Iterable, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from eval.embed_parts.face_sources import BIN
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
    progress: Path


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
        Path(f"{rows}.progress"),
    )


class ResumableRows:
    """Writes float32 rows to NAME.npy, with NAME.csv (row, label, name) and NAME.json beside it.

    Args:
        output: NAME.npy.
        count: the number of rows that there will be.
        settings: what the rows depend on, as JSON knows it; kept in NAME.json.
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
        self._open: tuple[IO[bytes], IO[bytes]] | None = None
        if fresh:
            _remove(self.files)
        finished = self.files.rows.exists()
        before = _read(self.files.about if finished else self.files.progress)
        if finished or before:
            self._compare(before.get("settings"))
        if finished:
            self._written, self.unreadable = Written(count, 0, 0), before["unreadable"]
            _remove([self.files.progress])
        elif before and self.files.partial_rows.exists():
            written = Written(*before["written"])
            if self.files.partial_rows.stat().st_size >= written.bytes:
                self._written, self.unreadable = written, before["unreadable"]

    @property
    def done(self) -> int:
        """The number of rows that are there; `count` if all is finished."""
        return self._written.rows

    def append(
        self, rows: np.ndarray, texts: Sequence[tuple[str, str]], unreadable: Sequence[str]
    ) -> None:
        """Write float32 rows (n, d), label and name of each; they count after `commit`."""
        if self._open is None:
            self._open = self._resume() if self.done else self._begin(rows.shape[1])
        numbers, lines = self._open
        numbers.write(np.ascontiguousarray(rows, "<f4").tobytes())
        text = io.StringIO()
        numbered = enumerate(texts, start=self.done)
        csv.writer(text, lineterminator="\n").writerows((row, *pair) for row, pair in numbered)
        lines.write(text.getvalue().encode("utf-8", "surrogateescape"))
        # in one step: after an interruption above, what was half written does not count
        self._written, self.unreadable = (
            Written(self.done + len(rows), numbers.tell(), lines.tell()),
            [*self.unreadable, *unreadable],
        )

    def commit(self) -> None:
        """Make what was appended safe, then say how much it is."""
        if self._open is None:
            return
        for file in self._open:
            file.flush()
            os.fsync(file.fileno())
        self._write(self.files.progress, written=self._written)

    def close(self) -> None:
        """Commit and close the files; harmless when done twice."""
        self.commit()
        for file in self._open or ():
            file.close()
        self._open = None

    def finish(self) -> None:
        """Put everything in place, NAME.npy last of all: if it is there, the others are."""
        self.close()
        if self.files.rows.exists():
            return
        self._write(self.files.about, rows=self.count)
        if self.files.partial_texts.exists():
            os.replace(self.files.partial_texts, self.files.texts)
        os.replace(self.files.partial_rows, self.files.rows)
        _remove([self.files.progress])

    def _begin(self, dimensions: int) -> tuple[IO[bytes], IO[bytes]]:
        self._write(self.files.progress, written=self._written)
        rows = self.files.partial_rows.open("wb")
        header = {"descr": "<f4", "fortran_order": False, "shape": (self.count, dimensions)}
        np.lib.format.write_array_header_1_0(rows, header)
        texts = self.files.partial_texts.open("wb")
        texts.write((",".join(COLUMNS) + "\n").encode())
        return rows, texts

    def _resume(self) -> tuple[IO[bytes], IO[bytes]]:
        rows, texts = self.files.partial_rows.open("r+b"), self.files.partial_texts.open("r+b")
        for file, end in ((rows, self._written.bytes), (texts, self._written.text)):
            file.truncate(end)
            file.seek(end)
        return rows, texts

    def _compare(self, settings: Mapping[str, Any] | None) -> None:
        path = self.files.rows
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

    def _write(self, path: Path, **facts: Any) -> None:
        about = {"settings": self.settings, **facts, "unreadable": self.unreadable}
        text = json.dumps(about, indent=1) + "\n"
        replace_file(path, lambda name: Path(name).write_text(text, encoding="utf-8"))


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def open_embeddings(path: Path) -> np.ndarray:
    """Return the rows of NAME.npy, float (n, d), memory-mapped.

    Raises:
        InputError: the file is missing or is no array (n, d) of floats.
    """
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}: check the path") from error
    except ValueError as error:
        raise InputError(f"{path}: truncated or no NPY file: make it with eval.embed") from error
    if rows.ndim != 2 or rows.dtype.kind != "f" or not rows.shape[1]:
        raise InputError(
            f"{path}: holds {rows.dtype} {rows.shape}, not embeddings: make it with eval.embed"
        )
    return rows


def labels_of(path: Path, count: int) -> np.ndarray:
    """Return the labels of the `count` rows of NAME.npy, strings (n,).

    Raises:
        InputError: as `texts_of`; or the rows are those of a verification set, which knows pairs,
            not identities.
    """
    try:
        about = json.loads(files_of(path).about.read_text(encoding="utf-8"))
        kind = about["settings"]["kind"]
    except (OSError, ValueError, KeyError, TypeError):
        kind = ""
    if kind == BIN:
        raise InputError(
            f"{path}: comes from a verification set, which knows pairs but not who is who: use it "
            "as `distractors`, or eval.verification"
        )
    return np.array([label for label, _ in texts_of(path, count)], str)


def texts_of(path: Path, count: int) -> Iterator[tuple[str, str]]:
    """Yield label and name of each of the `count` rows of NAME.npy, read as they are asked for.

    Raises:
        InputError: NAME.csv is missing, or has not one line 'row,label,name' for each row.
    """
    texts = files_of(path).texts
    row = 0
    try:
        with open(texts, encoding="utf-8", errors="surrogateescape", newline="") as file:
            lines = csv.reader(file)
            if tuple(next(lines, ())) != COLUMNS:
                raise InputError(f"{texts}: does not begin with {','.join(COLUMNS)}: make it again")
            for row, line in enumerate(lines, start=1):
                if len(line) != len(COLUMNS) or line[0] != str(row - 1):
                    raise InputError(f"{texts}: line {row + 1} is not that of row {row - 1}")
                yield line[1], line[2]
    except OSError as error:
        raise InputError(
            f"{texts}: {error.strerror}: it says whose the rows of {path.name} are; keep them "
            "together"
        ) from error
    if row != count:
        raise InputError(
            f"{texts}: has {row} rows, {path.name} {count}: keep the two of one run together"
        )
