"""Cuts faces out of photos, upright and of one size, by ArcFace's template of five landmarks.

INPUT is a folder of photos, at any depth. Their landmarks come from a file (--landmarks) or are
found by a YuNet model (--detector), which takes the largest and most central face of a photo.
OUTPUT then holds

  .../NAME.jpg    the face of INPUT's .../NAME.*, under the same path; where two photos differ only
                  in the suffix, a.png beside a.jpg becomes a.png.jpg
  landmarks.csv   path,x1,y1,...,x5,y5 of each photo whose face is there: the numbers that were
                  used. As --landmarks it gives the same faces again
  left_out.csv    path,reason of each photo whose face is not there
  .made-by-recordio_tools    by which --overwrite knows a folder of this tool

A landmark file has a line per photo, 'path x1 y1 ... x5 y5' with commas, tabs or spaces, or is a
list in InsightFace's format (1<tab>path<tab>label<tab>box<tab>five x, five y). Paths are those from
INPUT; pixels are those of the upright photo: a photo whose camera noted a rotation (EXIF) is turned
first. The eye at the image's left comes first, then the other eye, nose, corner of the mouth at the
left, other one. 16 bits become 8, grey becomes RGB, transparency is dropped.

Other files of INPUT are counted; hidden files are ignored.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from functools import partial
from pathlib import Path
from typing import Iterable, Iterator, NamedTuple, Sequence

from recordio_tools.align_parts.align_photo import Photo, Recipe, align_photo
from recordio_tools.align_parts.detector import MIN_SCORE, open_detector
from unequal.faces.alignment import ALIGNED_SIZE
from unequal.faces.identity_folders import IMAGE_SUFFIXES, identity_folders
from unequal.faces.image_size import add_size, check_size, size_of_flag
from unequal.faces.jpeg import QUALITY, add_quality, check_quality
from unequal.faces.landmarks import COLUMNS, Landmarks, landmark_row, read_landmarks
from unequal.faces.left_out_table import LEFT_OUT_FILE, LeftOut
from unequal.support.command_line import (
    add_default,
    add_output,
    add_processes,
    main_of,
    make_parser,
    processes_of,
    progress,
)
from unequal.support.errors import InputError
from unequal.support.output_folder import new_folder, refuse_input_as_output
from unequal.support.process_pool import in_order

EXAMPLE = """\
  python -m recordio_tools.align --input photos --output faces \\
      --detector face_detection_yunet_2023mar.onnx"""
NOT_LISTED = "the landmark file has no line for it (paths are those from --input)"


class Aligned(NamedTuple):
    """What was done."""

    photos: int
    faces: int
    left_out: dict[str, int]  # photos without a face, by reason
    other_files: int  # that are no photos by their names
    absent_photos: int  # of the landmark file that are not there


def align(
    photos: str | Path,
    output: str | Path,
    *,
    landmarks: str | Path | None = None,
    detector: str | Path | None = None,
    size: tuple[int, int] = ALIGNED_SIZE,
    min_score: float = MIN_SCORE,
    quality: int = QUALITY,
    processes: int = 0,
    overwrite: bool = False,
) -> Aligned:
    """Make the folder of aligned faces that the module's docstring describes.

    Args:
        photos: the folder of photos.
        output: the folder to make; it appears when everything is written.
        landmarks: a landmark file, or
        detector: a YuNet model; one of the two.
        size: (height, width) of the faces, pixels.
        min_score: the lowest score of a face that the detector takes, 0 to 1.
        quality: of the JPEG files, 1 to 100.
        processes: how many work at the same time; 0 means one per usable core. The files do not
            depend on it.
        overwrite: replace an older folder of this tool in `output`.

    Raises:
        InputError: `photos` has no photo or none gives a face, an argument is out of bounds, the
            landmark file or the model cannot be read, or `output` holds other files or cannot be
            made.
    """
    check_size(size)
    check_quality(quality)
    if not os.path.isdir(photos):
        raise InputError(f"`input` {photos}: is no folder; name the folder of photos")
    refuse_input_as_output(output, photos)
    processes = processes_of(processes)
    if (landmarks is None) == (detector is None):
        raise InputError("give either `landmarks` or `detector`")
    model = None if detector is None else os.fspath(detector)
    if model is not None:
        open_detector(model, min_score)
    known = None if landmarks is None else read_landmarks(landmarks, photos)
    total, other_files = _count(photos)
    with new_folder(output, overwrite, maker="align") as folder:
        recipe = Recipe(os.fspath(photos), str(folder), size, quality, model, min_score)
        items = _photos(photos, known)
        with in_order(partial(align_photo, recipe), items, processes) as done:
            faces, left_out = _write_tables(folder, progress(done, total, "photo"), photos)
    absent = 0 if known is None else len(known) - (total - left_out.get(NOT_LISTED, 0))
    return Aligned(total, faces, left_out, other_files, absent)


def _work(args: argparse.Namespace) -> None:
    options = {**vars(args), "size": size_of_flag(args.size)}
    summary = align(options.pop("input"), options.pop("output"), **options)
    print(f"{args.output}: {summary.faces} faces from {summary.photos} photos")
    for reason, count in summary.left_out.items():
        print(f"{Path(args.output) / LEFT_OUT_FILE}: {count} left out: {reason}")
    if summary.absent_photos:
        print(f"{args.landmarks}: {summary.absent_photos} of its photos are not in {args.input}")
    if summary.other_files:
        print(f"{args.input}: {summary.other_files} other files are no photos by their names")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("align", __doc__, EXAMPLE)
    parser.add_argument("--input", required=True, help="folder of photos")
    add_output(parser, "folder of faces to make")
    points = parser.add_mutually_exclusive_group(required=True)
    points.add_argument("--landmarks", help="file of landmarks")
    points.add_argument("--detector", help="YuNet model that finds landmarks, an ONNX file")
    add_size(parser, "of the faces (default: 112)", "112")
    text = "the lowest score of a face that the detector takes"
    add_default(parser, "--min-score", MIN_SCORE, text)
    add_quality(parser, "of the JPEG files")
    add_processes(parser)
    return parser


def _count(photos: str | Path) -> tuple[int, int]:
    """Return the numbers of photos and of other files."""
    total = others = 0
    for folder in identity_folders(photos, images_at_top=True):
        total += len(folder.images)
        others += folder.other_files
    if not total:
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        raise InputError(f"`input` {photos}: holds no photo, no file that ends in {suffixes}")
    return total, others


def _photos(photos: str | Path, known: Landmarks | None) -> Iterator[Photo]:
    for folder in identity_folders(photos, images_at_top=True):
        targets = _face_names(folder.images, folder.folders)
        for name in folder.images:
            path, target = (os.path.join(folder.name, part) for part in (name, targets[name]))
            points = None if known is None else known.get(path)
            problem = ""
            if known is not None and points is None:
                problem = NOT_LISTED
            elif not targets[name]:
                problem = "the faces of other photos take its name; rename it"
            yield Photo(path, target, points, problem)


def _face_names(photos: Sequence[str], folders: Sequence[str]) -> dict[str, str]:
    """Return the name of each photo's face, '' where others take all that it may have.

    The photos and the folders are those of one folder.
    """
    names = {photo: photo for photo in photos if photo.endswith(".jpg")}
    taken = {*names, *folders}
    for photo in photos:
        if photo not in names:
            possible = (os.path.splitext(photo)[0] + ".jpg", photo + ".jpg")
            names[photo] = next((name for name in possible if name not in taken), "")
            taken.add(names[photo])
    return names


def _write_tables(
    folder: Path, done: Iterable[Photo], photos: str | Path
) -> tuple[int, dict[str, int]]:
    """Write landmarks.csv and left_out.csv of photos that are done.

    Returns:
        The number of faces, and the number of photos without one by reason.

    Raises:
        InputError: there is no face in the folder `photos`.
    """
    faces = 0
    # a path that is not UTF-8 comes out as it went in
    with open(
        folder / "landmarks.csv", "w", encoding="utf-8", errors="surrogateescape", newline=""
    ) as file, LeftOut(folder, always=True) as left_out:
        used = csv.writer(file, lineterminator="\n")
        used.writerow(COLUMNS)
        for photo in done:
            if photo.landmarks is None or photo.problem:
                left_out.add(photo.path, photo.problem)
            else:
                faces += 1
                used.writerow(landmark_row(photo.path, photo.landmarks))
    if not faces and left_out.first:
        path, reason = left_out.first
        raise InputError(
            f"`input` {photos}: none of the {sum(left_out.reasons.values())} photos gives a face; "
            f"the first, {path}: {reason}"
        )
    return faces, left_out.reasons


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
