"""Pictures of flagged images, each beside two of the identity of its label."""

from __future__ import annotations

import base64
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Sequence

import cv2
import numpy as np

from unequal.faces.decoding import BadImage, decode_rgb
from unequal.faces.face_records import FaceRecords
from unequal.faces.noise_list import NoiseRow
from unequal.support.errors import InputError
from unequal.support.files import numbered_lines

MOST_SHOWN = 48
REFERENCES = 2
TRIED = 6
SIDE, REFERENCE_SIDE = 112, 72
JPEG_QUALITY = 80


class Picture(NamedTuple):
    """A record's thumbnail as a data: address, '' if it cannot be shown."""

    key: int
    address: str


class Card(NamedTuple):
    """A flagged image; `name` and `predicted_name` are '' if the set has no names."""

    row: NoiseRow
    name: str
    picture: Picture
    references: list[Picture]
    predicted: int | None
    predicted_name: str


def flagged_cards(
    data_dir: str | Path, rows: Sequence[NoiseRow], predicted: dict[int, int]
) -> list[Card]:
    """Show at most MOST_SHOWN images, evenly spread over the list, the surest noise first.

    Only the records that are shown are read.

    Raises:
        InputError: the set cannot be read, or is not the one that the list was made from.
    """
    if not rows:
        return []
    records = FaceRecords(data_dir)
    ordered = sorted(rows, key=lambda row: (float(row.largest), row.key))
    places = np.unique(np.linspace(0, len(ordered) - 1, MOST_SHOWN).round().astype(int))
    names = _names(Path(data_dir))
    flagged = {row.key for row in rows}
    cards = []
    for row in (ordered[place] for place in places):
        _check_label(records, row)
        guess = predicted.get(row.key)
        cards.append(
            Card(
                row,
                names.get(row.label, ""),
                _picture(records, row.key, SIDE),
                _references(records, row.key, flagged),
                guess,
                "" if guess is None else names.get(guess, ""),
            )
        )
    records.close()
    return cards


def _check_label(records: FaceRecords, row: NoiseRow) -> None:
    label, _ = records.read(row.key)
    if label != row.label:
        raise InputError(
            f"{records.data_dir}: record {row.key} has label {label:g}, but {row.label} in the "
            "noise list; this is not the set that the list was made from"
        )


def _references(records: FaceRecords, key: int, flagged: set[int]) -> list[Picture]:
    """Show images of the identity whose range a record lies in, none of them flagged."""
    keys, starts = records.groups
    place = np.flatnonzero(keys == key)
    if not len(place):
        return []
    group = int(np.searchsorted(starts, place[0], side="right")) - 1
    others = [i for i in keys[starts[group] : starts[group + 1]].tolist() if i not in flagged]
    ends = list(dict.fromkeys([*others[:1], *others[-1:]]))  # far apart: seldom of one photo
    tried = [*ends, *others[1:-1][: TRIED - REFERENCES]]
    found = (_picture(records, other, REFERENCE_SIDE) for other in tried)
    return list(islice((picture for picture in found if picture.address), REFERENCES))


def _picture(records: FaceRecords, key: int, side: int) -> Picture:
    try:
        image = decode_rgb(records.read(key)[1])
    except (InputError, BadImage):
        return Picture(key, "")
    height, width = image.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    smaller = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    ok, coded = cv2.imencode(
        ".jpg", cv2.cvtColor(smaller, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    text = base64.b64encode(coded.tobytes()).decode("ascii") if ok else ""
    return Picture(key, f"data:image/jpeg;base64,{text}" if ok else "")


def _names(data_dir: Path) -> dict[int, str]:
    """Read names by label from identities.txt ('label name images'); other lines do not count."""
    path = data_dir / "identities.txt"
    names = {}
    for _, text in numbered_lines(path, "list of identities") if path.is_file() else ():
        label, _, rest = text.partition(" ")
        if label.isdecimal() and len(label) < 18:
            name = rest.rpartition(" ")[0] or rest
            names[int(label)] = name.encode("utf-8", "replace").decode("utf-8")
    return names
