"""The paths of a train.lst by record key, in any order of asking."""

from __future__ import annotations

import logging
import weakref
from array import array
from pathlib import Path
from typing import BinaryIO

import numpy as np

from unequal.faces.image_list import ListedFace, parse_line
from unequal.support.errors import InputError

logger = logging.getLogger(__name__)


class ListLines:
    """The lines of a train.lst, of which only the places are held: 8 or 16 bytes a line.

    Where there is no such file, every image has the path ''. This is also so, after one warning,
    where it turns out to be the list of another set.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb") if path.exists() else None
        self._keys: np.ndarray | None = None
        self._places = np.empty(0, np.int64)
        if self._file is not None:
            self._close = weakref.finalize(self, self._file.close)
            try:
                self._places = self._find_lines(self._file)
            except (ValueError, OverflowError):
                self._give_up()

    def close(self) -> None:
        """Close the file; harmless when done twice."""
        if self._file is not None:
            self._close()

    def path_of(self, key: int, label: int) -> str:
        """Return the path of the image with that record key and label."""
        if self._file is None:
            return ""
        try:
            face = self._line(self._file, key)
            if face.label != label:
                raise LookupError
            return face.path
        except (LookupError, InputError):
            self._give_up()
            return ""

    def _find_lines(self, file: BinaryIO) -> np.ndarray:
        """Return the starts of all lines in the order of their keys, int64."""
        places, keys = array("q"), array("q")
        start, by_key = 0, None
        for line in file:
            if line.strip():
                if by_key is None:
                    by_key = self._parse(0, line).key is not None
                places.append(start)
                if by_key:
                    keys.append(int(float(line.split(b"\t", 1)[0])))
            start += len(line)
        if not by_key:
            return np.array(places, np.int64)
        order = np.argsort(np.array(keys, np.int64), kind="stable")
        self._keys = np.array(keys, np.int64)[order]
        return np.array(places, np.int64)[order]

    def _line(self, file: BinaryIO, key: int) -> ListedFace:
        # without keys of its own, the list's first line is that of record 1
        row = key - 1 if self._keys is None else int(np.searchsorted(self._keys, key))
        if not 0 <= row < len(self._places):
            raise LookupError
        if self._keys is not None and self._keys[row] != key:
            raise LookupError
        file.seek(self._places[row])
        return self._parse(key, file.readline())

    def _parse(self, number: int, line: bytes) -> ListedFace:
        # a path that is not UTF-8 comes out as it went in
        return parse_line(self._path, number, line.decode("utf-8", "surrogateescape"))

    def _give_up(self) -> None:
        logger.warning("%s: does not belong to the .rec beside it; names are made up", self._path)
        self.close()
        self._file = None
