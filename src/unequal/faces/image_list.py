"""Lines of `train.lst`: InsightFace's (aligned, path, label) or im2rec's (key, label, path)."""

from __future__ import annotations

import logging
import weakref
from array import array
from pathlib import Path
from typing import BinaryIO, Iterator, NamedTuple

import numpy as np

from unequal.support.errors import InputError
from unequal.support.files import numbered_lines

logger = logging.getLogger(__name__)


class ListedFace(NamedTuple):
    """One image of a list.

    `key` is the record key that im2rec's layout names, None in InsightFace's; `landmarks` are
    float64 (5, 2), x and y in pixels, image-left eye first, or None.
    """

    path: str
    label: int
    aligned: bool = True
    landmarks: np.ndarray | None = None
    key: int | None = None


def read_list(path: str | Path) -> Iterator[ListedFace]:
    """Yield the images of a list, in the order of the file; empty lines are passed over.

    Fields are separated by tabs, because paths may hold spaces.

    Raises:
        InputError: the file cannot be read, or a line is no line of such a list; the message
            names file and line.
    """
    for number, line in numbered_lines(path, "list"):
        yield parse_line(path, number, line)


def list_line(face: ListedFace) -> str:
    """Return the InsightFace line of an image, with its end.

    Landmarks follow an empty bounding box: five x, then five y (as face2rec2 reads them), each as
    the shortest text that gives the same float32.
    """
    fields = [str(int(face.aligned)), face.path, str(face.label)]
    if face.landmarks is not None:
        fields += ["0"] * 4 + [_shortest(value) for value in face.landmarks.T.ravel()]
    return "\t".join(fields) + "\n"


def parse_line(path: str | Path, number: int, line: str) -> ListedFace:
    """Return the image of one line of the list `path`; raises InputError as read_list."""
    line = line.rstrip("\r\n")
    fields = line.split("\t")
    try:
        if "\r" in line:
            raise ValueError("a line break inside a path")
        if len(fields) == 3 and fields[0] in ("0", "1") and fields[1] and fields[2].isdecimal():
            return ListedFace(fields[1], int(fields[2]), fields[0] == "1")  # nearly all lines
        if len(fields) == 3 and fields[2] and not is_number(fields[2]):
            return ListedFace(fields[2], _whole(fields[1]), key=_whole(fields[0]))
        if len(fields) in (3, 7, 17) and fields[0] in ("0", "1") and fields[1]:
            landmarks = None
            if len(fields) == 17:
                landmarks = np.array([float(field) for field in fields[7:]]).reshape(2, 5).T
            return ListedFace(fields[1], _whole(fields[2]), fields[0] == "1", landmarks)
    except (ValueError, OverflowError):
        pass
    raise InputError(
        f"{path}, line {number}: {line[:60]!r} is no line of an image list; it should be "
        "'aligned<tab>path<tab>label', then four numbers of a box and ten of landmarks, if any"
    )


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


def _shortest(value: float) -> str:
    return f"{float(str(np.float32(value))):.9g}"


def is_number(text: str) -> bool:
    """Tell whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _whole(text: str) -> int:
    number = float(text)
    if number != int(number) or number < 0:
        raise ValueError(text)
    return int(number)
