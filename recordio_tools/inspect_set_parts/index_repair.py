"""A lost or wrong train.idx, made anew from train.rec."""

from __future__ import annotations

import filecmp
import os
import shutil
from itertools import count
from pathlib import Path
from typing import Iterator, NamedTuple

import numpy as np

from recordio_tools.inspect_set_parts.key_runs import KeyRuns
from recordio_tools.inspect_set_parts.layout_check import is_bare, is_range
from recordio_tools.inspect_set_parts.lost_keys import UNKNOWN, Stretch, share_out
from recordio_tools.inspect_set_parts.record_rows import CUT_OFF, GOOD, NO_START
from recordio_tools.inspect_set_parts.record_scan import scan
from recordio_tools.inspect_set_parts.set_report import SetReport
from unequal.faces.record_format import LABEL_HEADER, PART_HEADER
from unequal.support.counted import counted
from unequal.support.files import replace_file
from unequal.support.output_file import write_file

STRANGE_ONE_IN = 10  # so many numbers in headers may be damaged
SMALLEST = PART_HEADER.size + LABEL_HEADER.size
Entries = Iterator["tuple[np.ndarray, np.ndarray]"]


class Numbering(NamedTuple):
    """How the keys of records are known: by their headers' ids, or by their places in the file.

    `header` is the label of record 0, (first identity record, last + 1); None where only the
    images are to be listed.
    """

    by_id: bool
    header: tuple[int, int] | None


class _Unchanged(Exception):
    """The index is what it would be made anew."""


def repair_index(report: SetReport) -> tuple[bool, str]:
    """Replaces train.idx of a set where it is wrong.

    The old file is kept as train.idx.old (.old2, ... where there is one already).

    Args:
        report: what inspect_set has found.

    Returns:
        Whether the file was written, and in one line what was done, or why nothing could be.

    Raises:
        InputError: the index cannot be written.
        OSError: train.rec cannot be read.
    """
    index = report.index.path
    if not any(kind.startswith("index_") or kind == "header_lost" for kind in report.kinds):
        return False, f"{index}: is right; left as it is"
    numbering = _numbering(report)
    if not report.labels.count:
        return False, f"{index}: cannot be made anew, for train.rec holds no image to list"
    if numbering is None:
        return False, (
            f"{index}: cannot be made anew, for several records have the same number in their "
            "header and their places do not tell it either; take the .idx written with this .rec"
        )
    told, lost = [], report.index.lost_header or len(report.layout.bare) > 0
    if numbering.header is not None:
        keys = KeyRuns()
        for block, _ in _entries(report, numbering):
            keys.add(block)
        _, stop = numbering.header
        lost = keys.missing(0, stop)[0] > 0 or not keys.unique
        if lost:
            numbering = numbering._replace(header=None)
    entries = KeyRuns()

    def write(name: str) -> None:
        with open(name, "w", encoding="ascii", newline="\n") as file:
            for keys, offsets in _entries(report, numbering):
                entries.add(keys)
                pairs = zip(keys.tolist(), offsets.tolist())
                file.write("".join([f"{key}\t{offset}\n" for key, offset in pairs]))
        if index.exists():
            if filecmp.cmp(name, index, shallow=False):
                raise _Unchanged
            told.append(f"; the old one is {_keep(index).name}")

    try:
        write_file("--repair", index, write)
    except _Unchanged:
        return False, f"{index}: is already what can be made of train.rec; left as it is"
    how = "the numbers in their headers" if numbering.by_id else "their places in the file"
    message = f"{index}: made anew, {counted(entries.count, 'record')} by {how}{''.join(told)}"
    if numbering.header is None and report.index.broken:
        stretches = counted(report.index.broken, "broken stretch", "broken stretches")
        message += f"; {stretches} of train.rec left out"
    if lost:
        message += (
            "\nRecord 0, or some that it counts, are lost and cannot be mended: only images are "
            "listed, so that the set is read as one in im2rec's layout. Copy train.rec again if "
            "you can; python -m recordio_tools.subset writes a sound set from these images"
        )
    return True, message


