"""The HTML of a contact sheet: one file that needs no other."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Iterable, NamedTuple, TextIO

from recordio_tools.contact_sheet_parts.pictures import Picture
from recordio_tools.contact_sheet_parts.sheet_items import Item
from unequal.faces.noise_list import noise_line

FIRST_LINES = "<!DOCTYPE html>\n<!-- made by python -m recordio_tools.contact_sheet -->\n"
CARDS = "<!-- cards -->\n"


class About(NamedTuple):
    """What a page says beside its pictures.

    `title` heads it, `about` tells what it shows and `part` which part of that. `digest` tells
    which list it is of, `file` is the name under which the ticked lines are saved. `flagged`:
    items have a noise list's row, else they are grouped by identity. `side` is how wide pictures
    are shown, in CSS pixels.
    """

    title: str
    about: str
    part: str
    digest: str
    file: str
    flagged: bool
    side: int = 128


def write_page(file: TextIO, about: About, items: Iterable[Item]) -> None:
    """Writes the page, item by item; the file is open for UTF-8."""
    start, _, end = _frame(about).partition(CARDS)
    file.write(start)
    if about.flagged:
        file.write('<div class="grid">\n')
        for item in items:
            file.write(_flagged_card(item))
        file.write("</div>\n")
    else:
        for label, group in groupby(items, key=lambda item: item.label):
            _write_group(file, label, group)
    file.write(end)


def _frame(about: About) -> str:
    """The page around the cards."""
    style = _shipped("contact_sheet.css").replace("{{FACE}}", str(about.side))
    script = _shipped("contact_sheet.js")
    if about.flagged:
        verb, done, save = "Keep", "kept", "Save keep-list"
        hint = (
            "Tick the pictures that do show the identity beside them, save the keep-list, and give "
            "it to <code>denoise --keep</code>: these stay in the set."
        )
    else:
        verb, done, save = "Tick", "ticked", "Save list"
        hint = "Tick pictures and save a list of them: lines of label and record."
    values = {
        "STYLE": style,
        "STYLE_HASH": _hash(style),
        "SCRIPT": script,
        "SCRIPT_HASH": _hash(script),
        "TITLE": _text(about.title),
        "ABOUT": _text(about.about),
        "PART": _text(about.part),
        "HINT": hint,
        "VERB": verb,
        "DONE": done,
        "SAVE": save,
        "FILE": about.file,
        "LIST": about.digest,
        "KIND": "flagged" if about.flagged else "plain",
    }
    page = _shipped("contact_sheet.html")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match.group(1)], page)


def _shipped(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What the page's content security policy calls the one script or style that it allows."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _text(text: str) -> str:
    """Text as it stands in HTML; what is no text, such as bytes of a file name, becomes '?'."""
    return escape(text.encode("utf-8", "replace").decode("utf-8"), quote=True)


def _write_group(file: TextIO, label: int, group: Iterable[Item]) -> None:
    first = True
    for item in group:
        if first:
            file.write(
                f'<section class="group">{_group_heading(label, item.name)}\n<div class="grid">\n'
            )
            first = False
        file.write(_plain_card(item))
    file.write("</div></section>\n")


def _group_heading(label: int, name: str) -> str:
    labelled = f"label {label}" if label >= 0 else "broken records"
    if not name:
        return f"<h2>{labelled}</h2>"
    return f"<h2>{_text(name)} <small>{labelled}</small></h2>"


def _plain_card(item: Item) -> str:
    line = f"{item.label} {item.key}"
    return (
        f"{_card(item, line)}{_face(item)}\n"
        f'<label class="keep"><input type="checkbox" id="tick{item.key}"> record {item.key}</label>'
        "</article>\n"
    )


def _flagged_card(item: Item) -> str:
    row = item.row
    numbers = f' data-largest="{row.largest!s}" data-of-label="{row.of_label!s}"'
    facts = [
        ("label", str(item.label)),
        ("record", str(item.key)),
        ("max(P)", f"{row.largest:.3g}"),
        ("P[label]", f"{row.of_label:.3g}"),
    ]
    if item.predicted is not None:
        same = item.predicted == item.label
        named = "the same" if same else f"{item.predicted} {item.predicted_name}".strip()
        facts.append(("predicted", named))
    listed = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in facts)
    return (
        f"{_card(item, noise_line(row).rstrip(), numbers)}{_face(item)}\n"
        f"<div><h2>{_text(item.name) or f'label {item.label}'}</h2><dl>{listed}</dl></div>\n"
        f"{_references(item)}"
        f'<label class="keep"><input type="checkbox" id="tick{item.key}"> keep</label>'
        "</article>\n"
    )


def _card(item: Item, line: str, more: str = "") -> str:
    return (
        f'<article class="card" data-record="{item.key}" data-label="{item.label}" '
        f'data-name="{_text(item.name)}" data-line="{line}"{more}>'
    )


def _face(item: Item) -> str:
    about = f"record {item.key}, labelled {item.label} {item.name}".rstrip()
    return f'<label class="face" for="tick{item.key}">{_image(item.picture, about)}</label>'


def _references(item: Item) -> str:
    if item.references is None:
        return ""
    groups = [("labelled", item.label, item.name, item.references)]
    if item.predicted_references:
        groups.append(("predicted", item.predicted, item.predicted_name, item.predicted_references))
    figures = "".join(
        f'<figure class="{kind}"><figcaption>{_caption(kind, name or f"label {label}", pictures)}'
        f"</figcaption><div>{_images(pictures, label, name)}</div></figure>"
        for kind, label, name, pictures in groups
    )
    return f'<div class="references">{figures}</div>\n'


def _caption(kind: str, name: str, pictures: tuple[Picture, ...]) -> str:
    if not pictures:
        return f"no picture of {_text(name)} that is not flagged"
    return "labelled identity" if kind == "labelled" else "predicted"


def _images(pictures: tuple[Picture, ...], label: int, name: str) -> str:
    return "".join(
        _image(picture, f"record {picture.key} of {label} {name}".rstrip(), f"picture{picture.key}")
        for picture in pictures
    )


def _image(picture: Picture, about: str, name: str = "") -> str:
    """An img element; one that is called `name` lends its image to those that come without."""
    if picture.reason:
        told = _text(f"{about}: {picture.reason}")
        return (
            f'<span class="picture broken" role="img" aria-label="{told}">'
            f"{_text(picture.reason)}</span>"
        )
    source = f'src="{picture.address}"' if picture.address else f'data-same="{name}"'
    called = f' id="{name}"' if name and picture.address else ""
    return (
        f'<img class="picture"{called} width="{picture.width}" height="{picture.height}" '
        f'alt="{_text(about)}" loading="lazy" decoding="async" {source}>'
    )
