"""The identities of a set by label: their names, and the keys of their images."""

from __future__ import annotations

import re

import numpy as np

from unequal.faces.face_records import FaceRecords
from unequal.faces.identity_lists import read_names
from unequal.support.errors import InputError


class SetIdentities:
    """The identities of opened records; a few bytes an image and identity.

    Raises:
        InputError: the set's identity records or identities.txt are not sound.
    """

    def __init__(self, records: FaceRecords) -> None:
        self._records = records
        self._keys, self._starts = records.groups
        self.names = read_names(records.data_dir)
        self._places: dict[int, list[int]] = {}
        for place in range(len(self._starts) - 1):
            label = self._label_of_group(place)
            if label is not None:
                self._places.setdefault(label, []).append(place)

    @property
    def labels(self) -> set[int]:
        """The labels of which the set has images."""
        return set(self._places)

    def keys(self, label: int) -> np.ndarray:
        """Return int64 keys of an identity's images; none where the set has none."""
        found = [self._group(place) for place in self._places.get(label, ())]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def name(self, label: int) -> str:
        """Return the identity's name, '' where it has none."""
        return self.names.get(label, "")

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
            if re.fullmatch(r"\d{1,18}", part) and int(part) in self._places:
                found = {int(part)}
            if not found:
                raise InputError(
                    f"`identities` {part}: neither a file nor an identity of "
                    f"{self._records.data_dir}; give labels, or names of its identities.txt"
                )
            chosen |= found
        if not chosen:
            raise InputError("`identities`: names no identity; give labels, or names")
        return chosen

    def _group(self, place: int) -> np.ndarray:
        """Return the keys of a group, of which a scattered identity has several."""
        return self._keys[self._starts[place] : self._starts[place + 1]]

    def _label_of_group(self, place: int) -> int | None:
        """Return the label of a group's first image that can be read."""
        for key in self._group(place).tolist():
            label = label_of(self._records, key)
            if label is not None:
                return label
        return None


def label_of(records: FaceRecords, key: int) -> int | None:
    """Return the label of a record; None where the record or its label is broken."""
    try:
        label, _ = records.read(key)
        return int(label) if label == int(label) else None
    except (InputError, ValueError, OverflowError):
        return None
