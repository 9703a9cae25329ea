"""Which records a contact sheet shows, in what order, and the identities of the set."""

from __future__ import annotations

import hashlib
import os
import re
from array import array
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unequal.faces.face_records import FaceRecords
from unequal.faces.identity_lists import read_identity_list, read_names
from unequal.faces.noise_list import NoiseRow, read_noise_list
from unequal.support.errors import InputError
from unequal.support.files import numbered_lines

MOST = 2**62  # a number beyond any label and key, which an array of eight bytes can hold


class SetIdentities:
    """The identities of opened records by label; a few bytes an image and identity.

    Attributes:
        names: the names by label, of those that have one.
        labels: those of which the set has images.

    Raises:
        InputError: the set's identity records or identities.txt are not sound.
    """

    def __init__(self, records: FaceRecords) -> None:
        self._data_dir = records.data_dir
        self._keys, starts = records.groups
        self._spans: dict[int, list[slice]] = {}  # a scattered identity has several
        for span in map(slice, starts[:-1].tolist(), starts[1:].tolist()):
            found = (label_of(records, key) for key in self._keys[span].tolist())
            label = next((label for label in found if label is not None), None)
            if label is not None:
                self._spans.setdefault(label, []).append(span)
        self.names = read_names(records.data_dir)
        self.labels = self._spans.keys()

    def keys(self, label: int) -> np.ndarray:
        """Return int64 keys of an identity's images; none where the set has none."""
        return np.concatenate(
            [self._keys[:0], *(self._keys[s] for s in self._spans.get(label, ()))]
        )

    def named(self, text: str) -> set[int]:
        """Return the labels that a comma-separated list of labels and names means.

        A number that is the label of an identity means that one.

        Raises:
            InputError: an entry is neither.
        """
        by_name: dict[str, set[int]] = {}
        for label, name in self.names.items():
            by_name.setdefault(name, set()).add(label)
        chosen: set[int] = set()
        for part in filter(None, map(str.strip, text.split(","))):
            found = by_name.get(part, set()) & self.labels
            if re.fullmatch(r"\d{1,18}", part) and int(part) in self.labels:
                found = {int(part)}
            if not found:
                raise InputError(
                    f"`identities` {part}: neither a file nor an identity of "
                    f"{self._data_dir}; give labels, or names of its identities.txt"
                )
            chosen |= found
        if not chosen:
            raise InputError("`identities`: names no identity; give labels, or names")
        return chosen


def label_of(records: FaceRecords, key: int) -> int | None:
    """Return the label of a record; None where the record or its label is broken."""
    try:
        label, _ = records.read(key)
        return int(label) if label == int(label) else None
    except (InputError, ValueError, OverflowError):
        return None


class ShownRecords(NamedTuple):
    """Records in the order of the sheet, one entry each."""

    keys: np.ndarray  # int64
    labels: np.ndarray  # int64, -1 where the record is broken
    digest: str  # identifies the list, for all pages and thresholds
    largest: np.ndarray | None = None  # float32, for noise lists only
    of_label: np.ndarray | None = None  # likewise

    def part(self, skip: int, limit: int) -> ShownRecords:
        """Return the entries from `skip` on, at most `limit`."""
        rows = slice(skip, skip + limit)
        numbers = (None if c is None else c[rows] for c in (self.largest, self.of_label))
        return ShownRecords(self.keys[rows], self.labels[rows], self.digest, *numbers)

    def row(self, i: int) -> NoiseRow | None:
        """Return the noise list's row of entry i."""
        if self.largest is None or self.of_label is None:
            return None
        return NoiseRow(int(self.labels[i]), int(self.keys[i]), self.largest[i], self.of_label[i])


def flagged_records(
    records: FaceRecords, noise_list: str | Path, threshold: float | None = None
) -> ShownRecords:
    """Return what a noise list flags, the lowest largest probability first; a record once.

    With `threshold`, only rows whose largest probability is below it.

    Raises:
        InputError: the file is no noise list or one of another set, or the threshold is no
            probability.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise InputError(f"`threshold` {threshold}: give a probability above 0, at most 1")
    rows = np.fromiter(
        (
            (min(row.key, MOST), min(row.label, MOST), row.largest, row.of_label)
            for row in read_noise_list(noise_list)
        ),
        "i8,i8,f4,f4",
    )
    keys, first = np.unique(rows["f0"], return_index=True)
    labels, largest, of_label = (rows[column][first] for column in ("f1", "f2", "f3"))
    _check_keys(records, noise_list, keys)
    digest = _digest(records, keys, labels, largest)
    order = np.lexsort((keys, largest))
    if threshold is not None:  # train_NR.py compares float32 with float32
        order = order[largest[order] < np.float32(threshold)]
    return ShownRecords(keys[order], labels[order], digest, largest[order], of_label[order])


def listed_records(records: FaceRecords, path: str | Path) -> ShownRecords:
    """Return the records whose keys a file lists, one a line, by label and key; a record once.

    A line may also be 'label record ...', as pages save them.

    Raises:
        InputError: the file is no such list, or one of another set.
    """
    lines = numbered_lines(path, "list")
    listed = array("q", (_listed_key(path, number, line) for number, line in lines))
    keys = np.unique(np.array(listed, np.int64))
    _check_keys(records, path, keys)
    found = (label_of(records, key) for key in keys.tolist())
    labels = np.array([-1 if label is None else label for label in found], np.int64)
    order = np.lexsort((keys, labels))
    return ShownRecords(keys[order], labels[order], _digest(records, keys))


def records_of_identities(
    records: FaceRecords, identities: SetIdentities, listed: str | Path
) -> ShownRecords:
    """Return all images of some identities, by label and key.

    `listed` is a file (see read_identity_list) or labels and names, separated by commas.

    Raises:
        InputError: an entry is no identity of the set.
    """
    if os.path.isfile(listed):
        chosen = read_identity_list(listed, records.data_dir, identities.labels, identities.names)
    else:
        chosen = identities.named(str(listed))
    keys = [identities.keys(label) for label in sorted(chosen)]
    labels = np.repeat(np.array(sorted(chosen), np.int64), [len(some) for some in keys])
    every = np.concatenate(keys)
    return ShownRecords(every, labels, _digest(records, every))


def _listed_key(path: str | Path, number: int, line: str) -> int:
    fields = line.split()
    try:
        key = float(fields[min(1, len(fields) - 1)])
        if key == int(key) >= 0:
            return min(int(key), MOST)
    except (ValueError, OverflowError):
        pass
    raise InputError(
        f"{path}, line {number}: {line.strip()[:60]!r} is no record key; give one key a line, or "
        "lines 'label record'"
    )


def _check_keys(records: FaceRecords, path: str | Path, keys: np.ndarray) -> None:
    strange = keys[~np.isin(keys, records.image_keys)]
    if len(strange):
        raise InputError(
            f"{path}: record {strange[0]} is no image of {records.data_dir}: this list was made "
            "from another set; give the list that was made from this one"
        )


def _digest(records: FaceRecords, *columns: np.ndarray) -> str:
    found = hashlib.sha256(str(os.path.getsize(records.path)).encode())
    for column in columns:
        found.update(np.ascontiguousarray(column).tobytes())
    return found.hexdigest()[:16]
