"""Pack images as a face set: train.rec, train.idx, train.lst, property and identities.txt.

The images are those of a folder per identity (--input, see recordio_tools.list_images) or of a
list (--list) in InsightFace's format, aligned<tab>path<tab>label, or im2rec's, key<tab>label<tab>
path. The set is laid out as InsightFace's face2rec2 does, by ascending label.

  aligned, of the right size   the file's bytes stay as they are, in any format of OpenCV
  aligned, of another size     left out, or with --resize stretched to it and written as JPEG
  not aligned, with landmarks  aligned and written as JPEG (and marked as aligned in the set)
  not aligned, without         left out, as face2rec2 does

Each image is decoded to check that it is whole. OUTPUT/left_out.csv lists the images that were
left out and why. Labels stay as they are, also with gaps.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Iterable, NamedTuple

from recordio_tools.make_parts.label_order import LabelOrder, images_to_pack
from recordio_tools.make_parts.packing import Packed, Packing, pack_face, size_of
from unequal.faces.image_size import add_size, check_size, size_of_flag
from unequal.faces.jpeg import QUALITY, add_quality, check_quality
from unequal.faces.left_out_table import LEFT_OUT_FILE, LeftOut
from unequal.faces.set_writer import FaceSetWriter
from unequal.support.command_line import (
    add_output,
    add_processes,
    main_of,
    make_parser,
    processes_of,
    progress,
)
from unequal.support.errors import InputError
from unequal.support.output_folder import (
    SET_FILES,
    new_folder,
    refuse_input_as_output,
    refuse_strangers,
)
from unequal.support.process_pool import in_order

__all__ = ["Made", "main", "make_set"]

logger = logging.getLogger(__name__)
USUAL_SIZES = ((112, 112), (112, 96))
EXAMPLE = """\
  python -m recordio_tools.make --input faces --output set --size 112
  python -m recordio_tools.make --list photos.lst --root photos --output set --size 112"""
OUR_FILES = SET_FILES | {LEFT_OUT_FILE}


class Made(NamedTuple):
    """What a set was made of."""

    images: int
    identities: int
    size: tuple[int, int]  # (height, width) in pixels
    aligned: int  # images that were aligned and encoded anew
    resized: int  # images that were resized and encoded anew
    misnamed: int  # files, taken as they are, whose name says another format than they have
    left_out: dict[str, int]  # images left out, by reason
    lost_identities: int  # how many have no image left


def make_set(
    source: str | Path,
    output: str | Path,
    root: str | Path | None = None,
    *,
    size: tuple[int, int] | None = None,
    resize: bool = False,
    quality: int = QUALITY,
    num_classes: int | None = None,
    processes: int = 0,
    trust: bool = False,
    overwrite: bool = False,
) -> Made:
    """Pack images as the module's docstring describes.

    Args:
        source: a folder that holds a folder of images per identity, or a list of images.
        output: the folder to make; it appears when everything is written.
        root: the folder of the paths in a list; by default that of the list.
        size: (height, width) of the images, pixels; by default that of the first good one.
        resize: stretch aligned images of another size instead of leaving them out.
        quality: of JPEGs that are written anew, 1 to 100.
        num_classes: for `property`; by default the largest label + 1.
        processes: number of processes that check images; 0 means one per usable core. The files
            do not depend on it.
        trust: take aligned images without decoding them; `size` has to be given.
        overwrite: replace an older set in `output`.

    Raises:
        InputError: no image can be packed, a line of the list cannot be understood, a label or
            the number of images is beyond what records hold, options contradict each other, or
            `output` holds other files or cannot be made.
    """
    check_size(size)
    check_quality(quality)
    if trust and size is None:
        raise InputError("`trust`: sizes are not looked at; say what they are with `size`")
    if trust and resize:
        raise InputError("`trust`: cannot tell which images to `resize`; leave one of them out")
    workers = processes_of(processes)
    refuse_input_as_output(output, source)
    if overwrite:
        refuse_strangers(output, OUR_FILES)
    with new_folder(output, overwrite, OUR_FILES) as made:
        with images_to_pack(source, made, num_classes) as faces:
            start = root or (source if Path(source).is_dir() else Path(source).parent)
            if size is None:
                size = _first_size(source, str(start), faces)
            packing = Packing(str(start), size, resize, quality, trust)
            with in_order(partial(pack_face, packing), faces, workers) as packed:
                images = progress(packed, faces.images)
                writer = FaceSetWriter(made, size, num_classes)
                return _write_packed(source, made, writer, images, faces)


def _work(args: argparse.Namespace) -> None:
    if args.input is not None and not Path(args.input).is_dir():
        raise InputError(f"--input {args.input}: is no folder; give a list of images as --list")
    if args.input is not None and args.root is not None:
        raise InputError(f"--root {args.root}: goes with --list; paths start from --input")
    if args.list is not None and Path(args.list).is_dir():
        raise InputError(f"--list {args.list}: is a folder; give it as --input")
    options = {**vars(args), "size": size_of_flag(args.size)}
    folder, listed = options.pop("input"), options.pop("list")
    made = make_set(folder or listed, **options)
    height, width = made.size
    print(f"{args.output}: {made.images} images of {made.identities} identities, {height}x{width}")
    if args.size is None and not made.aligned and made.size not in USUAL_SIZES:
        logger.warning(
            "%s: images of %dx%d: that of the first image; aligned faces are mostly "
            "112x112, see recordio_tools.align and --size",
            args.output,
            height,
            width,
        )
    counts = {"aligned": made.aligned, "resized": made.resized}
    counts["named as another format than they are, and kept"] = made.misnamed
    if any(counts.values()):
        print("; ".join(f"{what}: {count}" for what, count in counts.items() if count))
    if made.left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in made.left_out.items())
        print(f"left out: {sum(made.left_out.values())} ({reasons}), see {LEFT_OUT_FILE}")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("make", __doc__, EXAMPLE)
    sources = parser.add_mutually_exclusive_group(required=True)
    sources.add_argument("--input", metavar="FOLDER", help="folder that holds one per identity")
    sources.add_argument("--list", metavar="FILE", help="list of images")
    parser.add_argument(
        "--root", metavar="FOLDER", help="what the list's paths start from (default: its folder)"
    )
    add_output(parser, "folder to make")
    add_size(parser, "of the images (default: those of the first)")
    parser.add_argument(
        "--resize", action="store_true", help="stretch images of another size (default: left out)"
    )
    add_quality(parser, "of JPEGs written anew")
    parser.add_argument(
        "--num-classes",
        type=int,
        metavar="N",
        help="for the file property (default: the largest label + 1)",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="do not decode images that need no work; give --size, which is then not checked",
    )
    add_processes(parser)
    return parser


def _write_packed(
    source: str | Path,
    made: Path,
    writer: FaceSetWriter,
    images: Iterable[Packed],
    faces: LabelOrder,
) -> Made:
    """Write the packed images of `source` to the folder `made`, and the list of those left out.

    Raises:
        InputError: all are left out.
    """
    identities = misnamed = 0
    changes: Counter[str] = Counter()
    last = None
    with LeftOut(made) as left_out, writer:
        for face, image, reason, change, is_misnamed in images:
            if reason:
                left_out.add(face.path, reason)
                continue
            identities += face.label != last
            last = face.label
            writer.add(face.label, image, face.path)
            changes[change] += 1
            misnamed += is_misnamed
        if not writer.images:
            raise _nothing_left(source, left_out.first)
    lost = faces.identities - identities
    if lost:
        logger.warning("%s: identities left without an image, a gap in labels: %d", source, lost)
    return Made(
        writer.images,
        identities,
        writer.size,
        changes["aligned"],
        changes["resized"],
        misnamed,
        left_out.reasons,
        lost,
    )


def _nothing_left(source: str | Path, first: tuple[str, str] | None) -> InputError:
    """Return the error about a source without a good image; `first` is path and reason of one."""
    path, reason = first or ("", "")
    return InputError(
        f"{source}: no image can be packed; the first is {path}: {reason}; check the images, "
        "`root` and `size`"
    )


def _first_size(source: str | Path, root: str, faces: LabelOrder) -> tuple[int, int]:
    first = None
    for face in faces:
        found = size_of(root, face)
        if not isinstance(found, Packed):
            return found
        first = first or (face.path, found.reason)
    raise _nothing_left(source, first)


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
