"""The records that noise lists and keep lists name: a few bytes each, and checked with the set."""

from __future__ import annotations

import itertools
import math
from array import array
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np

from unequal.faces.noise_list import NoiseRow, read_noise_list
from unequal.support.errors import InputError
from unequal.support.files import numbered_lines

MOST = 2**62  # a number beyond any label and key, which an array of eight bytes can hold


class ListedRecords:
    """Tells which images of a set lists remove, and whether all lists fit that set.

    Args:
        data_dir: the set, for messages.
        noise_lists: files as train_NR.py writes them.
        remove_lists: see read_record_list; their images go, whatever a model says of them.
        keep_lists: likewise; their images stay, whatever the other lists say.
        threshold: where given, of the noise lists' images only those go whose largest probability
            is below it.

    Raises:
        InputError: a list cannot be read, naming file and line, or `threshold` is no probability.
    """

    def __init__(
        self,
        data_dir: str | Path,
        noise_lists: Sequence[str | Path] = (),
        remove_lists: Sequence[str | Path] = (),
        keep_lists: Sequence[str | Path] = (),
        threshold: float | None = None,
    ) -> None:
        if threshold is not None and not 0 < threshold <= 1:
            raise InputError(f"--threshold {threshold}: give a probability above 0, at most 1")
        # find_noise compares float32 with the threshold as a float32
        self._threshold = float(np.float32(math.inf if threshold is None else threshold))
        self._data_dir = data_dir
        self._lists = [*noise_lists, *remove_lists, *keep_lists]
        self._noise_lists = len(noise_lists)
        self._keep_from = len(noise_lists) + len(remove_lists)
        self._read()
        self._met = bytearray(len(self._keys))

    def __len__(self) -> int:
        """How many lines the lists have."""
        return len(self._keys)

    def removes(self, key: int, label: int) -> NoiseRow | None:
        """The row that removes an image of the set, of the first list that has it; None: it stays.

        In a row of a list without probabilities these are NaN. Raises InputError where a list
        gives the image another label.
        """
        found = None
        kept = False
        for row in self._rows(key):
            if self._labels[row] != label:
                raise self._misfit(row, f"has label {label}, not {self._labels[row]}")
            self._met[row] = 1
            number = self._list_numbers[row]
            if number >= self._keep_from:
                kept = True
            elif found is not None:
                continue
            elif number >= self._noise_lists or self._largest[row] < self._threshold:
                found = row
        if kept or found is None:
            return None
        probabilities = np.float32(self._largest[found]), np.float32(self._of_label[found])
        return NoiseRow(label, key, *probabilities)

    def pass_over(self, key: int) -> None:
        """Takes note of an image of the set that cannot be read."""
        for row in self._rows(key):
            self._met[row] = 1

    def check_all_met(self) -> None:
        """Raises InputError where a list names a record that was no image of the set."""
        row = self._met.find(0)
        if row >= 0:
            raise self._misfit(row, "is no image")

    def _rows(self, key: int) -> range:
        first = bisect_left(self._keys, key)
        if first == len(self._keys) or self._keys[first] != key:
            return range(0)
        return range(first, bisect_right(self._keys, key, first))

    def _read(self) -> None:
        keys, labels = array("q"), array("q")
        largest, of_label = array("f"), array("f")
        list_numbers, row_numbers = array("i"), array("i")
        for list_number, path in enumerate(self._lists):
            read = read_noise_list if list_number < self._noise_lists else read_record_list
            for row_number, row in enumerate(read(path)):
                keys.append(min(row.key, MOST))
                labels.append(min(row.label, MOST))
                largest.append(row.largest)
                of_label.append(row.of_label)
                list_numbers.append(list_number)
                row_numbers.append(row_number)
        order = np.argsort(np.frombuffer(keys, np.int64), kind="stable") if keys else []
        self._keys, self._labels = _reordered(keys, order), _reordered(labels, order)
        self._largest, self._of_label = _reordered(largest, order), _reordered(of_label, order)
        self._list_numbers = _reordered(list_numbers, order)
        self._row_numbers = _reordered(row_numbers, order)

    def _misfit(self, row: int, what: str) -> InputError:
        path = self._lists[self._list_numbers[row]]
        line = _line_number(path, self._row_numbers[row])
        return InputError(
            f"{path}, line {line}: record {self._keys[row]} of {self._data_dir} {what}: this list "
            "was made from another set; give the list that was made from this one"
        )


def read_record_list(path: str | Path) -> Iterator[NoiseRow]:
    """The rows of a list of images that stay, or go; empty lines are passed over.

    Lines are 'label record', whatever follows: those of a noise list will do. The probabilities
    are NaN. Raises InputError, naming file and line, for what is no such list and a file that
    cannot be read.
    """
    for number, line in numbered_lines(path, "list"):
        yield _record_row(path, number, line)


def _record_row(path: str | Path, number: int, line: str) -> NoiseRow:
    try:
        label, key = (float(part) for part in line.split()[:2])
        whole = label == int(label) >= 0 and key == int(key) >= 0
    except (ValueError, OverflowError):
        whole = False
    if not whole:
        raise InputError(
            f"{path}, line {number}: {line.strip()[:60]!r} is no line 'label record'; give a list "
            "of such lines, as recordio_tools.contact_sheet saves it, or a noise list"
        )
    return NoiseRow(int(label), int(key), np.float32(math.nan), np.float32(math.nan))


def _reordered(column: array, order: np.ndarray) -> array:
    if not column:
        return column
    return array(column.typecode, np.frombuffer(column, column.typecode)[order].tobytes())


def _line_number(path: str | Path, row: int) -> int:
    """The line in which row `row`, from 0, of a list stands."""
    lines = itertools.islice(numbered_lines(path, "list"), row, None)
    return next(lines, (row + 1, ""))[0]
