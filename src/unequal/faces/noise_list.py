"""Noise lists, `N_noiselist.txt`: images that a model finds to belong to none of the classes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Iterable, Iterator, NamedTuple

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
    all. Raises OSError.
    """

    def write(name: str) -> None:
        with open(name, "w", encoding="ascii") as file:
            for row in rows:
                file.write(noise_line(row))

    replace_file(path, write)


def noise_line(row: NoiseRow) -> str:
    """The line of a row, with its end."""
    numbers = f"{np.float32(row.largest)!s} {np.float32(row.of_label)!s}"
    return f"{row.label} {row.key} {numbers}\n"


def read_noise_list(path: str | Path) -> Iterator[NoiseRow]:
    """The rows of a noise list, in the order of the file; empty lines are passed over.

    A label may be written as '3.0'.

    Raises InputError, naming file and line, for what is no noise list and a file that cannot be
    read.
    """
    for number, line in numbered_lines(path, "noise list"):
        yield _row(path, number, line)


def _row(path: str | Path, number: int, line: str) -> NoiseRow:
    try:
        label, key, largest, of_label = (float(part) for part in line.split())
        whole = label == int(label) >= 0 and key == int(key) >= 0
    except (ValueError, OverflowError):
        whole = False
    if not whole or not math.isfinite(largest + of_label):
        raise InputError(
            f"{path}, line {number}: {line.strip()[:60]!r} is no line "
            "'label record max(P) P[label]'; give a noise list as train_NR.py writes it"
        )
    return NoiseRow(int(label), int(key), np.float32(largest), np.float32(of_label))
