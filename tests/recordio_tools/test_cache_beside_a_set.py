"""What a start leaves beside a large set: tools neither copy it nor stumble over it."""

from __future__ import annotations

import os

import pytest

from record_fixtures import write_face_set
from recordio_tools import inspect_set, split, subset
from unequal.faces import ranges_cache as label_cache
from unequal.faces.face_records import FaceRecords
from unequal.faces.ranges_cache import CACHE_NAME

COUNTS = (5, 2, 3, 4)
RANGES = [[1, 6], [6, 8], [8, 11], [11, 15]]


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A set that was opened, with what that left."""
    monkeypatch.setattr(label_cache, "CACHED_FROM", 1)
    folder = write_face_set(tmp_path / "set", COUNTS)
    assert FaceRecords(folder).identities.tolist() == RANGES
    assert CACHE_NAME in os.listdir(folder)
    return folder


def test_a_copy_does_not_carry_it(source, tmp_path):
    assert subset.main(["--data-dir", str(source), "--output", str(tmp_path / "out")]) == 0
    assert "train.rec" in os.listdir(tmp_path / "out")
    assert CACHE_NAME not in os.listdir(tmp_path / "out")


def test_a_set_that_has_it_is_overwritten_and_it_goes(source, tmp_path):
    made = write_face_set(tmp_path / "new", COUNTS[::-1])
    flags = ["--data-dir", str(made), "--output", str(source), "--overwrite"]
    assert subset.main(flags) == 0
    assert CACHE_NAME not in os.listdir(source)
    assert FaceRecords(source).identities.tolist() == [[1, 5], [5, 8], [8, 10], [10, 15]]


def test_both_parts_of_a_split_may_have_it(source, tmp_path):
    flags = ["--data-dir", str(source), "--output", str(tmp_path / "out"), "--min-images", "3"]
    assert split.main(flags) == 0
    for part in ("head", "tail"):
        _ = FaceRecords(tmp_path / "out" / part).identities
        assert CACHE_NAME in os.listdir(tmp_path / "out" / part)
    assert split.main([*flags, "--overwrite"]) == 0
    assert CACHE_NAME not in os.listdir(tmp_path / "out" / "tail")


def test_a_repaired_index_is_not_read_with_what_the_old_one_left(source):
    lines = (source / "train.idx").read_text().splitlines(keepends=True)
    (source / "train.idx").write_text("".join(lines[:-1]))
    assert inspect_set.main(["--data-dir", str(source), "--repair"]) == 0
    assert FaceRecords(source).identities.tolist() == RANGES


def test_a_report_is_not_written_over_it(source, capsys):
    flags = ["--data-dir", str(source), "--json", str(source / CACHE_NAME), "--overwrite"]
    assert inspect_set.main(flags) == 2
    assert "is a file of the set" in capsys.readouterr().err
