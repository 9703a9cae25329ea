"""Embeddings that eval.embed has written: the rows, not loaded, and their labels and names."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Iterator, NamedTuple

import numpy as np

from eval.embed_parts.face_sources import BIN
from eval.embed_parts.resumable_rows import COLUMNS, files_of
from unequal.support.errors import InputError


class Embeddings(NamedTuple):
    """Embeddings of one file.

    Attributes:
        path: the .npy file.
        rows: float (n, d), memory-mapped.
        kind: the kind of what was embedded; '' if there is no .json file beside it.
    """

    path: Path
    rows: np.ndarray
    kind: str


def open_embeddings(path: str | Path) -> Embeddings:
    """Open NAME.npy.

    Raises:
        InputError: the file is missing or is no array (n, d) of floats.
    """
    path = Path(path)
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
    try:
        about = json.loads(files_of(path).about.read_text(encoding="utf-8"))
        kind = str(about["settings"]["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        kind = ""
    return Embeddings(path, rows, kind)


def labels_of(embeddings: Embeddings) -> np.ndarray:
    """Return labels, strings (n,), of what is no verification set.

    Raises:
        InputError: as `texts_of`; or it is a verification set, which knows pairs, not identities.
    """
    if embeddings.kind == BIN:
        raise InputError(
            f"{embeddings.path}: comes from a verification set, which knows pairs but not who is "
            "who: use it as `distractors`, or eval.verification"
        )
    return np.array([label for label, _ in texts_of(embeddings)], str)


def texts_of(embeddings: Embeddings) -> Iterator[tuple[str, str]]:
    """Yield label and name of each row, read from NAME.csv as they are asked for.

    Raises:
        InputError: the file is missing, or has not one line 'row,label,name' for each row.
    """
    path = files_of(embeddings.path).texts
    row = 0
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            lines = csv.reader(file)
            if tuple(next(lines, ())) != COLUMNS:
                raise InputError(f"{path}: does not begin with {','.join(COLUMNS)}: make it again")
            for row, line in enumerate(lines, start=1):
                if len(line) != len(COLUMNS) or line[0] != str(row - 1):
                    raise InputError(f"{path}: line {row + 1} is not that of row {row - 1}")
                yield line[1], line[2]
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}: it says whose the rows of {embeddings.path.name} are; keep "
            "them together"
        ) from error
    if row != len(embeddings.rows):
        raise InputError(
            f"{path}: has {row} rows, {embeddings.path.name} {len(embeddings.rows)}: keep the two "
            "of one run together"
        )
