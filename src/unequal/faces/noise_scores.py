"""Scores of the noise pass, `0_noise_scores.csv`: how sure a model was of every image."""

from __future__ import annotations

import csv
import math
from array import array
from pathlib import Path
from typing import Iterator, NamedTuple

import numpy as np

from unequal.faces.noise_list import NoiseRow
from unequal.support.errors import InputError
from unequal.support.files import replace_file

HEADER = ["label", "record", "largest", "of_label", "predicted"]


class Scores(NamedTuple):
    """What the noise pass found, one element an image, in the order of the pass.

    Attributes:
        labels: int32, as given in the set.
        keys: int64 record keys.
        largest: float32, the largest probability.
        of_label: float32, the probability of the label.
        predicted: int32, the class of the largest.
    """

    labels: np.ndarray
    keys: np.ndarray
    largest: np.ndarray
    of_label: np.ndarray
    predicted: np.ndarray

    def rows(self, which: np.ndarray) -> Iterator[NoiseRow]:
        """Yield the rows of a noise list for the images at the positions `which` (or bool mask)."""
        columns = (column[which] for column in self[:4])
        for label, key, largest, of_label in zip(*columns):
            yield NoiseRow(int(label), int(key), largest, of_label)


def empty_scores(count: int) -> Scores:
    """Return room for the scores of `count` images."""
    return Scores(*(np.empty(count, kind) for kind in ("i4", "i8", "f4", "f4", "i4")))


def write_scores(path: str | Path, scores: Scores) -> None:
    """Write the line of HEADER and a line an image.

    A number is the shortest text that gives the same float32. The file appears whole or not at
    all.

    Raises:
        OSError: the file cannot be written.
    """

    def write(name: str) -> None:
        with open(name, "w", encoding="ascii", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(HEADER)
            lines.writerows(zip(*scores))

    replace_file(path, write)


def read_scores(path: str | Path) -> Scores:
    """Read what `write_scores` wrote.

    Raises:
        InputError: the file cannot be read or is no such file; the message names file and line.
    """
    columns = [array(kind) for kind in "iqffi"]
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            if file.readline().rstrip("\r\n") != ",".join(HEADER):
                raise InputError(
                    f"{path}: does not start with the line {','.join(HEADER)!r}; give the "
                    "0_noise_scores.csv of train_NR.py"
                )
            for number, line in enumerate(csv.reader(file), start=2):
                _take(path, number, line, columns)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the name of the scores") from error
    except csv.Error as error:
        raise InputError(f"{path}: is no CSV file ({error}); take the scores again") from error
    return Scores(*(np.array(column) for column in columns))


def _take(path: str | Path, number: int, line: list[str], columns: list[array]) -> None:
    try:
        label, key, predicted = (int(line[i]) for i in (0, 1, 4))
        largest, of_label = float(line[2]), float(line[3])
        good = len(line) == 5 and min(label, key, predicted) >= 0
        good = good and 0 <= of_label <= 1 and 0 <= largest <= 1 and math.isfinite(largest)
        if good:
            for column, value in zip(columns, (label, key, largest, of_label, predicted)):
                column.append(value)
    except (ValueError, IndexError, OverflowError):
        good = False
    if not good:
        raise InputError(
            f"{path}, line {number}: {','.join(line)[:60]!r} is no line "
            f"{','.join(HEADER)!r}; give the 0_noise_scores.csv of train_NR.py"
        )
