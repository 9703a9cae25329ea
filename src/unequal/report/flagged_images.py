"""Pictures of flagged images, each beside two of the identity of its label."""

from __future__ import annotations

import base64
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, Sequence

import cv2
import numpy as np

from unequal.faces.decoding import BadImage, decode_rgb
from unequal.faces.face_records import FaceRecords
from unequal.faces.identity_lists import read_names
from unequal.faces.jpeg import encode_jpeg
from unequal.faces.noise_list import NoiseRow
from unequal.support.errors import InputError

MOST_SHOWN = 48
REFERENCES = 2
TRIED = 6
SIDE, REFERENCE_SIDE = 112, 72
JPEG_QUALITY = 80


class Card(NamedTuple):
    """A flagged image.

    `picture`: its thumbnail as a data: address, '' if it cannot be shown. `references`: those of
    other images of the identity, by record key. `predicted`: the label that the model took it for,
    None if not known. `name`, `predicted_name`: '' if the set has no names.
    """

    row: NoiseRow
    name: str
    picture: str
    references: dict[int, str]
    predicted: int | None
    predicted_name: str


def flagged_cards(
    data_dir: str | Path, rows: Sequence[NoiseRow], predicted: dict[int, int]
) -> list[Card]:
    """Show at most MOST_SHOWN images, evenly spread over the list, the surest noise first.

    Only the records that are shown are read.

    Args:
        data_dir: the set.
        rows: the noise list.
        predicted: the label that the model took a flagged image for, by record key.

    Raises:
        InputError: the set cannot be read, or is not the one that the list was made from.
    """
    if not rows:
        return []
    ordered = sorted(rows, key=lambda row: (float(row.largest), row.key))
    places = np.unique(np.linspace(0, len(ordered) - 1, MOST_SHOWN).round().astype(int))
    names = read_names(data_dir)
    flagged = {row.key for row in rows}
    cards = []
    with closing(FaceRecords(data_dir)) as records:
        for row in (ordered[place] for place in places):
            label, _ = records.read(row.key)
            if label != row.label:
                raise InputError(
                    f"{data_dir}: record {row.key} has label {label:g}, but {row.label} in the "
                    "noise list; this is not the set that the list was made from"
                )
            guess = predicted.get(row.key)
            cards.append(
                Card(
                    row,
                    names.get(row.label, ""),
                    _thumbnail(records, row.key, SIDE),
                    _references(records, row.key, flagged),
                    guess,
                    "" if guess is None else names.get(guess, ""),
                )
            )
    return cards


def _references(records: FaceRecords, key: int, flagged: set[int]) -> dict[int, str]:
    """Show images of the identity whose range a record lies in, none of them flagged."""
    keys, starts = records.groups
    place = np.flatnonzero(keys == key)
    if not len(place):
        return {}
    group = int(np.searchsorted(starts, place[0], side="right")) - 1
    others = [i for i in keys[starts[group] : starts[group + 1]].tolist() if i not in flagged]
    # the ends first: images that are far apart are seldom of one photo
    found: dict[int, str] = {}
    for other in [*others[:1], *others[:0:-1][:1], *others[1:-1][: TRIED - REFERENCES]]:
        picture = _thumbnail(records, other, REFERENCE_SIDE) if len(found) < REFERENCES else ""
        if picture:
            found[other] = picture
    return found


def _thumbnail(records: FaceRecords, key: int, side: int) -> str:
    """Return a record's image as a data: address, its longer side `side` pixels at most."""
    try:
        image = decode_rgb(records.read(key)[1])
    except (InputError, BadImage):
        return ""
    height, width = image.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    smaller = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    text = base64.b64encode(encode_jpeg(smaller, JPEG_QUALITY)).decode("ascii")
    return f"data:image/jpeg;base64,{text}"
