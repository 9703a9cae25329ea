"""Remove the images that lists name from a set: step 3.1, head -> denoised head.

OUTPUT is a set in which the other images stay as they are, byte for byte, with their labels and in
their order. The number of classes stays, too, so that fc7 of a checkpoint fits. An identity that
loses all its images leaves a gap. OUTPUT also holds

  removed.txt          the lines of the images that were removed: 'label record', probabilities
  denoise_report.csv   images before, removed and kept of every identity, and which lost most
  mapping.csv          with --relabel: new label, old label, images and name of every identity
  left_out.csv         record and reason of every record that cannot be read, where there are any

Every line of a list is checked: its record must be an image with that label. Records have new
numbers in OUTPUT, so that a list made for DATA_DIR does not fit it. The verification sets *.bin of
DATA_DIR are copied.
"""

from __future__ import annotations

import argparse
import csv
import logging
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Sequence

import numpy as np

from recordio_tools.denoise_parts.listed_records import ListedRecords
from unequal.faces.identity_lists import MappedIdentity, read_names, write_mapping
from unequal.faces.left_out_table import LEFT_OUT_FILE, BrokenRecords, LeftOutTable
from unequal.faces.noise_list import noise_line
from unequal.faces.set_copy import SetCopy
from unequal.faces.set_reader import FaceSetReader, OnBroken
from unequal.faces.summary_lines import broken_line, set_line
from unequal.faces.verification_bins import add_no_bins, bins_of, carry_bins
from unequal.support.command_line import add_output, main_of, make_parser, progress
from unequal.support.counted import counted
from unequal.support.errors import InputError
from unequal.support.output_folder import SET_FILES, new_folder, refuse_input_as_output

EXAMPLE = """\
  python -m recordio_tools.denoise --data-dir MF2_pic9_head --noise-list src/0_noiselist.txt \\
      --threshold 0.007 --output MF2_pic9_head_denoise
  python train_debug_soft_gs.py --data-dir MF2_pic9_head_denoise ..."""
OUR_FILES = SET_FILES | {"removed.txt", "denoise_report.csv", "mapping.csv", LEFT_OUT_FILE}
logger = logging.getLogger(__name__)


class DenoiseSummary(NamedTuple):
    """How many images and identities the set had, and what became of them."""

    images: int
    removed: int
    broken: int
    identities: int
    lost_all: int
    lost_most: int
    bins: int


def denoise(
    data_dir: str | Path,
    noise_lists: Sequence[str | Path],
    output: str | Path,
    *,
    remove: Sequence[str | Path] = (),
    threshold: float | None = None,
    keep: Sequence[str | Path] = (),
    relabel: bool = False,
    dry_run: bool = False,
    overwrite: bool = False,
    bins: bool = True,
) -> DenoiseSummary:
    """Remove the images that lists name, as the module's docstring describes.

    Args:
        data_dir: the set that the lists were made from.
        noise_lists: files of lines 'label record max(P) P[label]' (unequal.faces.noise_list).
        output: the folder to make; it appears when everything is written.
        remove: files of lines 'label record ...'; these images are removed, too.
        threshold: of the noise lists, remove only images whose max(P) is below it, compared as
            train_NR.py does.
        keep: files of lines 'label record ...'; these images stay.
        relabel: number the identities that are left from 0.
        dry_run: write nothing.
        overwrite: replace an older set of this tool in `output`.
        bins: whether the *.bin files of `data_dir` are copied.

    Raises:
        InputError: the set or a list is not sound, a list is of another set, no image would be
            left, or `output` cannot be made.
    """
    refuse_input_as_output(output, data_dir)
    if not noise_lists and not remove:
        raise InputError("`noise_lists`, `remove`: give at least one list of images to remove")
    listed = ListedRecords(data_dir, noise_lists, remove, keep, threshold)
    if not len(listed):
        logger.warning("the lists are empty: nothing is removed; see train_NR.py --noise-threshold")
    source = FaceSetReader(data_dir)
    with ExitStack() as opened:
        folder = listing = None
        if not dry_run:
            folder = opened.enter_context(new_folder(output, overwrite, OUR_FILES))
            listing = opened.enter_context(LeftOutTable(folder)).write
        broken = BrokenRecords(source.path, listing)

        def on_broken(key: int, reason: str) -> None:
            broken(key, reason)
            listed.pass_over(key)

        if folder is None:
            for key, label in progress(source.labels(on_broken), source.images):
                listed.removes(key, label)
            listed.check()
        else:
            _write(source, on_broken, listed, folder, relabel)
            if bins:
                carry_bins(data_dir, folder)
        broken.close()
    lost = [listed.lost(label) for label in listed.images]
    return DenoiseSummary(
        sum(listed.images.values()),
        sum(listed.removed.values()),
        broken.count,
        len(lost),
        lost.count("all"),
        lost.count("more than half"),
        len(bins_of(data_dir)) if bins else 0,
    )


