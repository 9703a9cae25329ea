"""Sets are streamed in the order of their identities, whatever their layout."""

from __future__ import annotations

import struct
from pathlib import Path

import mxnet as mx
import pytest

from record_fixtures import encode, face, write_face_set, write_plain_set
from unequal.faces.set_reader import Face, FaceSetReader
from unequal.faces.set_writer import write_face_set as write_ours
from unequal.support.errors import InputError

MAGIC = struct.pack("<I", 0xCED7230A)


def by_mxnet(folder: Path, keys) -> list[tuple[int, int, bytes]]:
    """Key, label and image of records, read by MXNet."""
    records = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "r"
    )
    read = []
    for key in keys:
        header, image = mx.recordio.unpack(records.read_idx(key))
        label = header.label if header.flag == 0 else header.label[0]
        read.append((key, int(label), image))
    return read


def shuffle_index(folder: Path) -> None:
    lines = (folder / "train.idx").read_text().splitlines()
    (folder / "train.idx").write_text("\n".join(sorted(lines, reverse=True)) + "\n")


@pytest.mark.parametrize("shuffled", [False, True])
def test_every_image_of_an_insightface_set_comes_once_in_order(tmp_path, shuffled):
    folder = write_face_set(tmp_path / "set", (3, 1, 2), payloads={2: MAGIC * 2, 4: b""})
    if shuffled:
        shuffle_index(folder)
    reader = FaceSetReader(folder)
    assert (reader.images, reader.size, reader.num_classes) == (6, (16, 16), 3)
    faces = list(reader.faces())
    assert [(f.key, f.label, f.image) for f in faces] == by_mxnet(folder, range(1, 7))
    assert {f.more for f in faces} == {(0.0,)}
    assert list(reader.labels()) == [(f.key, f.label) for f in faces]


def test_a_plain_set_is_grouped_by_label(tmp_path):
    labels = {0: 1, 5: 0, 2: 1, 9: 0, 3: 2}
    folder = write_plain_set(tmp_path / "set", labels)
    (folder / "property").unlink()
    reader = FaceSetReader(folder)
    assert (reader.images, reader.size, reader.num_classes) == (5, None, None)
    faces = list(reader.faces())
    assert [(f.key, f.label) for f in faces] == [(5, 0), (9, 0), (0, 1), (2, 1), (3, 2)]
    assert [(f.key, f.label, f.image) for f in faces] == by_mxnet(folder, (5, 9, 0, 2, 3))
    assert {f.more for f in faces} == {None}


def test_names_come_from_the_list_beside_the_records(tmp_path):
    items = [(0, b"a", "A/1.jpg"), (0, b"b", "A/2 x.jpg"), (4, b"c", "Ж/1.jpg")]
    write_ours(tmp_path / "set", items, (8, 8))
    assert [f.name for f in FaceSetReader(tmp_path / "set").faces()] == [i[2] for i in items]
    folder = write_plain_set(tmp_path / "plain", {4: 1, 2: 0})
    (folder / "train.lst").write_text("4\t1\tb/1.jpg\n2\t0\ta/1.jpg\n")
    assert [f.name for f in FaceSetReader(folder).faces()] == ["a/1.jpg", "b/1.jpg"]


@pytest.mark.parametrize("text", ["1\tA/1.jpg\t0\n", "1\tA/1.jpg\t9\n" * 3, "nonsense\n", ""])
def test_a_list_of_another_set_is_not_believed(tmp_path, caplog, text):
    write_ours(tmp_path / "set", [(0, b"a", ""), (0, b"b", ""), (1, b"c", "")], (8, 8))
    (tmp_path / "set" / "train.lst").write_text(text)
    faces = list(FaceSetReader(tmp_path / "set").faces())
    assert [f.image for f in faces] == [b"a", b"b", b"c"] and faces[-1].name == ""
    assert [record.message.count("names are made up") for record in caplog.records] == [1]


@pytest.mark.parametrize("plain", [False, True])
def test_broken_records_are_told_and_the_others_kept(tmp_path, plain):
    if plain:
        folder = write_plain_set(tmp_path / "set", {1: 0, 2: 0, 3: 1, 4: 1})
    else:
        folder = write_face_set(tmp_path / "set", (2, 2))
    lines = (folder / "train.idx").read_text().splitlines()
    offset = int(next(line for line in lines if line.startswith("2\t")).split("\t")[1])
    blob = bytearray((folder / "train.rec").read_bytes())
    blob[offset : offset + 4] = b"oops"
    (folder / "train.rec").write_bytes(blob)
    broken = []
    reader = FaceSetReader(folder)
    faces = list(reader.faces(lambda key, reason: broken.append(key)))
    assert [f.key for f in faces] == [1, 3, 4] and broken == [2]
    assert list(reader.labels(lambda key, reason: None)) == [(1, 0), (3, 1), (4, 1)]
    with pytest.raises(InputError, match="record 2"):
        list(FaceSetReader(folder).faces())


def test_a_label_that_is_no_whole_number_is_a_broken_record(tmp_path):
    writer = mx.recordio.MXIndexedRecordIO(
        str(tmp_path / "train.idx"), str(tmp_path / "train.rec"), "w"
    )
    for key, label in enumerate([0.0, 0.5, float("nan"), -1.0, float("inf"), 1.0]):
        header = mx.recordio.IRHeader(0, label, key, 0)
        writer.write_idx(key, mx.recordio.pack(header, encode(face(0, key))))
    writer.close()
    broken = []
    faces = list(FaceSetReader(tmp_path).faces(lambda key, reason: broken.append(key)))
    assert [f.key for f in faces] == [0, 5] and sorted(broken) == [1, 2, 3, 4]


def test_the_last_record_cut_off_is_broken_or_refused_but_never_half_an_image(tmp_path):
    write_ours(tmp_path / "set", [(0, b"0123456789", "")] * 3, (8, 8))
    whole = (tmp_path / "set" / "train.rec").read_bytes()
    for size in range(len(whole)):
        (tmp_path / "set" / "train.rec").write_bytes(whole[:size])
        try:
            faces = list(FaceSetReader(tmp_path / "set").faces(lambda key, reason: None))
        except InputError:
            continue
        assert {f.image for f in faces} <= {b"0123456789"}


@pytest.mark.parametrize("missing", ["train.rec", "train.idx"])
def test_missing_files_are_told(tmp_path, missing):
    folder = write_face_set(tmp_path / "set", (2,))
    (folder / missing).unlink()
    with pytest.raises(InputError, match=f"{missing}: No such file"):
        FaceSetReader(folder)


def test_a_face_without_a_name_or_an_array(tmp_path):
    assert Face(1, 2, b"x") == (1, 2, b"x", "", None)


def test_a_wrong_entry_of_the_index_costs_no_other_record(tmp_path):
    folder = write_face_set(tmp_path / "set", (2, 2))
    lines = (folder / "train.idx").read_text().splitlines()
    key, offset = map(int, lines[2].split())
    lines[2] = f"{key}\t{offset - 8}"  # within the record before
    (folder / "train.idx").write_text("\n".join(lines))
    broken = []
    faces = FaceSetReader(folder).faces(lambda key, reason: broken.append(key))
    assert [found.key for found in faces] == [1, 2, 4] and broken == [3]
