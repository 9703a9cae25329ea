"""Make a page of pictures of a set, to look at in a browser: a contact sheet.

OUTPUT is one HTML file that needs no other file and no network. It shows

  --noise-list   what a noise list flags, the most surely noise first: label, probabilities, and
                 pictures of the labelled identity that are not flagged; where the scores of the
                 noise pass are known (--scores) the predicted identity, too
  --records      the records of a list of keys, one a line, or of lines 'label record'
  --identities   all images of identities: a file of labels or names, or these with commas between

Pictures can be ticked and the ticks saved as a file. For a noise list it has the format of noise
lists, for denoise --keep; else it has lines 'label record'. The browser remembers the ticks.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Iterator

from recordio_tools.contact_sheet_parts.page import (
    FIRST_LINES,
    Sheet,
    about_sheet,
    part_text,
    title_of,
    write_page,
)
from recordio_tools.contact_sheet_parts.sheet_items import (
    Item,
    SheetItems,
    SheetScores,
    usual_scores,
)
from recordio_tools.contact_sheet_parts.shown_records import (
    SetIdentities,
    ShownRecords,
    flagged_records,
    listed_records,
    records_of_identities,
)
from unequal.faces.face_records import FaceRecords
from unequal.support.command_line import add_default, main_of, make_parser, progress
from unequal.support.errors import InputError
from unequal.support.output_file import refuse_existing, write_file

__all__ = ["Sheet", "contact_sheet", "main"]

EXAMPLE = """\
  python -m recordio_tools.contact_sheet --data-dir faces/head --noise-list src/0_noiselist.txt \\
      --output noise.html
  python -m recordio_tools.denoise --data-dir faces/head --noise-list src/0_noiselist.txt \\
      --keep ~/Downloads/keep.txt --output faces/head_denoise"""
logger = logging.getLogger(__name__)


def contact_sheet(
    data_dir: str | Path,
    output: str | Path,
    *,
    noise_list: str | Path | None = None,
    threshold: float | None = None,
    scores: str | Path | None = None,
    records: str | Path | None = None,
    identities: str | Path | None = None,
    limit: int = 1000,
    skip: int = 0,
    references: int = 3,
    thumbnail: int = 112,
    title: str | None = None,
) -> Sheet:
    """Write the page that the module's docstring describes; it appears whole or not at all.

    Args:
        data_dir: the set.
        output: the page; an older page of this function is replaced.
        noise_list: what to show; else give `records` or `identities`.
        threshold: of a noise list, only images whose largest probability is below it.
        scores: what train_NR.py wrote for all images; by default the file beside the noise list.
        records: a list of records to show.
        identities: a list of identities to show.
        limit: the most images on the page.
        skip: the number of images before the first one on the page.
        references: number of pictures of the labelled identity beside each flagged image.
        thumbnail: the longer side of the pictures, pixels; smaller images stay as they are.
        title: heads the page.

    Raises:
        InputError: the set or a list is not sound, a list is of another set, a number is out of
            bounds, or `output` is another file or cannot be written.
    """
    if sum(given is not None for given in (noise_list, records, identities)) != 1:
        raise InputError("give one of `noise_list`, `records` and `identities`")
    if noise_list is None and (threshold is not None or scores is not None):
        raise InputError("`threshold`, `scores`: belong to `noise_list`; leave them out")
    _check_numbers(limit, skip, references, thumbnail)
    _check_output(output)
    opened = FaceRecords(data_dir)
    known = SetIdentities(opened)
    given = noise_list or records or identities or ""
    if noise_list is not None:
        choice = flagged_records(opened, noise_list, threshold)
    elif records is not None:
        choice = listed_records(opened, records)
    else:
        choice = records_of_identities(opened, known, given)
    total = len(choice.keys)
    if skip and skip >= total:
        raise InputError(f"`skip` {skip}: there are only {total} images; give a lower number")
    part = choice.part(skip, limit)
    found = None if noise_list is None else _scores(noise_list, scores, choice)
    items = SheetItems(opened, known, choice.keys, thumbnail, found).of(part, references)
    sheet = Sheet(skip + min(1, total), skip + len(part.keys), total, 0, found is not None)
    title = title or title_of(data_dir, given)
    about = about_sheet(sheet, data_dir, choice, title, thumbnail)
    return sheet._replace(broken=_write(output, about, progress(items, len(part.keys))))


def _work(args: argparse.Namespace) -> None:
    sheet = contact_sheet(**vars(args))
    print(f"{args.output}: {sheet.images} of {sheet.total} images; open it in a browser")
    if sheet.images < sheet.total:
        print(part_text(sheet))
    if args.noise_list and not sheet.predicted:
        print("predicted identities are not shown: no scores of this noise pass; see --scores")
    if sheet.broken:
        print(f"{sheet.broken} cannot be shown; the grey boxes say why")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("contact_sheet", __doc__, EXAMPLE)
    parser.add_argument("--data-dir", required=True, help="the set: train.rec, train.idx, ...")
    parser.add_argument("--output", required=True, help="the page to make, such as noise.html")
    shown = parser.add_mutually_exclusive_group(required=True)
    shown.add_argument("--noise-list", help="show what this N_noiselist.txt flags")
    shown.add_argument("--records", help="show the records whose keys this file lists, one a line")
    shown.add_argument(
        "--identities", help="show these: a file of labels or names, or these with commas between"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        help="of the noise list, only images whose largest probability is below it",
    )
    parser.add_argument(
        "--scores", help="predicted labels (default: N_noise_scores.csv beside the noise list)"
    )

    add_default(parser, "--limit", 1000, "the most images on the page")
    add_default(parser, "--skip", 0, "images before the first one, for the next page")
    text = "pictures of the labelled identity beside each flagged one"
    add_default(parser, "--references", 3, text)
    add_default(parser, "--thumbnail", 112, "longer side of larger pictures, pixels")
    parser.add_argument("--title", help="heads the page")
    return parser


def _check_numbers(limit: int, skip: int, references: int, thumbnail: int) -> None:
    if limit < 1:
        raise InputError(f"`limit` {limit}: give a number above 0")
    if skip < 0:
        raise InputError(f"`skip` {skip}: give 0 or a number above it")
    if not 0 <= references <= 12:
        raise InputError(f"`references` {references}: give a number from 0 to 12")
    if not 16 <= thumbnail <= 1024:
        raise InputError(f"`thumbnail` {thumbnail}: give a number from 16 to 1024")


def _check_output(output: str | Path) -> None:
    """Raise InputError where there is something that is no page of this tool."""
    refuse_existing("output", output, overwrite=True)
    if Path(output).exists():
        with open(output, "rb") as file:
            if file.read(len(FIRST_LINES)) != FIRST_LINES.encode():
                raise InputError(f"`output` {output}: is another file; choose another name")


def _scores(
    noise_list: str | Path, given: str | Path | None, choice: ShownRecords
) -> SheetScores | None:
    path = usual_scores(noise_list) if given is None else given
    if path is None:
        return None
    scores = SheetScores(path)
    if scores.fit(choice):
        return scores
    if given is not None:
        raise InputError(
            f"`scores` {given}: is not of the run that wrote {noise_list}; give the file that "
            "train_NR.py wrote with it"
        )
    logger.warning(
        "%s: is not of the run that wrote %s; predicted labels are left out", path, noise_list
    )
    return None


def _write(output: str | Path, about: dict[str, str | int], items: Iterator[Item]) -> int:
    """Write the page; return how many items' pictures cannot be shown."""
    broken = 0

    def counted() -> Iterator[Item]:
        nonlocal broken
        for item in items:
            if item.picture.reason:
                broken += 1
                logger.warning("record %d cannot be shown: %s", item.key, item.picture.reason)
            yield item

    def write(name: str) -> None:
        with open(name, "w", encoding="utf-8", newline="\n") as file:
            write_page(file, about, counted())

    write_file("output", output, write)
    return broken


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