def _write(
    source: FaceSetReader,
    on_broken: OnBroken,
    listed: ListedRecords,
    folder: Path,
    relabel: bool,
) -> None:
    """Write the set, and all about what was removed of it."""
    names = read_names(source.data_dir)
    mapping: list[MappedIdentity] = []
    with (folder / "removed.txt").open("w", encoding="ascii") as removed, SetCopy(
        folder, source, relabel, names, mapping
    ) as copy:
        for face in progress(source.faces(on_broken), source.images):
            row = listed.removes(face.key, face.label)
            if row is None:
                copy.add_face(face)
            else:
                line = f"{row.label} {row.key}\n" if np.isnan(row.largest) else noise_line(row)
                removed.write(line)
        listed.check()
        copy.keep_classes(listed.images)
    if relabel:
        write_mapping(folder / "mapping.csv", mapping)
    path = folder / "denoise_report.csv"
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["label", "name", "images", "removed", "kept", "lost"])
        for label, images in listed.images.items():
            lost, name = listed.removed[label], names.get(label, "")
            rows.writerow([label, name, images, lost, images - lost, listed.lost(label)])
        images, lost = (sum(counts.values()) for counts in (listed.images, listed.removed))
        rows.writerow(["total", "", images, lost, images - lost, ""])


def _work(args: argparse.Namespace) -> None:
    summary = denoise(**vars(args))
    kept = summary.images - summary.removed
    identities = summary.identities - summary.lost_all
    print(set_line(args.output, kept, identities, summary.bins, args.dry_run))
    share = 100 * summary.removed / max(summary.images, 1)
    print(f"removed: {summary.removed} of {counted(summary.images, 'image')} ({share:.2f} %)")
    print(
        f"identities that lose all their images: {summary.lost_all}, more than half: "
        f"{summary.lost_most}"
    )
    if summary.broken:
        print(broken_line(summary.broken, args.dry_run))


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("denoise", __doc__, EXAMPLE)

    def add_lists(flag: str, dest: str, text: str) -> None:
        metavar = dest.upper().rstrip("S")
        parser.add_argument(
            flag, dest=dest, metavar=metavar, nargs="+", action="extend", default=[], help=text
        )

    line = "files of lines 'label record', whatever follows: these images"
    parser.add_argument("--data-dir", required=True, help="the set that the lists were made from")
    add_lists("--noise-list", "noise_lists", "N_noiselist.txt files")
    add_lists("--remove", "remove", f"{line} are removed, too")
    add_output(parser, "the set to make")
    parser.add_argument(
        "--threshold",
        type=float,
        help="of the noise lists, only images whose largest probability is below it (default: "
        "all listed)",
    )
    add_lists("--keep", "keep", f"{line} stay")
    parser.add_argument(
        "--relabel",
        action="store_true",
        help="number the identities that are left from 0; fc7 of a checkpoint no longer fits",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="tell what would be removed, write nothing"
    )
    add_no_bins(parser)
    return parser


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
