"""0_noise_scores.csv: what is written is what is read, and nothing else is read."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from unequal.faces.noise_list import NoiseRow
from unequal.faces.noise_scores import Scores, empty_scores, read_scores, write_scores
from unequal.support.errors import InputError

HEADER = "label,record,largest,of_label,predicted\n"


def some_scores(images=50):
    rng = np.random.default_rng(2)
    largest = np.exp(rng.normal(-6, 5, images)).clip(0, 1).astype(np.float32)
    return Scores(
        labels=rng.integers(0, 2**31, images).astype(np.int32),
        keys=rng.integers(0, 2**40, images),
        largest=largest,
        of_label=largest * rng.random(images).astype(np.float32),
        predicted=rng.integers(0, 9, images).astype(np.int32),
    )


def test_the_lines_are_those_of_the_contract(tmp_path):
    scores = Scores(
        np.array([3, 0]),
        np.array([7, 8]),
        np.float32([0.1, 1]),
        np.float32([1e-5, 0.25]),
        np.array([2, 0]),
    )
    write_scores(tmp_path / "s.csv", scores)
    text = (tmp_path / "s.csv").read_text()
    assert text == HEADER + "3,7,0.1,1e-05,2\n0,8,1.0,0.25,0\n"


def test_what_is_written_is_read_again_to_the_last_bit(tmp_path):
    scores = some_scores()
    write_scores(tmp_path / "s.csv", scores)
    found = read_scores(tmp_path / "s.csv")
    for ours, theirs in zip(found, scores):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    with open(tmp_path / "s.csv", newline="") as file:
        assert sum(1 for _ in csv.DictReader(file)) == 50


def test_no_image_is_a_file_of_one_line(tmp_path):
    write_scores(tmp_path / "s.csv", empty_scores(0))
    assert (tmp_path / "s.csv").read_text() == HEADER
    assert [len(column) for column in read_scores(tmp_path / "s.csv")] == [0] * 5


def test_rows_are_those_of_a_noise_list():
    scores = some_scores(4)
    rows = list(scores.rows(np.array([False, True, False, True])))
    assert rows == [
        NoiseRow(int(scores.labels[i]), int(scores.keys[i]), scores.largest[i], scores.of_label[i])
        for i in (1, 3)
    ]


@pytest.mark.parametrize(
    "line",
    [
        "1,2,0.5,0.5",
        "1,2,0.5,0.5,1,1",
        "a,2,0.5,0.5,1",
        "1,2,x,0.5,1",
        "1,2,nan,0.5,1",
        "1,2,1.5,0.5,1",
        "1,-2,0.5,0.5,1",
        "",
        "99999999999,2,0.5,0.5,1",
        "1,2,0.5,-0.1,1",
    ],
)
def test_a_broken_line_is_told_with_its_number(tmp_path, line):
    (tmp_path / "s.csv").write_text(HEADER + "1,2,0.5,0.5,1\n" + line + "\n1,2,0.5,0.5,1\n")
    with pytest.raises(InputError, match="s.csv, line 3: "):
        read_scores(tmp_path / "s.csv")


@pytest.mark.parametrize("content", [b"", b"0 1 0.5 0.5\n", b"label,record\n", b"\xff\xd8\x00\x01"])
def test_another_file_is_told(tmp_path, content):
    (tmp_path / "s.csv").write_bytes(content)
    with pytest.raises(InputError, match="s.csv.*label,record,largest,of_label,predicted"):
        read_scores(tmp_path / "s.csv")


def test_an_absent_file_is_told(tmp_path):
    with pytest.raises(InputError, match="s.csv: No such file"):
        read_scores(tmp_path / "s.csv")
    with pytest.raises(InputError, match="directory"):
        read_scores(tmp_path)


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path):
    write_scores(tmp_path / "s.csv", some_scores(3))
    before = (tmp_path / "s.csv").read_bytes()
    broken = some_scores(3)._replace(keys=None)
    with pytest.raises(TypeError):
        write_scores(tmp_path / "s.csv", broken)
    assert (tmp_path / "s.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["s.csv"]
