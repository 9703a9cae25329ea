"""The HTML of a contact sheet: one file that needs no other."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Iterable, NamedTuple, TextIO

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from recordio_tools.contact_sheet_parts.sheet_items import Item
from unequal.faces.noise_list import noise_line

FIRST_LINES = "<!DOCTYPE html>\n<!-- made by python -m recordio_tools.contact_sheet -->\n"
HERE = Path(__file__).parent


class About(NamedTuple):
    """The text of a page around its pictures.

    Attributes:
        title: the heading.
        about: what the page shows.
        part: which part of that.
        digest: identifies the list.
        file: the name of the file of ticked lines.
        flagged: items have a noise list's row, else they are grouped by identity.
        side: the width of pictures, in CSS pixels.
    """

    title: str
    about: str
    part: str
    digest: str
    file: str
    flagged: bool
    side: int = 128


def write_page(file: TextIO, about: About, items: Iterable[Item]) -> None:
    """Write the page, item by item, to a file that is open for UTF-8."""
    environment = Environment(
        loader=FileSystemLoader(str(HERE)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["line"] = lambda row: noise_line(row).rstrip()
    style = (HERE / "contact_sheet.css").read_text("utf-8").replace("{{FACE}}", str(about.side))
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
