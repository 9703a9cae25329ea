"""The scores of the noise pass by record, for a contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recordio_tools.contact_sheet_parts.shown_records import ShownRecords
from unequal.faces.noise_scores import read_scores

USUAL_NAME = "0_noise_scores.csv"


class SheetScores:
    """Predicted labels and probabilities of the label of all images, 24 bytes each.

    `path` is what train_NR.py wrote.

    Raises:
        InputError: see unequal.faces.noise_scores.read_scores.
    """

    def __init__(self, path: str | Path) -> None:
        found = read_scores(path)
        order = np.argsort(found.keys, kind="stable")
        self._keys, self._predicted = found.keys[order], found.predicted[order]
        self._largest, self._of_label = found.largest[order], found.of_label[order]

    def predicted(self, key: int) -> int:
        """Return the label with the largest probability; the record is one of the file."""
        return int(self._predicted[np.searchsorted(self._keys, key)])

    def best_first(self, keys: np.ndarray) -> np.ndarray:
        """Return the keys by the probability of their label: highest first, unknown ones last."""
        rows, known = self._find(keys)
        probability = np.where(known, self._of_label[rows], -1)
        return keys[np.lexsort((keys, -probability))]

    def fit(self, choice: ShownRecords) -> bool:
        """Return whether the noise list was made from these scores."""
        if not len(self._keys):
            return not len(choice.keys)
        rows, known = self._find(choice.keys)
        same = known & (self._largest[rows] == choice.largest)
        return bool(np.all(same & (self._of_label[rows] == choice.of_label)))

    def _find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of the keys, and whether they are there."""
        rows = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return rows, self._keys[rows] == keys


def usual_scores(noise_list: str | Path) -> Path | None:
    """Return the scores beside a noise list: 3_noise_scores.csv for 3_noiselist.txt.

    Else 0_noise_scores.csv; None where there is neither.
    """
    path = Path(noise_list)
    number, found, rest = path.name.partition("_noiselist.txt")
    own = f"{number}_noise_scores.csv" if found and not rest else USUAL_NAME
    beside = (path.with_name(name) for name in (own, USUAL_NAME))
    return next((scores for scores in beside if scores.is_file()), None)
