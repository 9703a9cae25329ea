"""Embeddings that eval.embed has written: the rows, not loaded, and their labels and names."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Iterator

import numpy as np

from eval.embed_parts.face_sources import BIN
from eval.embed_parts.resumable_rows import COLUMNS, files_of
from unequal.support.errors import InputError


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
