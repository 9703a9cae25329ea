"""Make a small long-tailed, noisy, face-like data set whose truth is known.

Every face is drawn: an identity is a set of traits, a picture adds pose, expression, light, blur
and occlusion. OUTPUT then holds

  head/        identities with many images, wrong labels and outliers planted
  tail/        identities with few images
  head/unseen.bin   verification pairs of identities that are in neither set
  truth.csv    set, record, label given, identity shown, kind (clean, label, outlier), content

head and tail are RecordIO sets in the layout of InsightFace. The same seed gives the same files.
"""

from __future__ import annotations

import argparse
import csv
import os
import pickle
import re
import sys
from itertools import islice
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from recordio_tools.make_synthetic_parts.drawing import drawn
from recordio_tools.make_synthetic_parts.identity import Identity, draw_identity
from recordio_tools.make_synthetic_parts.photos import draw_image
from recordio_tools.make_synthetic_parts.plan import (
    PlannedPicture,
    SyntheticPlan,
    plan_head,
    plan_pairs,
    plan_tail,
)
from unequal.faces.set_writer import write_face_set
from unequal.support.command_line import add_output, add_processes, main_of, make_parser
from unequal.support.errors import InputError
from unequal.support.output_folder import SET_FILES, new_folder, refuse_strangers

__all__ = ["Identity", "SyntheticSummary", "draw_identity", "draw_image", "main", "make_synthetic"]

EXAMPLE = """\
  python -m recordio_tools.make_synthetic --output faces --identities 100 --label-noise 0.2
  python train_softmax.py --data-dir faces/head --target unseen ..."""
OUR_FILES = {"head", "tail", "truth.csv"}


class SyntheticSummary(NamedTuple):
    """What was written: the folder, and numbers of images and pairs."""

    output: Path
    head_images: int
    mislabelled: int
    outliers: int
    tail_images: int
    pairs: int


def make_synthetic(
    output: str | Path, *, overwrite: bool = False, processes: int = 0, **options: Any
) -> SyntheticSummary:
    """Draw the data set that the module's docstring describes.

    Args:
        output: the folder to make; it appears when everything is written.
        overwrite: replace an older data set of this tool in `output`.
        processes: number of processes that draw; 0 means one per usable core. The files do not
            depend on it.
        **options: the fields of `SyntheticPlan`.

    Raises:
        InputError: an option is out of bounds, or `output` holds other files or cannot be made.
    """
    plan = SyntheticPlan(**options)
    head, tail = plan_head(plan), plan_tail(plan)
    unseen, matches = plan_pairs(plan)
    pictures = head + tail + unseen
    size = (plan.size, plan.size)
    with new_folder(output, overwrite, OUR_FILES) as folder:
        with drawn(plan, pictures, processes) as images:
            write_face_set(folder / "head", _items(head, images), size, plan.identities)
            write_face_set(folder / "tail", _items(tail, images), size, plan.tail_identities)
            with (folder / "head" / "unseen.bin").open("wb") as file:
                pickle.dump((list(islice(images, len(unseen))), matches), file, protocol=2)
        _write_truth(folder / "truth.csv", pictures)
        for name in ("head", "tail"):
            refuse_strangers(Path(output) / name, {*SET_FILES, *os.listdir(folder / name)})
    kinds = [picture.kind for picture in head]
    return SyntheticSummary(
        output=Path(output),
        head_images=len(head),
        mislabelled=kinds.count("label"),
        outliers=kinds.count("outlier"),
        tail_images=len(tail),
        pairs=len(matches),
    )


def _work(args: argparse.Namespace) -> None:
    options = vars(args)
    options["tail_images"] = _image_range(options["tail_images"])
    summary = make_synthetic(**options)
    print(
        f"{summary.output / 'head'}: {summary.head_images} images, {summary.mislabelled} with a "
        f"wrong label, {summary.outliers} outliers, {summary.pairs} pairs in unseen.bin"
    )
    print(f"{summary.output / 'tail'}: {summary.tail_images} images")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("make_synthetic", __doc__, EXAMPLE)
    usual = SyntheticPlan()

    def add(flag: str, text: str) -> None:
        default = getattr(usual, flag[2:].replace("-", "_"))
        parser.add_argument(
            flag, type=type(default), default=default, help=f"{text} (default %(default)s)"
        )

    add_output(parser, "folder to make")
    add("--identities", "identities in the head")
    add("--images", "images of each of them")
    add("--tail-identities", "identities in the tail")
    parser.add_argument(
        "--tail-images", default="2-4", help="images of each, as LEAST-MOST (default %(default)s)"
    )
    add("--unseen-identities", "identities in the verification pairs")
    add("--pairs", "verification pairs, a multiple of 20")
    add("--size", "height and width of the images, pixels")
    add("--label-noise", "share of head images labelled as another head identity")
    add("--outliers", "share of head images that show a stranger or no face")
    add("--seed", "start of the random numbers")
    add("--difficulty", "how far the pictures depart from frontal and plain, 0 to 3")
    add_processes(parser)
    return parser


def _image_range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", text)
    if not match:
        raise InputError(f"`tail_images` {text}: give a number or a range such as 2-4")
    return int(match.group(1)), int(match.group(2) or match.group(1))


def _items(
    pictures: list[PlannedPicture], drawn: Iterator[bytes]
) -> Iterator[tuple[int, bytes, str]]:
    for number, picture in enumerate(pictures, start=1):
        yield picture.label, next(drawn), f"{picture.label:06d}/{number:07d}.jpg"


def _write_truth(path: Path, pictures: list[PlannedPicture]) -> None:
    """One row per record of head and tail (by key) and per image of unseen.bin (by position)."""
    following = {"head": 1, "tail": 1, "unseen": 0}
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["set", "record", "label", "identity", "kind", "content"])
        for picture in pictures:
            record = following[picture.set]
            following[picture.set] = record + 1
            shown = "outlier" if picture.kind == "outlier" else picture.person
            content = "clutter" if picture.group == "clutter" else "face"
            rows.writerow([picture.set, record, picture.label, shown, picture.kind, content])


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
