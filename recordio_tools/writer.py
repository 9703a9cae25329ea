"""Writing a face set: train.rec, train.idx, train.lst and property as InsightFace lays them out."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Iterable

import mxnet as mx

from unequal.errors import InputError

FILES = ("train.rec", "train.idx", "train.lst", "property")
LARGEST_KEY = 2**24


class FaceSetWriter:
    """Streams the images of one set, identity by identity, into a folder.

    Records 1..N are the images with their identity as label; after them comes one record per
    identity whose label is its range [first image, last image + 1); record 0 has the label
    [first identity record, last identity record + 1] (face2rec2 of InsightFace).

    The folder is made. The four files appear together when the `with` block ends without an
    exception; until then they are called `*.partial`, and an exception removes them.

    Args:
        folder: where the files go; an older set in it is replaced.
        size: (height, width) of the images in pixels, for `property`.
        num_classes: for `property`; the largest label + 1 where it is not given.
    """

    def __init__(
        self, folder: str | Path, size: tuple[int, int], num_classes: int | None = None
    ) -> None:
        self.folder = Path(folder)
        self.size = size
        self.num_classes = num_classes
        self._count = 0
        self._label = -1
        self._ranges: list[tuple[int, int]] = []
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._list = self._partial("train.lst").open("w", encoding="utf-8")
        except OSError as error:
            reason = error.strerror or error
            message = f"{self.folder}: cannot be written ({reason}); choose another folder"
            raise InputError(message) from error
        self._records = mx.recordio.MXIndexedRecordIO(
            str(self._partial("train.idx")), str(self._partial("train.rec")), "w"
        )

    def add(self, label: int, jpeg: bytes, name: str = "") -> int:
        """Appends one encoded image and returns its record key.

        `name` is the path that train.lst gives it. Labels may leave gaps but not go back.

        Raises:
            ValueError: the label is smaller than the one before, or not below num_classes.
            InputError: the set outgrows what the float32 header of record 0 can address.
        """
        if label < self._label or not 0 <= label < (self.num_classes or label + 1):
            raise ValueError(f"label {label} after {self._label} of {self.num_classes} classes")
        key = self._count + 1
        if label != self._label:
            self._end_identity()
            self._label = label
            self._ranges.append((key, key))
        if key + len(self._ranges) > LARGEST_KEY:
            raise InputError(f"{self.folder}: more than {LARGEST_KEY} records; split the set")
        header = mx.recordio.IRHeader(0, float(label), key, 0)
        self._records.write_idx(key, mx.recordio.pack(header, jpeg))
        self._list.write(f"1\t{name or f'{label}/{key}.jpg'}\t{label}\n")
        self._count = key
        return key

    def close(self) -> None:
        """Writes the identity records, record 0 and `property`, and gives the files their names.

        Raises:
            InputError: no image was added.
        """
        if not self._count:
            raise InputError(f"{self.folder}: no image is left to write; check the input")
        self._end_identity()
        first = self._count + 1
        for key, (begin, end) in enumerate(self._ranges, start=first):
            self._write_header(key, begin, end)
        self._write_header(0, first, first + len(self._ranges))
        self._records.close()
        self._list.close()
        classes = self.num_classes or self._label + 1
        height, width = self.size
        self._partial("property").write_text(f"{classes},{height},{width}\n", encoding="utf-8")
        for file in FILES:
            os.replace(self._partial(file), self.folder / file)

    def discard(self) -> None:
        """Removes the partial files."""
        self._records.close()
        self._list.close()
        for file in FILES:
            if self._partial(file).exists():
                self._partial(file).unlink()

    def __enter__(self) -> FaceSetWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.discard()

    def _partial(self, file: str) -> Path:
        return self.folder / f"{file}.partial"

    def _end_identity(self) -> None:
        if self._ranges:
            self._ranges[-1] = (self._ranges[-1][0], self._count + 1)

    def _write_header(self, key: int, begin: int, end: int) -> None:
        header = mx.recordio.IRHeader(2, (float(begin), float(end)), key, 0)
        self._records.write_idx(key, mx.recordio.pack(header, b""))


def write_face_set(
    folder: str | Path,
    items: Iterable[tuple[int, bytes, str]],
    size: tuple[int, int],
    num_classes: int | None = None,
) -> int:
    """Writes (label, encoded image, name) items by FaceSetWriter; returns how many there were."""
    count = 0
    with FaceSetWriter(folder, size, num_classes) as writer:
        for label, jpeg, name in items:
            count = writer.add(label, jpeg, name)
    return count
