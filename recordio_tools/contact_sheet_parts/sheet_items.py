"""The items of a contact sheet: the picture of a record, its identity, pictures to compare."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Iterator, NamedTuple

import cv2
import numpy as np

from recordio_tools.contact_sheet_parts.shown_records import SetIdentities, ShownRecords, label_of
from unequal.faces.decoding import BadImage, decode_rgb
from unequal.faces.face_records import FaceRecords
from unequal.faces.image_format import image_format
from unequal.faces.jpeg import encode_jpeg
from unequal.faces.noise_list import NoiseRow
from unequal.faces.noise_scores import read_scores
from unequal.support.errors import InputError

SHOWN_BY_BROWSERS = {"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"}
JPEG_QUALITY = 90
USUAL_SCORES = "0_noise_scores.csv"


class Thumbnail(NamedTuple):
    """The thumbnail of one record.

    `address` is a data: address, '' where there is none. Then `reason` says why, or the picture
    was given before. `width` and `height` are in pixels.
    """

    key: int
    address: str = ""
    width: int = 0
    height: int = 0
    reason: str = ""


class SheetScores:
    """Predicted labels and probabilities of the label of all images, 24 bytes each.

    `path` is what train_NR.py wrote.

    Raises:
        InputError: see unequal.faces.noise_scores.read_scores.
    """

    def __init__(self, path: str | Path) -> None:
        found = read_scores(path)
        order = np.argsort(found.keys, kind="stable")
        self._keys, self._predicted = found.keys[order], found.predicted[order]
        self._largest, self._of_label = found.largest[order], found.of_label[order]

    def predicted(self, key: int) -> int:
        """Return the label with the largest probability; the record is one of the file."""
        return int(self._predicted[np.searchsorted(self._keys, key)])

    def best_first(self, keys: np.ndarray) -> np.ndarray:
        """Return the keys by the probability of their label: highest first, unknown ones last."""
        rows, known = self._find(keys)
        probability = np.where(known, self._of_label[rows], -1)
        return keys[np.lexsort((keys, -probability))]

    def fit(self, choice: ShownRecords) -> bool:
        """Return whether the noise list was made from these scores."""
        if not len(self._keys):
            return not len(choice.keys)
        rows, known = self._find(choice.keys)
        same = known & (self._largest[rows] == choice.largest)
        return bool(np.all(same & (self._of_label[rows] == choice.of_label)))

    def _find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of the keys, and whether they are there."""
        rows = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return rows, self._keys[rows] == keys


def usual_scores(noise_list: str | Path) -> Path | None:
    """Return the scores beside a noise list: 3_noise_scores.csv for 3_noiselist.txt.

    Else 0_noise_scores.csv; None where there is neither.
    """
    path = Path(noise_list)
    number, found, rest = path.name.partition("_noiselist.txt")
    own = f"{number}_noise_scores.csv" if found and not rest else USUAL_SCORES
    beside = (path.with_name(name) for name in (own, USUAL_SCORES))
    return next((scores for scores in beside if scores.is_file()), None)


class Item(NamedTuple):
    """One record of a sheet."""

    key: int
    label: int
    name: str  # the identity's, '' where it has none
    picture: Thumbnail
    row: NoiseRow | None = None  # the noise list's
    predicted: int | None = None  # the label that the model found most probable, where it is known
    predicted_name: str = ""
    references: tuple[Thumbnail, ...] | None = None  # of the labelled identity
    predicted_references: tuple[Thumbnail, ...] = ()


@dataclass
class SheetItems:
    """The items of a sheet; those of a noise list come with references, none of them flagged.

    References are pictures of an identity to compare with. With scores these are the images with
    the highest probability of their label; without, they are evenly spaced. Broken images are
    passed over. A picture that was given before is given again without its address.
    """

    records: FaceRecords
    identities: SetIdentities
    flagged: np.ndarray  # int64 keys that are no references
    longest: int  # the longer side of the pictures, pixels
    scores: SheetScores | None = None  # those of the noise pass, where they are known
    _given: set[int] = field(default_factory=set)
    _known: dict[tuple[int, int], tuple[Thumbnail, ...]] = field(default_factory=dict)

    def of(self, shown: ShownRecords, count: int) -> Iterator[Item]:
        """Yield the records that are shown, with `count` references each where they have a row.

        Raises:
            InputError: a record has another label than the noise list says.
        """
        for i, (key, label) in enumerate(zip(shown.keys.tolist(), shown.labels.tolist())):
            name = self.identities.names.get(label, "")
            row = shown.row(i)
            found = label if row is None else label_of(self.records, key)
            if found not in (None, label):
                raise InputError(
                    f"`noise_list`: record {key} of {self.records.data_dir} has label {found}, "
                    f"not {label}: this list was made from another set; give the list that was "
                    "made from this one"
                )
            item = Item(key, label, name, picture_of(self.records, key, self.longest), row)
            if row is not None and count:
                item = item._replace(references=self._references(label, count))
            if row is not None and self.scores is not None:
                predicted = self.scores.predicted(key)
                name = self.identities.names.get(predicted, "")
                item = item._replace(predicted=predicted, predicted_name=name)
                if predicted != label:
                    others = self._references(predicted, min(1, count))
                    item = item._replace(predicted_references=others)
            yield item

    def _references(self, label: int, count: int) -> tuple[Thumbnail, ...]:
        """Return at most `count` pictures of an identity, always the same ones."""
        known = self._known.get((label, count))
        if known is not None:
            return known
        shown = (picture_of(self.records, k, self.longest) for k in self._candidates(label, count))
        found = list(islice((picture for picture in shown if picture.address), count))
        known = tuple(picture._replace(address="") for picture in found)
        self._known[label, count] = known
        new = [picture.key not in self._given for picture in found]
        self._given.update(picture.key for picture in found)
        return tuple(p if is_new else same for p, same, is_new in zip(found, known, new))

    def _candidates(self, label: int, count: int) -> list[int]:
        keys = self.identities.keys(label)
        keys = keys[~np.isin(keys, self.flagged)]
        if self.scores is not None:
            return self.scores.best_first(keys).tolist()
        spread = np.unique(np.linspace(0, len(keys) - 1, count).astype(int)) if len(keys) else []
        return [*keys[spread].tolist(), *np.delete(keys, spread).tolist()]


def picture_of(records: FaceRecords, key: int, longest: int) -> Thumbnail:
    """Return the thumbnail of a record, whose longer side has at most `longest` pixels.

    An image that is no larger and of a format that browsers show is taken as it is. Others are
    encoded as JPEG. A broken image gives a picture with a reason.
    """
    try:
        _, image = records.read(key)
        return _thumbnail(key, image, longest)
    except (InputError, BadImage) as error:
        return Thumbnail(key, reason=str(error.__cause__ or error))


def _thumbnail(key: int, image: bytes, longest: int) -> Thumbnail:
    pixels = decode_rgb(image)
    height, width = pixels.shape[:2]
    found = image_format(image)
    media_type = found.media_type if found else ""
    if max(height, width) > longest or media_type not in SHOWN_BY_BROWSERS:
        scale = min(1.0, longest / max(height, width))
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        smaller = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        image, media_type = encode_jpeg(smaller, JPEG_QUALITY), "image/jpeg"
    text = base64.b64encode(image).decode("ascii")
    return Thumbnail(key, f"data:{media_type};base64,{text}", width, height)
