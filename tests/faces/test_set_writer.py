"""The writer's files are, byte for byte, what MXNet's writer makes of face2rec2's records."""

from __future__ import annotations

import struct
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest

from unequal.faces import set_writer as module
from unequal.faces.set_writer import FaceSetWriter, write_face_set
from unequal.support.errors import InputError

ITEMS = [(0, b"first", "a/1.jpg"), (0, b"second", "a/2.jpg"), (3, b"third", "b c/1.jpg")]
MAGIC = struct.pack("<I", 0xCED7230A)


def read(folder: Path, key: int):
    records = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "r"
    )
    return mx.recordio.unpack(records.read_idx(key))


def face2rec2(folder: Path, items) -> None:
    """Images, then record 0, then the identity records, by MXNet's own writer."""
    folder.mkdir()
    writer = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "w"
    )
    ranges: dict[int, list[int]] = {}
    for key, (label, image, _) in enumerate(items, start=1):
        ranges.setdefault(label, [key, key])[1] = key + 1
        header = mx.recordio.IRHeader(2, [float(label), 1.0], key, 0)
        writer.write_idx(key, mx.recordio.pack(header, image))
    key = len(items) + 1
    for at, label in ((0, [key, key + len(ranges)]), *enumerate(ranges.values(), start=key)):
        header = mx.recordio.IRHeader(2, [float(number) for number in label], at, 0)
        writer.write_idx(at, mx.recordio.pack(header, b""))
    writer.close()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"odd",
        MAGIC,
        b"four" + MAGIC,
        MAGIC * 3 + b"x",
        b"abc" + MAGIC,
        bytes(1000) + MAGIC,
        b"pad" + MAGIC[:3] + MAGIC + b"padding" + MAGIC,
    ],
    ids=range(8),
)
def test_the_bytes_are_those_of_mxnet(tmp_path, payload):
    items = [*ITEMS[:2], (1, payload, ""), ITEMS[2]]
    write_face_set(tmp_path / "ours", items, (112, 96))
    face2rec2(tmp_path / "theirs", items)
    for file in ("train.rec", "train.idx"):
        assert (tmp_path / "ours" / file).read_bytes() == (tmp_path / "theirs" / file).read_bytes()


def test_a_header_points_to_the_identities_and_they_to_their_images(tmp_path):
    assert write_face_set(tmp_path / "set", ITEMS, (112, 96)) == 3
    header, content = read(tmp_path / "set", 0)
    assert (header.flag, header.label.tolist(), content) == (2, [4.0, 6.0], b"")
    images = [read(tmp_path / "set", key) for key in (1, 2, 3)]
    assert [(h.flag, h.label.tolist(), h.id, s) for h, s in images] == [
        (2, [0.0, 1.0], 1, b"first"),
        (2, [0.0, 1.0], 2, b"second"),
        (2, [3.0, 1.0], 3, b"third"),
    ]
    ranges = [read(tmp_path / "set", key)[0].label.tolist() for key in (4, 5)]
    assert ranges == [[1.0, 3.0], [3.0, 4.0]]


def test_list_property_and_identities_tell_names_classes_and_height_before_width(tmp_path):
    write_face_set(tmp_path / "one", ITEMS, (112, 96))
    lines = (tmp_path / "one" / "train.lst").read_text().splitlines()
    assert lines == ["1\ta/1.jpg\t0", "1\ta/2.jpg\t0", "1\tb c/1.jpg\t3"]
    assert (tmp_path / "one" / "property").read_text().strip() == "4,112,96"
    assert (tmp_path / "one" / "identities.txt").read_text() == "0 a 2\n3 b c 1\n"
    write_face_set(tmp_path / "two", ITEMS, (112, 96), num_classes=100)
    assert (tmp_path / "two" / "property").read_text().strip() == "100,112,96"


def test_an_identity_has_the_name_given_with_its_first_image_else_the_folder_or_its_label(tmp_path):
    with FaceSetWriter(tmp_path, (8, 8)) as writer:
        writer.add(0, b"a", "p00/1.jpg", identity="Ann Lee")
        writer.add(0, b"b", "p00/2.jpg", identity="Bo")
        writer.add(1, b"c", "p01/1.jpg")
        writer.add(1, b"d", "p01/2.jpg", identity="Cy")
        writer.add(2, b"e", "1.jpg")
    assert (tmp_path / "identities.txt").read_text() == "0 Ann Lee 2\n1 p01 2\n2 2 1\n"
    assert "p00/1.jpg" in (tmp_path / "train.lst").read_text()


def test_other_label_arrays_are_kept(tmp_path):
    with FaceSetWriter(tmp_path, (8, 8)) as writer:
        writer.add(5, b"a", "x/1.jpg", None)
        writer.add(6, b"b", "y/1.jpg", ())
        writer.add(7, b"c", "z/1.jpg", (0.0,))
        writer.add(8, b"d", "", (1.0, 2.5))
    labels = [read(tmp_path, key)[0].label for key in (1, 2, 3, 4)]
    assert labels[0] == 5.0
    assert [label.tolist() for label in labels[1:]] == [[6.0], [7.0, 0.0], [8.0, 1.0, 2.5]]
    flags = [line.split("\t")[0] for line in (tmp_path / "train.lst").read_text().splitlines()]
    assert flags == ["1"] * 4  # whatever they were before: what is in a set needs no alignment


def test_labels_may_come_in_any_order_but_not_come_back(tmp_path):
    with FaceSetWriter(tmp_path, (8, 8)) as writer:
        for label in (4, 4, 2):
            writer.add(label, b"image")
        with pytest.raises(ValueError, match="label 4 comes back"):
            writer.add(4, b"image")
        with pytest.raises(ValueError, match="label -1"):
            writer.add(-1, b"image")


def test_a_label_beyond_the_classes_leaves_an_older_set_as_it_was(tmp_path):
    folder = tmp_path / "set"
    write_face_set(folder, ITEMS, (32, 32))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    items = [*ITEMS, (7, b"fourth", "")]
    with pytest.raises(ValueError, match="label 7 of 7 classes"):
        write_face_set(folder, items, (32, 32), num_classes=7, overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_set_larger_than_its_header_can_tell_is_refused(tmp_path, monkeypatch):
    in_the_header = module.LARGEST_KEY + 1
    assert np.float32(in_the_header) == in_the_header
    assert np.float32(in_the_header + 1) != in_the_header + 1
    monkeypatch.setattr(module, "LARGEST_KEY", 4)
    write_face_set(tmp_path / "fits", ITEMS[:2] + [(0, b"", "")], (8, 8))
    with pytest.raises(InputError, match="^`output`: would hold more .* recordio_tools.subset"):
        write_face_set(tmp_path / "set", ITEMS, (8, 8))
    assert not (tmp_path / "set").exists()
    module.check_fits("set", 3, 1)
    with pytest.raises(InputError, match="^`output` set: would hold 3 images and 2 identities"):
        module.check_fits("set", 3, 2)


def test_an_empty_set_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="no image"):
        write_face_set(tmp_path / "set", [], (32, 32))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_face_set(tmp_path / "file" / "set", ITEMS, (32, 32))
