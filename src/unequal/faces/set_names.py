"""The paths of a set's train.lst, looked up by record key."""

from __future__ import annotations

import logging
from pathlib import Path

from unequal.faces.image_list import read_list
from unequal.support.errors import InputError

logger = logging.getLogger(__name__)


class SetNames:
    """The paths of a train.lst, looked up in the order of its lines or, for im2rec's, by key.

    For a set that is read front to back: the list is read alongside. Records asked for in any other
    order need ListLines.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = enumerate(read_list(path), start=1)
        self._by_key: dict[int, tuple[int, str]] = {}
        self._fits = True

    def of(self, key: int, label: int) -> str:
        """The path of the image with that key; '' once the list is seen to be another set's."""
        try:
            while self._fits and key not in self._by_key:
                line, face = next(self._lines)
                if face.key is None and line > key:
                    raise LookupError
                if face.key is None and line < key:
                    continue
                self._by_key[line if face.key is None else face.key] = (face.label, face.path)
            listed, name = self._by_key.pop(key) if self._fits else (label, "")
            if listed != label:
                raise LookupError
            return name
        except (StopIteration, LookupError, InputError):
            logger.warning(
                "%s: does not belong to the .rec beside it; names are made up", self._path
            )
            self._fits = False
            return ""
