"""The tool that helps to choose a noise threshold."""

from __future__ import annotations

import csv
import re

import cv2
import numpy as np
import pytest

from recordio_tools.noise_threshold import main
from unequal.faces.noise_list import read_noise_list, write_noise_list
from unequal.faces.noise_scores import Scores, empty_scores, write_scores


def some_scores():
    """300 images about 0.02 and 700 about 0.99; a few lie exactly at 0.3."""
    rng = np.random.default_rng(4)
    odds = np.concatenate([rng.normal(-4, 0.7, 300), rng.normal(5, 0.7, 695)])
    largest = np.append(1 / (1 + np.exp(-odds)), [0.3] * 5).astype(np.float32)
    largest = rng.permutation(largest)
    return Scores(
        np.arange(1000) // 10, np.arange(1, 1001), largest, largest / 2, np.zeros(1000, np.int32)
    )


@pytest.fixture
def scores(tmp_path):
    """Scores, in the file s.csv."""
    made = some_scores()
    write_scores(tmp_path / "s.csv", made)
    return made


def shown(out):
    """Quantiles, counts and the threshold of auto, as printed."""
    quantiles = dict(re.findall(r"^ +([\d.]+) %   (\S+)$", out, re.MULTILINE))
    counts = dict(re.findall(r"^ +([\d.]+)   (\d+) \(", out, re.MULTILINE))
    (auto,) = re.findall(r"^auto: threshold (\S+): ", out, re.MULTILINE)
    return quantiles, counts, float(auto)


def test_the_printed_numbers_are_those_of_counting(tmp_path, scores, capsys):
    assert main(["--scores", str(tmp_path / "s.csv")]) == 0
    out = capsys.readouterr().out
    quantiles, counts, auto = shown(out)
    assert out.startswith("1000 images\n")
    assert len(counts) >= 10 and {"0.007", "0.3"} <= set(counts)
    for threshold, count in counts.items():
        assert int(count) == sum(value < np.float32(threshold) for value in scores.largest)
    ordered = np.sort(scores.largest)
    assert float(quantiles["0.0"]) == pytest.approx(ordered[0], rel=1e-3)
    assert float(quantiles["50.0"]) == pytest.approx(np.median(ordered), rel=1e-3)
    assert float(quantiles["100.0"]) == pytest.approx(ordered[-1], rel=1e-3)
    assert 0.1 < auto < 0.9 and np.isin(np.count_nonzero(scores.largest < auto), (300, 305))


def test_one_mode_is_told(tmp_path, capsys):
    odds = np.random.default_rng(0).normal(2, 1, 1000)
    rows = some_scores()._replace(largest=(1 / (1 + np.exp(-odds))).astype(np.float32))
    write_scores(tmp_path / "s.csv", rows)
    assert main(["--scores", str(tmp_path / "s.csv")]) == 0
    assert "auto: threshold 0: nothing is left out" in capsys.readouterr().out


def test_files_are_written_where_asked_and_nowhere_else(tmp_path, scores):
    assert (
        main(
            [
                "--scores",
                str(tmp_path / "s.csv"),
                "--histogram",
                str(tmp_path / "h.png"),
                "--csv",
                str(tmp_path / "h.csv"),
            ]
        )
        == 0
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h.csv", "h.png", "s.csv"]
    assert cv2.imread(str(tmp_path / "h.png")) is not None
    with open(tmp_path / "h.csv", newline="") as file:
        assert sum(int(row["images"]) for row in csv.DictReader(file)) == 1000


def test_a_list_of_the_images_below_a_threshold_is_written(tmp_path, scores, capsys):
    path = tmp_path / "chosen.txt"
    assert (
        main(["--scores", str(tmp_path / "s.csv"), "--threshold", "0.3", "--output", str(path)])
        == 0
    )
    rows = list(read_noise_list(path))
    assert [row.key for row in rows] == [
        key for key, value in zip(scores.keys, scores.largest) if value < np.float32(0.3)
    ]
    assert all(row.label == (row.key - 1) // 10 for row in rows)
    assert f"{path}: {len(rows)} images" in capsys.readouterr().out


def test_labels_that_are_not_believed_are_listed_as_well(tmp_path, scores):
    """Of these scores the label's probability is half of the largest one."""
    for flags, expected in (
        (["--label-below", "0.25"], scores.largest < np.float32(0.5)),
        (["--threshold", "0.01", "--label-below", "0.25"], scores.largest < np.float32(0.5)),
        (["--threshold", "0.99", "--label-below", "0.25"], scores.largest < np.float32(0.99)),
    ):
        assert (
            main(
                [
                    "--scores",
                    str(tmp_path / "s.csv"),
                    *flags,
                    "--overwrite",
                    "--output",
                    str(tmp_path / "l.txt"),
                ]
            )
            == 0
        )
        assert [row.key for row in read_noise_list(tmp_path / "l.txt")] == scores.keys[
            expected
        ].tolist()


def test_a_noise_list_is_read_and_its_end_told(tmp_path, scores, capsys):
    write_noise_list(tmp_path / "n.txt", scores.rows(scores.largest < 0.995))
    assert main(["--noise-list", str(tmp_path / "n.txt")]) == 0
    out = capsys.readouterr().out
    _, counts, auto = shown(out)
    assert int(counts["0.3"]) == np.count_nonzero(scores.largest < np.float32(0.3))
    assert "nothing is known of images above 0.99" in out
    assert 0.1 < auto < 0.9


@pytest.mark.parametrize(
    "flags,says",
    [
        (["--scores", "absent.csv"], "absent.csv: No such file"),
        (["--scores", "list.txt"], "list.txt: does not start with"),
        (["--scores", "none.csv"], "none.csv: there is no image in it"),
        (["--noise-list", "s.csv"], "s.csv, line 1: 'label,record"),
        (["--noise-list", "wild.txt"], "wild.txt: a largest probability is not from 0 to 1"),
        (["--scores", "s.csv", "--output", "new.txt"], "--output: goes with --threshold or"),
        (["--scores", "s.csv", "--threshold", "0.5"], "--output: goes with --threshold or"),
        (["--scores", "s.csv", "--label-below", "0.5"], "--output: goes with --threshold or"),
        (
            ["--noise-list", "list.txt", "--threshold", "0.5", "--output", "new.txt"],
            "--output: needs --scores",
        ),
        (["--scores", "s.csv", "--histogram", "away/h.png"], "away/h.png"),
        (["--scores", "s.csv", "--csv", "away/h.csv"], "away/h.csv"),
    ],
)
def test_wrong_input_is_one_line(tmp_path, scores, monkeypatch, capsys, flags, says):
    write_noise_list(tmp_path / "list.txt", scores.rows(scores.largest < 0.5))
    write_scores(tmp_path / "none.csv", empty_scores(0))
    (tmp_path / "wild.txt").write_text("0 1 1.5 0.5\n")
    before = {path.name for path in tmp_path.iterdir()}
    monkeypatch.chdir(tmp_path)
    assert main(flags) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert {path.name for path in tmp_path.iterdir()} == before


def test_scores_or_a_list_must_be_named(tmp_path, capsys):
    for flags in ([], ["--scores", "a", "--noise-list", "b"]):
        with pytest.raises(SystemExit) as ended:
            main(flags)
        assert ended.value.code == 2
