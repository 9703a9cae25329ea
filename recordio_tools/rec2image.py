"""Writes the images of a face set as files again, byte for byte.

Each image gets the path that SET/train.lst names, below OUTPUT, or LABEL/KEY.jpg (.png, ...) where
that names none. OUTPUT then also holds

  train.lst      the images in the order of the records, with their labels
  left_out.csv   record,reason of each record without an image that can be read
  .made-by-recordio_tools    by which --overwrite knows a folder of this tool

Paths stay inside OUTPUT: their parts '', '.' and '..' are left out (/etc/../a.jpg becomes
etc/a.jpg). A second image of the same path gets its key added (a_17.jpg), and a path that cannot
be a file becomes LABEL/KEY.jpg.

What is printed last is the command that packs the images again: of property's size and number of
classes, with the same labels, which come in ascending order then, the images of each in the order
they have. Label arrays become [label, 1]; left out are records listed in left_out.csv and images
that OpenCV cannot decode or that are not of property's size.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import sys
from pathlib import Path
from typing import BinaryIO, Iterator, NamedTuple

from unequal.faces.decoding import BadImage, decode_rgb
from unequal.faces.image_format import image_format
from unequal.faces.image_list import ListedFace, list_line
from unequal.faces.left_out_table import LEFT_OUT_FILE, BrokenRecords, LeftOutTable
from unequal.faces.set_reader import Face, FaceSetReader
from unequal.support.command_line import add_output, main_of, make_parser, progress
from unequal.support.errors import InputError
from unequal.support.output_folder import new_folder, refuse_input_as_output

EXAMPLE = "  python -m recordio_tools.rec2image --data-dir faces/head --output photos"
LIST = "train.lst"
LONGEST_NAME = 255


class Extracted(NamedTuple):
    """What was written."""

    images: int
    renamed: int  # images that are not under the path of train.lst
    left_out: int  # records
    command: list[str]  # packs the images again


def rec_to_images(data_dir: str | Path, output: str | Path, overwrite: bool = False) -> Extracted:
    """Write the images as the module's docstring describes.

    Args:
        data_dir: the set.
        output: the folder to make; it appears when everything is written.
        overwrite: replace an older folder of this tool in `output`.

    Raises:
        InputError: the set cannot be read or holds no image, or `output` holds other files or
            cannot be made.
    """
    reader = FaceSetReader(data_dir)
    refuse_input_as_output(output, data_dir)
    images = renamed = 0
    largest_label = -1
    with new_folder(output, overwrite, maker="rec2image") as folder:
        # a path that is not UTF-8 comes out as it went in
        with LeftOutTable(folder, always=True) as table, open(
            folder / LIST, "x", encoding="utf-8", errors="surrogateescape", newline=""
        ) as listing:
            broken = BrokenRecords(reader.path, table.write)
            for face in progress(reader.faces(broken), reader.images):
                try:
                    suffix = _suffix(face.image)
                except BadImage as error:
                    broken(face.key, str(error))
                    continue
                path = _write(folder, face, suffix)
                listing.write(list_line(ListedFace(path, face.label)))
                images += 1
                largest_label = max(largest_label, face.label)
                renamed += face.name not in ("", path)
        broken.close()
        if not images:
            raise InputError(f"{reader.path}: holds no image that can be read")
    command = _packing_again(reader, output, largest_label)
    return Extracted(images, renamed, broken.count, command)


def _work(args: argparse.Namespace) -> None:
    found = rec_to_images(args.data_dir, args.output, args.overwrite)
    print(f"{args.output}: {found.images} images, listed in {Path(args.output) / LIST}")
    if found.renamed:
        print(f"under another path than train.lst of {args.data_dir} names: {found.renamed}")
    if found.left_out:
        print(f"{Path(args.output) / LEFT_OUT_FILE}: {found.left_out} records left out")
    print(f"to pack them again: {' '.join(map(shlex.quote, found.command))}")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("rec2image", __doc__, EXAMPLE)
    parser.add_argument("--data-dir", required=True, help="the set: train.rec, train.idx, ...")
    add_output(parser, "folder to make")
    return parser


def _packing_again(reader: FaceSetReader, output: str | Path, largest_label: int) -> list[str]:
    """Return the command of recordio_tools.make for the written images."""
    command = ["python", "-m", "recordio_tools.make", "--list", os.path.join(output, LIST)]
    if reader.size is not None:
        command += ["--size", "{},{}".format(*reader.size)]
    classes = max(reader.num_classes or 0, largest_label + 1)
    return [*command, "--num-classes", str(classes), "--output", f"{Path(output)}_set"]


def _suffix(image: bytes) -> str:
    """Return the suffix of the image's format; raise BadImage for bytes that are no image."""
    found = image_format(image)
    if found:
        return found.suffix
    decode_rgb(image)
    return ".img"


def _write(folder: Path, face: Face, suffix: str) -> str:
    """Write the image to the first path that is free, and return that path."""
    for path in _paths(face, suffix):
        file = _open_new(folder / path)
        if file is not None:
            with file:
                file.write(face.image)
            return path
    raise AssertionError("the paths never end")


def _paths(face: Face, suffix: str) -> Iterator[str]:
    """Yield where the image may go, best first, without end."""
    parts = [part for part in face.name.split("/") if part not in ("", ".", "..")]
    if parts and all(_is_file_name(part) for part in parts):
        yield "/".join(parts)
        name = Path(parts[-1])
        distinct = f"{name.stem}_{face.key}{name.suffix}"
        if _is_file_name(distinct):
            yield "/".join([*parts[:-1], distinct])
    yield f"{face.label:06d}/{face.key:07d}{suffix}"
    for number in itertools.count(1):
        yield f"{face.label:06d}/{face.key:07d}_{number}{suffix}"
        yield f"{face.key:07d}_{number}{suffix}"


def _is_file_name(part: str) -> bool:
    return "\0" not in part and len(part.encode("utf-8", "surrogateescape")) <= LONGEST_NAME


def _open_new(path: Path) -> BinaryIO | None:
    """Make a file; return None where it exists, or a file is where its folder should be."""
    try:
        try:
            return path.open("xb")
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("xb")
    except (FileExistsError, NotADirectoryError):
        return None


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
