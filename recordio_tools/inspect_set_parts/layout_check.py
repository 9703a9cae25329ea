"""InsightFace's layout: do record 0 and the identities' ranges agree with images and labels?"""

from __future__ import annotations

import numpy as np

from recordio_tools.inspect_set_parts.findings import Findings
from recordio_tools.inspect_set_parts.key_runs import ABSENT, KeyRuns, Runs, compare


class LayoutCheck:
    """Collects record 0 and the identity records.

    Attributes:
        header: the label of record 0, (first identity record, last + 1); None without record 0.
        header_by_place: the same, told by its place in face2rec2's order: right after the images.
        identities: how many records there are beside the images, record 0 included.
    """

    def __init__(self, findings: Findings) -> None:
        self.header: tuple[int, int] | None = None
        self.header_by_place: tuple[int, int] | None = None
        self.identities = 0
        self._ranges = [np.zeros((3, 0), np.int64)]
        self._findings = findings

    def take(self, rows: np.ndarray, keys: np.ndarray, places: np.ndarray) -> None:
        """Take the next bare rows with their keys (-1: not known) and places in the file."""
        self.identities += len(rows)
        columns = [keys, rows["label"], rows["second"]]
        table = np.stack([column.astype(np.int64) for column in columns])
        for header in zip(*table[1:, keys == 0].tolist()):
            self.header = header
        for header in zip(*table[1:, table[1] == places + 1].tolist()):
            self.header_by_place = header
        self._ranges.append(table[:, keys > 0])

    def take_images(self, rows: np.ndarray, keys: np.ndarray) -> None:
        """Look whether one of the images is record 0."""
        if np.any(rows["flag"][keys == 0] > 0):
            self._findings.set("record_0_is_an_image")

    def tell(self, images: Runs, complete: bool, lost: bool) -> None:
        """Add what shows after the last row.

        Args:
            images: the keys and labels of the images.
            complete: whether these are all images, so that what else is counted is missing.
            lost: whether record 0 is known to have been there.
        """
        if self.header is None:
            if self.identities or lost:
                self._findings.set("header_lost")
            return
        first, stop = self.header
        keys, starts, stops = np.concatenate(self._ranges, axis=1)
        if complete:
            there = KeyRuns()
            there.add(keys)
            for missing in images.missing(1, first), there.runs().missing(first, stop):
                self._findings.add_runs("records_missing", missing)
        ranges = Runs(starts, stops, keys).take(np.argsort(starts, kind="stable"))
        self._tell_ranges(ranges, first, len(keys) == stop - first)
        self._tell_labels(ranges, images)

    def _tell_ranges(self, ranges: Runs, images_end: int, whole: bool) -> None:
        """Look whether ranges, labelled by their keys, divide images 1..images_end-1."""
        starts, stops, keys = ranges
        before = np.append(1, stops[:-1])[: len(starts)]
        wrong = (starts >= stops) | (starts < before) | (stops > images_end)
        if whole:
            wrong |= starts != before
            wrong[-1:] |= stops[-1:] != images_end
        self._findings.add(
            "ranges_wrong",
            np.flatnonzero(wrong),
            lambda i: (
                f"identity record {keys[i]}: images {starts[i]} to {stops[i] - 1}, after the "
                f"range up to {before[i] - 1}, of {images_end - 1} images"
            ),
        )

    def _tell_labels(self, ranges: Runs, images: Runs) -> None:
        """Look whether the images of each range have the label of its first one, and no other."""
        labels = images.labels_at(ranges.starts)
        differ, expected = compare(images, ranges._replace(labels=labels))
        both = (expected != ABSENT) & (differ.labels != ABSENT)
        differ, expected = differ.take(both), expected[both]
        identities = ranges.labels_at(differ.starts)
        self._findings.add_runs(
            "labels_against_ranges",
            differ,
            lambda i: (
                f": label {differ.labels[i]} in the range of label {expected[i]} "
                f"(identity record {identities[i]})"
            ),
        )
        names, counts = np.unique(labels[labels >= 0], return_counts=True)
        again = names[counts > 1]
        self._findings.add("identities_in_several_ranges", again, lambda label: f"label {label}")
