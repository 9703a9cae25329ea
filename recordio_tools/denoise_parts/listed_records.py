"""The records that noise lists and keep lists name: a few bytes each, and checked with the set."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np

from unequal.faces.noise_list import NoiseRow, read_noise_list, read_record_list
from unequal.support.errors import InputError
from unequal.support.files import numbered_lines

MOST = 2**62  # a number beyond any label and key, which int64 can hold
ROW = np.dtype(
    [
        ("key", np.int64),
        ("label", np.int64),
        ("largest", np.float32),
        ("of_label", np.float32),
        ("list", np.int32),
        ("line", np.int32),  # from 0, empty lines not counted
    ]
)


class ListedRecords:
    """Which images of a set lists remove, and whether all lists fit that set.

    Args:
        data_dir: the set, for messages.
        noise_lists: files as train_NR.py writes them.
        remove_lists: see read_record_list; their images are removed, whatever a model says of them.
        keep_lists: likewise; their images stay, whatever the other lists say.
        threshold: where given, of the noise lists' images only those are removed whose largest
            probability is below it.

    Attributes:
        images: how many images of each label `removes` was asked about.
        removed: how many of them are removed.

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
            raise InputError(f"`threshold` {threshold}: give a probability above 0, at most 1")
        # find_noise compares float32 with the threshold as a float32
        self._threshold = np.float32(math.inf if threshold is None else threshold)
        self._data_dir = data_dir
        self._lists = [*noise_lists, *remove_lists, *keep_lists]
        self._noise_lists = len(noise_lists)
        self._keep_from = len(noise_lists) + len(remove_lists)
        rows = np.fromiter(self._read(), ROW)
        self._rows = rows[np.argsort(rows["key"], kind="stable")]
        self._keys = np.ascontiguousarray(self._rows["key"])
        self._met = np.zeros(len(rows), bool)
        self.images: Counter[int] = Counter()
        self.removed: Counter[int] = Counter()

    def __len__(self) -> int:
        """Return how many lines the lists have."""
        return len(self._rows)

    def removes(self, key: int, label: int) -> NoiseRow | None:
        """Return the row that removes an image of the set, of the first list that has it.

        None means that the image stays. In a row of a list without probabilities these are NaN.

        Raises:
            InputError: a list gives the image another label.
        """
        found = None
        kept = False
        for row in range(*np.searchsorted(self._keys, [key, key + 1]).tolist()):
            _, listed_label, largest, of_label, list_number, _ = self._rows[row]
            if listed_label != label:
                raise self._misfit(row, f"has label {label}, not {listed_label}")
            self._met[row] = True
            if list_number >= self._keep_from:
                kept = True
            elif list_number >= self._noise_lists or largest < self._threshold:
                found = found or NoiseRow(label, key, largest, of_label)
        self.images[label] += 1
        if kept or found is None:
            return None
        self.removed[label] += 1
        return found

    def pass_over(self, key: int) -> None:
        """Take note of an image of the set that cannot be read."""
        self._met[slice(*np.searchsorted(self._keys, [key, key + 1]))] = True

    def check(self) -> None:
        """Raise InputError where a list names what was no image, and where no image stays."""
        if not self._met.all():
            raise self._misfit(int(np.argmin(self._met)), "is no image")
        if self.removed and self.removed == self.images:
            raise InputError(
                f"{Path(self._data_dir) / 'train.rec'}: the lists name every image; lower "
                "`threshold`, or give other lists"
            )

    def lost(self, label: int) -> str:
        """Return 'all' or 'more than half' where an identity lost that many images, else ''."""
        images, removed = self.images[label], self.removed[label]
        if removed == images:
            return "all"
        return "more than half" if 2 * removed > images else ""

    def _read(self) -> Iterator[tuple[int, int, np.float32, np.float32, int, int]]:
        """Yield a ROW for each line of the lists."""
        for number, path in enumerate(self._lists):
            read = read_noise_list if number < self._noise_lists else read_record_list
            for line, row in enumerate(read(path)):
                label, key = min(row.label, MOST), min(row.key, MOST)
                yield key, label, row.largest, row.of_label, number, line

    def _misfit(self, row: int, what: str) -> InputError:
        key, _, _, _, list_number, place = self._rows[row]
        path = self._lists[list_number]
        line, _ = next(itertools.islice(numbered_lines(path, "list"), int(place), None))
        return InputError(
            f"{path}, line {line}: record {key} of {self._data_dir} {what}: this list "
            "was made from another set; give the list that was made from this one"
        )
