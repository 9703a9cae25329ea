"""A folder that appears whole: made beside its place, then put there by a rename."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Collection, Iterator

from unequal.support.errors import InputError

logger = logging.getLogger(__name__)
MARKER = ".made-by-recordio_tools"
SET_FILES = frozenset(
    {"train.rec", "train.idx", "train.idx.old", "train.lst", "property", "identities.txt"}
    | {".train.ranges"}
)


@contextmanager
def new_folder(
    output: str | Path, overwrite: bool = False, ours: Collection[str] = SET_FILES, maker: str = ""
) -> Iterator[Path]:
    """Make a new, empty folder that takes the place of `output` when the block ends.

    An exception in the block removes it and leaves `output` as it was. A process that is killed
    leaves `output` as it was, or moved aside as `.NAME.*.older`, which the next run for the same
    output puts back; that run also removes the folder `.NAME.*.partial` of the killed one.

    Args:
        output: where the folder goes. Missing parents are made.
        overwrite: whether an older folder is replaced; else `output` must be absent or empty.
        ours: what an older folder may hold at its top, beside what the new one holds.
        maker: the tool's name, for one that makes files of any name: its folder gets the file
            MARKER, and only a folder whose MARKER tells this tool and all its files is replaced.

    Raises:
        InputError: `output` is a file, is not empty, holds something else, or cannot be written.
    """
    if not str(output):
        raise InputError("`output`: is empty; name a folder")
    target = Path(output).resolve()
    _check_target(output, target, overwrite, maker)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    older = partial.with_suffix(".older")
    lock = None
    try:
        with _write_errors(output, target.parent):
            partial.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(target)
            partial.mkdir()
            lock = _lock(partial)
        with _write_errors(output, partial, target):
            yield partial
            if maker:
                told = {
                    "tool": maker,
                    "entries": _entries(partial),
                    "top": sorted(os.listdir(partial)),
                }
                (partial / MARKER).write_text(json.dumps(told), encoding="ascii")
            _check_target(output, target, overwrite, maker)  # something may have come meanwhile
            if not maker:
                refuse_strangers(output, {*ours, *os.listdir(partial)})
            if target.exists():
                os.replace(target, older)
            os.replace(partial, target)
            _remove(older)
    finally:
        if older.exists() and not target.exists():
            os.replace(older, target)
        _remove(partial)
        if lock is not None:
            os.close(lock)


def refuse_input_as_output(output: str | Path, *inputs: str | Path) -> None:
    """Raise InputError where `output` is one of the inputs, inside one, or around one."""
    target = Path(output).resolve()
    for name in inputs:
        source = Path(name).resolve()
        if target == source or source in target.parents or target in source.parents:
            raise InputError(f"`output` {output}: overlaps the input {name}; choose another")


def refuse_strangers(output: str | Path, known: Collection[str]) -> None:
    """Raise InputError where a folder that is to be replaced holds something that is not known."""
    strangers = sorted(set(os.listdir(output)) - set(known)) if os.path.isdir(output) else []
    if strangers:
        raise InputError(
            f"`output` {output}: also holds {strangers[0]}, which would be lost; choose another "
            "folder or move that away"
        )


def _check_target(output: str | Path, target: Path, overwrite: bool, maker: str) -> None:
    if target.exists() and not target.is_dir():
        raise InputError(f"`output` {output}: is a file; name a folder")
    if not target.exists() or not os.listdir(target):
        return
    if not overwrite:
        raise InputError(f"`output` {output}: is not empty; choose another or add `overwrite`")
    if not maker:
        return
    try:
        told = json.loads((target / MARKER).read_text(encoding="ascii"))
        names, entries = {MARKER, *told["top"]} if told["tool"] == maker else set(), told["entries"]
    except (OSError, ValueError, TypeError, KeyError):
        names, entries = set(), 0
    refuse_strangers(output, names)
    more = _entries(target) - 1 - entries
    if more > 0:
        raise InputError(
            f"`output` {output}: holds {more} files and folders more than this tool wrote, which "
            "would be lost; choose another folder"
        )


def _entries(folder: Path) -> int:
    """Return the number of files and folders below a folder."""
    return sum(len(folders) + len(files) for _, folders, files in os.walk(folder))


@contextmanager
def _write_errors(output: str | Path, *places: Path) -> Iterator[None]:
    """Turn an error of the operating system about one of the places into one about `output`."""
    try:
        yield
    except OSError as error:
        name = str(error.filename or places[0])
        if not name.startswith(tuple(map(str, places))):
            raise
        raise InputError(
            f"`output` {output}: cannot be written ({error.strerror or error}); choose another"
        ) from error


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
    """Remove what killed processes left of earlier tries; put an older folder back."""
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
