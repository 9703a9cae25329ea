"""Write a face set: train.rec, train.idx, train.lst and property in InsightFace's layout."""

from __future__ import annotations

from array import array
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Iterable, Sequence, TextIO, TypeVar

from unequal.faces.image_list import ListedFace, list_line
from unequal.faces.record_format import frame, pack
from unequal.support.errors import InputError
from unequal.support.output_folder import new_folder

LARGEST_KEY = 2**24 - 1  # record 0 tells the key after it as a float32, exact up to 2**24
BUFFER = 1 << 20
ALIGNED = (1.0,)
Writer = TypeVar("Writer", bound="FaceSetWriter")


class FaceSetWriter:
    """Streams the images of one set, identity by identity, into a new folder (see new_folder).

    Records 1..N are the images, each with the label array [identity, 1] (1: it is aligned). Record
    0, which follows them, has the label [first identity record, last identity record + 1]; then
    comes one record per identity, whose label is its range [first image, last image + 1)
    (face2rec2 of InsightFace). `identities.txt` has lines 'label name images'.

    The set is complete when the `with` block has ended without an exception.

    Args:
        folder: where the files go; it exists.
        size: (height, width) of the images in pixels, for `property`.
        num_classes: for `property`; the largest label + 1 where it is not given.
    """

    def __init__(
        self, folder: str | Path, size: tuple[int, int], num_classes: int | None = None
    ) -> None:
        self.folder = Path(folder)
        self.size = size
        self.num_classes = num_classes
        self.images = 0
        self.largest_label = -1
        self._label: int | None = None
        self._finished: set[int] = set()
        self._first_keys = array("q")
        self._position = 0
        with ExitStack() as opened:
            self._records = opened.enter_context((self.folder / "train.rec").open("wb", BUFFER))
            self._index = opened.enter_context(self._text("train.idx"))
            self._list = opened.enter_context(self._text("train.lst"))
            self._names = opened.enter_context(self._text("identities.txt"))
            self._opened = opened.pop_all()

    def add(
        self,
        label: int,
        image: bytes,
        name: str = "",
        more: Sequence[float] | None = ALIGNED,
        identity: str = "",
    ) -> int:
        """Append one encoded image and return its record key.

        The images of a label must follow one another; labels may have gaps and any order.

        Args:
            label: the identity's.
            image: the encoded file.
            name: the path that train.lst gives it; one is made up where it is not given.
            more: what follows the label in the record's label array; None writes a single number
                in place of an array.
            identity: the identity's name for identities.txt, taken from its first image; the
                folder in `name` where it is not given.

        Raises:
            ValueError: a label comes back after another one, or is not below num_classes.
            InputError: the set has more records than the float32 label of record 0 can count.
        """
        key = self.images + 1
        if label != self._label:
            self._start_identity(label, key, identity or name.rpartition("/")[0])
        if key + len(self._first_keys) > LARGEST_KEY:
            raise InputError(f"`output`: would hold more images and identities than the {_limit()}")
        labels = None if more is None else (label, *more)
        self._write(key, pack(labels, label, key, image))
        path = name or f"{label:06d}/{key:07d}.jpg"
        self._list.write(list_line(ListedFace(path, label)))
        self.images = key
        return key

    def __enter__(self: Writer) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._opened:
            if kind is None:
                self._finish()

    def _finish(self) -> None:
        if not self.images:
            raise InputError("no image is left to write; check the input")
        self._end_identity()
        first, count = self.images + 1, len(self._first_keys)
        self._write(0, pack((first, first + count), 0, 0, b""))
        self._first_keys.append(first)
        for i in range(count):
            key = first + i
            self._write(key, pack(self._first_keys[i : i + 2], 0, key, b""))
        height, width = self.size
        classes = self.num_classes or self.largest_label + 1
        with self._text("property") as file:
            file.write(f"{classes},{height},{width}\n")

    def _start_identity(self, label: int, key: int, name: str) -> None:
        if label in self._finished:
            raise ValueError(f"label {label} comes back at image {key}")
        if not 0 <= label < (self.num_classes or label + 1):
            raise ValueError(f"label {label} of {self.num_classes} classes")
        self._end_identity()
        self._finished.add(label)
        self._label = label
        self._name = name or str(label)
        self.largest_label = max(label, self.largest_label)
        self._first_keys.append(key)

    def _end_identity(self) -> None:
        if self._label is not None:
            count = self.images + 1 - self._first_keys[-1]
            self._names.write(f"{self._label} {self._name} {count}\n")

    def _write(self, key: int, payload: bytes) -> None:
        framed = frame(payload)
        self._records.write(framed)
        self._index.write(f"{key}\t{self._position}\n")
        self._position += len(framed)

    def _text(self, name: str) -> TextIO:
        # paths that are not UTF-8 come out as they went in
        return (self.folder / name).open(
            "w", BUFFER, encoding="utf-8", errors="surrogateescape", newline="\n"
        )


def check_fits(output: str | Path, images: int, identities: int) -> None:
    """Raise InputError, which names `output`, for more records than a set's header can count."""
    if images + identities > LARGEST_KEY:
        raise InputError(
            f"`output` {output}: would hold {images} images and {identities} identities, more than "
            f"the {_limit()}"
        )


def _limit() -> str:
    return (
        f"{LARGEST_KEY} records that a set's header can count (as float32); make several sets, by "
        "python -m recordio_tools.subset or recordio_tools.split"
    )


def write_face_set(
    folder: str | Path,
    items: Iterable[tuple[int, bytes, str]],
    size: tuple[int, int],
    num_classes: int | None = None,
    overwrite: bool = False,
) -> int:
    """Write (label, encoded image, name) items as the set `folder`; return their number.

    The folder appears when everything is written. Raises what FaceSetWriter and new_folder raise.
    """
    with new_folder(folder, overwrite) as partial:
        with FaceSetWriter(partial, size, num_classes) as writer:
            for label, image, name in items:
                writer.add(label, image, name)
    return writer.images
