"""One look at a face set: what is in it, and whether it is sound.

Shows layout, images, identities and how many images they have, formats and sizes. Tells broken
records and images, labels that are no classes, and a property, record 0, ranges or an index that do
not fit them. Reads train.rec from front to back, without needing its index.

Exit status: 0 the set is sound, 1 there are problems, 2 there is nothing to inspect.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any, Iterator, Sequence

from recordio_tools.inspect_set_parts.image_check import SAMPLED, ImageCheck, Place, look_at
from recordio_tools.inspect_set_parts.index_check import IndexCheck, repair_index
from recordio_tools.inspect_set_parts.label_check import LabelCheck
from recordio_tools.inspect_set_parts.record_walk import BLOCK, is_bare, walk
from recordio_tools.inspect_set_parts.set_report import Findings, text_lines, write_histogram
from unequal.faces.face_records import read_property
from unequal.support.command_line import add_processes, make_parser, processes_of, progress, run
from unequal.support.errors import InputError
from unequal.support.output_file import refuse_existing, write_file
from unequal.support.output_folder import SET_FILES
from unequal.support.process_pool import in_order

EXAMPLE = """\
  python -m recordio_tools.inspect_set --data-dir faces/head --verify --histogram head.png
  python -m recordio_tools.inspect_set --data-dir faces/head --repair"""


def inspect_set(
    data_dir: str | Path, verify: bool = False, processes: int = 0, repaired: bool = False
) -> dict[str, Any]:
    """Read the set `data_dir` from end to end and return what was found, as for --json.

    Args:
        data_dir: folder with train.rec and, if sound, train.idx and property.
        verify: decode all images, else some of them.
        processes: how many decode at the same time; 0 means one per usable core.
        repaired: whether --repair has already done what it can.

    Raises:
        InputError: there is no train.rec with any record in it.
        OSError: train.rec cannot be read.
    """
    folder = Path(data_dir)
    path = folder / "train.rec"
    if not path.is_file():
        raise InputError(f"{path}: is no file; give the folder of a face set")
    size = path.stat().st_size
    findings = Findings()
    says = None
    try:
        says = read_property(folder)
    except InputError as error:
        findings.note("property_unreadable", property_reason=str(error).partition(";")[0])
    index, labels = IndexCheck(folder, findings), LabelCheck(findings)
    images = ImageCheck(says, 0 if verify else size // SAMPLED + 1, findings)

    def places() -> Iterator[Place]:
        for rows, fault in progress(walk(path), -(-size // BLOCK), "megabyte", "train.rec"):
            if fault:
                index.take_broken(int(rows["offset"][0]), int(rows["end"][0]), fault)
                continue
            keys, full = index.keys_of(rows), ~is_bare(rows)
            labels.take(rows, keys)
            yield from images.take(rows[full], keys[full])

    workers = processes_of(processes) if verify else 1
    with in_order(partial(look_at, path), places(), workers) as looks:
        for place, look in looks:
            images.add(place, look)
    if not index.records:
        raise InputError(f"{path}: holds no RecordIO records; give the folder of a face set")
    index.tell()
    facts = {"set": str(folder), "bytes": size, "records": index.records, "verified": verify}
    facts["property"] = says and says._asdict()
    facts.update(labels.tell(says and says.num_classes, index), **images.tell())
    told = findings.told(repaired)
    return {"sound": not told["problems"], **facts, **told}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status, see unequal.support.command_line.run."""
    return run(_parser(), _work, argv)


def _work(args: argparse.Namespace) -> int:
    _check_places(args)
    if args.repair:
        print(repair_index(args.data_dir, inspect_set(args.data_dir)))
    found = inspect_set(args.data_dir, args.verify, args.processes, args.repair)
    print(*text_lines(found), sep="\n")
    if args.histogram:
        write_histogram(args.histogram, found)
    if args.json:
        text = json.dumps(found, indent=2) + "\n"
        write_file("json", args.json, lambda name: Path(name).write_text(text, encoding="utf-8"))
    return 0 if found["sound"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("inspect_set", __doc__, EXAMPLE)
    parser.add_argument("--data-dir", required=True, help="train.rec, train.idx and property")
    parser.add_argument("--verify", action="store_true", help="decode all images (default: 256)")
    parser.add_argument("--histogram", metavar="FILE.png", help="draw images per identity into it")
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
    held = {folder / name for name in SET_FILES}
    held |= {path.resolve() for path in folder.iterdir()} if folder.is_dir() else set()
    for parameter, name in (("histogram", args.histogram), ("json", args.json)):
        if name is None:
            continue
        if Path(name).resolve() in held:
            raise InputError(
                f"`{parameter}` {name}: is a file of the set or of `histogram`; choose another name"
            )
        refuse_existing(parameter, name, args.overwrite)
        held.add(Path(name).resolve())


if __name__ == "__main__":
    sys.exit(main())
