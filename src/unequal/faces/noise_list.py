"""Noise lists, `N_noiselist.txt`: images that a model finds to belong to none of the classes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Iterable, Iterator, NamedTuple, Sequence

import numpy as np

from unequal.support.errors import InputError
from unequal.support.files import numbered_lines, replace_file


class NoiseRow(NamedTuple):
    """One flagged image: its label and record key, the largest probability and its label's."""

    label: int
    key: int
    largest: np.float32
    of_label: np.float32


def write_noise_list(path: str | Path, rows: Iterable[NoiseRow]) -> None:
    """Write a noise list, lines 'label record_index max(P) P[label]' (as the 2019 code).

    A number is the shortest text that gives the same float32. The file appears whole or not at
    all.

    Raises:
        OSError: the file cannot be written.
    """

    def write(name: str) -> None:
        with open(name, "w", encoding="ascii") as file:
            for row in rows:
                file.write(noise_line(row))

    replace_file(path, write)


def noise_line(row: NoiseRow) -> str:
    """Return the line of a row, with its end."""
    numbers = f"{np.float32(row.largest)!s} {np.float32(row.of_label)!s}"
    return f"{row.label} {row.key} {numbers}\n"


def read_noise_list(path: str | Path) -> Iterator[NoiseRow]:
    """Yield the rows of a noise list, in the order of the file; empty lines are passed over.

    A label may be written as '3.0'.

    Raises:
        InputError: the file cannot be read or is no noise list; the message names file and line.
    """
    for number, line in numbered_lines(path, "noise list"):
        fields = line.split()
        row = _row(fields) if len(fields) == 4 else None
        if row is None or not math.isfinite(row.largest + row.of_label):
            raise InputError(
                f"{path}, line {number}: {line.strip()[:60]!r} is no line "
                "'label record max(P) P[label]'; give a noise list as train_NR.py writes it"
            )
        yield row


def read_record_list(path: str | Path) -> Iterator[NoiseRow]:
    """Yield the rows of a list of images to keep, or to remove; empty lines are passed over.

    Lines are 'label record', whatever follows, so that those of a noise list will do. The
    probabilities are NaN.

    Raises:
        InputError: the file cannot be read or is no such list; the message names file and line.
    """
    for number, line in numbered_lines(path, "list"):
        row = _row([*line.split()[:2], "nan", "nan"])
        if row is None:
            raise InputError(
                f"{path}, line {number}: {line.strip()[:60]!r} is no line 'label record'; give a "
                "list of such lines, as recordio_tools.contact_sheet saves it, or a noise list"
            )
        yield row


def _row(fields: Sequence[str]) -> NoiseRow | None:
    """Return the row of four fields, None where they are no row."""
    try:
        label, key, largest, of_label = map(float, fields)
        if label == int(label) >= 0 and key == int(key) >= 0:
            return NoiseRow(int(label), int(key), np.float32(largest), np.float32(of_label))
    except (ValueError, OverflowError):
        pass
    return None
