"""The distribution as a picture and as numbers."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from unequal.faces import noise_histogram as noise_report
from unequal.faces.noise_histogram import write_distribution, write_histogram

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def largest():
    rng = np.random.default_rng(3)
    odds = np.concatenate([rng.normal(-4, 1, 200), rng.normal(6, 3, 800)])
    return (1 / (1 + np.exp(-odds))).astype(np.float32)


def test_the_numbers_are_those_of_counting(tmp_path, largest):
    write_distribution(tmp_path / "d.csv", largest)
    with open(tmp_path / "d.csv", newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert list(rows[0]) == ["from", "to", "images", "below", "density"]
    assert sum(row["images"] for row in rows) == rows[-1]["below"] == 1000
    assert rows[-1]["to"] == 1
    for row, following in zip(rows, rows[1:]):
        assert row["to"] == following["from"]
    # beyond log-odds of 12 all are in one bar; elsewhere bounds of nine digits are exact enough
    inner = [row for row in rows if row["to"] < 0.9999]
    assert len(inner) > 40
    for row in inner:
        assert row["images"] == np.count_nonzero((largest >= row["from"]) & (largest < row["to"]))
        assert row["below"] == np.count_nonzero(largest < row["to"])


def test_bars_are_a_quarter_of_log_odds_wide(tmp_path, largest):
    write_distribution(tmp_path / "d.csv", largest)
    with open(tmp_path / "d.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    low, high = (np.array([float(row[name]) for row in rows[:30]]) for name in ("from", "to"))
    widths = np.log(high / (1 - high)) - np.log(low / (1 - low))
    np.testing.assert_allclose(widths, 0.25, atol=1e-4)


def columns_of(path, colour):
    """The columns of a picture that have pixels of an RGB colour."""
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB).astype(int)
    return np.flatnonzero((np.abs(picture - np.array(colour)).sum(axis=2) < 30).sum(axis=0) > 100)


def test_the_picture_shows_the_thresholds_where_they_are(tmp_path, largest):
    places = []
    for threshold in (0.01, 0.5, 0.99):
        write_histogram(tmp_path / "h.png", largest, "t", {"auto": threshold})
        columns = columns_of(tmp_path / "h.png", (0xCB, 0x18, 0x1D))
        assert len(columns) in range(1, 6)
        places.append(columns.mean())
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=2)
    assert places[0] < places[1]


def test_no_threshold_is_no_line(tmp_path, largest):
    write_histogram(tmp_path / "h.png", largest, "t", {"auto": 0.0})
    assert len(columns_of(tmp_path / "h.png", (0xCB, 0x18, 0x1D))) == 0
    assert len(columns_of(tmp_path / "h.png", (0x9E, 0xCA, 0xE1))) > 100


@pytest.mark.parametrize("values", [[], [0.5], [1.0], [0.0, 1.0]])
def test_any_distribution_can_be_drawn(tmp_path, values):
    largest = np.array(values, np.float32)
    write_histogram(tmp_path / "h.png", largest, "a set", {"auto": 0.1})
    write_distribution(tmp_path / "d.csv", largest)
    assert cv2.imread(str(tmp_path / "h.png")).shape == (500, 900, 3)


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path, largest, monkeypatch):
    for write in (write_distribution, lambda *what: write_histogram(*what, "t", {})):
        write(tmp_path / "f", largest)
        before = (tmp_path / "f").read_bytes()
        with pytest.raises(OSError), monkeypatch.context() as patched:
            patched.setattr("os.replace", fail)
            write(tmp_path / "f", largest)
        assert (tmp_path / "f").read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == ["f"]


def fail(*names):
    raise OSError(28, "No space left on device")


def test_numbers_alone_do_not_load_matplotlib(tmp_path):
    code = (
        f"import sys, {noise_report.__name__}, recordio_tools.noise_threshold; "
        "sys.exit(bool({'matplotlib', 'mxnet'} & set(sys.modules)))"
    )
    paths = [str(REPOSITORY), str(REPOSITORY / "src")]
    code = f"import sys; sys.path[:0] = {paths}; {code}"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
