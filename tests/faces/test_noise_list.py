"""Noise lists are read as train_NR.py writes them, and nothing else is taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from unequal.faces.noise_list import NoiseRow, read_noise_list, write_noise_list
from unequal.support.errors import InputError


def test_rows_come_back_to_the_last_bit(tmp_path):
    numbers = np.random.RandomState(0).uniform(0, 1, (50, 2)).astype(np.float32) ** 8
    rows = [NoiseRow(i % 7, i + 1, large, small) for i, (large, small) in enumerate(numbers)]
    write_noise_list(tmp_path / "0_noiselist.txt", rows)
    assert list(read_noise_list(tmp_path / "0_noiselist.txt")) == rows


def test_empty_lists_empty_lines_and_labels_as_floats_are_fine(tmp_path):
    path = tmp_path / "0_noiselist.txt"
    path.write_text("")
    assert list(read_noise_list(path)) == []
    path.write_text("3.0 17 0.25 1e-05\n\n  4 18 0.5 0.5  \n")
    assert [(row.label, row.key) for row in read_noise_list(path)] == [(3, 17), (4, 18)]


@pytest.mark.parametrize(
    "line",
    [
        "1 2 0.5",
        "1 2 0.5 0.5 9",
        "1\tface.jpg\t3",
        "1.5 2 0.5 0.5",
        "-1 2 0.5 0.5",
        "1 2 nan 0.5",
        "inf 2 0.5 0.5",
        "\x00\xff",
    ],
)
def test_what_is_no_noise_list_is_told_with_its_line(tmp_path, line):
    path = tmp_path / "0_noiselist.txt"
    path.write_text("1 2 0.5 0.5\n" + line + "\n")
    with pytest.raises(InputError, match=r"0_noiselist.txt, line 2: .* is no line 'label record"):
        list(read_noise_list(path))


def test_a_missing_list_is_told(tmp_path):
    with pytest.raises(InputError, match="none.txt: No such file"):
        list(read_noise_list(tmp_path / "none.txt"))
