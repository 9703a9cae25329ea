"""What a set is packed from: a folder per identity or a list, read once and sorted by label."""

from __future__ import annotations

import logging
from array import array
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import numpy as np

from recordio_tools.list_images import list_images, warn_of_missing
from unequal.faces.image_list import ListedFace, parse_line
from unequal.faces.set_writer import LARGEST_KEY
from unequal.support.errors import InputError
from unequal.support.path_key import path_key

LARGEST_LABEL = 2**24
SMALL_BUFFER = 1 << 10
logger = logging.getLogger(__name__)


@contextmanager
def images_to_pack(
    source: str | Path, scratch: Path, num_classes: int | None
) -> Iterator[LabelOrder]:
    """Give the images of a folder or of a list, and log what is unusual about them.

    Args:
        source: a folder that holds a folder of images per identity, or a list of images.
        scratch: folder for a list that is removed again.
        num_classes: labels must be below it; None for no bound.

    Raises:
        InputError: there is no image, a line cannot be understood, or a label or the number of
            images is beyond the bound or beyond what records hold.
    """
    is_folder = Path(source).is_dir()
    listed = scratch / ".images.lst" if is_folder else Path(source)
    if is_folder:
        warn_of_missing(source, list_images(source, listed))
    try:
        faces = LabelOrder(listed)
        if not is_folder and not faces.ascending:
            logger.warning("%s: is not in the order of its labels; the set will be", source)
        if not is_folder and faces.repeated:
            path, count = faces.repeated_path, faces.repeated
            logger.warning("%s: lines that name a path again: %d (%r); kept", source, count, path)
        if not faces.images:
            raise InputError(f"{source}: lists no image; check the name of the list")
        if faces.images + faces.identities > LARGEST_KEY:
            raise InputError(
                f"{source}: {faces.images} images of {faces.identities} identities are more than "
                f"the {LARGEST_KEY} records that the layout can address; make several sets"
            )
        if num_classes is not None and num_classes <= faces.largest_label:
            raise InputError(
                f"`num_classes` {num_classes}: {source} has label {faces.largest_label}; give at "
                f"least {faces.largest_label + 1}"
            )
        yield faces
    finally:
        if is_folder:
            listed.unlink()


class LabelOrder:
    """The images of a list by ascending label; those of a label stay in the order of the list.

    The list itself stays on the disk. 8 bytes a line are held while it is checked. Where its labels
    are not in ascending order, 8 bytes stay, and up to 32 are held while it is sorted.

    Attributes:
        images: how many lines the list has, empty ones not counted.
        identities: how many different labels.
        largest_label: the largest of them, -1 for an empty list.
        ascending: whether the list is in the order of its labels.
        repeated: how many lines name a path that an earlier line names.
        repeated_path: the first such path, '' where there is none.

    Raises:
        InputError: as read_list, at once; or a record cannot hold a label.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.images = self.identities = self.repeated = 0
        self.largest_label = -1
        self.ascending = True
        self.repeated_path = ""
        self._look_through()
        if not self.ascending:
            self._sort()

    def __iter__(self) -> Iterator[ListedFace]:
        if self.ascending:
            yield from (face for _, _, face in self._lines())
            return
        with self.path.open("rb", SMALL_BUFFER) as file:
            for offset in self._offsets:
                file.seek(offset)
                yield parse_line(self.path, 0, _text(file.readline()))

    def _look_through(self) -> None:
        keys = array("Q")
        last = -1
        for number, _, face in self._lines():
            if face.label > LARGEST_LABEL:
                shown = str(face.label)[:20]
                raise InputError(
                    f"{self.path}, line {number}: label {shown} is beyond {LARGEST_LABEL}, the "
                    "largest that a record holds; number the identities from 0"
                )
            self.ascending &= face.label >= last
            self.identities += face.label != last
            self.largest_label = max(face.label, self.largest_label)
            last = face.label
            keys.append(path_key(face.path))
            self.images += 1
        if keys:
            self._find_repeated(np.frombuffer(keys, np.uint64))

    def _find_repeated(self, keys: np.ndarray) -> None:
        keys.sort()
        repeated = keys[1:][keys[1:] == keys[:-1]]
        self.repeated = len(repeated)
        if self.repeated:
            paths = (face.path for _, _, face in self._lines())
            self.repeated_path = next(path for path in paths if _holds(repeated, path_key(path)))

    def _sort(self) -> None:
        offsets, labels = array("q"), array("i")
        for _, offset, face in self._lines():
            offsets.append(offset)
            labels.append(face.label)
        self.identities = len(np.unique(labels))
        order = np.argsort(labels, kind="stable")
        self._offsets = np.frombuffer(offsets, np.int64)[order]

    def _lines(self) -> Iterator[tuple[int, int, ListedFace]]:
        """Yield number from 1, position in bytes and content of each line that is not empty."""
        try:
            with self.path.open("rb") as file:
                offset = 0
                for number, line in enumerate(file, start=1):
                    text = _text(line)
                    if text.strip():
                        yield number, offset, parse_line(self.path, number, text)
                    offset += len(line)
        except OSError as error:
            raise InputError(
                f"{self.path}: {error.strerror}; check the name of the list"
            ) from error


def _holds(ascending: np.ndarray, key: int) -> bool:
    place = int(np.searchsorted(ascending, np.uint64(key)))
    return place < len(ascending) and int(ascending[place]) == key


def _text(line: bytes) -> str:
    # a path that is not UTF-8 comes out as it went in
    return line.decode("utf-8", "surrogateescape")
