"""A folder of folders that is replaced only where it holds what the tool wrote, at any depth."""

from __future__ import annotations

import os
from array import array
from contextlib import contextmanager
from pathlib import Path
from typing import Iterable, Iterator, Sequence

import numpy as np

from unequal.support.errors import InputError
from unequal.support.output_folder import new_folder
from unequal.support.path_key import path_key


@contextmanager
def new_tree(
    output: str | Path, overwrite: bool, listed: Iterable[Sequence[str]]
) -> Iterator[Path]:
    """As new_folder, for a tool that notes in its folder which files it wrote.

    What lies in an older folder is looked at before the work and once more after it. For each
    listed file some ten bytes are held, and its name where it lies at the top.

    Args:
        output: where the folder goes.
        overwrite: whether an older folder is replaced.
        listed: each file of the older folder by its own account, as the paths from there of which
            it has one; nothing where `output` is no folder of the tool. Asked for only to
            overwrite.

    Raises:
        InputError: as new_folder; an older folder holds a file that is not listed.
    """
    older = _OlderFiles(listed if overwrite else ())
    if overwrite:
        older.refuse_others(output)
    with new_folder(output, overwrite, older.at_top) as folder:
        yield folder
        if overwrite:
            older.refuse_others(output)


class _OlderFiles:
    """The files that a folder holds by its own account; `at_top` are names in the folder itself."""

    def __init__(self, listed: Iterable[Sequence[str]]) -> None:
        self.at_top: set[str] = set()
        self._count = 0
        keys = array("Q")
        for paths in listed:
            self._count += 1
            keys.extend(map(path_key, paths))
            self.at_top.update(path.partition("/")[0] for path in paths)
        self._keys = np.array(keys, np.uint64)
        self._keys.sort()

    def refuse_others(self, folder: str | Path) -> None:
        """Raises InputError where the folder holds other files, or more than are listed."""
        found = 0
        for paths in _files(folder):
            known = self._are_known(paths)
            if not all(known):
                stranger = paths[int(np.argmin(known))]
                raise InputError(
                    f"--output {folder}: also holds {stranger}, which this tool did not write and "
                    "which would be lost; choose another folder or move that away"
                )
            found += len(paths)
        if found > self._count:
            raise InputError(
                f"--output {folder}: holds {found - self._count} files more than this tool wrote, "
                "which would be lost; choose another folder"
            )

    def _are_known(self, paths: Sequence[str]) -> np.ndarray:
        if not len(self._keys):
            return np.zeros(len(paths), bool)
        keys = np.array([path_key(path) for path in paths], np.uint64)
        places = np.searchsorted(self._keys, keys)
        return self._keys[np.minimum(places, len(self._keys) - 1)] == keys


def _files(top: str | Path) -> Iterator[list[str]]:
    """The files of each folder below `top`, as paths from there; nothing where there is none.

    A link to a folder counts as a file. Raises OSError for a folder that cannot be read.
    """
    if not os.path.isdir(top):
        return
    for here, folders, files in os.walk(top, onerror=_raise):
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(here, name))]
        prefix = "" if here == os.fspath(top) else os.path.relpath(here, top) + "/"
        yield [prefix + name for name in sorted(files + links)]


def _raise(error: OSError) -> None:
    raise error
