"""InsightFace's layout: do record 0 and the identities' ranges agree with images and labels?"""

from __future__ import annotations

import numpy as np

from recordio_tools.inspect_set_parts.findings import Examples, Findings
from recordio_tools.inspect_set_parts.key_runs import KeyRuns, Runs, records_text
from recordio_tools.inspect_set_parts.record_rows import GOOD, RECORD
from unequal.faces.record_format import LABEL_HEADER
from unequal.support.counted import counted

NEW_SET = "write the set anew with python -m recordio_tools.subset"
COPY = f"copy it again, or {NEW_SET}"


class LayoutCheck:
    """Collects the records without an image, and settles at the end what they are.

    Record 0 (the header), identity records and images that are empty look alike: an array of two
    or more labels and nothing else. Which is which depends on their keys.

    Attributes:
        bare: those records, rows of the scan; after `settle` without the empty images.
        places: int64, how many rows of the scan precede each of them.
        header: record 0's label (first identity record, last + 1); None where there is none.
    """

    def __init__(self) -> None:
        self.bare = np.zeros(0, RECORD)
        self.places = np.zeros(0, np.int64)
        self.header: tuple[int, int] | None = None
        self._taken: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._keys = np.zeros(0, np.int64)
        self._array_in_record_0 = False

    def take(self, rows: np.ndarray, keys: np.ndarray, places: np.ndarray) -> None:
        """Remember bare rows with their keys (-1: unknown) and places."""
        if len(rows):
            self._taken.append((rows, keys, places))

    def take_record_0(self, rows: np.ndarray) -> None:
        """Look at images whose key is 0."""
        self._array_in_record_0 |= bool(np.any(rows["flag"] > 0))

    def settle(self) -> tuple[np.ndarray, np.ndarray]:
        """Find the header; returns rows and keys of the bare records that are empty images."""
        columns = [np.zeros(0, RECORD), np.zeros(0, np.int64), np.zeros(0, np.int64)]
        if self._taken:
            columns = [np.concatenate(column) for column in zip(*self._taken)]
        rows, keys, places = columns
        zero = rows[keys == 0]
        ranges = is_range(rows)
        if len(zero) == 1 and is_range(zero)[0]:
            self.header = int(zero["label"][0]), int(zero["second"][0])
            empty = (keys > 0) & (keys < self.header[0])
        else:
            empty = ~ranges
        self.bare, self._keys, self.places = rows[~empty], keys[~empty], places[~empty]
        return rows[empty], keys[empty]

    @property
    def identities(self) -> int:
        """How many identity records there are."""
        return len(self.bare) - (self.header is not None)

    def tell(
        self, findings: Findings, images: KeyRuns, broken: KeyRuns, complete: bool, lost: bool
    ) -> None:
        """Add what was found, after `settle`.

        `images` are the keys of the images, `broken` those of broken records, which are not told
        again as missing, and `complete` tells whether the keys of all others are known; `lost`
        tells whether a record 0 is known to have been there.
        """
        if self._array_in_record_0:
            findings.problem(
                "record_0_is_an_image",
                "train.rec: record 0 is an image with an array of labels, which readers take for "
                "the header",
                NEW_SET,
            )
        if self.header is None:
            if len(self.bare) or lost:
                findings.problem(
                    "header_lost",
                    "train.rec: record 0 is lost, which tells images from identity records",
                    "copy it again, or let --repair list the images alone",
                )
            return
        first, stop = self.header
        identities = (self._keys >= first) & (self._keys < stop)
        there = broken.runs()
        found, kept = KeyRuns(), images.runs()
        found.add_ranges(*there[:2])
        found.add_ranges(*kept[:2])
        found.add(np.sort(self._keys[identities]))
        if complete:
            _tell_missing(findings, "images_missing", "images", found, 1, first)
            _tell_missing(
                findings, "identity_records_missing", "identity records", found, first, stop
            )
        rows = self.bare[identities]
        if len(rows) == stop - first:
            _tell_cover(findings, rows, first)
        _tell_ranges(findings, self._keys[identities], rows, first, kept)


def is_bare(rows: np.ndarray) -> np.ndarray:
    """Which rows of a scan are whole, hold two or more labels and no image."""
    flag = rows["flag"]
    return (rows["fault"] == GOOD) & (flag >= 2) & (rows["length"] == LABEL_HEADER.size + 4 * flag)


