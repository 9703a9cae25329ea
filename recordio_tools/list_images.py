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
import logging
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

from unequal.faces.identity_folders import identity_folders
from unequal.faces.image_list import ListedFace, list_line
from unequal.faces.landmarks import Landmarks, read_landmarks
from unequal.support.command_line import add_output, main_of, make_parser, progress
from unequal.support.errors import InputError
from unequal.support.output_file import refuse_existing, write_file

EXAMPLE = """\
  python -m recordio_tools.list_images --input faces --output faces.lst
  python -m recordio_tools.make --list faces.lst --root faces --output set"""
NOT_LISTABLE = re.compile("[\t\r\n]")
NAMED = 5
logger = logging.getLogger(__name__)


@dataclass
class Listing:
    """How much was listed, and what was not."""

    images: int = 0  # those in the list
    identities: int = 0  # those in the list
    small: int = 0  # identities that have too few images
    small_images: int = 0  # their images
    empty: int = 0  # folders that hold neither an image nor a folder
    first_empty: list[str] = field(default_factory=list)  # the names of some of them
    other_files: int = 0  # files below the identities' folders that are no images
    without_landmarks: int = 0  # listed images whose landmarks are not known
    not_listable: int = 0  # images whose path holds a tab or a line break
    first_not_listable: str = ""  # one of them


def list_images(
    folder: str | Path,
    output: str | Path,
    landmarks: str | Path | None = None,
    min_images: int = 1,
    overwrite: bool = False,
) -> Listing:
    """Write the list that the module's docstring describes; it appears whole or not at all.

    Args:
        folder: holds one folder per identity.
        output: the list to write.
        landmarks: file of landmarks, see unequal.faces.landmarks; None for aligned images.
        min_images: identities with fewer images are left out.
        overwrite: replace an older file.

    Raises:
        InputError: there is no image, an image belongs to no identity, a list cannot hold a path,
            no image has landmarks, `output` exists already, or a file cannot be read or written.
    """
    if min_images < 1:
        raise InputError(f"`min_images` {min_images}: give 1 or more")
    if landmarks is not None and Path(landmarks).resolve() == Path(output).resolve():
        raise InputError(f"`output` {output}: is the file of landmarks; choose another")
    refuse_existing("output", output, overwrite)
    known = None if landmarks is None else read_landmarks(landmarks, folder)
    listing = Listing()

    def write(name: str) -> None:
        # a path that is not UTF-8 comes out as it went in
        with open(name, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            file.writelines(map(list_line, _faces(folder, known, min_images, listing)))
        if listing.not_listable:
            raise InputError(
                f"{folder}: {listing.not_listable} image paths hold a tab or a line break, which "
                f"no list can hold; rename them, {listing.first_not_listable!r} first"
            )
        if not listing.images:
            few = f"; no identity has {min_images} images" if listing.small else ""
            raise InputError(
                f"{folder}: holds no image in a folder below it{few}; name a folder that holds a "
                "folder of images per identity"
            )
        if listing.without_landmarks == listing.images:
            raise InputError(
                f"{landmarks}: has landmarks of no image below {folder}; it has to name paths from "
                "there, such as identity/image.jpg"
            )

    write_file("output", output, write)
    return listing


def warn_of_missing(folder: str | Path, listing: Listing) -> None:
    """Log what the list does not have of the folder, and which images lack landmarks."""
    if listing.empty:
        names = ", ".join(map(repr, listing.first_empty))
        names += ", ..." if listing.empty > len(listing.first_empty) else ""
        logger.warning("%s: folders without an image: %d (%s)", folder, listing.empty, names)
    if listing.small:
        few, images = listing.small, listing.small_images
        logger.warning("%s: too few images: %d identities, %d images", folder, few, images)
    if listing.other_files:
        logger.warning("%s: files that are no images: %d", folder, listing.other_files)
    if listing.without_landmarks:
        logger.warning("%s: images without landmarks: %d", folder, listing.without_landmarks)


def _faces(
    folder: str | Path, known: Landmarks | None, min_images: int, listing: Listing
) -> Iterator[ListedFace]:
    """Yield the images in their order, and count them in `listing`."""
    for found in progress(identity_folders(folder), None, "folder"):
        listing.other_files += found.other_files
        if not found.images and not found.folders:
            listing.empty += 1
            listing.first_empty += [found.name] if listing.empty <= NAMED else []
        if len(found.images) < min_images:
            listing.small += bool(found.images)
            listing.small_images += len(found.images)
            continue
        label, listing.identities = listing.identities, listing.identities + 1
        for image in found.images:
            path = f"{found.name}/{image}"
            if NOT_LISTABLE.search(path):
                listing.not_listable += 1
                listing.first_not_listable = listing.first_not_listable or path
                continue
            listing.images += 1
            points = known.get(path) if known is not None else None
            listing.without_landmarks += known is not None and points is None
            yield ListedFace(path, label, known is None, points)


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


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
