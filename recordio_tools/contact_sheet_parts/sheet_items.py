"""The items of a contact sheet: the picture of a record, its identity, pictures to compare."""

from __future__ import annotations

from typing import Iterator, NamedTuple

import numpy as np

from recordio_tools.contact_sheet_parts.identities import SetIdentities, label_of
from recordio_tools.contact_sheet_parts.pictures import Picture, picture_of
from recordio_tools.contact_sheet_parts.scores import SheetScores
from recordio_tools.contact_sheet_parts.shown_records import ShownRecords
from unequal.faces.face_records import FaceRecords
from unequal.faces.noise_list import NoiseRow
from unequal.support.errors import InputError


class Item(NamedTuple):
    """One record of a sheet.

    Attributes:
        key: the record's.
        label: the record's.
        name: the identity's, '' where it has none.
        picture: the record's.
        row: the noise list's.
        predicted: the label that the model found most probable, None where that is not known.
        predicted_name: the name of that identity.
        references: pictures of the labelled identity, None where none are shown.
        predicted_references: pictures of the predicted identity.
    """

    key: int
    label: int
    name: str
    picture: Picture
    row: NoiseRow | None = None
    predicted: int | None = None
    predicted_name: str = ""
    references: tuple[Picture, ...] | None = None
    predicted_references: tuple[Picture, ...] = ()


class References:
    """Pictures of identities to compare with, none of them flagged.

    With scores these are the images with the highest probability of their label; without, they
    are evenly spaced. Broken images are passed over. A picture that was given before is given again
    without its address.
    """

    def __init__(
        self,
        records: FaceRecords,
        identities: SetIdentities,
        flagged: np.ndarray,
        longest: int,
        scores: SheetScores | None = None,
    ) -> None:
        self._records = records
        self._identities = identities
        self._flagged = flagged
        self._longest = longest
        self._scores = scores
        self._given: set[int] = set()
        self._known: dict[tuple[int, int], tuple[Picture, ...]] = {}

    def of(self, label: int, count: int) -> tuple[Picture, ...]:
        """Return at most `count` pictures of an identity, always the same ones."""
        known = self._known.get((label, count))
        if known is None:
            found = self._find(label, count)
            known = tuple(picture._replace(address="") for picture in found)
            self._known[label, count] = known
            return tuple(map(self._give, found))
        return known

    def _find(self, label: int, count: int) -> list[Picture]:
        found: list[Picture] = []
        for key in self._candidates(label, count):
            if len(found) == count:
                break
            picture = picture_of(self._records, key, self._longest)
            if picture.address:
                found.append(picture)
        return found

    def _give(self, picture: Picture) -> Picture:
        if picture.key in self._given:
            return picture._replace(address="")
        self._given.add(picture.key)
        return picture

    def _candidates(self, label: int, count: int) -> list[int]:
        keys = self._identities.keys(label)
        keys = keys[~np.isin(keys, self._flagged)]
        if self._scores is not None:
            return self._scores.best_first(keys).tolist()
        spread = np.unique(np.linspace(0, len(keys) - 1, count).astype(int)) if len(keys) else []
        return [*keys[spread].tolist(), *np.delete(keys, spread).tolist()]


def plain_items(
    records: FaceRecords, identities: SetIdentities, choice: ShownRecords, longest: int
) -> Iterator[Item]:
    """Yield the records of a choice, without references."""
    for key, label in zip(choice.keys.tolist(), choice.labels.tolist()):
        yield Item(key, label, identities.name(label), picture_of(records, key, longest))


def flagged_items(
    records: FaceRecords,
    identities: SetIdentities,
    choice: ShownRecords,
    references: References,
    count: int,
    longest: int,
    scores: SheetScores | None = None,
) -> Iterator[Item]:
    """Yield the records that a noise list flags, with `count` references each.

    Raises:
        InputError: a record has another label than the list says.
    """
    for i, (key, label) in enumerate(zip(choice.keys.tolist(), choice.labels.tolist())):
        found = label_of(records, key)
        if found not in (None, label):
            raise InputError(
                f"`noise_list`: record {key} of {records.data_dir} has label {found}, not {label}: "
                "this list was made from another set; give the list that was made from this one"
            )
        item = Item(
            key,
            label,
            identities.name(label),
            picture_of(records, key, longest),
            choice.row(i),
            references=references.of(label, count) if count else None,
        )
        if scores is not None:
            predicted = scores.predicted(key)
            item = item._replace(predicted=predicted, predicted_name=identities.name(predicted))
            if predicted != label:
                item = item._replace(predicted_references=references.of(predicted, min(1, count)))
        yield item