def is_range(rows: np.ndarray) -> np.ndarray:
    """Whether the two labels can be a range of records: whole numbers, 1 <= first <= second."""
    first, second = rows["label"], rows["second"]
    whole = (first == np.floor(first)) & (second == np.floor(second))
    return whole & (first >= 1) & (first <= second) & (second < 2**31)


def _tell_missing(
    findings: Findings, kind: str, what: str, found: KeyRuns, first: int, stop: int
) -> None:
    told = Examples()
    count, stretches = found.missing(first, stop)
    told.add(stretches, records_text)
    if count:
        shown = sum(end - start for start, end in stretches)
        told.count = len(stretches) + count - shown
        findings.problem(
            kind,
            f"train.rec: {count} of the {stop - first} {what} that record 0 counts are not there",
            COPY,
            told,
        )


def _tell_cover(findings: Findings, rows: np.ndarray, images_end: int) -> None:
    """Whether each image is in one range."""
    rows = rows[is_range(rows) & (rows["label"] < rows["second"])]
    covered, outside, twice = KeyRuns(), Examples(), Examples()
    covered.add_ranges(rows["label"].astype(np.int64), rows["second"].astype(np.int64))
    count, stretches = covered.missing(1, images_end)
    outside.add(stretches, records_text)
    findings.problem(
        "images_in_no_range",
        f"train.rec: {counted(count, 'image')} in no identity's range",
        NEW_SET,
        outside,
    )
    twice.add(covered.repeated(), lambda key: f"record {key}")
    findings.problem(
        "images_in_two_ranges", "train.rec: images in the ranges of two identities", NEW_SET, twice
    )


def _tell_ranges(
    findings: Findings, keys: np.ndarray, rows: np.ndarray, images_end: int, images: Runs
) -> None:
    """What the identity records say of images 1..images_end-1."""
    starts, stops = rows["label"], rows["second"]
    sane = is_range(rows) & (stops <= images_end)
    wrong, none = Examples(), Examples()
    wrong.add(
        np.flatnonzero(~sane), lambda i: f"identity record {keys[i]}: {starts[i]:g} to {stops[i]:g}"
    )
    none.add(keys[sane & (starts == stops)], lambda key: f"identity record {key}")
    findings.problem(
        "ranges_wrong",
        f"train.rec: {counted(wrong.count, 'identity', 'identities')} whose range is none of "
        f"images 1 to {images_end - 1}",
        NEW_SET,
        wrong,
    )
    findings.problem(
        "identities_without_image",
        f"train.rec: {counted(none.count, 'identity', 'identities')} without an image",
        NEW_SET,
        none,
    )
    used = sane & (starts < stops)
    starts, stops = starts[used].astype(np.int64), stops[used].astype(np.int64)
    _tell_labels(findings, keys[used], starts, stops, images)


def _tell_labels(
    findings: Findings, keys: np.ndarray, starts: np.ndarray, stops: np.ndarray, runs: Runs
) -> None:
    mixed, again = Examples(), Examples()
    first = np.searchsorted(runs.stops, starts, side="right")
    last = np.searchsorted(runs.starts, stops) - 1
    label_of = np.full(len(keys), -1)
    label_of[first <= last] = runs.labels[first[first <= last]]
    for i in np.flatnonzero(first < last).tolist():
        part = slice(first[i], last[i] + 1)
        counts = np.minimum(runs.stops[part], stops[i]) - np.maximum(runs.starts[part], starts[i])
        labels, where = np.unique(runs.labels[part], return_inverse=True)
        label_of[i] = labels[np.argmax(np.bincount(where, counts))]
        mixed.add(
            np.flatnonzero(runs.labels[part] != label_of[i]) + first[i],
            lambda at, i=i: (
                f"record {max(runs.starts[at], starts[i])}: label {runs.labels[at]} "
                f"in the range of label {label_of[i]} (identity record {keys[i]})"
            ),
        )
    findings.problem(
        "labels_against_ranges",
        "train.rec: labels that differ within an identity's range",
        NEW_SET,
        mixed,
    )
    labels, counts = np.unique(label_of[label_of >= 0], return_counts=True)
    again.add(
        labels[counts > 1],
        lambda label: (
            f"label {label}: identity records "
            + ", ".join(map(str, keys[label_of == label][:5].tolist()))
        ),
    )
    findings.problem(
        "identities_in_several_ranges",
        f"train.rec: {counted(again.count, 'label')} that come back in several ranges",
        NEW_SET,
        again,
    )
