"""What a folder of aligned faces holds: the names of the faces, and two tables about the photos."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import IO, Iterable, Sequence

from recordio_tools.align_parts.align_photo import Photo
from unequal.faces.landmarks import COLUMNS, landmark_row
from unequal.faces.left_out_table import LeftOut
from unequal.support.errors import InputError

USED = "landmarks.csv"


def face_names(photos: Sequence[str], folders: Iterable[str] = ()) -> dict[str, str]:
    """Return the file name of each photo's face, '' where other faces take all it may have.

    Args:
        photos: names of the photos of one folder.
        folders: names of the folders in it.
    """
    names = {photo: photo for photo in photos if photo.endswith(".jpg")}
    taken = {*names, *folders}
    for photo in photos:
        if photo not in names:
            free = [name for name in _possible_names(photo) if name not in taken]
            names[photo] = free[0] if free else ""
            taken.add(names[photo])
    return names


def write_tables(
    folder: Path, done: Iterable[Photo], photos: str | Path
) -> tuple[int, dict[str, int]]:
    """Write landmarks.csv and left_out.csv.

    Args:
        folder: where they go.
        done: the photos, each with its landmarks or its problem.
        photos: the folder of photos, for the error.

    Returns:
        The number of faces, and the number of photos without one by reason.

    Raises:
        InputError: there is no face.
    """
    faces = 0
    with _table(folder / USED) as file, LeftOut(folder, always=True) as left_out:
        used = csv.writer(file, lineterminator="\n")
        used.writerow(COLUMNS)
        for photo in done:
            if photo.landmarks is None or photo.problem:
                left_out.add(photo.path, photo.problem)
            else:
                faces += 1
                used.writerow(landmark_row(photo.path, photo.landmarks))
    if not faces and left_out.first:
        path, reason = left_out.first
        raise InputError(
            f"`input` {photos}: none of the {sum(left_out.reasons.values())} photos gives a face; "
            f"the first, {path}: {reason}"
        )
    return faces, left_out.reasons


def _possible_names(photo: str) -> tuple[str, str]:
    """Return what the face of a photo may be called, the usual name first."""
    return os.path.splitext(photo)[0] + ".jpg", photo + ".jpg"


def _table(path: Path) -> IO[str]:
    # a path that is not UTF-8 comes out as it went in
    return path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
