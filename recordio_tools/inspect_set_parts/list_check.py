"""Does train.lst tell the labels that the records have? Both are read in step."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Iterator

import numpy as np

from recordio_tools.inspect_set_parts.findings import Examples, Findings
from unequal.faces.image_list import read_list
from unequal.support.counted import counted
from unequal.support.errors import InputError

MOST_HELD = 1 << 20
MEND = "take the train.lst of this set, or remove it: training does not read it"


class ListCheck:
    """Compares train.lst, where there is one, with keys and labels of the images.

    In InsightFace's list the number of a line is the key, in im2rec's it is written there.
    """

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / "train.lst"
        self.exists = path.exists()
        self.lines = 0
        self._lines = self._read(path) if self.exists else iter(())
        self._ahead: dict[int, int] = {}
        self._reason = ""
        self._wrong, self._unlisted = Examples(), Examples()

    def take(self, keys: np.ndarray, labels: np.ndarray) -> None:
        """Compare the next images."""
        if not self.exists or self._reason:
            return
        lines = list(islice(self._lines, len(keys)))
        listed = np.array(lines, np.int64).reshape(-1, 2)
        if not self._ahead and np.array_equal(listed[:, 0], keys):
            self._compare(keys, labels, listed[:, 1])
            return
        self._ahead.update(lines)
        found = [self._label(key) for key in keys.tolist()]
        there = np.array([label is not None for label in found], bool)
        self._unlisted.add(keys[~there], lambda key: f"record {key}")
        self._compare(
            keys[there], labels[there], np.array([x for x in found if x is not None], np.int64)
        )

    def tell(self, findings: Findings, least: int, most: int) -> None:
        """Add what was found, after the last image.

        There are `least` images or, if all that is broken were one, `most`.
        """
        if not self.exists:
            return
        for _ in self._lines:
            pass
        if self._reason:
            findings.problem("list_unreadable", self._reason, MEND)
            return
        if not least <= self.lines <= most:
            findings.problem(
                "list_count",
                f"train.lst: lists {counted(self.lines, 'image')}, train.rec has {least}",
                MEND if least == most else "",
            )
        findings.problem(
            "list_labels",
            f"train.lst: {counted(self._wrong.count, 'label')} that differ from train.rec's",
            MEND,
            self._wrong,
        )
        findings.problem(
            "list_lacks",
            f"train.lst: lacks {counted(self._unlisted.count, 'image')} of train.rec",
            MEND,
            self._unlisted,
        )

    def _compare(self, keys: np.ndarray, labels: np.ndarray, listed: np.ndarray) -> None:
        self._wrong.add(
            np.flatnonzero(labels != listed),
            lambda i: f"record {keys[i]}: {listed[i]} in train.lst, {labels[i]} in train.rec",
        )

    def _label(self, key: int) -> int | None:
        while key not in self._ahead and len(self._ahead) < MOST_HELD:
            line = next(self._lines, None)
            if line is None:
                break
            self._ahead[line[0]] = line[1]
        return self._ahead.pop(key, None)

    def _read(self, path: Path) -> Iterator[tuple[int, int]]:
        try:
            for number, face in enumerate(read_list(path), start=1):
                self.lines = number
                yield (number if face.key is None else face.key), face.label
        except InputError as error:
            self._reason = f"train.lst: {str(error).replace(str(path), '').lstrip(' ,:')}"
            self._reason = self._reason.partition(";")[0]
