"""Indexes of every order and style: the bytes of each record are found by its key."""

from __future__ import annotations

import random

import mxnet as mx
import numpy as np
import pytest

from record_fixtures import write_face_set, write_plain_set
from unequal.faces import record_index
from unequal.faces.face_records import FaceRecords
from unequal.faces.record_index import read_index
from unequal.support.errors import InputError


def contents(folder):
    """Every record's label and bytes, by MXNet's reader of one record after the other."""
    reader = mx.recordio.MXRecordIO(str(folder / "train.rec"), "r")
    found = {}
    while True:
        blob = reader.read()
        if blob is None:
            reader.close()
            return found
        header, payload = mx.recordio.unpack(blob)
        label = header.label if header.flag == 0 else header.label[0]
        found[header.id] = (float(label), payload)


def rewrite(folder, change):
    path = folder / "train.idx"
    lines = path.read_text().splitlines()
    path.write_bytes(change(lines).encode())


def shuffled(lines):
    return "\n".join(random.Random(3).sample(lines, len(lines)))


STYLES = {
    "as it is": lambda lines: "\n".join(lines) + "\n",
    "no last line end": "\n".join,
    "Windows line ends": lambda lines: "\r\n".join(lines) + "\r\n",
    "spaces": lambda lines: "\n".join(line.replace("\t", "  ") for line in lines),
    "empty lines": lambda lines: "\n\n".join(lines) + "\n\n",
    "shuffled": shuffled,
    "backwards": lambda lines: "\n".join(reversed(lines)),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_every_record_is_found_whatever_the_style_of_the_index(tmp_path, monkeypatch, style, block):
    monkeypatch.setattr(record_index, "INDEX_BLOCK", block)
    folder = write_face_set(tmp_path, [5, 1, 3])
    wanted = contents(folder)
    rewrite(folder, STYLES[style])
    records = FaceRecords(folder)
    assert {key: records.read(key) for key in wanted} == wanted
    assert records.identities.tolist() == [[1, 6], [6, 7], [7, 10]]


@pytest.mark.parametrize("keys", [[7, 900, 3, 70000, 12], [3, 2, 1, 5, 4], [0, 9, 4]])
def test_keys_may_have_gaps_and_any_order(tmp_path, keys):
    folder = write_plain_set(tmp_path, {key: key % 4 for key in keys})
    wanted, records = contents(folder), FaceRecords(folder)
    assert {key: records.read(key) for key in keys} == wanted
    assert records.image_keys.tolist() == keys
    for missing in (-1, 6, max(keys) + 1):
        with pytest.raises(InputError, match=f"has no record {missing};"):
            records.read(missing)


@pytest.mark.parametrize("order", [sorted, reversed])
def test_spans_of_many_keys_are_those_of_single_keys_and_0_where_there_is_none(tmp_path, order):
    keys = list(order([2, 3, 5, 8, 13]))
    records = FaceRecords(write_plain_set(tmp_path, {key: 0 for key in keys}))
    starts, stops = records._index.spans(np.array([8, 4, 2, 99, 13, -1]))
    for row, key in ((0, 8), (2, 2), (4, 13)):
        assert (starts[row], stops[row]) == records._index.span(key)
    assert starts[[1, 3, 5]].tolist() == stops[[1, 3, 5]].tolist() == [0, 0, 0]


@pytest.mark.parametrize("first", [0, 1, 3])
def test_a_record_listed_twice_is_told_though_the_number_of_lines_is_right(tmp_path, first):
    folder = write_plain_set(tmp_path, {key + first: 0 for key in range(4)})

    def repeat(lines):
        lines[2] = f"{first + 1}\t{lines[2].split()[1]}"
        return "\n".join(lines)

    rewrite(folder, repeat)
    with pytest.raises(InputError, match="train.idx: lists a record twice"):
        FaceRecords(folder)


def test_columns_are_read_as_python_reads_them(tmp_path):
    rng = random.Random(5)
    rows = [(rng.randrange(1 << 40), rng.randrange(1 << 50)) for _ in range(5000)]
    path = tmp_path / "train.idx"
    path.write_text("".join(f"{key}\t{offset}\n" for key, offset in rows))
    keys, offsets = read_index(path)
    assert keys.dtype == offsets.dtype == np.int64
    assert list(zip(keys.tolist(), offsets.tolist())) == rows