def _numbering(report: SetReport) -> Numbering | None:
    """The only way to read the keys from train.rec; None where there is none."""
    ids, header = report.index.ids, report.layout.header
    if report.index.ids_are_keys and not ids.same and ids.unique:
        if header is not None and header[1] * SMALLEST > report.size:
            header = None
        if header is None:
            fits = ids.range()[0] >= 0
        else:
            missing, _ = ids.missing(0, header[1])
            strange = ids.count + missing - header[1]
            fits = strange <= min(missing, ids.count // STRANGE_ONE_IN)
        if fits:
            return Numbering(True, header)
    bare, places = report.layout.bare, report.layout.places
    first, stop = bare["label"], bare["second"]
    fits = np.flatnonzero((first == places + 1) & (stop - first == report.rows - places - 1))
    if len(fits) == 1:
        return Numbering(False, (int(first[fits[0]]), int(stop[fits[0]])))
    return Numbering(False, None) if ids.same else None


def _entries(report: SetReport, numbering: Numbering) -> Entries:
    """Keys and offsets of the index, in the order of train.rec, by reading that again."""
    blocks = scan(report.index.path.with_name("train.rec"))
    if numbering.header is None:
        return _images(blocks, numbering.by_id)
    if numbering.by_id:
        return _by_id(blocks, *numbering.header)
    return _by_place(blocks, numbering.header[0])


def _images(blocks: Iterator[np.ndarray], by_id: bool) -> Entries:
    following = None
    for rows in blocks:
        rows = rows[(rows["fault"] == GOOD) & ~(is_bare(rows) & is_range(rows))]
        if following is None and len(rows):
            # readers take a record 0 with an array of labels for the header
            following = int(rows["flag"][0] > 0)
        keys = rows["id"] if by_id else np.arange(len(rows)) + (following or 0)
        yield keys, rows["offset"]
        following = None if following is None else following + len(rows)


def _by_place(blocks: Iterator[np.ndarray], first_identity: int) -> Entries:
    """Every row counts: a broken record keeps its key, so that tools can pass over it."""
    start = 0
    for rows in blocks:
        yield _key_at(np.arange(start, start + len(rows)), first_identity), rows["offset"]
        start += len(rows)


def _by_id(blocks: Iterator[np.ndarray], first_identity: int, stop: int) -> Entries:
    """Broken records get the keys that are missing between their neighbours'."""
    broken: list[Stretch] = []
    following = 0

    def fill(until: int) -> Iterator[tuple[int, int]]:
        for place, offset in share_out(following, until, broken):
            yield int(_key_at(np.array(place), first_identity)), offset
        broken.clear()

    for rows in blocks:
        ids = rows["id"]
        places = np.where(ids < first_identity, ids - 1, ids)
        places[ids == 0] = first_identity - 1
        good = (rows["fault"] == GOOD) & (ids >= 0) & (ids < stop)
        if not broken and good.all():
            yield ids, rows["offset"]
            following = int(places[-1]) + 1
            continue
        entries: list[tuple[int, int]] = []
        for row, place, sure in zip(rows, places.tolist(), good.tolist()):
            if sure:
                entries += [*fill(place), (int(row["id"]), int(row["offset"]))]
                following = place + 1
            elif row["fault"] != CUT_OFF:
                known = place if 0 <= row["id"] < stop else UNKNOWN
                header = None if row["fault"] == NO_START else known
                broken.append(Stretch(int(row["offset"]), int(row["end"]), header))
        yield _columns(entries)
    yield _columns(list(fill(stop)))


def _key_at(places: np.ndarray, first_identity: int) -> np.ndarray:
    """The keys at these places of a file in face2rec2's order: images, record 0, identities."""
    images = places < first_identity - 1
    return np.where(images, places + 1, np.where(places == first_identity - 1, 0, places))


def _columns(entries: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(entries, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _keep(index: Path) -> Path:
    """Give the file a second name, one that is free."""
    for number in count(1):
        name = index.with_name(f"{index.name}.old{number if number > 1 else ''}")
        try:
            os.link(index, name)
        except FileExistsError:
            continue
        except OSError:  # the file system has no second names
            if name.exists():
                continue
            replace_file(name, lambda partial: shutil.copy2(index, partial))
        return name
    raise AssertionError
