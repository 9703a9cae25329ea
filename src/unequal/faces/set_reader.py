"""The images of a face set with their labels and names, in the order of its identities."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import numpy as np

from unequal.faces.decoding import BadImage, decode_rgb
from unequal.faces.face_records import FaceRecords, read_property
from unequal.faces.image_list import ListLines
from unequal.support.errors import InputError

AT_ONCE = 1 << 14
OnBroken = Callable[[int, str], None]


class Face(NamedTuple):
    """One image of a set.

    `image` is the encoded file; `name` its path in train.lst, '' where there is none; `more` what
    follows the label in the record's label array, None where the label is a single number.
    """

    key: int
    label: int
    image: bytes
    name: str = ""
    more: tuple[float, ...] | None = None


class FaceSetReader:
    """The images of the set `data_dir`, one at a time, as tools need them.

    A set in InsightFace's layout is read in the order of its keys, another one in ascending order
    of label. Images are not kept; index, keys and places of names take some 30 bytes an image.

    Args:
        data_dir: the folder.
        by_label: read in ascending order of label whatever the layout, for a set in which the
            images of an identity do not follow one another.

    Attributes:
        records: the set's records.
        path: the .rec file.
        size: (height, width), from `property`; None where that file is missing.
        num_classes: from `property`; None likewise.

    Raises:
        InputError: a file is missing or empty, record 0 cannot be understood, or the index lists
            a record twice or lacks images that record 0 counts.
    """

    def __init__(self, data_dir: str | Path, by_label: bool = False) -> None:
        self.data_dir = Path(data_dir)
        found = read_property(data_dir) if (self.data_dir / "property").exists() else None
        self.size = (found.height, found.width) if found else None
        self.num_classes = found.num_classes if found else None
        self.records = FaceRecords(data_dir, check=False)
        self.path = self.records.path
        self._keys = self.records.image_keys
        if by_label or self.records.header_label is None:
            self._keys = np.sort(self._keys)
            self._keys = self._keys[self._order()]
        self._lines: ListLines | None = None

    @property
    def images(self) -> int:
        """How many image records the index lists."""
        return len(self._keys)

    def faces(
        self, on_broken: OnBroken | None = None, keys: np.ndarray | None = None
    ) -> Iterator[Face]:
        """Yield all images, or those of the records `keys`, with their labels and names.

        `on_broken` is told key and reason of each record that cannot be read, which is then passed
        over; without it InputError is raised.
        """
        for key in _numbers(self._keys if keys is None else keys):
            try:
                value, more, image = self.records.record(key)
                label = class_number(value)
            except ValueError as error:
                self._pass_over(key, error, on_broken)
                continue
            yield Face(key, label, image, self.name_of(key, label), more)

    def labels(self, on_broken: OnBroken | None = None) -> Iterator[tuple[int, int]]:
        """Yield (key, label) of all images, in the order of `faces`; images are not read."""
        for start in range(0, len(self._keys), AT_ONCE):
            keys = self._keys[start : start + AT_ONCE]
            found = self.records.labels(keys)
            for row, (key, value) in enumerate(zip(keys.tolist(), found.values[:, 0].tolist())):
                try:
                    if row in found.broken:
                        raise ValueError(found.broken[row])
                    label = class_number(value)
                except ValueError as error:
                    self._pass_over(key, error, on_broken)
                    continue
                yield key, label

    def name_of(self, key: int, label: int) -> str:
        """Return the path that train.lst gives to the image, '' where it gives none."""
        if self._lines is None:
            self._lines = ListLines(self.data_dir / "train.lst")
        return self._lines.path_of(key, label)

    def image_size(self) -> tuple[int, int]:
        """Return (height, width) in pixels: those of `property`, else those of the first image.

        Raises:
            InputError: there is neither.
        """
        if self.size is not None:
            return self.size
        for face in self.faces(lambda key, reason: None):
            try:
                height, width = decode_rgb(face.image).shape[:2]
            except BadImage:
                continue
            return height, width
        raise InputError(f"{self.path}: holds no image that can be decoded; copy or pack it again")

    def _order(self) -> np.ndarray:
        """Return the places of the images in ascending order of label, broken ones first."""
        found = self.records.labels(self._keys)
        labels = found.values[:, 0]
        good = (labels >= 0) & (labels < 2**31) & (np.floor(labels) == labels)
        good[list(found.broken)] = False
        return np.argsort(np.where(good, labels, np.float32(-1)), kind="stable")

    def _pass_over(self, key: int, error: ValueError, on_broken: OnBroken | None) -> None:
        # the record's own error names the set, which whoever is told knows
        reason = str(error.__cause__ or error)
        if on_broken is None:
            raise self.records.broken(key, reason) from error
        on_broken(key, reason)


def class_number(label: float) -> int:
    """Return a label as the number of a class; raises ValueError where it is none."""
    if not 0 <= label < 2**31 or label != int(label):
        raise ValueError(f"its label is {label}")
    return int(label)


def _numbers(keys: np.ndarray) -> Iterator[int]:
    """Yield the keys as Python's numbers, without holding all of them as such."""
    for start in range(0, len(keys), AT_ONCE):
        yield from keys[start : start + AT_ONCE].tolist()
