"""The images of a set: formats by their first bytes and, by decoding them, sizes and damage."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Iterator, NamedTuple

import numpy as np

from recordio_tools.inspect_set_parts.findings import Findings
from unequal.faces.decoding import decode_rgb
from unequal.faces.image_format import NAMES, START_BYTES, UNKNOWN, format_numbers
from unequal.faces.record_at import read_at

SAMPLED = 256
MOST_UNKNOWN = 1000


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

    def __init__(self, expected: tuple[int, int] | None, findings: Findings) -> None:
        self._findings = findings
        self.formats: Counter[str] = Counter()
        self.sizes: Counter[tuple[int, int]] = Counter()
        self._expected = expected
        self._random = np.random.RandomState(0)
        self._drawn: list[tuple[float, Place]] = []
        self._unknown: list[Place] = []

    def take(self, rows: np.ndarray, keys: np.ndarray) -> Iterator[Place]:
        """Count rows of a walk, all of them images; return those that have any bytes."""
        full = rows["length"] > 0
        empty = rows["offset"][~full], keys[~full]
        self._findings.add(
            "images_unreadable", list(map(Place, *empty)), lambda place: f"{place}: it is empty"
        )
        rows, keys = rows[full], keys[full]
        starts = np.ascontiguousarray(rows["start"]).view(np.uint8).reshape(-1, START_BYTES)
        formats = format_numbers(starts, rows["length"])
        counts = np.bincount(formats - UNKNOWN, minlength=len(NAMES) + 1).tolist()
        self.formats.update(dict(zip([*NAMES, "unknown"], [*counts[1:], counts[0]])))
        offsets = rows["offset"]
        for i in np.flatnonzero(formats == UNKNOWN)[: MOST_UNKNOWN - len(self._unknown)]:
            self._unknown.append(Place(int(offsets[i]), int(keys[i])))
        # the images with the lowest lots are a sample that is as likely as any other
        lots = self._random.random_sample(len(rows))
        most = self._drawn[-1][0] if len(self._drawn) == SAMPLED else 1
        for i in np.flatnonzero(lots < most):
            self._drawn.append((lots[i], Place(int(offsets[i]), int(keys[i]))))
        self._drawn = sorted(self._drawn)[:SAMPLED]
        return map(Place, offsets.tolist(), keys.tolist())

    def sample(self) -> list[Place]:
        """Return some images by chance, each as likely as another, and those of unknown format."""
        return sorted({*(place for _, place in self._drawn), *self._unknown})

    def add(self, look: Look) -> None:
        """Take what decoding an image gave."""
        if look.size is None:
            self._findings.add(
                "images_unreadable", [look], lambda look: f"{look.place}: {look.reason}"
            )
            return
        self.sizes[look.size] += 1
        self._expected = self._expected or look.size
        if look.size != self._expected:
            self._findings.add(
                "images_of_other_size", [look], lambda look: f"{look.place}: {size_text(look.size)}"
            )

    def tell(self, has_property: bool) -> None:
        """Add the facts for the texts."""
        height, width = next(iter(self.sizes.most_common(1)), ((112, 112), 0))[0]
        fix = "make the set anew from images of one size"
        if len(self.sizes) == 1:
            fix = f"let it end with {height},{width}"
        expected = size_text(self._expected or (height, width))
        expected += ", which property says" * has_property
        self._findings.facts.update(
            height=height,
            width=width,
            decoded=sum(self.sizes.values()),
            expected=expected,
            size_fix=fix,
        )


def look_at(path: str | Path, place: Place) -> Look:
    """Decode the image of a record."""
    with open(path, "rb") as file:
        try:
            image = decode_rgb(read_at(file, place.offset)[1])
        except ValueError as error:
            return Look(place, None, str(error))
    return Look(place, (image.shape[0], image.shape[1]))


def size_text(size: tuple[int, int]) -> str:
    """Return 'heightxwidth'."""
    return f"{size[0]}x{size[1]}"
