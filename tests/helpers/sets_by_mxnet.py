"""Reading a face set with MXNet alone, as the iterators of 2019 do."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

import mxnet as mx


class Image(NamedTuple):
    """A record: its label (a tuple for an array, else a number) and the encoded image."""

    label: tuple[float, ...] | float
    content: bytes

    @property
    def identity(self) -> int:
        return int(self.label if isinstance(self.label, float) else self.label[0])


class FaceSet(NamedTuple):
    """A set in InsightFace's layout: images by key, and `property`."""

    images: dict[int, Image]
    num_classes: int
    size: tuple[int, int]

    @property
    def contents(self) -> list[bytes]:
        return [image.content for image in self.images.values()]

    @property
    def identities(self) -> list[int]:
        return [image.identity for image in self.images.values()]


def read_set(folder: Path) -> FaceSet:
    """Reads a set; fails where identity records, index and list do not describe its images."""
    records = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "r"
    )
    header, _ = mx.recordio.unpack(records.read_idx(0))
    assert header.flag == 2
    first, stop = map(int, header.label)
    assert sorted(records.keys) == list(range(stop))
    images = {key: read_image(records, key) for key in range(1, first)}
    following = 1
    met = []
    for key in range(first, stop):
        header, _ = mx.recordio.unpack(records.read_idx(key))
        begin, end = map(int, header.label)
        assert begin == following < end
        (identity,) = {images[k].identity for k in range(begin, end)}
        met.append(identity)
        following = end
    assert following == first and len(set(met)) == len(met)
    if (folder / "train.lst").exists():
        lines = (folder / "train.lst").read_text(encoding="utf-8").splitlines()
        listed = [int(line.split("\t")[2]) for line in lines]
        assert listed == [image.identity for image in images.values()]
    classes, height, width = map(int, (folder / "property").read_text().split(","))
    assert max(met) < classes
    return FaceSet(images, classes, (height, width))


def read_image(records: mx.recordio.MXIndexedRecordIO, key: int) -> Image:
    header, content = mx.recordio.unpack(records.read_idx(key))
    return Image(header.label if header.flag == 0 else tuple(header.label.tolist()), content)


def damage(folder: Path, *keys: int) -> None:
    """Make records unreadable by overwriting the first bytes of each."""
    for key in keys:
        overwrite(folder, key, 0, b"oops")


def set_label(folder: Path, key: int, label: float) -> None:
    """Give a record whose label is an array another label."""
    overwrite(folder, key, 32, struct.pack("<f", label))


def overwrite(folder: Path, key: int, position: int, content: bytes) -> None:
    """Replace some bytes of a record."""
    offsets = dict(line.split("\t") for line in (folder / "train.idx").read_text().splitlines())
    with (folder / "train.rec").open("r+b") as file:
        file.seek(int(offsets[str(key)]) + position)
        file.write(content)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
