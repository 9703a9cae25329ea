"""Faces to embed: a face set, a folder of images or a verification set, opened alike.

`face_batches` gives them to a network; they are decoded in threads while it works.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Callable, Generator, Iterable, NamedTuple, Tuple

import numpy as np

from eval.verification_parts.verification_set import read_pairs
from unequal.faces.decoding import MOST_WORKERS, BadImage, decode_rgb, write_planes
from unequal.faces.face_records import FaceRecords, read_property
from unequal.faces.identity_folders import identity_folders
from unequal.faces.image_list import ListLines
from unequal.support.environment import usable_cores
from unequal.support.errors import InputError
from unequal.support.pipelining import one_behind

SET_FILES = ("train.rec", "train.idx", "property")
REC, FOLDER, BIN = "rec", "folder", "bin"


# the identity of an image, and its encoded bytes; b'' if the file cannot be read
EncodedFace = Tuple[str, bytes]


@dataclass(frozen=True, eq=False)
class FaceSource:
    """Images in a fixed order."""

    kind: str  # REC, FOLDER or BIN
    path: str
    count: int
    read: Callable[[int], EncodedFace]  # gives the image of a number, from any thread
    # gives the name of an image, from its number and label, for one thread at a time
    name_of: Callable[[int, str], str]
    image_size: tuple[int, int] | None  # (height, width) if a `property` file says it
    stamp: str  # changes when the source does
    close: Callable[[], None] = lambda: None


class FaceBatch(NamedTuple):
    """Consecutive images of a source."""

    texts: list[tuple[str, str]]  # label and name of each image
    readable: np.ndarray  # bool, one for each image
    # uint8 (batch size, 3, height, width) RGB, zeros for those that cannot be decoded; a last
    # batch that is not full repeats its last image
    images: np.ndarray


def open_faces(path: str | Path) -> FaceSource:
    """Open `path`, whose kind is recognised.

    - A face set: a folder with train.rec, train.idx and property, or its train.rec. The label is
      the record's (of an array the first number), the name the path in train.lst, else the
      record's key. `property` may be missing.
    - A folder of images. The name is the path below it, the label the folder part of that. An
      image that lies in the folder itself has its name as label: it shows nobody else's identity.
    - A verification set FILE.bin. The name is the image's number. The label is 'pair-P' for both
      images of pair P if they show one person, else 'pair-P-a' and 'pair-P-b'.

    Raises:
        InputError: it is none of these, is damaged, or holds no image.
    """
    path = Path(path)
    if path.is_dir():
        is_set = any((path / name).exists() for name in SET_FILES[:2])
        source = _face_set(path) if is_set else _image_folder(path)
    elif not path.exists():
        raise InputError(f"{path}: no such file or folder: check the path")
    elif path.name == SET_FILES[0]:
        source = _face_set(path.parent)
    elif path.suffix == ".rec":
        raise InputError(
            f"{path}: a face set's files are named train.rec and train.idx: put this one and its "
            ".idx into a folder under those names (links will do)"
        )
    elif path.suffix == ".bin":
        source = _verification_set(path)
    else:
        raise InputError(
            f"{path}: is no face set, folder of images or verification set: give a folder, "
            "train.rec or a .bin file"
        )
    if not source.count:
        raise InputError(f"{path}: holds no images: check the path")
    return source


def _face_set(folder: Path) -> FaceSource:
    size = None
    if (folder / "property").exists():
        found = read_property(folder)
        size = (found.height, found.width)
    records = FaceRecords(folder)
    keys = records.image_keys
    names = ListLines(folder / "train.lst")

    def read(row: int) -> EncodedFace:
        label, encoded = records.read(int(keys[row]))
        return f"{label:.9g}", encoded

    def name_of(row: int, label: str) -> str:
        key = int(keys[row])
        return (names.path_of(key, int(label)) if label.isdigit() else "") or str(key)

    def close() -> None:
        names.close()
        records.close()

    stamp = file_stamp(records.path)
    return FaceSource(REC, str(folder), len(keys), read, name_of, size, stamp, close)


def _image_folder(folder: Path) -> FaceSource:
    names = [
        f"{found.name}/{image}" if found.name else image
        for found in identity_folders(folder, images_at_top=True)
        for image in found.images
    ]

    def read(row: int) -> EncodedFace:
        name = names[row]
        try:
            encoded = (folder / name).read_bytes()
        except OSError:
            encoded = b""
        return os.path.dirname(name) or name, encoded

    listed = "\n".join(names).encode("utf-8", "surrogateescape")
    stamp = blake2b(listed, digest_size=8).hexdigest()
    return FaceSource(FOLDER, str(folder), len(names), read, lambda row, _: names[row], None, stamp)


def _verification_set(path: Path) -> FaceSource:
    encoded, same = read_pairs(path)

    def read(row: int) -> EncodedFace:
        pair, second = divmod(row, 2)
        label = f"pair-{pair}" + ("" if same[pair] else "-b" if second else "-a")
        return label, encoded[row]

    stamp = file_stamp(path)
    return FaceSource(BIN, str(path), len(encoded), read, lambda row, _: str(row), None, stamp)


def file_stamp(path: str | Path) -> str:
    """Return a text that changes when a file does."""
    status = Path(path).stat()
    return f"{status.st_size} bytes, {status.st_mtime_ns}"


def size_of_first(source: FaceSource) -> tuple[int, int]:
    """Return the (height, width) that all images must have.

    It is what `property` says, else the size of the first image that can be decoded.

    Raises:
        InputError: no image can be decoded.
    """
    if source.image_size is not None:
        return source.image_size
    for row in range(source.count):
        image = _decoded(source.read(row)[1])
        if image is not None:
            height, width, _ = image.shape
            return height, width
    raise InputError(f"{source.path}: none of its {source.count} images can be decoded")


def face_batches(
    source: FaceSource, start: int, batch_size: int
) -> Generator[FaceBatch, None, None]:
    """Yield all images from number `start` on; a batch is decoded while the last one is used.

    Raises:
        InputError: an image has another size than the others.
    """
    size = size_of_first(source)
    with ThreadPoolExecutor(min(usable_cores(), MOST_WORKERS)) as pool:

        def begun() -> Generator[tuple, None, None]:
            for first in range(start, source.count, batch_size):
                rows = range(first, min(first + batch_size, source.count))
                images = np.zeros((batch_size, 3, *size), np.uint8)
                yield rows, images, pool.map(partial(_fill, source), rows, images)

        for batch in one_behind(begun()):
            yield _finished(source, *batch)


def _finished(
    source: FaceSource,
    rows: range,
    images: np.ndarray,
    filled: Iterable[tuple[str, tuple[int, ...] | None]],
) -> FaceBatch:
    texts, readable = [], []
    for row, (label, size) in zip(rows, filled):
        name = source.name_of(row, label)
        if size is not None and size != images.shape[2:]:
            raise InputError(
                f"{source.path}: image {name} is {size[0]}x{size[1]} pixels (height x width), "
                f"others {images.shape[2]}x{images.shape[3]}: align all to one size"
            )
        texts.append((label, name))
        readable.append(size is not None)
    images[len(rows) :] = images[len(rows) - 1]
    return FaceBatch(texts, np.array(readable), images)


def _fill(source: FaceSource, row: int, planes: np.ndarray) -> tuple[str, tuple[int, ...] | None]:
    """Return an image's label and size, None if it is none; write it to `planes` if it fits."""
    label, encoded = source.read(row)
    image = _decoded(encoded)
    if image is None:
        return label, None
    if image.shape[:2] == planes.shape[1:]:
        write_planes(image, planes)
    return label, image.shape[:2]


def _decoded(encoded: bytes) -> np.ndarray | None:
    try:
        return decode_rgb(encoded)
    except BadImage:
        return None
