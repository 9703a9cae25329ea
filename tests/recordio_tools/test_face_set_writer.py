"""The writer's files are what the InsightFace readers expect, and appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import mxnet as mx
import pytest

from recordio_tools.writer import FaceSetWriter, write_face_set
from unequal.errors import InputError

ITEMS = [(0, b"first", "a/1.jpg"), (0, b"second", "a/2.jpg"), (3, b"third", "b/1.jpg")]


def read(folder: Path, key: int):
    records = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "r"
    )
    return mx.recordio.unpack(records.read_idx(key))


def test_records_are_laid_out_as_face2rec2_does(tmp_path):
    assert write_face_set(tmp_path / "set", ITEMS, (112, 96)) == 3
    header, content = read(tmp_path / "set", 0)
    assert (header.flag, header.label.tolist(), content) == (2, [4.0, 6.0], b"")
    images = [read(tmp_path / "set", key) for key in (1, 2, 3)]
    assert [(h.flag, h.label, h.id, s) for h, s in images] == [
        (0, 0.0, 1, b"first"),
        (0, 0.0, 2, b"second"),
        (0, 3.0, 3, b"third"),
    ]
    ranges = [read(tmp_path / "set", key)[0].label.tolist() for key in (4, 5)]
    assert ranges == [[1.0, 3.0], [3.0, 4.0]]


def test_list_and_property_name_every_image_the_classes_and_height_before_width(tmp_path):
    write_face_set(tmp_path, ITEMS, (112, 96))
    assert (tmp_path / "train.lst").read_text() == "1\ta/1.jpg\t0\n1\ta/2.jpg\t0\n1\tb/1.jpg\t3\n"
    assert (tmp_path / "property").read_text().strip() == "4,112,96"
    write_face_set(tmp_path, ITEMS, (112, 96), num_classes=100)
    assert (tmp_path / "property").read_text().strip() == "100,112,96"


@pytest.mark.parametrize("label", [2, -1, 7])
def test_a_label_that_goes_back_or_out_of_range_leaves_an_older_set_as_it_was(tmp_path, label):
    write_face_set(tmp_path, ITEMS, (32, 32))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=f"label {label}"):
        write_face_set(tmp_path, [*ITEMS, (label, b"fourth", "")], (32, 32), num_classes=7)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_nothing_is_named_before_the_end(tmp_path):
    with FaceSetWriter(tmp_path, (32, 32)) as writer:
        writer.add(0, b"first")
        assert {path.suffix for path in tmp_path.iterdir()} == {".partial"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "property",
        "train.idx",
        "train.lst",
        "train.rec",
    ]


def test_an_empty_set_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="no image"):
        write_face_set(tmp_path, [], (32, 32))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_face_set(tmp_path / "file" / "set", ITEMS, (32, 32))
