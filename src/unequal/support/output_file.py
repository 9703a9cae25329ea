"""A single file that a tool writes: what stands in its way is told in terms of its parameter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

from unequal.support.errors import InputError
from unequal.support.files import replace_file


def refuse_existing(parameter: str, path: str | os.PathLike, overwrite: bool) -> None:
    """Raise InputError where a new file cannot go to `path`; nothing is made or changed.

    Args:
        parameter: the name of the parameter that `path` was given as, such as 'json'.
        path: where the file is to go.
        overwrite: whether an older file there may be replaced.

    Raises:
        InputError: `path` is empty, a folder, a file (without `overwrite`; also a link, whatever
            it points to), in no folder, or in one where nothing can be written.
    """
    name = os.fspath(path)
    given = f"`{parameter}` {name}:"
    if not name:
        raise InputError(f"`{parameter}`: is empty; name a file")
    if os.path.isdir(name) or name.endswith(os.sep):
        raise InputError(f"{given} is a folder; name a file")
    if os.path.lexists(name):
        if not overwrite:
            raise InputError(f"{given} exists; choose another name or add `overwrite`")
        if os.path.exists(name) and not os.path.isfile(name):
            raise InputError(f"{given} is no ordinary file; choose another name")
    folder = Path(name).parent
    if not os.path.isdir(folder):
        raise InputError(f"{given} there is no folder {folder}; make it or choose another")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{given} nothing can be written there; choose another folder")


def write_file(parameter: str, path: str | os.PathLike, write: Callable[[str], object]) -> None:
    """Replace a file as a whole; errors name the parameter and `path`, not a temporary file.

    Args:
        parameter: the name of the parameter that `path` was given as.
        path: the file.
        write: writes the file of the name that it is given.

    Raises:
        InputError: `path` cannot be written.
        OSError: `write` raised it about another file.
    """
    try:
        replace_file(path, write)
    except OSError as error:
        if error.filename and not str(error.filename).startswith(os.fspath(path)):
            raise
        raise InputError(
            f"`{parameter}` {os.fspath(path)}: cannot be written ({error.strerror or error}); make "
            "room, or see that its folder can be written"
        ) from error
