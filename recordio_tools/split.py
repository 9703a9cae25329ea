"""Split a set into the identities with many images and those with few.

OUTPUT then holds

  head/, tail/   two sets, each with labels from 0 in the old order; images stay byte for byte
  mapping.csv    set, new label, old label, images and name of every identity
  left_out.csv   record and reason of every record that cannot be read, where there are any

The head is the identities with at least --min-images images, or those that --identities lists:
labels, names of DATA_DIR/identities.txt, or whole lines of it, one a line. The verification sets
*.bin of DATA_DIR are copied into both.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from unequal.faces.identity_lists import (
    MappedIdentity,
    read_identity_list,
    read_names,
    write_mapping,
)
from unequal.faces.left_out_table import LEFT_OUT_FILE, BrokenRecords, LeftOutTable
from unequal.faces.set_copy import SetCopy
from unequal.faces.set_reader import FaceSetReader
from unequal.faces.set_writer import check_fits
from unequal.faces.summary_lines import broken_line, set_line
from unequal.faces.verification_bins import add_no_bins, carry_bins
from unequal.support.command_line import add_output, main_of, make_parser, progress
from unequal.support.errors import InputError
from unequal.support.output_folder import (
    SET_FILES,
    new_folder,
    refuse_input_as_output,
    refuse_strangers,
)

EXAMPLE = """\
  python -m recordio_tools.split --data-dir MF2 --min-images 10 --output MF2_pic9
  python train_softmax.py --data-dir MF2_pic9/head ..."""
MIN_IMAGES = 10
PARTS = ("head", "tail")
OUR_FILES = {*PARTS, "mapping.csv", LEFT_OUT_FILE}


class Half(NamedTuple):
    """One of the two sets: its folder, and how many identities and images it has."""

    folder: Path
    identities: int
    images: int


class SplitSummary(NamedTuple):
    """The two sets, how many verification sets each has, and how many records were broken."""

    head: Half
    tail: Half
    bins: int
    broken: int


def split_set(
    data_dir: str | Path,
    output: str | Path,
    *,
    min_images: int | None = None,
    identities: str | Path | None = None,
    overwrite: bool = False,
    bins: bool = True,
) -> SplitSummary:
    """Split a set as the module's docstring describes.

    Args:
        data_dir: the set.
        output: the folder to make; it appears when everything is written.
        min_images: identities with at least this number of images are the head (10, without
            `identities`).
        identities: a file that lists the head.
        overwrite: replace an older split in `output`.
        bins: whether the *.bin files of `data_dir` are copied into both sets.

    Raises:
        InputError: the set or the list is not sound, one of the two sets would be empty or larger
            than a set can be, or `output` cannot be made.
    """
    if min_images is not None and identities is not None:
        raise InputError("`min_images`, `identities`: give one of the two")
    refuse_input_as_output(output, data_dir)
    source = FaceSetReader(data_dir)
    names = read_names(data_dir)
    pairs = progress(source.labels(lambda key, reason: None), source.images, "label")
    counts = Counter(label for _, label in pairs)
    if identities is None:
        head = _with_many_images(counts, MIN_IMAGES if min_images is None else min_images)
    else:
        head = read_identity_list(identities, data_dir, counts, names)
        if len(head) == len(counts):
            raise InputError(
                f"`identities` {identities}: lists all identities, so the tail would "
                "be empty; list some of them"
            )
    for part, labels in zip(PARTS, (head, counts.keys() - head)):
        check_fits(Path(output) / part, sum(counts[label] for label in labels), len(labels))
    with new_folder(output, overwrite, OUR_FILES) as folder:
        with LeftOutTable(folder) as left_out:
            broken = BrokenRecords(source.path, left_out.write)
            copies = _write(source, folder, head, names, broken)
        for part in PARTS:
            carried = carry_bins(data_dir, folder / part) if bins else []
            known = {*SET_FILES, *os.listdir(folder / part)}
            refuse_strangers(Path(output) / part, known)
    head_part, tail_part = (
        Half(Path(output) / part, copy.identities, copy.images) for part, copy in zip(PARTS, copies)
    )
    return SplitSummary(head_part, tail_part, len(carried), broken.count)


def _with_many_images(counts: dict[int, int], min_images: int) -> set[int]:
    if min_images < 1:
        raise InputError(f"`min_images` {min_images}: give a number above 0")
    head = {label for label, count in counts.items() if count >= min_images}
    if counts and len(head) in (0, len(counts)):
        empty, better = ("tail", "higher") if head else ("head", "lower")
        raise InputError(
            f"`min_images` {min_images}: the {empty} would be empty, because the identities have "
            f"{min(counts.values())} to {max(counts.values())} images; give a {better} number"
        )
    return head


def _write(
    source: FaceSetReader,
    folder: Path,
    head: set[int],
    names: dict[int, str],
    broken: BrokenRecords,
) -> list[SetCopy]:
    """Write both sets in one pass over the images, and the mapping."""
    mapping: list[MappedIdentity] = []

    def copy_to(part: str) -> SetCopy:
        (folder / part).mkdir()
        return SetCopy(folder / part, source, True, names, mapping, part)

    with copy_to("head") as many, copy_to("tail") as few:
        for face in progress(source.faces(broken), source.images):
            copy, other = (many, few) if face.label in head else (few, many)
            other.end_identity()
            copy.add_face(face)
    write_mapping(folder / "mapping.csv", mapping)
    broken.close()
    return [many, few]


def _work(args: argparse.Namespace) -> None:
    summary = split_set(**vars(args))
    for part in (summary.head, summary.tail):
        print(set_line(part.folder, part.images, part.identities, summary.bins))
    if summary.broken:
        print(broken_line(summary.broken))


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("split", __doc__, EXAMPLE)
    parser.add_argument("--data-dir", required=True, help="the set to split")
    add_output(parser, "folder to make")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--min-images",
        type=int,
        help=f"head: identities with at least this number (default {MIN_IMAGES})",
    )
    choice.add_argument("--identities", help="head: the identities that this file lists")
    add_no_bins(parser)
    return parser


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
