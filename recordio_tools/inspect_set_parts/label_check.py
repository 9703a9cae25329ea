"""The labels of a set: class numbers, images of each, against property, record 0 and the ranges."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from recordio_tools.inspect_set_parts.image_check import place_text
from recordio_tools.inspect_set_parts.index_check import IndexCheck
from recordio_tools.inspect_set_parts.record_walk import is_bare
from recordio_tools.inspect_set_parts.set_report import HEAD_FROM, Findings
from unequal.support.counted import counted

STARTS = (1, 2, 4, 10, 20, 50, 100, 200, 500)
NO_CLASS, BARE = -1, -2  # where other labels are classes, from 0


class LabelCheck:
    """Collects the labels of the images, record 0, and the ranges of the identity records.

    Keys and labels are held as runs of consecutive keys with one label, 24 bytes each.
    """

    def __init__(self, findings: Findings) -> None:
        self._header: tuple[int, int] | None = None  # first identity record, last + 1
        self._image_0 = False  # an array of labels, which readers take for the header
        self._bare = 0
        self._findings = findings
        self._runs = [np.zeros((3, 0), np.int64)]
        self._ranges = [np.zeros((3, 0), np.int64)]

    def take(self, rows: np.ndarray, keys: np.ndarray) -> None:
        """Take the next whole records of a walk; a key of -1 is not known."""
        bare, label = is_bare(rows), rows["label"]
        self._bare += int(bare.sum())
        for row in rows[bare & (keys == 0)]:
            self._header = int(row["label"]), int(row["second"])
        ranges = np.stack([label, rows["second"], keys])[:, bare & (keys > 0)]
        self._ranges.append(ranges.astype(np.int64))
        good = bare | ((label >= 0) & (label < 2**31) & (label == np.floor(label)))
        self._findings.add(
            "labels_no_class",
            np.flatnonzero(~good),
            lambda i: f"{place_text(rows['offset'][i], keys[i])}: {label[i]}",
        )
        labels = np.where(good, label, NO_CLASS).astype(np.int64)
        self._runs.append(_joined(keys, keys + 1, np.where(bare, BARE, labels)))
        self._image_0 |= bool(np.any(rows["flag"][~bare & (keys == 0)] > 0))

    def tell(self, num_classes: int | None, index: IndexCheck) -> dict[str, Any]:
        """Add what shows after the last row; return the layout and the images of the identities.

        Record 0 and the ranges are compared where the keys of all records are known, once each.

        `num_classes` is what property says, None where that cannot be read.
        """
        runs = np.concatenate(self._runs, axis=1)
        starts, stops, of_run = runs[:, runs[2] >= 0]
        labels, at = np.unique(of_run, return_inverse=True)
        counts = np.bincount(at, stops - starts, len(labels)).astype(np.int64)
        stop = int(labels[-1]) + 1 if len(labels) else 0
        self._findings.facts.update(classes=stop, num_classes=num_classes)
        self._findings.add(
            "labels_beyond_property",
            np.flatnonzero(labels >= (stop if num_classes is None else num_classes)),
            lambda i: f"label {labels[i]}: {counted(counts[i], 'image')}",
        )
        stop = max(stop, num_classes or 0)
        if len(labels) < stop:
            self._findings.note("label_gaps", gaps=stop - len(labels), last_label=stop - 1)
        if np.all(runs[2] == BARE):
            self._findings.note("no_images")
        runs = _joined(*runs[:, np.argsort(runs[0], kind="stable")])
        repeated = runs[0, 1:][runs[0, 1:] < np.maximum.accumulate(runs[1])[:-1]]
        if index.readable:
            self._findings.add("index_wrong", repeated[repeated >= 0], "record {}".format)
        if not len(repeated) and np.all(runs[0] >= 0):
            self._tell_layout(runs[:, runs[2] != BARE], index.broken)
        bare = " without record 0" if self._header is None else ""
        return {"layout": f"InsightFace{bare}" if self._bare else "im2rec", **_told(labels, counts)}

    def _tell_layout(self, images: np.ndarray, broken: int) -> None:
        """Look whether record 0 counts all records, and each range is the images of one label."""
        if self._image_0:
            self._findings.add("layout_wrong", ["record 0 is an image with an array of labels"])
        elif self._bare and self._header is None:
            self._findings.add("layout_wrong", ["record 0 is lost, which tells images from others"])
        if self._header is None or broken:
            return
        first, stop = self._header
        ranges = np.concatenate(self._ranges, axis=1)
        records = {(start, stop): key for start, stop, key in ranges.T.tolist()}
        keys, count = ranges[2], int((images[1] - images[0]).sum())
        fits = count == first - 1 and np.all(images[0] > 0) and np.all(images[1] <= first)
        if not fits or len(records) != stop - first or np.any((keys < first) | (keys >= stop)):
            counts = f"counts images 1 to {first - 1} and identity records {first} to {stop - 1}"
            text = f"record 0 {counts}, but there are {count} and {len(records)}"
            self._findings.add("layout_wrong", [text])
            return
        times = Counter(images[2].tolist())
        labels = {(start, stop): label for start, stop, label in images.T.tolist()}
        for told, mine, other in (("identity record", records, labels), ("label", labels, records)):
            wrong = [
                f"{told} {name}: images {start} to {stop - 1}"
                for (start, stop), name in mine.items()
                if (start, stop) not in other or (mine is labels and times[name] > 1)
            ]
            self._findings.add("layout_wrong", wrong)


def _told(labels: np.ndarray, counts: np.ndarray) -> dict[str, Any]:
    """Return how many images the identities have, in all, in bins, and in the head."""
    head = counts[counts >= HEAD_FROM]
    bins = []
    for first, following in zip(STARTS, [*STARTS[1:], None]):
        chosen = counts[(counts >= first) & (counts < (following or np.inf))]
        one = {"first": first, "last": following and following - 1}
        bins.append({**one, "identities": len(chosen), "images": int(chosen.sum())})
    while bins and not bins[-1]["identities"]:
        bins.pop()
    told = {
        "images": int(counts.sum()),
        "identities": len(counts),
        "head": {"from": HEAD_FROM, "identities": len(head), "images": int(head.sum())},
        "histogram": bins,
    }
    if len(counts):
        told["labels"] = [int(labels[0]), int(labels[-1])]
        told["images_per_identity"] = {
            "min": int(counts.min()),
            "median": float(np.median(counts)),
            "mean": float(counts.mean()),
            "max": int(counts.max()),
        }
    return told


def _joined(starts: np.ndarray, stops: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return runs, int64 (3, runs), those that follow one another with one label made one."""
    begins = np.ones(len(starts), bool)
    begins[1:] = (starts[1:] != stops[:-1]) | (labels[1:] != labels[:-1])
    ends = np.append(begins[1:], True)[: len(starts)]
    return np.stack([starts[begins], stops[ends], labels[begins]])
