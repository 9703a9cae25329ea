"""Files of landmarks: five points per photo, by the photo's path.

A landmark file is one of
  - an InsightFace list, 'aligned<tab>path<tab>label<tab>box<tab>landmarks' (five x, then five y),
  - CSV, with or without a line of column names: path,x1,y1,...,x5,y5
  - the same with tabs or spaces in place of commas; paths may hold spaces.
Points are in pixels of the upright photo: eye at the image's left, other eye, tip of the nose,
corner of the mouth at the image's left, other one.
"""

from __future__ import annotations

import csv
import os
from array import array
from itertools import islice
from pathlib import Path
from typing import IO, Iterator

import numpy as np

from unequal.faces.image_list import is_number, read_list
from unequal.support.errors import InputError
from unequal.support.path_key import path_key

NUMBERS = 10
LARGEST = 1e9
COLUMNS = ("path", "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4", "x5", "y5")
LIST_FIELDS = (3, 7, 17)


class Landmarks:
    """The landmarks of many photos, found by path; 48 bytes a photo.

    `len()` is the number of photos that have some. See `read_landmarks`.
    """

    def __init__(self, keys: np.ndarray, points: np.ndarray) -> None:
        self._keys = keys
        self._points = points

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, path: str) -> np.ndarray | None:
        """Return the landmarks of the photo, float32 (5, 2), or None."""
        key = np.uint64(path_key(os.path.normpath(path)))
        position = int(np.searchsorted(self._keys, key))
        if position == len(self._keys) or self._keys[position] != key:
            return None
        return self._points[position]


def read_landmarks(path: str | Path, folder: str | Path | None = None) -> Landmarks:
    """Read all landmarks of a file, which the module's docstring describes.

    Args:
        path: the file.
        folder: absolute paths in the file become paths from here.

    Raises:
        InputError: the file cannot be read, holds no landmarks or those of a photo twice, or a
            line is no photo with landmarks; the message names it.
    """
    keys, numbers = array("Q"), array("f")
    for photo, points in _photos(path, folder):
        keys.append(path_key(photo))
        numbers.extend(points)
    if not keys:
        raise InputError(f"{path}: holds no landmarks; give a line 'path,x1,y1,...,x5,y5' a photo")
    unsorted = np.frombuffer(keys, np.uint64)
    order = np.argsort(unsorted, kind="stable")
    in_order = unsorted[order]
    again = np.flatnonzero(in_order[1:] == in_order[:-1]) + 1
    if len(again):
        photo, _ = next(islice(_photos(path, folder), int(order[again].min()), None))
        raise InputError(f"{path}: has {photo} twice; keep the face that counts")
    return Landmarks(in_order, np.frombuffer(numbers, np.float32).reshape(-1, 5, 2)[order])


def landmark_row(path: str, points: np.ndarray) -> list[str]:
    """Return the fields of `COLUMNS` for float32 (5, 2) points; reading gives the same bits."""
    return [path, *map(str, np.asarray(points, np.float32).ravel())]


def _photos(path: str | Path, folder: str | Path | None) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the normal path of each photo and its ten numbers x1, y1, ..., in the file's order."""
    for photo, points in _lines(path):
        if not np.all(np.abs(points) < LARGEST):
            raise InputError(f"{path}: a landmark of {photo} is no pixel; correct the line")
        if folder is not None and os.path.isabs(photo):
            photo = os.path.relpath(photo, folder)
        yield os.path.normpath(photo), points


def _lines(path: str | Path) -> Iterator[tuple[str, np.ndarray]]:
    try:
        # a path that is not UTF-8 comes out as it went in
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            separator = _separator(file)
            if separator == "list":
                for face in read_list(path):
                    if face.landmarks is not None:
                        yield face.path, face.landmarks.ravel()
                return
            file.seek(0)
            yield from _table(path, file, separator)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a file of landmarks") from error


def _separator(file: IO[str]) -> str | None:
    """Return what separates the fields of the first line; None means white space."""
    first = next((line for line in file if line.strip()), "").rstrip("\r\n")
    fields = first.split("\t")
    if len(fields) in LIST_FIELDS and fields[0] in ("0", "1"):
        return "list"
    return next((mark for mark in "\t," if first.count(mark) >= NUMBERS), None)


def _table(
    path: str | Path, file: IO[str], separator: str | None
) -> Iterator[tuple[str, np.ndarray]]:
    for number, fields in _rows(path, file, separator):
        try:
            photo, points = fields[:-NUMBERS], [float(field) for field in fields[-NUMBERS:]]
            if len(points) < NUMBERS or not any(photo):
                raise ValueError
        except ValueError:
            if number == 1 and len(fields) > NUMBERS and not any(map(is_number, fields[1:])):
                continue
            text = (separator or " ").join(fields)
            raise InputError(
                f"{path}, line {number}: {text[:60]!r} is no photo with landmarks; it should be "
                "'path,x1,y1,...,x5,y5', with commas, tabs or spaces throughout"
            ) from None
        yield (separator or " ").join(photo), np.array(points)


def _rows(
    path: str | Path, file: IO[str], separator: str | None
) -> Iterator[tuple[int, list[str]]]:
    """Yield rows and the line at which each ends; a path without quotes may hold commas."""
    if separator != ",":
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line.rstrip("\r\n").rsplit(separator, NUMBERS)
        return
    rows = csv.reader(file)
    try:
        for fields in rows:
            if any(map(str.strip, fields)):
                yield rows.line_num, fields
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}; correct this line") from error
