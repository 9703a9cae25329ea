"""Images that a published noise list names, found among the names of a set (MegaFace, FaceScrub).

A line names one image: 'id/file.jpg', the file alone, or either without its suffix. Of several
columns (tabs between them) the last one counts. Empty lines and lines that start with # do not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable, NamedTuple

import numpy as np

from unequal.support.errors import InputError
from unequal.support.files import numbered_lines

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff"})


class NoiseFound(NamedTuple):
    """What a noise list has found among names."""

    keep: np.ndarray  # bool, one for each name
    entries: int  # the number of images listed
    unmatched: int  # the number of those that fit no name

    @property
    def removed(self) -> int:
        """The number of names that are not kept."""
        return int(np.count_nonzero(~self.keep))


def read_noise_names(path: str | Path) -> list[str]:
    """Return the images that a noise list names, each once.

    Raises:
        InputError: it names none.
    """
    entries = [
        _bare(line.split("\t")[-1])
        for _, line in numbered_lines(path, "noise list")
        if not line.lstrip().startswith("#")
    ]
    if not entries:
        raise InputError(f"{path}: names no image: give one 'id/file.jpg' a line")
    return list(dict.fromkeys(entries))


def without_noise(names: Iterable[str], noise: Iterable[str], path: str | Path) -> NoiseFound:
    """Find the names that no entry of a noise list fits; upper and lower case are different.

    An entry fits a name that ends in it, folder by folder, whatever the suffixes.

    Raises:
        InputError: an entry of the list `path` fits several names, so it is not clear which one
            is meant.
    """
    entries = list(noise)
    by_file: dict[str, list[str]] = {}
    for entry in entries:
        by_file.setdefault(entry.rpartition("/")[2], []).append(entry)
    fits: dict[str, str] = {}
    keep = []
    for name in names:
        bare = _bare(name)
        found = [
            entry
            for entry in by_file.get(bare.rpartition("/")[2], ())
            if bare == entry or bare.endswith("/" + entry)
        ]
        for entry in found:
            if entry in fits:
                raise InputError(
                    f"{path}: '{entry}' fits {fits[entry]} and {name}: give it with its folder"
                )
            fits[entry] = name
        keep.append(not found)
    return NoiseFound(np.array(keep, bool), len(entries), len(entries) - len(fits))


def _bare(name: str) -> str:
    name = name.strip().replace("\\", "/")
    while name.startswith("./"):
        name = name[2:]
    stem, suffix = os.path.splitext(name.lstrip("/"))
    return stem if suffix.lower() in SUFFIXES else stem + suffix
