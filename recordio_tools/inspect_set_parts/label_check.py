"""How many images each label of a set has, and whether the labels are class numbers at all."""

from __future__ import annotations

import numpy as np

from recordio_tools.inspect_set_parts.findings import Examples, Findings
from recordio_tools.inspect_set_parts.key_runs import KeyRuns, stretch_text
from unequal.support.counted import counted


class LabelCheck:
    """Counts the images of each label.

    Attributes:
        count: how many images there are, those that nobody can decode included.
        images: how many each label has.
        keys: the keys of the images with their labels, where the keys are known.
    """

    def __init__(self) -> None:
        self.count = 0
        self.images: dict[int, int] = {}
        self.keys = KeyRuns()
        self._bad = Examples()

    def take(self, rows: np.ndarray, keys: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Count rows of a scan, all of them images; returns their labels, int64, -1 for none.

        `keys` means something where `known` says so.
        """
        self.count += len(rows)
        label = rows["label"]
        good = (label >= 0) & (label < 2**31) & (label == np.floor(label))
        self._bad.add(
            np.flatnonzero(~good),
            lambda i: (
                (f"record {keys[i]}" if known[i] else f"byte {rows['offset'][i]}") + f": {label[i]}"
            ),
        )
        labels = np.where(good, label, -1).astype(np.int64)
        self.keys.add(keys[known], labels[known])
        names, counts = np.unique(labels[good], return_counts=True)
        for name, count in zip(names.tolist(), counts.tolist()):
            self.images[name] = self.images.get(name, 0) + count
        return labels

    def tell(self, findings: Findings, num_classes: int | None) -> None:
        """Add what was found; `num_classes` is that of property, None without one."""
        findings.problem(
            "labels_no_class",
            f"train.rec: {counted(self._bad.count, 'label')} that are no class number",
            "pack the set again",
            self._bad,
        )
        labels = KeyRuns()
        labels.add(np.array(sorted(self.images), np.int64))
        _, stop = labels.range()
        if num_classes is not None:
            beyond = [label for label in sorted(self.images) if label >= num_classes]
            told = Examples()
            told.add(beyond, lambda label: f"label {label}: {counted(self.images[label], 'image')}")
            findings.problem(
                "labels_beyond_property",
                f"property: says {num_classes} classes, but {counted(len(beyond), 'label')} of "
                f"train.rec are {num_classes} or more",
                f"let it begin with {stop}, or take the property of this set",
                told,
            )
            stop = max(stop, num_classes)
        gaps, stretches = labels.missing(0, stop)
        if gaps:
            shown = sum(end - start for start, end in stretches)
            which = ", ".join(map(stretch_text, stretches)) + (", ..." if shown < gaps else "")
            findings.note("label_gaps", f"labels: {gaps} of 0 to {stop - 1} have no image: {which}")
