"""The labels of a set: class numbers or not, images of each, against property and train.lst."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np

from recordio_tools.inspect_set_parts.findings import Examples, Findings
from recordio_tools.inspect_set_parts.image_check import Place
from recordio_tools.inspect_set_parts.key_runs import ABSENT, KeyRuns, Runs, compare, keys_text
from unequal.faces.image_list import read_list
from unequal.support.counted import counted
from unequal.support.errors import InputError

OTHER_LIST = "take the train.lst of this set, or remove it: training does not read it"
AT_ONCE = 1 << 12
MOST_SHOWN = 10


class LabelCheck:
    """Counts the images of each label.

    Attributes:
        images: how many images each label has.
        count: how many images there are.
        keys: the keys of the images with their labels, -1 for no class, where the keys are known.
    """

    def __init__(self) -> None:
        self.images: dict[int, int] = {}
        self.count = 0
        self.keys = KeyRuns()
        self._bad = Examples()

    def take(self, rows: np.ndarray, keys: np.ndarray) -> None:
        """Count rows of a walk, all of them images; a key of -1 is not known."""
        label = rows["label"]
        good = (label >= 0) & (label < 2**31) & (label == np.floor(label))
        labels = np.where(good, label, -1).astype(np.int64)
        self._bad.add(
            np.flatnonzero(~good), lambda i: f"{Place(rows['offset'][i], keys[i])}: {label[i]}"
        )
        self.count += len(rows)
        self.keys.add(keys[keys >= 0], labels[keys >= 0])
        for name, count in zip(*(c.tolist() for c in np.unique(labels[good], return_counts=True))):
            self.images[name] = self.images.get(name, 0) + count

    def tell(self, findings: Findings, num_classes: int | None) -> None:
        """Add what was found; `num_classes` is that of property, None without one."""
        findings.problem(
            "labels_no_class",
            f"train.rec: {counted(self._bad.count, 'label')} that are no class number",
            "pack the set again",
            self._bad,
        )
        labels = sorted(self.images)
        stop = labels[-1] + 1 if labels else 0
        if num_classes is not None:
            beyond = [label for label in labels if label >= num_classes]
            findings.problem(
                "labels_beyond_property",
                f"property: says {num_classes} classes, but {counted(len(beyond), 'label')} of "
                f"train.rec are {num_classes} or more",
                f"let it begin with {stop}, or take the property of this set",
                Examples().add(
                    beyond, lambda one: f"label {one}: {counted(self.images[one], 'image')}"
                ),
            )
            stop = max(stop, num_classes)
        runs = KeyRuns()
        runs.add(np.array(labels, np.int64))
        gaps = runs.runs().missing(0, stop)
        if len(gaps.starts):
            some = list(zip(gaps.starts[:MOST_SHOWN], gaps.stops))
            which = ", ".join(keys_text(*one) for one in some)
            which += ", ..." if len(some) < len(gaps.starts) else ""
            number = int((gaps.stops - gaps.starts).sum())
            findings.note(
                "label_gaps", f"labels: {number} of 0 to {stop - 1} have no image: {which}"
            )


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
        findings.problem("list_unreadable", f"train.lst: {reason}", OTHER_LIST)
        return
    differ, labels = compare(images, listed.runs())
    lacks, extra = labels == ABSENT, differ.labels == ABSENT

    def tell(kind: str, text: str, chosen: np.ndarray, with_labels: bool = False) -> None:
        some, other = Runs(*(column[chosen] for column in differ)), labels[chosen]

        def both(i: int) -> str:
            return f": {other[i]} in train.lst, {some.labels[i]} in train.rec"

        examples = Examples().add_runs(some, both if with_labels else lambda i: "")
        text = text.format(counted(int((some.stops - some.starts).sum()), "image"))
        findings.problem(kind, f"train.lst: {text}", OTHER_LIST, examples)

    tell("list_labels", "{} with another label than in train.rec", ~lacks & ~extra, True)
    tell("list_lacks", "lacks {} of train.rec", lacks)
    if complete:
        tell("list_extra", "lists {} that train.rec does not have", extra)
