"""The title of a contact sheet, and the text about what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from recordio_tools.contact_sheet_parts.page import About
from recordio_tools.contact_sheet_parts.shown_records import ShownRecords

LEAST_SHOWN, MOST_SHOWN = 128, 320
LONGEST_TITLE = 60


class Sheet(NamedTuple):
    """What a page shows: images `first` to `last`, counted from 1, of `total`.

    `broken` of them cannot be shown; `predicted`: predicted labels are shown.
    """

    first: int
    last: int
    total: int
    broken: int
    predicted: bool

    @property
    def images(self) -> int:
        """How many there are on the page."""
        return self.last - self.first + 1 if self.total else 0


def about_sheet(
    sheet: Sheet, data_dir: str | Path, choice: ShownRecords, title: str, thumbnail: int
) -> About:
    """Return the text of the page; `thumbnail` is the longer side of its pictures, pixels."""
    flagged = choice.largest is not None
    order = "flagged as noise, the surest first" if flagged else "by identity"
    whole = sheet.images == sheet.total
    saved = "keep" if flagged else "ticked"
    return About(
        title=title,
        about=f"{sheet.total} images of {data_dir}, {order}.",
        part="" if whole else part_text(sheet),
        digest=choice.digest,
        file=f"{saved}.txt" if whole else f"{saved}_{sheet.first}-{sheet.last}.txt",
        flagged=flagged,
        side=min(max(thumbnail, LEAST_SHOWN), MOST_SHOWN),
    )


def part_text(sheet: Sheet) -> str:
    """Say which part of the images a page shows, and how to get the next."""
    text = f"This page shows images {sheet.first} to {sheet.last} of {sheet.total}."
    if sheet.last < sheet.total:
        text += f" For the next, add --skip {sheet.last}."
    return text


def title_of(data_dir: str | Path, given: str | Path) -> str:
    """Make a title of the name of the list, or of the given identities, and that of the set."""
    shown = Path(given).name if Path(given).is_file() else str(given)
    if len(shown) > LONGEST_TITLE:
        shown = shown[: LONGEST_TITLE - 3] + "..."
    return f"{shown} of {Path(data_dir).resolve().name}"
