"""Lines of train.lst, InsightFace's and im2rec's."""

from __future__ import annotations

import numpy as np
import pytest

from unequal.faces.image_list import ListedFace, list_line, read_list
from unequal.support.errors import InputError

POINTS = np.array([[38.5, 51.25], [73.5, 51.5], [56.0, 71.75], [41.5, 92.25], [70.75, 92.0]])


def parse(tmp_path, text: str):
    path = tmp_path / "train.lst"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return list(read_list(path))


def test_landmarks_are_five_x_and_then_five_y(tmp_path):
    numbers = "38.5\t73.5\t56\t41.5\t70.75\t51.25\t51.5\t71.75\t92.25\t92"
    line = f"0\tA B/photo 1.jpg\t12\t0\t0\t0\t0\t{numbers}\n"
    (face,) = parse(tmp_path, line)
    assert face[:3] == ("A B/photo 1.jpg", 12, False)
    np.testing.assert_array_equal(face.landmarks, POINTS)
    assert list_line(face) == line


def test_an_aligned_line_with_a_box_and_one_of_im2rec(tmp_path):
    faces = parse(tmp_path, "1\ta/1.jpg\t3\t10\t20\t110\t120\n\n1\ta/2.jpg\t3\r\n7\t4\tb c/1.jpg\n")
    assert [(f.path, f.label, f.aligned, f.key) for f in faces] == [
        ("a/1.jpg", 3, True, None),
        ("a/2.jpg", 3, True, None),
        ("b c/1.jpg", 4, True, 7),
    ]


def test_paths_of_any_bytes_come_out_as_they_went_in(tmp_path):
    path = b"Bj\xf6rk/\xe4.jpg".decode("utf-8", "surrogateescape")  # Latin-1, no UTF-8
    faces = parse(tmp_path, list_line(ListedFace(path, 0)) + list_line(ListedFace("Ж/é.jpg", 1)))
    assert [face.path for face in faces] == [path, "Ж/é.jpg"]


@pytest.mark.parametrize(
    "line",
    [
        "a/1.jpg",
        "1 a/1.jpg 0",
        "2\ta/1.jpg\t0",
        "1\ta/1.jpg\t-1",
        "1\ta/1.jpg\t0.5",
        "1\t\t0",
        "0\ta/1.jpg\t0\t1\t2",
        "x\t0\ta/1.jpg",
        "1\ta/1.jpg\tnan",
    ],
)
def test_anything_else_is_told_with_its_line(tmp_path, line):
    with pytest.raises(InputError, match="train.lst, line 3: .* no line of an image list"):
        parse(tmp_path, f"1\ta/0.jpg\t0\n\n{line}\n")
