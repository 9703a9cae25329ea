"""A walk through a .rec without its index finds the whole records around broken ones."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import mxnet as mx
import numpy as np
import pytest

from record_fixtures import write_face_set
from recordio_tools.inspect_set_parts.record_walk import RECORD, walk
from unequal.faces.record_format import CUT_OFF

MAGIC = (0xCED7230A).to_bytes(4, "little")
BLOCKS = (1, 1 << 20)  # each record alone, and many in one step
NO_START = "no record starts there"
WRONG_LENGTH = "its length leads to no record"
WRONG_PARTS = "its parts are out of order"
TOO_SHORT = "it is too short for a header"
TOO_SHORT_LABEL = "it is too short for its label"


def payload(key: int, image: bytes, labels: Sequence[float] = ()) -> bytes:
    label = list(labels) if labels else 7.0
    return mx.recordio.pack(mx.recordio.IRHeader(0, label, key, 0), image)


def write(path: Path, payloads: Sequence[bytes]) -> list[int]:
    """Write records with MXNet; returns where each starts, and the end."""
    writer = mx.recordio.MXIndexedRecordIO(str(path.with_suffix(".idx")), str(path), "w")
    starts = []
    for one in payloads:
        starts.append(writer.tell())
        writer.write(one)
    starts.append(writer.tell())
    writer.close()
    return starts


def rows_of(path: Path, block: int = 1 << 20) -> tuple[np.ndarray, list[str]]:
    """All rows of a walk, and the fault of each, '' for a whole record."""
    rows, faults = [np.zeros(0, RECORD)], []
    for some, fault in walk(path, block):
        assert len(some) == 1 or not fault
        rows.append(some)
        faults += [fault] * len(some)
    return np.concatenate(rows), faults


def patch(path: Path, at: int, new: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(new)


def four(path: Path) -> list[int]:
    return write(path, [payload(key, bytes([key]) * 30) for key in (1, 2, 3, 4)])


@pytest.mark.parametrize("block", BLOCKS)
def test_records_of_a_face_set_are_where_its_index_says_with_the_headers_mxnet_reads(
    tmp_path, block
):
    folder = write_face_set(tmp_path, (3, 2))
    rows, faults = rows_of(folder / "train.rec", block)
    assert not any(faults)
    lines = (folder / "train.idx").read_text().splitlines()
    entries = [tuple(map(int, line.split())) for line in lines]
    assert list(zip(rows["id"].tolist(), rows["offset"].tolist())) == entries
    assert rows["end"].tolist() == [*rows["offset"][1:], (folder / "train.rec").stat().st_size]
    reader = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "r"
    )
    for row in rows:
        blob = reader.read_idx(int(row["id"]))
        header, image = mx.recordio.unpack(blob)
        assert (row["length"], row["flag"]) == (len(image), header.flag)
        assert [row["label"], row["second"]] == header.label.tolist()
        assert row["start"].tobytes()[: len(image)] == image[:12]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_single_label_and_a_short_array_have_no_second_number(tmp_path, block):
    write(tmp_path / "a.rec", [payload(5, b"abcdefgh"), payload(6, b"abcdefgh", [3.0])])
    rows, _ = rows_of(tmp_path / "a.rec", block)
    assert rows["flag"].tolist() == [0, 1] and rows["label"].tolist() == [7.0, 3.0]
    assert np.isnan(rows["second"]).all()
    assert [start.tobytes()[:8] for start in rows["start"]] == [b"abcdefgh"] * 2


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    "image",
    [MAGIC, MAGIC * 5, b"abcd" + MAGIC + b"xy", b"a" + MAGIC * 3],
    ids=["alone", "five", "within", "not at a multiple of four"],
)
def test_a_record_that_was_written_in_parts_is_one_record(tmp_path, block, image):
    payloads = [payload(1, b"before"), payload(2, image, [4.0, 5.0]), payload(3, b"after")]
    starts = write(tmp_path / "a.rec", payloads)
    rows, faults = rows_of(tmp_path / "a.rec", block)
    assert rows["offset"].tolist() == starts[:-1] and not any(faults)
    assert rows["length"].tolist() == [6, len(image), 5]
    assert rows["id"].tolist() == [1, 2, 3] and rows["second"][1] == 5.0


@pytest.mark.parametrize("block", BLOCKS)
def test_a_magic_number_that_a_careless_writer_left_in_an_image_starts_no_record(tmp_path, block):
    starts = four(tmp_path / "a.rec")
    patch(tmp_path / "a.rec", starts[1] + 8 + 24 + 4, MAGIC + b"\xff\xff\xff\x0f")
    rows, faults = rows_of(tmp_path / "a.rec", block)
    assert rows["offset"].tolist() == starts[:-1] and not any(faults)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    "at, new, fault",
    [
        (0, b"\x00", NO_START),
        (4, b"\x10", TOO_SHORT),
        (4, b"\x70", WRONG_LENGTH),
        (7, b"\x10", WRONG_LENGTH),
        (7, b"\x20", WRONG_PARTS),
        (7, b"\x60", WRONG_PARTS),
        (7, b"\x80", WRONG_PARTS),
        (8, b"\xff", TOO_SHORT_LABEL),
    ],
)
def test_a_damaged_header_costs_that_record_alone(tmp_path, block, at, new, fault):
    starts = four(tmp_path / "a.rec")
    patch(tmp_path / "a.rec", starts[1] + at, new)
    rows, faults = rows_of(tmp_path / "a.rec", block)
    assert rows["offset"].tolist() == starts[:-1] and faults == ["", fault, "", ""]
    assert rows["id"][[0, 2, 3]].tolist() == [1, 3, 4]


def test_a_record_of_many_megabytes_is_found_and_a_wrong_length_is_not_followed(tmp_path):
    image = b"large" * (1 << 20)
    path = tmp_path / "a.rec"
    starts = write(path, [payload(1, b"a"), payload(2, image), *[payload(3, b"c")] * 2])
    rows, faults = rows_of(path)
    assert rows["offset"].tolist() == starts[:-1] and not any(faults)
    assert rows["length"].tolist() == [1, len(image), 1, 1]
    patch(path, 6, b"\x50")  # of the first record, over the large one
    rows, faults = rows_of(path)
    assert rows["offset"].tolist() == starts[:-1] and faults == [WRONG_LENGTH, "", "", ""]


@pytest.mark.parametrize("block", [12, 1 << 20])
def test_wherever_the_file_is_cut_the_whole_records_before_it_are_found(tmp_path, block):
    starts = four(tmp_path / "whole.rec")
    content = (tmp_path / "whole.rec").read_bytes()
    for size in range(1, len(content) + 1):
        (tmp_path / "cut.rec").write_bytes(content[:size])
        rows, faults = rows_of(tmp_path / "cut.rec", block)
        whole = [start for start, end in zip(starts, starts[1:]) if end <= size]
        assert rows["offset"].tolist()[: len(whole)] == whole and rows["end"][-1] == size
        assert faults == [""] * len(whole) + [CUT_OFF] * (size not in starts)


@pytest.mark.parametrize("lost", [1, 2])
def test_parts_whose_fellows_are_lost_are_one_broken_stretch(tmp_path, lost):
    path = tmp_path / "a.rec"
    starts = write(path, [payload(1, b"a"), payload(2, b"ab" * 2 + MAGIC * 3), payload(3, b"c")])
    content = path.read_bytes()
    part = content.index(MAGIC, starts[1] + 4 * lost)
    following = content.index(MAGIC, part + 4)
    path.write_bytes(content[:part] + content[following:])
    rows, faults = rows_of(path)
    assert faults[0] == faults[-1] == "" and rows["id"][[0, -1]].tolist() == [1, 3]
    assert WRONG_PARTS in faults or len(rows) == 3


def test_foreign_bytes_between_records_are_told_and_passed_over(tmp_path):
    starts = four(tmp_path / "a.rec")
    content = (tmp_path / "a.rec").read_bytes()
    zeros = bytes(4000)
    (tmp_path / "b.rec").write_bytes(zeros + content[: starts[2]] + zeros + content[starts[2] :])
    rows, faults = rows_of(tmp_path / "b.rec", 64)
    assert faults == [NO_START, "", "", NO_START, "", ""]
    assert rows["offset"][3] == 4000 + starts[2] and rows["end"][3] == 8000 + starts[2]


def test_a_file_without_any_record_is_one_broken_stretch(tmp_path):
    (tmp_path / "a.rec").write_bytes(b"PK\x03\x04" * 100)
    rows, faults = rows_of(tmp_path / "a.rec", 64)
    assert rows[["offset", "end"]].tolist() == [(0, 400)] and faults == [NO_START]


def test_a_changed_byte_anywhere_leaves_all_other_records_as_they_were(tmp_path):
    random = np.random.RandomState(3)
    words = [MAGIC, b"abcd", b"\0\0\0\0", b"\xff\xd8\xff\xe0", b"xyz"]
    images = [
        b"".join(words[i] for i in random.randint(0, len(words), random.randint(0, 12)))
        for _ in range(40)
    ]
    path = tmp_path / "a.rec"
    starts = write(path, [payload(key, image) for key, image in enumerate(images)])
    content = bytearray(path.read_bytes())
    before, faults = rows_of(path)
    assert before["offset"].tolist() == starts[:-1] and not any(faults)
    for at in random.randint(0, len(content), 150).tolist():
        damaged = content.copy()
        damaged[at] ^= 1 << random.randint(8)
        path.write_bytes(damaged)
        rows, faults = rows_of(path, int(random.choice(BLOCKS)))
        assert rows["offset"][0] == 0 and rows["end"][-1] == len(content)
        assert np.array_equal(rows["end"][:-1], rows["offset"][1:])
        hit = np.searchsorted(starts, at, side="right") - 1
        others = np.delete(before, hit)
        found = rows[np.array(faults) == ""]
        assert np.isin(others["offset"], found["offset"]).all(), at
        kept = found[np.isin(found["offset"], others["offset"])]
        assert kept[["id", "end", "length"]].tolist() == others[["id", "end", "length"]].tolist()
