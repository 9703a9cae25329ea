"""Walk through a folder per identity, in the order of names, one folder at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator, NamedTuple

from unequal.support.errors import InputError

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
)


class IdentityFolder(NamedTuple):
    """One folder: its path from the top one, with `/`, and the names of what it holds, sorted."""

    name: str
    images: list[str]
    folders: list[str]
    other_files: int


def identity_folders(top: str | Path, images_at_top: bool = False) -> Iterator[IdentityFolder]:
    """Yield the folders below `top`, each before those in it, in the order of their names.

    An image is known by its suffix. Hidden files and folders are passed over; links are followed.
    With `images_at_top` the first folder is `top` itself, with the name ''.

    Raises:
        InputError: `top` is no folder or (without `images_at_top`) holds images itself, a folder
            cannot be read, or a link leads to a folder around it.
    """
    if not os.path.isdir(top):
        raise InputError(f"{top}: is no folder; name one that holds a folder per identity")
    waiting: list[tuple[str, tuple[tuple[int, int], ...]]] = [("", ())]
    while waiting:
        name, around = waiting.pop()
        path = os.path.join(top, name)
        try:
            status = os.stat(path)
            found = _read_folder(name, path)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; make it readable") from error
        place = (status.st_dev, status.st_ino)
        if place in around:
            raise InputError(f"{path}: is a link to a folder around it; remove the link")
        if name or images_at_top:
            yield found
        elif found.images:
            raise InputError(
                f"{os.path.join(top, found.images[0])}: belongs to no identity; put the images of "
                f"each identity into a folder of their own below {top}"
            )
        prefix = f"{name}/" if name else ""
        waiting += [(prefix + folder, (*around, place)) for folder in reversed(found.folders)]


def _read_folder(name: str, path: str) -> IdentityFolder:
    images, folders, others = [], [], 0
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                folders.append(entry.name)
            elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:
                images.append(entry.name)
            else:
                others += 1
    return IdentityFolder(name, sorted(images), sorted(folders), others)
