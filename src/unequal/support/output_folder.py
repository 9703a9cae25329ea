"""A folder that appears whole: made beside its place, then swapped in by one rename."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import logging
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Collection, Iterator

from unequal.support.errors import InputError

logger = logging.getLogger(__name__)
AT_FDCWD = -100
RENAME_EXCHANGE = 2
SET_FILES = frozenset(
    {"train.rec", "train.idx", "train.idx.old", "train.lst", "property", "identities.txt"}
    | {".train.ranges"}
)


@contextmanager
def new_folder(
    output: str | Path, overwrite: bool = False, ours: Collection[str] = SET_FILES
) -> Iterator[Path]:
    """A new, empty folder that takes the place of `output` when the block ends.

    An exception in the block removes it and leaves `output` as it was. A process that is killed
    leaves `output` as it was, too, and a folder `.NAME.*.partial` beside it that the next run for
    the same output removes.

    Args:
        output: where the folder goes. Missing parents are made.
        overwrite: whether an older folder is replaced; else `output` must be absent or empty.
        ours: what an older folder may hold, beside what the new one holds; it is removed.

    Raises:
        InputError: `output` is a file, is not empty, holds something else than `ours`, or cannot
            be written.
    """
    if not str(output):
        raise InputError("--output: is empty; name a folder")
    target = Path(output).resolve()
    _check_target(output, target, overwrite)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    lock = None
    try:
        with _write_errors(output, target.parent):
            partial.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(target)
            partial.mkdir()
            lock = _lock(partial)
        with _write_errors(output, partial, target):
            yield partial
            _check_target(output, target, overwrite)  # another run may have finished meanwhile
            refuse_strangers(output, {*ours, *os.listdir(partial)})
            _put_in_place(partial, target)
    finally:
        _remove(partial)
        if lock is not None:
            os.close(lock)


def refuse_input_as_output(output: str | Path, *inputs: str | Path) -> None:
    """Raises InputError where `output` is one of the inputs, inside one, or around one."""
    target = Path(output).resolve()
    for name in inputs:
        source = Path(name).resolve()
        if target == source or source in target.parents or target in source.parents:
            raise InputError(f"--output {output}: overlaps the input {name}; choose another")


def refuse_strangers(output: str | Path, known: Collection[str]) -> None:
    """Raises InputError where a folder that is to be replaced holds something that is not known."""
    target = Path(output)
    strangers = sorted(set(os.listdir(target)) - set(known)) if target.is_dir() else []
    if strangers:
        raise InputError(
            f"--output {output}: also holds {strangers[0]}, which would be lost; choose another "
            "folder or move that away"
        )


@contextmanager
def _write_errors(output: str | Path, *places: Path) -> Iterator[None]:
    """An error of the operating system about one of the places becomes one about --output."""
    try:
        yield
    except OSError as error:
        name = str(error.filename or places[0])
        if not name.startswith(tuple(map(str, places))):
            raise
        raise InputError(
            f"--output {output}: cannot be written ({error.strerror or error}); choose another"
        ) from error


def _check_target(output: str | Path, target: Path, overwrite: bool) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(f"--output {output}: is a file; name a folder")
    if os.listdir(target) and not overwrite:
        raise InputError(f"--output {output}: is not empty; choose another or add --overwrite")


def _put_in_place(partial: Path, target: Path) -> None:
    if not target.exists() or not os.listdir(target):
        os.replace(partial, target)  # an empty folder is replaced
    elif not _exchange(partial, target):
        older = partial.with_suffix(".older")
        os.replace(target, older)
        os.replace(partial, target)
        _remove(older)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders by one step of the kernel; False where it or the file system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(other))


def _lock(folder: Path) -> int:
    """Mark the folder as in use until this process ends, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_abandoned(target: Path) -> None:
    """Clear away what killed processes left of earlier tries; put an older folder back."""
    name = re.compile(rf"\.{re.escape(target.name)}\.\d+\.(partial|older)")
    for entry in [entry for entry in target.parent.iterdir() if name.fullmatch(entry.name)]:
        if entry.suffix == ".older" and not target.exists():
            os.replace(entry, target)
            continue
        try:
            os.close(_lock(entry))
        except BlockingIOError:
            continue  # another process is writing it
        _remove(entry)


def _remove(folder: Path) -> None:
    """Remove a folder and all below it, write-protected or not; what stays is told."""

    def unprotect(function: Callable, path: str, error: object) -> None:
        try:
            os.chmod(os.path.dirname(path), 0o700)
            function(path)
        except OSError as reason:
            logger.warning("%s: cannot be removed (%s); remove it yourself", path, reason.strerror)

    if folder.exists():
        shutil.rmtree(folder, onerror=unprotect)
