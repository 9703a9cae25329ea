"""The images of a set: formats by their first bytes and, by decoding them, sizes and damage."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Iterator, NamedTuple

import numpy as np

from recordio_tools.inspect_set_parts.findings import Examples, Findings
from unequal.faces.decoding import decode_rgb
from unequal.faces.image_format import NAMES, UNKNOWN, format_numbers
from unequal.faces.record_at import read_at
from unequal.faces.record_format import LABEL_HEADER
from unequal.support.counted import counted

SAMPLED = 256
MOST_UNKNOWN = 1000
LEAVE_OUT = "python -m recordio_tools.subset --verify writes the set without them"


class Place(NamedTuple):
    """The record of an image: where it starts in the .rec file, its key (-1 where unknown)."""

    offset: int
    key: int

    def __str__(self) -> str:
        return f"record {self.key}" if self.key >= 0 else f"record at byte {self.offset}"


class Look(NamedTuple):
    """What decoding an image gave: its (height, width), or why it could not be decoded."""

    place: Place
    size: tuple[int, int] | None
    reason: str = ""


class ImageCheck:
    """Collects what is known of the images; `expected` is the (height, width) of property.

    Attributes:
        formats: images by format, the empty ones left out.
        sizes: decoded images by (height, width).
    """

    def __init__(self, expected: tuple[int, int] | None) -> None:
        self.formats: Counter[str] = Counter()
        self.sizes: Counter[tuple[int, int]] = Counter()
        self._expected = expected
        self._bad, self._other_size = Examples(), Examples()
        self._random = np.random.RandomState(0)
        self._sample: list[Place] = []
        self._unknown: list[Place] = []
        self._seen = 0

    def take(self, rows: np.ndarray, keys: np.ndarray) -> list[int]:
        """Count rows of the scan, all of them images; returns which have any bytes."""
        lengths = rows["length"] - LABEL_HEADER.size - 4 * rows["flag"]
        empty = lengths <= 0
        self._bad.add(np.flatnonzero(empty), lambda i: f"{place_of(rows[i], keys[i])}: it is empty")
        formats = format_numbers(rows["start"], lengths)
        counts = np.bincount(formats[~empty] - UNKNOWN, minlength=len(NAMES) + 1).tolist()
        self.formats.update(dict(zip([*NAMES, "unknown"], [*counts[1:], counts[0]])))
        for i in np.flatnonzero(~empty & (formats == UNKNOWN))[: MOST_UNKNOWN - len(self._unknown)]:
            self._unknown.append(place_of(rows[i], keys[i]))
        full = np.flatnonzero(~empty)
        self._draw(rows, keys, full)
        return full.tolist()

    def sample(self) -> Iterator[Place]:
        """Some images drawn from all, each as likely as another, then those of unknown format."""
        yield from sorted({*self._sample, *self._unknown})

    def add(self, look: Look) -> None:
        """Take what decoding an image gave."""
        if look.size is None:
            self._bad.add([look], lambda look: f"{look.place}: {look.reason}")
            return
        self.sizes[look.size] += 1
        self._expected = self._expected or look.size
        if look.size != self._expected:
            self._other_size.add([look], lambda look: f"{look.place}: {size_text(look.size)}")

    def tell(self, findings: Findings, has_property: bool) -> None:
        """Add what was found."""
        findings.problem(
            "images_unreadable",
            f"train.rec: {counted(self._bad.count, 'image')} that cannot be decoded",
            LEAVE_OUT,
            self._bad,
        )
        if self._expected is None:
            return
        decoded = sum(self.sizes.values())
        text = f"train.rec: {self._other_size.count} of {decoded} decoded images are not "
        text += size_text(self._expected) + (", which property says" if has_property else "")
        usual = self.sizes.most_common(1)
        mend = "make the set anew from images of one size"
        if usual and len(self.sizes) == 1:
            mend = f"let it end with {usual[0][0][0]},{usual[0][0][1]}"
        findings.problem(
            "images_of_other_size",
            text,
            mend,
            self._other_size,
        )

    def _draw(self, rows: np.ndarray, keys: np.ndarray, full: np.ndarray) -> None:
        """Keep each image with the same chance (Vitter's algorithm R)."""
        number = self._seen + np.arange(len(full))
        slots = np.floor(self._random.random_sample(len(full)) * (number + 1)).astype(np.int64)
        slots = np.where(number < SAMPLED, number, slots)
        self._seen += len(full)
        for i in np.flatnonzero(slots < SAMPLED):
            place = place_of(rows[full[i]], keys[full[i]])
            if slots[i] == len(self._sample):
                self._sample.append(place)
            else:
                self._sample[slots[i]] = place


def look_at(path: str | Path, place: Place) -> Look:
    """Decode the image of a record."""
    with open(path, "rb") as file:
        try:
            image = decode_rgb(read_at(file, place.offset)[1])
        except ValueError as error:
            return Look(place, None, str(error))
    return Look(place, image.shape[:2])


def place_of(row: np.ndarray, key: int) -> Place:
    """The place of a row of the scan."""
    return Place(int(row["offset"]), int(key))


def size_text(size: tuple[int, int]) -> str:
    """'heightxwidth'"""
    return f"{size[0]}x{size[1]}"
