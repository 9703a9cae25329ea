"""A single file that a tool writes: what stands in its way, told in terms of its flag."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

from unequal.support.errors import InputError
from unequal.support.files import replace_file


def refuse_existing(flag: str, path: str | os.PathLike, overwrite: bool) -> None:
    """Raises InputError, which names the flag, where a new file cannot go to `path`.

    That is where `path` is empty, a folder, a file (without `overwrite`; also a link, whatever it
    points to), in no folder, or in one where nothing can be written. Nothing is made or changed.

    Args:
        flag: the flag that `path` was given with, such as '--json'.
        path: where the file is to go.
        overwrite: whether an older file there may be replaced.
    """
    name = os.fspath(path)
    if not name:
        raise InputError(f"{flag}: is empty; name a file")
    if os.path.isdir(name) or name.endswith(os.sep):
        raise InputError(f"{flag} {name}: is a folder; name a file")
    if os.path.lexists(name):
        if not overwrite:
            raise InputError(f"{flag} {name}: exists; choose another name or add --overwrite")
        if os.path.exists(name) and not os.path.isfile(name):
            raise InputError(f"{flag} {name}: is no ordinary file; choose another name")
    folder = Path(name).parent
    if not os.path.isdir(folder):
        raise InputError(f"{flag} {name}: there is no folder {folder}; make it or choose another")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{flag} {name}: nothing can be written there; choose another folder")


def write_file(flag: str, path: str | os.PathLike, write: Callable[[str], object]) -> None:
    """replace_file, whose errors name the flag and `path`, not a temporary name.

    Raises InputError where `path` cannot be written. Errors about other files pass through.
    """
    try:
        replace_file(path, write)
    except OSError as error:
        if error.filename and not str(error.filename).startswith(os.fspath(path)):
            raise
        raise InputError(
            f"{flag} {os.fspath(path)}: cannot be written ({error.strerror or error}); make room, "
            "or see that its folder can be written"
        ) from error
