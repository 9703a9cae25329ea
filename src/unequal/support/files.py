"""Replace files as a whole, so that nobody sees half of one; read text line by line."""

from __future__ import annotations

import glob
import os
import tempfile
import time
from typing import Callable, Iterator

from unequal.support.errors import InputError

# another machine, whose processes are not seen from here, may be at work in the same folder
ABANDONED = 600.0  # seconds


def replace_file(path: str | os.PathLike, write: Callable[[str], object]) -> None:
    """Call ``write`` with a temporary name beside ``path``, then put that file in its place.

    What ``write`` and the operating system raise passes through; the temporary file is removed.
    """
    temporary = f"{os.fspath(path)}.{os.getpid()}.tmp"
    _remove_abandoned(os.fspath(path))
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def replace_or_refuse(
    path: str | os.PathLike,
    write: Callable[[str], object],
    fix: str = "",
    errors: tuple[type[Exception], ...] = (),
) -> None:
    """Replace a file as :func:`replace_file` does.

    Args:
        path: the file.
        write: gets the temporary name.
        fix: what the user can do, for the message.
        errors: what ``write`` raises where there is no room or permission, besides OSError.

    Raises:
        InputError: there is no room or permission.
    """
    refused: tuple[type[Exception], ...] = (OSError, *errors)
    try:
        replace_file(path, write)
    except refused as error:
        reason = getattr(error, "strerror", None) or "see its folder and the room on the disk"
        raise InputError(
            f"{path}: cannot be written ({reason})" + (f"; {fix}" if fix else "")
        ) from error


def _remove_abandoned(path: str) -> None:
    """Remove temporary files for ``path`` of processes that were killed some time ago."""
    for left in glob.glob(f"{glob.escape(path)}.*.tmp"):
        number = left[len(path) + 1 : -len(".tmp")]
        if not number.isdigit() or os.path.exists(f"/proc/{number}"):
            continue
        try:
            if time.time() - os.path.getmtime(left) > ABANDONED:
                os.remove(left)
        except OSError:  # another process was faster
            continue


def make_folder(folder: str, parameter: str) -> None:
    """Make ``folder`` and see that files can be written there.

    Raises:
        InputError: they cannot; it names ``parameter``.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"`{parameter}`: cannot write into {folder} ({error.strerror}); name another folder"
        ) from error


def numbered_lines(path: str | os.PathLike, what: str) -> Iterator[tuple[int, str]]:
    """Yield number, from 1, and text, without its end, of each line that is not empty.

    Bytes that are not UTF-8 come out as they went in (surrogateescape).

    Raises:
        InputError: ``what``, such as 'list', cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the name of the {what}") from error
