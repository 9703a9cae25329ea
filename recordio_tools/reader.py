"""Reading a face set from end to end, one record at a time, whatever its size."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import BinaryIO, Callable, Iterator, NamedTuple

import numpy as np

from recordio_tools.face_list import read_list
from unequal.data.record_format import (
    LABEL_HEADER,
    LENGTH_BITS,
    PART_HEADER,
    WHOLE,
    Header,
    join_parts,
    part_length,
    unpack,
)
from unequal.data.records import FaceRecords, Property, read_index_blocks, read_property
from unequal.errors import InputError

BUFFER = 1 << 20
logger = logging.getLogger(__name__)
OnBroken = Callable[[int, str], None]


class Face(NamedTuple):
    """One image of a set.

    `image` is the encoded file; `name` its path in train.lst, '' where there is none; `more` what
    follows the label in the record's label array, None where the label is a single number.
    """

    key: int
    label: int
    image: bytes
    name: str = ""
    more: tuple[float, ...] | None = None


class FaceSetReader:
    """The images of the set `data_dir`, streamed in the order of its identities.

    A set in InsightFace's layout whose index is in the order of its keys, as face2rec2 writes it,
    is read front to back; nothing grows with the number of images. Of other sets the index and the
    labels are held in memory, and images are read in ascending order of label.

    Attributes:
        path: the .rec file.
        images: how many image records the index lists.
        size: (height, width), from `property`; None where that file is missing.
        num_classes: from `property`; None likewise.

    Raises:
        InputError: as unequal.data.records.FaceRecords, which looks at every set first that is
            not read front to back.
    """

    def __init__(self, data_dir: str | Path) -> None:
        self.data_dir = Path(data_dir)
        self.path = self.data_dir / "train.rec"
        self.index_path = self.data_dir / "train.idx"
        found = self._property()
        self.size = (found.height, found.width) if found else None
        self.num_classes = found.num_classes if found else None
        self._first_identity = self._find_layout()
        self._records = None if self._first_identity else FaceRecords(data_dir)
        if self._records is not None:
            self.images = len(self._records.image_keys)
        else:
            self.images = self._first_identity - 1

    def faces(self, on_broken: OnBroken | None = None) -> Iterator[Face]:
        """All images with their labels and names.

        `on_broken` is told key and reason of each record that cannot be read, which is then passed
        over; without it InputError is raised.
        """
        names = self._names()
        for key, read in self._reads():
            try:
                header, image = read()
                label, more = _labels(header)
            except ValueError as error:
                self._broken(key, error, on_broken)
                continue
            yield Face(key, label, image, names(key, label), more)

    def labels(self, on_broken: OnBroken | None = None) -> Iterator[tuple[int, int]]:
        """(key, label) of all images, in the order of `faces`; images are not read."""
        for key, read in self._reads(head_only=True):
            try:
                label, _ = _labels(read()[0])
            except ValueError as error:
                self._broken(key, error, on_broken)
                continue
            yield key, label

    def images_per_label(self) -> dict[int, int]:
        """How many images each label has, by reading all labels; broken records do not count."""
        counts: dict[int, int] = {}
        for _, label in self.labels(lambda key, reason: None):
            counts[label] = counts.get(label, 0) + 1
        return counts

    def _property(self) -> Property | None:
        return read_property(self.data_dir) if (self.data_dir / "property").exists() else None

    def _find_layout(self) -> int:
        """The first identity record's key where the set can be read front to back, else 0."""
        last, header_offset, images_and_more = 0, None, 0
        for keys, offsets in read_index_blocks(self.index_path):
            zero = np.flatnonzero(keys == 0)
            if len(zero) > 1 or (len(zero) and header_offset is not None):
                return 0
            if len(zero):
                header_offset = int(offsets[zero[0]])
                keys = np.delete(keys, zero)
            if len(keys) and (keys[0] <= last or np.any(np.diff(keys) <= 0)):
                return 0
            last = int(keys[-1]) if len(keys) else last
            images_and_more += len(keys)
        if header_offset is None or last != images_and_more:
            return 0
        with self._open() as file:
            try:
                header, _ = _read_at(file, header_offset)
            except ValueError:
                return 0
        if header.flag < 2 or not 1 <= header.label[0] <= header.label[1] <= last + 1:
            return 0
        return int(header.label[0])

    def _open(self) -> BinaryIO:
        try:
            return self.path.open("rb", BUFFER)
        except OSError as error:
            raise InputError(
                f"{self.path}: {error.strerror}; a data folder needs train.rec, train.idx and "
                "property"
            ) from error

    def _reads(self, head_only: bool = False) -> Iterator[tuple[int, Callable]]:
        """The key of each image and a function that reads its header and bytes."""
        if self._records is not None:
            for key in self._keys_by_label(self._records):
                yield key, lambda key=key: self._records.record(key)
            return
        read = _read_head_at if head_only else _read_at
        with self._open() as file:
            for keys, offsets in read_index_blocks(self.index_path):
                for key, offset in zip(keys.tolist(), offsets.tolist()):
                    if 0 < key < self._first_identity:
                        yield key, lambda offset=offset: read(file, offset)

    def _keys_by_label(self, records: FaceRecords) -> list[int]:
        """Image keys, ascending; without a header record by label, broken ones first."""
        keys = np.sort(records.image_keys).tolist()
        if records.header_label is not None:
            return keys

        def label_of(key: int) -> int:
            try:
                return _labels(records.record(key)[0])[0]
            except ValueError:
                return -1

        return sorted(keys, key=label_of)

    def _broken(self, key: int, error: ValueError, on_broken: OnBroken | None) -> None:
        if on_broken is None:
            raise InputError(
                f"{self.path}: record {key} is broken: {error}; see python -m "
                f"recordio_tools.inspect_set {self.data_dir}"
            ) from error
        on_broken(key, str(error))

    def _names(self) -> Callable[[int, int], str]:
        """A function of key and label that tells the image's path in train.lst, '' without one."""
        path = self.data_dir / "train.lst"
        if not path.exists():
            return lambda key, label: ""
        return _Names(path).of


