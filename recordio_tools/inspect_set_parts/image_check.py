"""The images of a set: formats by their first bytes and, by decoding them, sizes and damage."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Iterator, Sequence, Tuple

import numpy as np

from recordio_tools.inspect_set_parts.set_report import Findings
from unequal.faces.decoding import decode_rgb
from unequal.faces.face_records import Property
from unequal.faces.image_format import NAMES, UNKNOWN, format_numbers
from unequal.faces.record_at import read_at

SAMPLED, MOST_UNKNOWN = 256, 1000
Place = Tuple[int, int]  # where a record starts in the .rec file, and its key (-1: not known)


class ImageCheck:
    """Collects what is known of the images.

    Args:
        found: what the property file says; None where that cannot be read.
        step: the first image that starts in each stretch of so many bytes is decoded; 0: all are.
        findings: gets what is wrong.
    """

    def __init__(self, found: Property | None, step: int, findings: Findings) -> None:
        self._formats: Counter[str] = Counter()
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._findings = findings
        self._says = ", which property says" if found else ""
        self._expected = (found.height, found.width) if found else None
        self._step = step
        self._stretch = -1

    def take(self, rows: np.ndarray, keys: np.ndarray) -> Iterator[Place]:
        """Count rows of a walk, all of them images; return those that are to be decoded.

        In a sample, these are some from all over the file, and the first of unknown format.
        """
        full = rows["length"] > 0
        self._findings.add(
            "images_unreadable",
            np.flatnonzero(~full),
            lambda i: f"{place_text(rows['offset'][i], keys[i])}: it is empty",
        )
        room = max(0, MOST_UNKNOWN - self._formats["unknown"])
        formats = format_numbers(rows["start"], rows["length"])
        counts = np.bincount(formats[full] - UNKNOWN, minlength=len(NAMES) + 1).tolist()
        self._formats.update(dict(zip([*NAMES, "unknown"], [*counts[1:], counts[0]])))
        if self._step and len(rows):
            stretches = rows["offset"] // self._step
            drawn = np.diff(stretches, prepend=self._stretch) > 0
            self._stretch = stretches[-1]
            drawn[np.flatnonzero(formats == UNKNOWN)[:room]] = True
            full &= drawn
        return zip(rows["offset"][full].tolist(), keys[full].tolist())

    def add(self, place: Place, found: tuple[int, int] | str) -> None:
        """Take what `look_at` has found."""
        if isinstance(found, str):
            self._findings.add("images_unreadable", [f"{place_text(*place)}: {found}"])
            return
        self._sizes[found] += 1
        self._expected = self._expected or found
        if found != self._expected:
            text = f"{place_text(*place)}: {size_text(found)}"
            self._findings.add("images_of_other_size", [text])

    def tell(self) -> dict[str, dict[str, int]]:
        """Add facts for the texts; return full images by format, and decoded ones by size."""
        sizes = self._sizes.most_common()
        height, width = sizes[0][0] if sizes else (112, 112)
        self._findings.facts.update(height=height, width=width, decoded=sum(self._sizes.values()))
        self._findings.facts["expected"] = size_text(self._expected or (height, width)) + self._says
        return {
            "formats": {name: number for name, number in self._formats.items() if number},
            "sizes": {size_text(size): number for size, number in sizes},
        }


def look_at(path: str | Path, place: Place) -> tuple[Place, tuple[int, int] | str]:
    """Return the (height, width) of an image by decoding it, or why it cannot be decoded."""
    with open(path, "rb") as file:
        try:
            image = decode_rgb(read_at(file, place[0])[1])
        except ValueError as error:
            return place, str(error)
    return place, (image.shape[0], image.shape[1])


def place_text(offset: int, key: int) -> str:
    """Return the name of a record for messages."""
    return f"record {key}" if key >= 0 else f"record at byte {offset}"


def size_text(size: Sequence[int]) -> str:
    """Return 'heightxwidth'."""
    return f"{size[0]}x{size[1]}"
