"""The page of a contact sheet: its title and text, and the HTML, one file that needs no other."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Iterable, Mapping, NamedTuple, TextIO

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from recordio_tools.contact_sheet_parts.sheet_items import Item
from recordio_tools.contact_sheet_parts.shown_records import ShownRecords
from unequal.faces.noise_list import noise_line

FIRST_LINES = "<!DOCTYPE html>\n<!-- made by python -m recordio_tools.contact_sheet -->\n"
HERE = Path(__file__).parent
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
    sheet: Sheet, data_dir: str | Path, shown: ShownRecords, title: str, thumbnail: int
) -> dict[str, str | int]:
    """Return the text of the page around its pictures, by its names in contact_sheet.html.

    `thumbnail` is the longer side of the pictures, pixels.
    """
    flagged = shown.largest is not None
    order = "flagged as noise, the surest first" if flagged else "by identity"
    whole = sheet.images == sheet.total
    saved = "keep" if flagged else "ticked"
    return {
        "title": title,
        "about": f"{sheet.total} images of {data_dir}, {order}.",
        "part": "" if whole else part_text(sheet),
        "digest": shown.digest,
        "file": f"{saved}.txt" if whole else f"{saved}_{sheet.first}-{sheet.last}.txt",
        "flagged": flagged,
        "side": min(max(thumbnail, LEAST_SHOWN), MOST_SHOWN),
    }


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


def write_page(file: TextIO, about: Mapping[str, str | int], items: Iterable[Item]) -> None:
    """Write the page, item by item, to a file that is open for UTF-8; `about`: see about_sheet."""
    environment = Environment(
        loader=FileSystemLoader(str(HERE)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["line"] = lambda row: noise_line(row).rstrip()
    style = (HERE / "contact_sheet.css").read_text("utf-8").replace("{{FACE}}", str(about["side"]))
    script = (HERE / "contact_sheet.js").read_text("utf-8")
    parts = environment.get_template("contact_sheet.html").generate(
        sheet=about,
        items=items,
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
    )
    for part in parts:
        # what is no text, such as bytes of a file's name, becomes '?'
        file.write(part.encode("utf-8", "replace").decode("utf-8"))


def _hash(text: str) -> str:
    """Return the name of a script or style in the page's content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
