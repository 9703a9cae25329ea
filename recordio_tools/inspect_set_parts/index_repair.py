"""A lost or wrong train.idx, made anew by a walk through train.rec."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path
from typing import Iterator, NamedTuple

import numpy as np

from recordio_tools.inspect_set_parts.record_walk import CUT_OFF, GOOD, is_bare, walk
from recordio_tools.inspect_set_parts.set_report import SetReport
from unequal.support.counted import counted
from unequal.support.files import replace_file
from unequal.support.output_file import write_file

Entries = Iterator["tuple[np.ndarray, np.ndarray]"]


class Numbering(NamedTuple):
    """How the keys of records are known: by their headers' ids, or by their places in the file."""

    by_id: bool
    images_only: bool
    first_identity: int = 0


class _Unchanged(Exception):
    """The index is what it would be made anew."""


def repair_index(report: SetReport) -> tuple[bool, str]:
    """Replace train.idx of a set where it is wrong.

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
    if not report.labels.count:
        return False, f"{index}: cannot be made anew, because train.rec holds no image to list"
    numbering = _numbering(report)
    if numbering is None:
        return False, (
            f"{index}: cannot be made anew, because several records have the same number in their "
            "headers and their places do not tell it either; take the .idx written with this .rec"
        )
    kept = ""
    records = 0

    def write(name: str) -> None:
        nonlocal kept, records
        with open(name, "w", encoding="ascii", newline="\n") as file:
            for keys, offsets in _entries(report, numbering):
                records += len(keys)
                pairs = zip(keys.tolist(), offsets.tolist())
                file.write("".join([f"{key}\t{offset}\n" for key, offset in pairs]))
        if index.exists():
            if filecmp.cmp(name, index, shallow=False):
                raise _Unchanged
            kept = f"; the old one is {_keep(index).name}"

    try:
        write_file("repair", index, write)
    except _Unchanged:
        return False, f"{index}: is already what can be made of train.rec; left as it is"
    how = (
        "the numbers in their headers" if report.index.ids_are_keys else "their places in the file"
    )
    message = f"{index}: made anew, {counted(records, 'record')} by {how}{kept}"
    if numbering.by_id and report.index.broken:
        stretches = counted(report.index.broken, "broken stretch", "broken stretches")
        message += f"; {stretches} of train.rec left out"
    if numbering.images_only and (report.layout.identities or report.index.lost_header):
        message += (
            "\nRecord 0, or some records that it counts, are lost: only images are listed, so that "
            "the set is read as one in im2rec's layout. Copy train.rec again if you can; python -m "
            "recordio_tools.subset writes a sound set from these images"
        )
    return True, message


def _numbering(report: SetReport) -> Numbering | None:
    """Return how the keys can be read from train.rec; None where they cannot."""
    header = report.layout.header_by_place
    if header is not None and header[1] == report.rows:
        numbering = Numbering(False, False, header[0])
        if _fits(report, numbering):
            return numbering
    ids = report.index.ids.runs()
    if not report.index.ids_are_keys and np.all(ids.starts == ids.starts[0]):
        return Numbering(False, True)
    if not report.index.ids_are_keys or len(ids.repeated()) or ids.starts[0] < 0:
        return None
    header = report.layout.header
    whole = header is not None and not len(ids.missing(0, header[1]).starts)
    return Numbering(True, not whole)


def _fits(report: SetReport, numbering: Numbering) -> bool:
    """Return whether no record is cut off and the places tell no key that a header contradicts."""
    blocks = walk(report.index.path.with_name("train.rec"))
    for rows, (keys, _) in zip(blocks, _entries(report, numbering)):
        wrong = (rows["fault"] == GOOD) & (rows["id"] != keys) & report.index.ids_are_keys
        if np.any(wrong | (rows["fault"] == CUT_OFF)):
            return False
    return True


def _entries(report: SetReport, numbering: Numbering) -> Entries:
    """Yield keys and offsets of the index, in the order of train.rec.

    By place, a broken stretch that stands for one record keeps that record's key, so that the
    other records keep theirs and a reader tells which one is broken.
    """
    place = 0
    first = numbering.first_identity
    for rows in walk(report.index.path.with_name("train.rec")):
        if numbering.images_only:
            rows = rows[(rows["fault"] == GOOD) & ~is_bare(rows)]
            if not place and len(rows):
                place = int(rows["flag"][0] > 0)  # readers take an array in record 0 for a header
        elif numbering.by_id:
            rows = rows[rows["fault"] == GOOD]
        keys = np.arange(place, place + len(rows))
        place += len(rows)
        if numbering.by_id:
            keys = rows["id"]
        elif not numbering.images_only:
            # face2rec2's order: the images from 1 on, record 0, the identity records
            keys = np.where(keys < first - 1, keys + 1, np.where(keys == first - 1, 0, keys))
        yield keys, rows["offset"]


def _keep(index: Path) -> Path:
    """Copy the index to a name that is free, and return that."""
    names = (index.with_name(f"{index.name}.old{number}") for number in ("", *range(2, 1000)))
    name = next(name for name in names if not name.exists())
    replace_file(name, lambda partial: shutil.copy2(index, partial))
    return name
