"""Landmark files: every format gives the same points, and a wrong line is named."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest

from unequal.faces.landmarks import COLUMNS, landmark_row, read_landmarks
from unequal.support.errors import InputError

POINTS = np.array([[30.25, 40], [70.5, 41], [50, 60], [35, 80], [66, 81.75]])
NUMBERS = ["30.25", "40", "70.5", "41", "50", "60", "35", "80", "66", "81.75"]
X_THEN_Y = [*NUMBERS[::2], *NUMBERS[1::2]]


def written(folder, text: str | bytes):
    path = folder / "points.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        " ".join(["Ann B/one 1.jpg", *NUMBERS]),
        "  ".join(["Ann B/one 1.jpg", *NUMBERS]) + "  \r\n\r\n",
        "\t".join(["Ann B/one 1.jpg", *NUMBERS]) + "\n",
        ",".join(["Ann B/one 1.jpg", *NUMBERS]),
        ", ".join(['"Ann B/one 1.jpg"', *NUMBERS]),
        ",".join(COLUMNS) + "\n" + ",".join(["./Ann B//one 1.jpg", *NUMBERS]),
        "\ufeff" + ",".join(COLUMNS) + "\r\n" + ",".join(["Ann B/one 1.jpg", *NUMBERS]),
        "\t".join(COLUMNS) + "\n" + "\t".join(["Ann B/one 1.jpg", *NUMBERS]),
        "\t".join(["0", "Ann B/one 1.jpg", "7", "0", "0", "9", "9", *X_THEN_Y]) + "\n",
        "1\tAnn B/other.jpg\t7\n0\tAnn B/one 1.jpg\t7\t0\t0\t9\t9\t" + "\t".join(X_THEN_Y),
    ],
    ids=[
        "spaces",
        "crlf",
        "tabs",
        "csv",
        "quoted",
        "header",
        "excel",
        "tab header",
        "list",
        "list in part",
    ],
)
def test_all_formats_give_the_same_points(tmp_path, text):
    landmarks = read_landmarks(written(tmp_path, text))
    assert len(landmarks) == 1
    np.testing.assert_array_equal(landmarks.get("Ann B/one 1.jpg"), POINTS)
    assert landmarks.get("Ann B/other.jpg") is None


def test_each_photo_gets_its_own_points(tmp_path):
    lines = [",".join([f"{i}/p,q.jpg", *(str(i + k) for k in range(10))]) for i in range(300)]
    landmarks = read_landmarks(written(tmp_path, "\n".join(lines)))
    assert len(landmarks) == 300
    for i in (0, 1, 150, 299):
        np.testing.assert_array_equal(landmarks.get(f"{i}/p,q.jpg").ravel(), np.arange(i, i + 10))


def test_a_written_row_is_read_back_to_the_bit(tmp_path):
    name = os.fsdecode(b'a, "b"\n \xff.jpg')
    points = np.random.uniform(-1, 5000, (5, 2)).astype(np.float32)
    path = tmp_path / "rows.csv"
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        csv.writer(file).writerows([COLUMNS, landmark_row(name, points)])
    np.testing.assert_array_equal(read_landmarks(path).get(name), points)


def test_absolute_paths_become_paths_from_the_folder(tmp_path):
    path = written(tmp_path, " ".join([f"{tmp_path}/photos/a/b c.jpg", *NUMBERS]))
    np.testing.assert_array_equal(
        read_landmarks(path, tmp_path / "photos").get("a/b c.jpg"), POINTS
    )


GOOD = ",".join(["a.jpg", *NUMBERS])


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "holds no landmarks"),
        ("\n\n", "holds no landmarks"),
        (",".join(COLUMNS), "holds no landmarks"),
        ("1\ta.jpg\t0\n", "holds no landmarks"),
        (f"{GOOD}\nb.jpg,1,2,3\n", "line 2: 'b.jpg,1,2,3'"),
        (f"{GOOD}\n\n{GOOD.replace('70.5', 'x')}\n", "line 3: "),
        ("a.jpg 1 2 3 4 5 6 7 8 9", "line 1: "),
        (",".join(["a.jpg", "eye", *NUMBERS[1:]]), "line 1: "),
        (f"{GOOD}\n" + ",".join(["", *NUMBERS]), "line 2: "),
        (f"{GOOD}\n{','.join(COLUMNS)}\n", "line 2: "),
        ("1\ta.jpg\t0\n1\tb.jpg\n", "line 2: "),
        (GOOD.replace("70.5", "nan"), "a.jpg is no pixel"),
        (GOOD.replace("70.5", "1e30"), "a.jpg is no pixel"),
        (GOOD.replace("70.5", "9" * 5000), "a.jpg is no pixel"),
        (f"{GOOD}\n{'a' * 140_000},{','.join(NUMBERS)}", "line 2: field larger than field limit"),
        (f"{GOOD}\nb\0.jpg,1,2", "line 2: "),
        (f"1\ta.jpg\t{'9' * 5000}\n", "line 1: "),
        (f"{GOOD}\n{GOOD.replace('a.', 'b.')}\n./{GOOD}\n", "has a.jpg twice"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "line 1: "),
    ],
)
def test_what_is_no_landmark_file_is_told_in_one_line(tmp_path, text, reason):
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_landmarks(path)
    message = str(caught.value)
    assert str(path) in message and reason in message and "\n" not in message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="none.csv: No such file"):
        read_landmarks(tmp_path / "none.csv")
