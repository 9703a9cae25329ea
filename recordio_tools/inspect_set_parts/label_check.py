"""The labels of a set: class numbers or not, images of each, against property and train.lst."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np

from recordio_tools.inspect_set_parts.findings import Findings
from recordio_tools.inspect_set_parts.image_check import Place
from recordio_tools.inspect_set_parts.key_runs import ABSENT, KeyRuns, Runs, compare, keys_text
from unequal.faces.image_list import read_list
from unequal.support.counted import counted
from unequal.support.errors import InputError

AT_ONCE = 1 << 12
MOST_SHOWN = 10


class LabelCheck:
    """Counts the images of each label.

    Attributes:
        images: how many images each label has.
        count: how many images there are.
        keys: the keys of the images with their labels, -1 for no class, where the keys are known.
    """

    def __init__(self, findings: Findings) -> None:
        self.images: dict[int, int] = {}
        self.count = 0
        self.keys = KeyRuns()
        self._findings = findings

    def take(self, rows: np.ndarray, keys: np.ndarray) -> None:
        """Count rows of a walk, all of them images; a key of -1 is not known."""
        label = rows["label"]
        good = (label >= 0) & (label < 2**31) & (label == np.floor(label))
        labels = np.where(good, label, -1).astype(np.int64)
        self._findings.add(
            "labels_no_class",
            np.flatnonzero(~good),
            lambda i: f"{Place(rows['offset'][i], keys[i])}: {label[i]}",
        )
        self.count += len(rows)
        self.keys.add(keys[keys >= 0], labels[keys >= 0])
        for name, count in zip(*(c.tolist() for c in np.unique(labels[good], return_counts=True))):
            self.images[name] = self.images.get(name, 0) + count

    def tell(self, num_classes: int | None) -> None:
        """Add what shows after the last row; `num_classes` is property's, None without one."""
        found, labels = self._findings, sorted(self.images)
        stop = labels[-1] + 1 if labels else 0
        found.facts.update(classes=stop, num_classes=num_classes)
        if num_classes is not None:
            found.add(
                "labels_beyond_property",
                [label for label in labels if label >= num_classes],
                lambda label: f"label {label}: {counted(self.images[label], 'image')}",
            )
            stop = max(stop, num_classes)
        runs = KeyRuns()
        runs.add(np.array(labels, np.int64))
        gaps = runs.runs().missing(0, stop)
        if len(gaps.starts):
            which = [keys_text(*one) for one in zip(gaps.starts[:MOST_SHOWN], gaps.stops)]
            which += ["..."] * (len(gaps.starts) > MOST_SHOWN)
            number = (gaps.stops - gaps.starts).sum()
            found.set("label_gaps", gaps=number, last_label=stop - 1, which=", ".join(which))


def tell_list(findings: Findings, data_dir: Path, images: Runs, complete: bool) -> None:
    """Compare train.lst, where there is one, with the images.

    In InsightFace's list the number of a line is the key; im2rec's list names it.

    Args:
        findings: gets what was found.
        data_dir: the set.
        images: their keys and labels.
        complete: whether these are all images, so that what else is listed is wrong.
    """
    path = data_dir / "train.lst"
    if not path.exists():
        return
    faces = enumerate(read_list(path), start=1)
    listed = KeyRuns()
    try:
        while some := list(islice(faces, AT_ONCE)):
            rows = [(line if face.key is None else face.key, face.label) for line, face in some]
            listed.add(*np.array(rows, np.int64).T)
    except InputError as error:
        reason = str(error).replace(str(path), "").lstrip(" ,:").partition(";")[0]
        findings.set("list_unreadable", list_reason=f"train.lst: {reason}")
        return
    differ, labels = compare(images, listed.runs())
    lacks, extra = labels == ABSENT, differ.labels == ABSENT
    findings.add_runs("list_lacks", differ.take(lacks))
    if complete:
        findings.add_runs("list_extra", differ.take(extra))
    wrong, other = differ.take(~lacks & ~extra), labels[~lacks & ~extra]
    findings.add_runs(
        "list_labels", wrong, lambda i: f": {other[i]} in train.lst, {wrong.labels[i]} in train.rec"
    )
