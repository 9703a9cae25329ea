"""Faces to embed: a face set, a folder of images or a verification set, opened alike."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Callable, NamedTuple

from eval.verification_parts.verification_set import read_pairs
from unequal.faces.face_records import FaceRecords, read_property
from unequal.faces.identity_folders import identity_folders
from unequal.faces.image_list import ListLines
from unequal.support.errors import InputError

SET_FILES = ("train.rec", "train.idx", "property")
REC, FOLDER, BIN = "rec", "folder", "bin"


class EncodedFace(NamedTuple):
    """The identity of an image, and its encoded bytes; b'' if the file cannot be read."""

    label: str
    encoded: bytes


@dataclass(frozen=True, eq=False)
class FaceSource:
    """Images in a fixed order.

    Attributes:
        kind: REC, FOLDER or BIN.
        path: where they are.
        count: the number of images.
        read: gives the image of a number, from any thread.
        name_of: gives the name of an image, from its number and label, for one thread at a time.
        image_size: (height, width) if a `property` file says it.
        stamp: a text that changes when the source does.
        close: closes the files.
    """

    kind: str
    path: str
    count: int
    read: Callable[[int], EncodedFace]
    name_of: Callable[[int, str], str]
    image_size: tuple[int, int] | None
    stamp: str
    close: Callable[[], None] = lambda: None


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
        return EncodedFace(f"{label:.9g}", encoded)

    def name_of(row: int, label: str) -> str:
        key = int(keys[row])
        return (names.path_of(key, int(label)) if label.isdigit() else "") or str(key)

    def close() -> None:
        names.close()
        records.close()

    stamp = _file_stamp(records.path)
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
        return EncodedFace(os.path.dirname(name) or name, encoded)

    listed = "\n".join(names).encode("utf-8", "surrogateescape")
    stamp = blake2b(listed, digest_size=8).hexdigest()
    return FaceSource(FOLDER, str(folder), len(names), read, lambda row, _: names[row], None, stamp)


def _verification_set(path: Path) -> FaceSource:
    encoded, same = read_pairs(path)

    def read(row: int) -> EncodedFace:
        pair, second = divmod(row, 2)
        label = f"pair-{pair}" + ("" if same[pair] else "-b" if second else "-a")
        return EncodedFace(label, encoded[row])

    stamp = _file_stamp(path)
    return FaceSource(BIN, str(path), len(encoded), read, lambda row, _: str(row), None, stamp)


def _file_stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size} bytes, {status.st_mtime_ns}"
