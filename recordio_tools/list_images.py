"""List the images of a folder per identity as a train.lst that recordio_tools.make reads.

An identity is a folder below INPUT, at any depth, that holds images; its name is the path from
INPUT. The names in each folder are sorted by their characters (1, 10, 2). This gives the labels
0, 1, ... and the order of the images. OUTPUT gets one line an image, as InsightFace writes it:
1<tab>path from INPUT<tab>label. With --landmarks the images are photos that are not yet aligned:
their lines start with 0 and end with the landmarks of the face.

An image is known by its suffix. Hidden files and folders are passed over.
"""

from __future__ import annotations

import argparse
import sys
from typing import Sequence

from recordio_tools.list_images_parts.listing import Listing, list_images, warn_of_missing
from unequal.support.command_line import add_output, make_parser, run

__all__ = ["Listing", "list_images", "main", "warn_of_missing"]

EXAMPLE = """\
  python -m recordio_tools.list_images --input faces --output faces.lst
  python -m recordio_tools.make --list faces.lst --root faces --output set"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status, see unequal.support.command_line.run."""
    return run(_parser(), _work, argv)


def _work(args: argparse.Namespace) -> None:
    listing = list_images(**vars(args))
    warn_of_missing(args.folder, listing)
    print(f"{args.output}: {listing.images} images of {listing.identities} identities")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("list_images", __doc__, EXAMPLE)
    parser.add_argument(
        "--input",
        dest="folder",
        metavar="FOLDER",
        required=True,
        help="folder that holds a folder per identity",
    )
    add_output(parser, "list to write")
    parser.add_argument(
        "--landmarks", help="file of the faces' landmarks, as recordio_tools.align takes it"
    )
    parser.add_argument(
        "--min-images",
        type=int,
        default=1,
        metavar="N",
        help="leave identities with fewer images out (default %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
