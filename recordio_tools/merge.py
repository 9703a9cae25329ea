"""Merges several sets into one.

OUTPUT then holds

  train.rec, ...  the images of all sets, byte for byte, with labels from 0
  mapping.csv     set, new label, old label, images and name of every identity
  merged.csv      with --model: every pair of identities that looks the same, with its cosine
  left_out.csv    set, record and reason of every record that cannot be read, where there are any

By default every identity is a new one, set after set. With --same-labels a label means one person
in all sets, and labels stay in their order. With --model identities become one, also within a set
and also in chains, if their centres have a cosine of at least --threshold. A centre is the mean
direction of an identity's embeddings. Look at merged.csv, or first at what --dry-run prints.

The right threshold depends on model and images. With InsightFace's MobileFaceNet on LFW, centres of
5 images or more have at least 0.80 for one person and at most 0.60 for two (sisters). Centres of
2 images can have only 0.36 for one person and up to 0.66 for two. A large set needs a higher
threshold, because it has more pairs of similar persons.

Where there are several sets, paths in train.lst start with the name of the set's folder. The
verification sets *.bin are copied; of several with one name, the first.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Callable, NamedTuple, Sequence

from recordio_tools.merge_parts.matches import NO_MATCHES, find_matches, group
from recordio_tools.merge_parts.merged_set import (
    Pair,
    carry_all_bins,
    named_pairs,
    warn_of_chains,
    warn_of_names,
    write_merged,
    write_pairs,
)
from recordio_tools.merge_parts.sources import open_sources, prefixes
from unequal.checkpoints.checkpoint import one_checkpoint
from unequal.faces.left_out_table import LEFT_OUT_FILE, RECORD_COLUMNS, LeftOutTable
from unequal.faces.set_writer import check_fits
from unequal.faces.summary_lines import broken_line, set_line
from unequal.faces.verification_bins import add_no_bins, bins_of
from unequal.support.command_line import add_default, add_output, main_of, make_parser
from unequal.support.counted import counted
from unequal.support.errors import InputError
from unequal.support.output_folder import SET_FILES, new_folder, refuse_input_as_output

if TYPE_CHECKING:
    from unequal.checkpoints.embedder import Embed

EXAMPLE = """\
  python -m recordio_tools.merge --data-dir ms1m glint --output both --model y1/model,0 --dry-run
  python -m recordio_tools.merge --data-dir head tail --output whole"""
OUR_FILES = {*SET_FILES, "mapping.csv", "merged.csv", LEFT_OUT_FILE}
THRESHOLD = 0.7
IMAGES_PER_IDENTITY = 10
BATCH_SIZE = 64


class Merged(NamedTuple):
    """What was merged, or would be with `dry_run`."""

    output: Path
    identities: int  # of the result
    images: int  # of the result
    merged: int  # how many identities fewer there are than before
    pairs: int  # that look the same
    broken: int  # records that cannot be read
    bins: int  # verification sets that were copied


def merge(
    data_dirs: Sequence[str | Path],
    output: str | Path,
    *,
    same_labels: bool = False,
    embed: Embed | None = None,
    threshold: float = THRESHOLD,
    images_per_identity: int = IMAGES_PER_IDENTITY,
    batch_size: int = BATCH_SIZE,
    on_pair: Callable[[Pair], object] | None = None,
    dry_run: bool = False,
    overwrite: bool = False,
    bins: bool = True,
) -> Merged:
    """Merge sets as the module's docstring describes.

    Args:
        data_dirs: the sets.
        output: the folder to make; it appears when everything is written.
        same_labels: a label means one identity in all sets.
        embed: merge identities that look the same to it, see unequal.checkpoints.embedder.
        threshold: centres with at least this cosine, above 0, are of one identity.
        images_per_identity: the most images for a centre.
        batch_size: images embedded at a time.
        on_pair: is told each pair that looks the same, the closest first.
        dry_run: find out what would be merged, and write nothing.
        overwrite: replace an older set in `output`.
        bins: whether the *.bin files of the sets are copied.

    Raises:
        InputError: a set, a number or `output` is not sound, sizes differ, the result is too large.
    """
    if not 0 < threshold <= 1:
        raise InputError(f"`threshold` {threshold}: give a cosine above 0 and up to 1")
    for name, number in (
        ("images_per_identity", images_per_identity),
        ("batch_size", batch_size),
    ):
        if number < 1:
            raise InputError(f"`{name}` {number}: give 1 or more")
    refuse_input_as_output(output, *data_dirs)
    starts = prefixes(data_dirs)
    with ExitStack() as opened:
        folder = listing = None
        if not dry_run:  # at once, so that hours of embedding do not end at a folder in use
            folder = opened.enter_context(new_folder(output, overwrite, OUR_FILES))
            listing = opened.enter_context(LeftOutTable(folder, ("set", *RECORD_COLUMNS))).write
        sources = open_sources(data_dirs, starts, listing)
        images = int(sources.images.sum())
        check_fits(output, images, min(1, len(sources.labels)))  # before the hours of embedding
        how = threshold, images_per_identity, batch_size
        matches = NO_MATCHES if embed is None else find_matches(sources, embed, *how)
        groups = group(sources.labels, matches, same_labels)
        check_fits(output, images, len(groups))
        (warn_of_names if embed is None else warn_of_chains)(sources, groups)
        if on_pair is not None:
            for pair in named_pairs(sources, matches):
                on_pair(pair)
        identities = len(groups)
        if folder is not None:
            identities, images = write_merged(folder, sources, groups)
            carry_all_bins(data_dirs if bins else (), folder)
            if embed is not None:
                write_pairs(folder / "merged.csv", named_pairs(sources, matches))
    merged, pairs = len(sources.labels) - len(groups), len(matches.first)
    carried = len({path.name for folder in data_dirs for path in bins_of(folder)}) if bins else 0
    return Merged(Path(output), identities, images, merged, pairs, sources.close_broken(), carried)


def saved_model(model: str) -> Embed:
    """Return a function from uint8 RGB (n, 3, height, width) to embeddings (n, emb).

    The files of `model`, 'prefix,epoch', are looked for now. They are loaded at the first call,
    after a look at the data, because MXNet takes seconds to load.

    Raises:
        InputError: a file is missing, or several epochs are meant; the function raises it for
            files that are damaged.
    """
    checkpoint = one_checkpoint(model)

    @lru_cache(maxsize=None)
    def load() -> Embed:
        from unequal.checkpoints.embedder import load_embedder
        from unequal.support.devices import usable_devices

        return load_embedder(checkpoint, usable_devices()[0])

    return lambda images: load()(images)


def _work(args: argparse.Namespace) -> None:
    options = vars(args)
    model = options.pop("model")
    if args.threshold is None:
        options["threshold"] = THRESHOLD
    elif model is None:
        raise InputError("--threshold: is of use with --model only; name the model, too")
    embed = None if model is None else saved_model(model)
    if args.dry_run:
        options["on_pair"] = lambda pair: print(pair.text())
    summary = merge(embed=embed, **options)
    dry_run = args.dry_run
    print(set_line(args.output, summary.images, summary.identities, summary.bins, dry_run))
    if model is not None:
        print(f"pairs of identities that look the same: {summary.pairs}")
    if summary.merged:
        print(f"{counted(summary.merged, 'identity', 'identities')} became part of another one")
    if summary.broken:
        print(broken_line(summary.broken, dry_run))


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("merge", __doc__, EXAMPLE)
    parser.add_argument(
        "--data-dir", dest="data_dirs", required=True, nargs="+", metavar="SET", help="the sets"
    )
    add_output(parser, "folder of the new set")
    parser.add_argument(
        "--same-labels", action="store_true", help="a label means one person in all sets"
    )
    parser.add_argument(
        "--model", metavar="PREFIX,EPOCH", help="merge identities that look the same to it"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        help=f"smallest cosine at which they do; depends on the model (default {THRESHOLD})",
    )
    most = "the most images for a centre"
    add_default(parser, "--images-per-identity", IMAGES_PER_IDENTITY, most)
    add_default(parser, "--batch-size", BATCH_SIZE, "images embedded at a time")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print what would be merged and write nothing; with a low --threshold this shows "
        "the gap",
    )
    add_no_bins(parser)
    return parser


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