class _Names:
    """The paths of a train.lst, looked up in the order of its lines or, for im2rec's, by key."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = enumerate(read_list(path), start=1)
        self._by_key: dict[int, tuple[int, str]] = {}
        self._at = 0
        self._fits = True

    def of(self, key: int, label: int) -> str:
        try:
            while self._fits and key not in self._by_key:
                line, face = next(self._lines)
                if face.key is None and line > key:
                    raise LookupError
                if face.key is None and line < key:
                    continue
                self._by_key[line if face.key is None else face.key] = (face.label, face.path)
            listed, name = self._by_key.pop(key) if self._fits else (label, "")
            if listed != label:
                raise LookupError
            return name
        except (StopIteration, LookupError, InputError):
            logger.warning("%s: does not belong to the .rec beside it; names are made up",
                           self._path)
            self._fits = False
            return ""


def _labels(header: Header) -> tuple[int, tuple[float, ...] | None]:
    values = [header.label] if header.flag == 0 else header.label.tolist()
    label = values[0]
    if not 0 <= label < 2**31 or label != int(label):
        raise ValueError(f"its label is {label}")
    return int(label), None if header.flag == 0 else tuple(values[1:])


def _read_at(file: BinaryIO, offset: int) -> tuple[Header, bytes]:
    """Header and image of the record at `offset`; ValueError where there is none."""
    if file.tell() != offset:
        file.seek(offset)
    head = file.read(PART_HEADER.size)
    length = part_length(head) - PART_HEADER.size
    code = PART_HEADER.unpack(head)[1]
    kind, size = code >> LENGTH_BITS, code & ((1 << LENGTH_BITS) - 1)
    if kind == WHOLE:
        body = file.read(length)
        if len(body) < size:
            raise ValueError("it ends within a record")
        return unpack(body[:size])
    blob = head + file.read(length)
    while kind != 3 and len(blob) < 1 << LENGTH_BITS:
        head = file.read(PART_HEADER.size)
        blob += head + file.read(part_length(head) - PART_HEADER.size)
        kind = PART_HEADER.unpack(head)[1] >> LENGTH_BITS
    return unpack(join_parts(blob))


def _read_head_at(file: BinaryIO, offset: int) -> tuple[Header, bytes]:
    """Header of the record at `offset`, of which no more is read than it takes."""
    file.seek(offset)
    blob = file.read(PART_HEADER.size + LABEL_HEADER.size)
    part_length(blob)
    if PART_HEADER.unpack_from(blob)[1] >> LENGTH_BITS != WHOLE:
        return _read_at(file, offset)
    flag = LABEL_HEADER.unpack_from(blob, PART_HEADER.size)[0] if len(blob) == 32 else 0
    return unpack(blob[PART_HEADER.size :] + file.read(4 * min(flag, 64)))
