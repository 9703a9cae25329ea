"""Writes the images of a verification set, NAME.bin, as files again.

OUTPUT then holds

  images/     pair p is 0000p_1.jpg and 0000p_2.jpg (.png and so on, as the images are), unchanged
  pairs.csv   path1,path2,issame of each pair, in order
  .made-by-recordio_tools    by which --overwrite knows a folder of this tool

python -m recordio_tools.pack_pairs --pairs OUTPUT/pairs.csv --images OUTPUT makes the set again.
"""

from __future__ import annotations

import argparse
import csv
import logging
import sys
from pathlib import Path
from typing import NamedTuple

from eval.verification_parts.verification_set import read_pairs
from recordio_tools.pack_pairs_parts.pair_list import COLUMNS
from unequal.faces.image_format import image_format
from unequal.support.command_line import add_output, main_of, make_parser, progress
from unequal.support.errors import InputError
from unequal.support.output_folder import new_folder, refuse_input_as_output

EXAMPLE = "  python -m recordio_tools.unpack_pairs --bin faces/lfw.bin --output lfw_pairs"
LIST = "pairs.csv"
UNKNOWN_SUFFIX = ".unknown"
logger = logging.getLogger(__name__)


class UnpackedPairs(NamedTuple):
    """What was written."""

    output: Path
    pairs: int
    same: int  # pairs of one person
    unknown: int  # images of no known format


def unpack_pairs(
    bin_file: str | Path, output: str | Path, overwrite: bool = False
) -> UnpackedPairs:
    """Write a verification set's images and pairs as the module's docstring describes.

    Args:
        bin_file: the verification set; its images are held in memory.
        output: the folder to make; it appears when everything is written.
        overwrite: replace an older folder of this tool.

    Raises:
        InputError: `bin_file` is no verification set or has no pair, or `output` holds other files
            or cannot be made.
    """
    refuse_input_as_output(output, bin_file)
    encoded, issame = read_pairs(bin_file)
    if not len(issame):
        raise InputError(f"{bin_file}: has no pair; make the file again")
    with new_folder(output, overwrite, maker="unpack_pairs") as folder:
        (folder / "images").mkdir()
        unknown = 0
        with (folder / LIST).open("w", newline="", encoding="ascii") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(COLUMNS)
            for pair, same in enumerate(progress(issame.tolist(), len(issame), "pair")):
                names = []
                for side in (0, 1):
                    image = encoded[2 * pair + side]
                    found = image_format(image)
                    unknown += found is None
                    suffix = found.suffix if found else UNKNOWN_SUFFIX
                    names.append(f"images/{pair:05d}_{side + 1}{suffix}")
                    (folder / names[-1]).write_bytes(image)
                rows.writerow([*names, int(same)])
    if unknown:
        logger.warning(
            "%s: %d images are of no known format; their files end in %s",
            bin_file,
            unknown,
            UNKNOWN_SUFFIX,
        )
    return UnpackedPairs(Path(output), len(issame), int(issame.sum()), unknown)


def _work(args: argparse.Namespace) -> None:
    summary = unpack_pairs(**vars(args))
    print(f"{summary.output}: {summary.pairs} pairs, {summary.same} of one person")
    if summary.unknown:
        print(f"{summary.unknown} images of no known format")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("unpack_pairs", __doc__, EXAMPLE)
    parser.add_argument(
        "--bin", dest="bin_file", required=True, metavar="FILE", help="the verification set"
    )
    add_output(parser, "folder to make")
    return parser


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
