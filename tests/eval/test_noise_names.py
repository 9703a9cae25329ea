"""Noise lists of MegaFace and FaceScrub, matched against the names of a set."""

from __future__ import annotations

import pytest

from eval.identification_parts.noise_names import read_noise_names, without_noise
from unequal.support.errors import InputError

NAMES = [
    "Ann/Ann_1.jpg",
    "Ann/Ann_2.png",
    "deep/er/Bob/1.jpg",
    "deep/er/Cy/1.jpg",
    "m.0abc/12-FaceId-0.jpg",
    "17",
]


def removed(entries: list[str]) -> list[str]:
    found = without_noise(NAMES, entries, "list.txt")
    assert found.removed == sum(~found.keep)
    return [name for name, keep in zip(NAMES, found.keep) if not keep]


@pytest.mark.parametrize(
    "entry, name",
    [
        ("Ann/Ann_1.jpg", "Ann/Ann_1.jpg"),
        ("Ann/Ann_1", "Ann/Ann_1.jpg"),
        ("Ann_1.png", "Ann/Ann_1.jpg"),
        ("Ann_2", "Ann/Ann_2.png"),
        ("Bob/1.jpg", "deep/er/Bob/1.jpg"),
        ("./er\\Cy/1.JPG", "deep/er/Cy/1.jpg"),
        ("m.0abc/12-FaceId-0", "m.0abc/12-FaceId-0.jpg"),
        ("7\tAnn/Ann_1.jpg  ", "Ann/Ann_1.jpg"),
        ("17", "17"),
    ],
)
def test_an_entry_fits_the_name_that_ends_in_it(tmp_path, entry, name):
    path = tmp_path / "list.txt"
    path.write_text(f"# 12 images\n\n{entry}\r\n{entry}\n")
    entries = read_noise_names(path)
    assert len(entries) == 1
    assert removed(entries) == [name]


def test_part_of_a_folder_or_file_name_does_not_fit():
    entries = ["nn_1", "b/1", "ann/Ann_1", "Ann_10", "7", "other/Ann/Ann_1"]
    assert removed(entries) == []
    found = without_noise(NAMES, [*entries, "Ann_1"], "list.txt")
    assert (found.entries, found.unmatched, found.removed) == (7, 6, 1)


def test_an_entry_that_fits_several_names_is_refused():
    with pytest.raises(InputError, match=r"list\.txt: '1' fits deep/er/Bob/1\.jpg and deep/er/Cy"):
        without_noise(NAMES, ["1"], "list.txt")


@pytest.mark.parametrize("content", [None, "", "# nothing\n\n"])
def test_a_list_that_is_missing_or_names_nothing_is_told(tmp_path, content):
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"list\.txt: "):
        read_noise_names(path)
