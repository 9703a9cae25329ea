"""One look at a face set: what is in it, and whether it is sound.

Shows layout, images, identities and how many images they have, formats and sizes. Tells broken
records, labels that are no classes or do not fit property, record 0, the identities' ranges or
train.lst, and an index that does not belong to the records. Reads train.rec from front to back,
without needing its index.

Exit status: 0 the set is sound, 1 there are problems, 2 there is nothing to inspect.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Iterator, Sequence

import numpy as np

from recordio_tools.inspect_set_parts.findings import Findings
from recordio_tools.inspect_set_parts.image_check import ImageCheck, Place, look_at
from recordio_tools.inspect_set_parts.image_histogram import write_histogram
from recordio_tools.inspect_set_parts.index_check import IndexCheck
from recordio_tools.inspect_set_parts.index_repair import repair_index
from recordio_tools.inspect_set_parts.label_check import LabelCheck, tell_list
from recordio_tools.inspect_set_parts.layout_check import LayoutCheck
from recordio_tools.inspect_set_parts.record_walk import GOOD, is_bare, walk
from recordio_tools.inspect_set_parts.set_report import HEAD_FROM, SetReport
from unequal.faces.face_records import Property, read_property
from unequal.support.command_line import add_processes, make_parser, processes_of, progress, run
from unequal.support.errors import InputError
from unequal.support.output_file import refuse_existing, write_file
from unequal.support.output_folder import SET_FILES
from unequal.support.process_pool import in_order

EXAMPLE = """\
  python -m recordio_tools.inspect_set --data-dir faces/head --verify --histogram head.png
  python -m recordio_tools.inspect_set --data-dir faces/head --repair"""
MEGABYTE = 1 << 20


def inspect_set(data_dir: str | Path, verify: bool = False, processes: int = 0) -> SetReport:
    """Read the set `data_dir` from end to end and return what was found.

    Args:
        data_dir: folder with train.rec and, if sound, train.idx and property.
        verify: decode all images, else some that are drawn by chance.
        processes: how many decode at the same time; 0 means one per usable core.

    Raises:
        InputError: there is no train.rec with any record in it.
        OSError: a file cannot be read.
    """
    folder = Path(data_dir)
    path = folder / "train.rec"
    size = _size(folder, path)
    found, reason = _property(folder)
    findings = Findings()
    if reason:
        findings.set("property_unreadable", property_reason=reason)
    report = SetReport(
        folder,
        found,
        size,
        verify,
        IndexCheck(folder, findings),
        LayoutCheck(findings),
        LabelCheck(findings),
        ImageCheck((found.height, found.width) if found else None, findings),
        findings,
    )
    workers = processes_of(processes) if verify else 1
    with in_order(partial(look_at, path), _images(report, path), workers) as looks:
        for look in looks:
            report.images.add(look)
    if not report.index.records:
        raise InputError(f"{path}: holds no RecordIO records; give the folder of a face set")
    if not verify:
        for place in report.images.sample():
            report.images.add(look_at(path, place))
    _tell(report)
    return report


def _images(report: SetReport, path: Path) -> Iterator[Place]:
    """Walk through the records, let all checks see them, and yield the images to be decoded."""
    blocks = progress(walk(path, MEGABYTE), -(-report.size // MEGABYTE), "megabyte", "train.rec")
    for rows in blocks:
        keys = report.index.keys_of(rows)
        bare = is_bare(rows)
        report.layout.take(rows[bare], keys[bare], report.rows + np.flatnonzero(bare))
        report.rows += len(rows)
        images = (rows["fault"] == GOOD) & ~bare
        rows, keys = rows[images], keys[images]
        report.layout.take_images(rows, keys)
        report.labels.take(rows, keys)
        places = report.images.take(rows, keys)
        if report.verified:
            yield from places


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status, see unequal.support.command_line.run."""
    return run(_parser(), _work, argv)


def _work(args: argparse.Namespace) -> int:
    _check_places(args)
    if args.repair:
        report = inspect_set(args.data_dir)
        written, message = repair_index(report)
        print(message)
        if written or args.verify:
            report = inspect_set(args.data_dir, args.verify, args.processes)
        report.findings.repaired = True
    else:
        report = inspect_set(args.data_dir, args.verify, args.processes)
    for line in report.lines():
        print(line)
    if args.histogram:
        title = f"{report.data_dir.resolve().name}: images per identity"
        write_histogram(args.histogram, report.bins, title, HEAD_FROM)
    if args.json:
        text = json.dumps(report.as_dict(), indent=2) + "\n"
        write_file("json", args.json, lambda name: Path(name).write_text(text, encoding="utf-8"))
    return 0 if report.sound else 1


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("inspect_set", __doc__, EXAMPLE)
    parser.add_argument(
        "--data-dir", required=True, help="the set: train.rec, train.idx and property"
    )
    parser.add_argument(
        "--verify", action="store_true", help="decode all images (default: 256 of them)"
    )
    parser.add_argument(
        "--histogram", metavar="FILE.png", help="draw the images per identity into this file"
    )
    parser.add_argument("--json", metavar="FILE", help="write all that is shown to this file, too")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the files of --histogram and --json"
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="make a lost or wrong train.idx anew; the old one is kept as train.idx.old",
    )
    add_processes(parser)
    return parser


def _check_places(args: argparse.Namespace) -> None:
    """Find out before the work whether its results can be written."""
    processes_of(args.processes)
    folder = Path(args.data_dir).resolve()
    held = {path.resolve() for path in folder.iterdir()} if folder.is_dir() else set()
    places: set[Path] = set()
    for parameter, name in (("histogram", args.histogram), ("json", args.json)):
        if name is None:
            continue
        place = Path(name).resolve()
        of_set = place.parent == folder and place.name in SET_FILES
        if of_set or place in held or (folder in place.parents and place.exists()):
            raise InputError(f"`{parameter}` {name}: is a file of the set; choose another name")
        refuse_existing(parameter, name, args.overwrite)
        if place in places:
            raise InputError(
                f"`{parameter}` {name}: is the file of `histogram`; choose another name"
            )
        places.add(place)


def _size(folder: Path, path: Path) -> int:
    if folder.is_file():
        raise InputError(f"{folder}: is a file; give the folder that holds train.rec")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; give the folder of a face set, which holds train.rec"
        ) from error
    if not size:
        raise InputError(f"{path}: is empty; copy or pack the set again")
    return size


def _property(folder: Path) -> tuple[Property | None, str]:
    """Return what the property file says, or why it cannot be used."""
    try:
        return read_property(folder), ""
    except InputError as error:
        return None, str(error).replace(f"{folder / 'property'}:", "property:").partition(";")[0]


def _tell(report: SetReport) -> None:
    """Let all checks add what shows after the last record."""
    findings, index = report.findings, report.index
    index.tell()
    report.labels.tell(report.property_file.num_classes if report.property_file else None)
    report.images.tell(report.property_file is not None)
    if not report.labels.count:
        findings.set("no_images")
    if index.keys_known:
        images = report.labels.keys.runs()
        report.layout.tell(images, index.all_known, index.lost_header)
        tell_list(findings, report.data_dir, images, index.all_known)


if __name__ == "__main__":
    sys.exit(main())
