"""Telling which records of a set are left out because they cannot be read."""

from __future__ import annotations

import logging
from pathlib import Path

MOST_TOLD = 10
logger = logging.getLogger(__name__)


class BrokenRecords:
    """Tells of the first ones and counts them all: an `on_broken` for FaceSetReader.

    Attributes:
        path: the .rec file.
        count: how many there were.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0

    def __call__(self, key: int, reason: str) -> None:
        self.count += 1
        if self.count <= MOST_TOLD:
            logger.warning("%s: record %d is left out: %s", self.path, key, reason)

    def close(self) -> None:
        """Tells how many more there were."""
        if self.count > MOST_TOLD:
            logger.warning("%s: %d more are left out", self.path, self.count - MOST_TOLD)
