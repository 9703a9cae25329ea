"""What inspect_set found out about a set, as text and for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import numpy as np

from recordio_tools.inspect_set_parts.findings import Findings
from recordio_tools.inspect_set_parts.image_check import ImageCheck, size_text
from recordio_tools.inspect_set_parts.image_histogram import Bin, bins_of, text_lines
from recordio_tools.inspect_set_parts.index_check import IndexCheck
from recordio_tools.inspect_set_parts.label_check import LabelCheck
from recordio_tools.inspect_set_parts.layout_check import LayoutCheck
from unequal.faces.face_records import Property
from unequal.support.counted import counted

HEAD_FROM = 10
MOST_SIZES = 5


@dataclass
class SetReport:
    """A set as it was found.

    Attributes:
        data_dir: its folder.
        property_file: what its property file says; None where that cannot be read.
        size: bytes of train.rec.
        verified: whether all images were decoded, or only some.
        index, layout, labels, images: what the checks of these know.
        findings: the problems and notes.
        rows: whole records and broken stretches in train.rec.
    """

    data_dir: Path
    property_file: Property | None
    size: int
    verified: bool
    index: IndexCheck
    layout: LayoutCheck
    labels: LabelCheck
    images: ImageCheck
    findings: Findings
    rows: int = 0

    @property
    def sound(self) -> bool:
        """Return whether no problem was found."""
        return not self.findings.problems

    @property
    def kinds(self) -> set[str]:
        """Return the kinds of its problems."""
        return {problem.kind for problem in self.findings.problems}

    @property
    def images_per_identity(self) -> np.ndarray:
        """Return int64 (identities that have an image,), in ascending order of label."""
        counts = self.labels.images
        return np.array([counts[label] for label in sorted(counts)], np.int64)

    @property
    def bins(self) -> list[Bin]:
        """Return the identities by their number of images."""
        return bins_of(self.images_per_identity)

    @property
    def layout_name(self) -> str:
        """Return InsightFace (with or without record 0), im2rec or 'unknown without an index'."""
        if self.layout.header is not None:
            return "InsightFace"
        if not self.index.keys_known:
            return "unknown without an index"
        return "InsightFace without record 0" if self.layout.identities else "im2rec"

    def lines(self) -> Iterator[str]:
        """Yield all of it for people."""
        found = self.as_dict()
        images, head = found["images"], found["head"]
        identities = counted(found["identities"], "identity", "identities")
        yield f"{self.data_dir}: {images} images of {identities}, {self.size / 1e6:.1f} MB"
        yield f"layout: {self.layout_name}, {counted(self.index.records, 'record')}"
        if self.property_file is not None:
            classes, height, width = self.property_file
            yield f"property: {classes} classes, {size_text((height, width))}"
        formats = [f"{number} {name}" for name, number in found["formats"].items()]
        yield f"formats: {', '.join(formats) or 'none'}"
        sizes = [f"{number} of {size}" for size, number in found["sizes"].items()]
        if len(sizes) > MOST_SIZES:
            sizes[MOST_SIZES:] = [f"and {len(sizes) - MOST_SIZES} others"]
        how = "" if self.verified else " (of a sample; --verify decodes all)"
        yield f"sizes: {', '.join(sizes) or 'none'}{how}"
        if images:
            yield "labels: {} to {}".format(*found["labels"])
            yield (
                "images per identity: least {min}, median {median:g}, mean {mean:.2f}, most {max}"
            ).format(**found["images_per_identity"])
            yield (
                f"with {HEAD_FROM} images or more (head): {head['identities']} of {identities}, "
                f"{head['images']} of {images} images"
            )
            yield from text_lines(self.bins)
        yield from self.findings.lines()
        problems = counted(len(self.findings.problems), "problem")
        yield f"{self.data_dir}: " + ("sound" if self.sound else problems)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        counts = self.images_per_identity
        head = counts[counts >= HEAD_FROM]
        found = {
            "set": str(self.data_dir),
            "sound": self.sound,
            "layout": self.layout_name,
            "bytes": self.size,
            "records": self.index.records,
            "property": None if self.property_file is None else self.property_file._asdict(),
            "images": int(counts.sum()),
            "identities": len(counts),
            "verified": self.verified,
            "formats": {name: number for name, number in self.images.formats.items() if number},
            "sizes": {size_text(size): n for size, n in self.images.sizes.most_common()},
            "head": {"from": HEAD_FROM, "identities": len(head), "images": int(head.sum())},
            "histogram": [one._asdict() for one in self.bins],
        }
        if len(counts):
            found["labels"] = [min(self.labels.images), max(self.labels.images)]
            found["images_per_identity"] = {
                "min": int(counts.min()),
                "median": float(np.median(counts)),
                "mean": float(counts.mean()),
                "max": int(counts.max()),
            }
        return {**found, **self.findings.as_dict()}
