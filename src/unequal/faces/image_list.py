"""Lines of `train.lst`: InsightFace's (aligned, path, label) or im2rec's (key, label, path)."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, NamedTuple

import numpy as np

from unequal.support.errors import InputError
from unequal.support.files import numbered_lines


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
    """The images of a list, in the order of the file; empty lines are passed over.

    Fields are separated by tabs, since paths may hold spaces. Raises InputError, naming file and
    line, for what cannot be understood, and for a file that cannot be read.
    """
    for number, line in numbered_lines(path, "list"):
        yield parse_line(path, number, line)


def list_line(face: ListedFace) -> str:
    """The InsightFace line of an image, with its end.

    Landmarks follow an empty bounding box: five x, then five y (as face2rec2 reads them), each as
    the shortest text that gives the same float32.
    """
    fields = [str(int(face.aligned)), face.path, str(face.label)]
    if face.landmarks is not None:
        fields += ["0"] * 4 + [_shortest(value) for value in face.landmarks.T.ravel()]
    return "\t".join(fields) + "\n"


def parse_line(path: str | Path, number: int, line: str) -> ListedFace:
    """The image of one line of the list `path`; raises InputError, naming file and line."""
    line = line.rstrip("\r\n")
    fields = line.split("\t")
    try:
        if "\r" in line:
            raise ValueError("a line break inside a path")
        if len(fields) == 3 and fields[0] in ("0", "1") and fields[1] and fields[2].isdecimal():
            return ListedFace(fields[1], int(fields[2]), fields[0] == "1")  # nearly all lines
        if len(fields) == 3 and fields[2] and not _is_number(fields[2]):
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


def _shortest(value: float) -> str:
    return f"{float(str(np.float32(value))):.9g}"


def _is_number(text: str) -> bool:
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
