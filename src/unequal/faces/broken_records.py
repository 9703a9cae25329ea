"""Telling which records of a set are left out because they cannot be read."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Callable

from unequal.faces.left_out_table import LEFT_OUT_FILE

MOST_TOLD = 10
COLUMNS = ("record", "reason")
logger = logging.getLogger(__name__)


class BrokenRecords:
    """Tells of the first ones, lists and counts them all: an `on_broken` for FaceSetReader.

    Args:
        path: the .rec file.
        listing: is given key and reason of each one, for left_out.csv; None where nothing is
            written.

    Attributes:
        path: as given.
        count: how many there were.
    """

    def __init__(self, path: Path, listing: Callable[[int, str], object] | None = None) -> None:
        self.path = path
        self.count = 0
        self._listing = listing

    def __call__(self, key: int, reason: str) -> None:
        self.count += 1
        if self._listing is not None:
            self._listing(key, reason)
        if self.count <= MOST_TOLD:
            logger.warning("%s: record %d is left out: %s", self.path, key, reason)

    def close(self) -> None:
        """Tells how many more there were."""
        if self.count > MOST_TOLD:
            see = "" if self._listing is None else f", see {LEFT_OUT_FILE}"
            logger.warning("%s: %d more are left out%s", self.path, self.count - MOST_TOLD, see)
