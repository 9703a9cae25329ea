"""Take a part of a set: identities by list, by their number of images, or a random sample.

OUTPUT is a set in InsightFace's layout with the images as they are, byte for byte, labelled from 0
in the old order, and mapping.csv: new label, old label, images and name of every identity. With
--keep-labels labels and number of classes stay, and there is no mapping.csv.

Without a filter, all readable records are taken. So a set with broken records, in im2rec's layout,
or with scattered images of an identity becomes a sound one. With --verify, images that cannot be
decoded are left out as well.

Filters apply in this order: lists, --min-images, --sample-identities, --max-images. Lists hold
labels, names of DATA_DIR/identities.txt, or whole lines of it, one a line. The verification sets
*.bin of DATA_DIR are copied. Broken records are left out and listed, with the reason, in
left_out.csv.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple, Sequence

from recordio_tools.subset_parts.filters import Filters, Scattered, check_filters, select, survey
from unequal.faces.decoding import BadImage, decode_rgb
from unequal.faces.identity_lists import MappedIdentity, read_names, write_mapping
from unequal.faces.left_out_table import LEFT_OUT_FILE, BrokenRecords, LeftOutTable
from unequal.faces.set_copy import SetCopy
from unequal.faces.set_reader import Face, FaceSetReader
from unequal.faces.set_writer import check_fits
from unequal.faces.summary_lines import broken_line, images_of, set_line
from unequal.faces.verification_bins import add_no_bins, carry_bins
from unequal.support.command_line import add_output, make_parser, progress, run
from unequal.support.output_folder import SET_FILES, new_folder, refuse_input_as_output

EXAMPLE = """\
  python -m recordio_tools.subset --data-dir MF2 --sample-identities 1000 --max-images 20 \\
      --output MF2_small"""
OUR_FILES = SET_FILES | {"mapping.csv", LEFT_OUT_FILE}


class SubsetSummary(NamedTuple):
    """What was written, of how much, how many verification sets, how many records were broken."""

    images: int
    identities: int
    of_images: int
    of_identities: int
    bins: int
    broken: int


def subset(
    data_dir: str | Path,
    output: str | Path,
    *,
    keep_labels: bool = False,
    verify: bool = False,
    overwrite: bool = False,
    bins: bool = True,
    **filters: Any,
) -> SubsetSummary:
    """Take a part of a set, as the module's docstring describes.

    Args:
        data_dir: the set.
        output: the folder to make; it appears when everything is written.
        keep_labels: leave labels and number of classes as they are.
        verify: leave out images that cannot be decoded.
        overwrite: replace an older set of this tool in `output`.
        bins: whether the *.bin files of `data_dir` are copied.
        **filters: the fields of `Filters`: what to take.

    Raises:
        InputError: the set or a list is not sound, a filter is out of bounds or leaves nothing or
            more than a set can hold, or `output` cannot be made.
    """
    wanted = Filters(**filters)
    check_filters(wanted)
    refuse_input_as_output(output, data_dir)
    source = FaceSetReader(data_dir)
    try:
        found = survey(source, wanted)
    except Scattered:
        source = FaceSetReader(data_dir, by_label=True)
        found = survey(source, wanted)
    names = read_names(data_dir)
    selection = select(data_dir, found, names, wanted)
    check_fits(output, selection.images, len(selection.labels))
    mapping: list[MappedIdentity] = []
    with new_folder(output, overwrite, OUR_FILES) as folder:
        with LeftOutTable(folder) as left_out, SetCopy(
            folder, source, not keep_labels, names, mapping
        ) as copy:
            broken = BrokenRecords(source.path, left_out.write)
            for face in progress(source.faces(broken), source.images):
                taken = selection.takes(face.key, face.label)
                if taken and not (verify and not _decodes(face, broken)):
                    copy.add_face(face)
            copy.keep_classes(found.images)
            broken.close()
        if not keep_labels:
            write_mapping(folder / "mapping.csv", mapping)
        carried = carry_bins(data_dir, folder) if bins else []
    total = sum(found.images.values())
    return SubsetSummary(
        copy.images, copy.identities, total, len(found.images), len(carried), broken.count
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status, see unequal.support.command_line.run."""
    return run(_parser(), _work, argv)


def _decodes(face: Face, broken: BrokenRecords) -> bool:
    try:
        decode_rgb(face.image)
    except BadImage as error:
        broken(face.key, str(error))
        return False
    return True


def _work(args: argparse.Namespace) -> None:
    summary = subset(**vars(args))
    print(set_line(args.output, summary.images, summary.identities, summary.bins))
    print(f"taken from {images_of(summary.of_images, summary.of_identities)}")
    if summary.broken:
        print(broken_line(summary.broken))


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("subset", __doc__, EXAMPLE)
    parser.add_argument("--data-dir", required=True, help="the set to take from")
    add_output(parser, "the set to make")
    listed = parser.add_mutually_exclusive_group()
    listed.add_argument("--keep-identities", help="take only the identities that this file lists")
    listed.add_argument("--drop-identities", help="leave those that this file lists")
    parser.add_argument("--min-images", type=int, help="take identities with at least this number")
    parser.add_argument(
        "--sample-identities", type=int, help="take this number of identities, at random"
    )
    parser.add_argument(
        "--max-images", type=int, help="take at most this number of each, at random"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="start of the random numbers (default %(default)s)"
    )
    parser.add_argument(
        "--keep-labels", action="store_true", help="leave labels and number of classes as they are"
    )
    parser.add_argument(
        "--verify", action="store_true", help="leave out images that cannot be decoded, too"
    )
    add_no_bins(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
