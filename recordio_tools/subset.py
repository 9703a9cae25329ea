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
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any, Mapping, NamedTuple

from unequal.faces.decoding import BadImage, decode_rgb
from unequal.faces.identity_lists import (
    MappedIdentity,
    read_identity_list,
    read_names,
    write_mapping,
)
from unequal.faces.left_out_table import LEFT_OUT_FILE, BrokenRecords, LeftOutTable
from unequal.faces.set_copy import SetCopy
from unequal.faces.set_reader import Face, FaceSetReader
from unequal.faces.set_writer import check_fits
from unequal.faces.summary_lines import broken_line, images_of, set_line
from unequal.faces.verification_bins import add_no_bins, carry_bins
from unequal.support.command_line import add_default, add_output, main_of, make_parser, progress
from unequal.support.errors import InputError
from unequal.support.output_folder import SET_FILES, new_folder, refuse_input_as_output

EXAMPLE = """\
  python -m recordio_tools.subset --data-dir MF2 --sample-identities 1000 --max-images 20 \\
      --output MF2_small"""
SEEDS = 2**64
OUR_FILES = SET_FILES | {"mapping.csv", LEFT_OUT_FILE}


class Filters(NamedTuple):
    """What is taken of a set, in this order; None: no such filter."""

    keep_identities: str | Path | None = None  # a file of identities; only these
    drop_identities: str | Path | None = None  # a file of identities; not these
    min_images: int | None = None  # only identities with at least this number in the set
    sample_identities: int | None = None  # this number of the identities that are left, at random
    max_images: int | None = None  # at most this number of images of each, at random
    seed: int = 0  # start of the random numbers


class Scattered(Exception):
    """The images of an identity do not follow one another."""


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
    _check_filters(wanted)
    refuse_input_as_output(output, data_dir)
    source = FaceSetReader(data_dir)
    try:
        images, last_ranks = _survey(source, wanted)
    except Scattered:
        source = FaceSetReader(data_dir, by_label=True)
        images, last_ranks = _survey(source, wanted)
    names = read_names(data_dir)
    labels = _select(data_dir, images, names, wanted)
    taken = (min(images[label], wanted.max_images or images[label]) for label in labels)
    check_fits(output, sum(taken), len(labels))
    mapping: list[MappedIdentity] = []
    with new_folder(output, overwrite, OUR_FILES) as folder:
        with LeftOutTable(folder) as left_out, SetCopy(
            folder, source, not keep_labels, names, mapping
        ) as copy:
            broken = BrokenRecords(source.path, left_out.write)
            for face in progress(source.faces(broken), source.images):
                last = last_ranks.get(face.label)
                if face.label not in labels:
                    continue
                if last is not None and _rank("image", face.key, wanted.seed) > last:
                    continue
                if not verify or _decodes(face, broken):
                    copy.add_face(face)
            copy.keep_classes(images)
            broken.close()
        if not keep_labels:
            write_mapping(folder / "mapping.csv", mapping)
        carried = carry_bins(data_dir, folder) if bins else []
    total = sum(images.values())
    return SubsetSummary(
        copy.images, copy.identities, total, len(images), len(carried), broken.count
    )


def _check_filters(filters: Filters) -> None:
    """Raise InputError for a number out of bounds and for both kinds of list."""
    if filters.keep_identities is not None and filters.drop_identities is not None:
        raise InputError("`keep_identities`, `drop_identities`: give one of the two")
    for name in ("min_images", "sample_identities", "max_images"):
        number = getattr(filters, name)
        if number is not None and number < 1:
            raise InputError(f"`{name}` {number}: give a number above 0")
    if not 0 <= filters.seed < SEEDS:
        raise InputError(f"`seed` {filters.seed}: give a number from 0 to 2**64 - 1")


def _survey(source: FaceSetReader, filters: Filters) -> tuple[dict[int, int], dict[int, bytes]]:
    """Read all labels.

    Returns:
        Images per label; and of labels with more than max_images the highest rank to take.

    Raises:
        Scattered: the images of an identity do not follow one another.
    """
    images: dict[int, int] = {}
    last_ranks: dict[int, bytes] = {}
    labels = progress(source.labels(lambda key, reason: None), source.images, "label")
    for label, pairs in groupby(labels, key=lambda pair: pair[1]):
        if label in images:
            raise Scattered
        keys = [key for key, _ in pairs]
        images[label] = len(keys)
        if filters.max_images is not None and len(keys) > filters.max_images:
            ranks = sorted(_rank("image", key, filters.seed) for key in keys)
            last_ranks[label] = ranks[filters.max_images - 1]
    return images, last_ranks


def _select(
    data_dir: str | Path, images: Mapping[int, int], names: Mapping[int, str], filters: Filters
) -> set[int]:
    """Return the labels that the filters leave of the set `data_dir`.

    Random choices depend only on the seed, labels and keys. What a larger number takes includes
    what a smaller one takes.

    Raises:
        InputError: a list does not fit the set, or no identity would be left.
    """
    labels = set(images)
    if filters.keep_identities is not None:
        labels = read_identity_list(filters.keep_identities, data_dir, labels, names)
    elif filters.drop_identities is not None:
        labels -= read_identity_list(filters.drop_identities, data_dir, labels, names)
    if filters.min_images is not None:
        labels = {label for label in labels if images[label] >= filters.min_images}
    if not labels:
        raise InputError(
            f"{data_dir}: no identity is left of {len(images)}; lower `min_images`, or "
            "leave out a list"
        )
    if filters.sample_identities is not None:
        if filters.sample_identities > len(labels):
            raise InputError(
                f"`sample_identities` {filters.sample_identities}: only {len(labels)} are left to "
                "choose from; give a lower number"
            )
        ranked = sorted(labels, key=lambda label: _rank("identity", label, filters.seed))
        labels = set(ranked[: filters.sample_identities])
    return labels


def _rank(kind: str, number: int, seed: int) -> bytes:
    """Return the place of an image or identity in a random order."""
    text = f"{seed} {kind} {number}".encode()
    return blake2b(text, digest_size=8).digest()


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
    add_default(parser, "--seed", 0, "start of the random numbers")
    parser.add_argument(
        "--keep-labels", action="store_true", help="leave labels and number of classes as they are"
    )
    parser.add_argument(
        "--verify", action="store_true", help="leave out images that cannot be decoded, too"
    )
    add_no_bins(parser)
    return parser


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
