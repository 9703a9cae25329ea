"""The lines printed on opening data, as the 2019 scripts print them."""

from __future__ import annotations

import logging
import re

import pytest

from record_fixtures import write_face_set, write_plain_set
from unequal.batches.log_lines_2019 import announce, announce_pair
from unequal.faces.face_records import FaceRecords


@pytest.fixture
def records(tmp_path):
    """A set of 800 images of 40 identities, the sizes of the published example."""
    return FaceRecords(write_face_set(tmp_path / "head", [20] * 40, size=4))


def test_softmax(records, caplog):
    lines = []
    with caplog.at_level(logging.INFO):
        announce(records, "softmax", lines.append)
    assert lines == ["header0 label [801. 841.]", "id2range 40", "800", "rand_mirror 1"]
    (record,) = caplog.records
    assert record.name == "root" and record.levelname == "INFO"
    assert record.getMessage() == f"loading recordio {records.path}..."


def test_noise_resistance(records):
    lines = []
    announce(records, "noise_resistance", lines.append, rand_mirror=0)
    assert lines == [
        "header label [801. 841.]",
        "id2range 40",
        "ori samples:  800",
        "rand_mirror 0",
    ]


def test_unequal(records, tmp_path):
    tail = FaceRecords(write_face_set(tmp_path / "tail", [2, 3]))
    lines = []
    announce_pair(records, tail, lines.append)
    assert re.fullmatch(r"<mxnet\.recordio\.MXIndexedRecordIO object at 0x[0-9a-f]+>", lines.pop(2))
    assert lines == [
        "header0_1 label [801. 841.]",
        "id2range1 40",
        "header0_2 label [6. 8.]",
        "id2range2 2",
        "800",
        "rand_mirror True",
    ]


def test_a_set_without_header(tmp_path):
    lines = []
    announce(FaceRecords(write_plain_set(tmp_path, {0: 0, 1: 1})), "softmax", lines.append)
    assert lines == ["2", "rand_mirror 1"]
