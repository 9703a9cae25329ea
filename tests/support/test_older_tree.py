"""A folder of folders is replaced only where all that lies in it, at any depth, is the tool's."""

from __future__ import annotations

import os
import tracemalloc

import pytest

from unequal.support.errors import InputError
from unequal.support.older_tree import new_tree

LISTED = [("list.csv",), ("a/1.jpg",), ("a/b/2.jpg", "a/b/2.png.jpg"), ("3.jpg",)]
OLDER = ["list.csv", "a/1.jpg", "a/b/2.png.jpg", "3.jpg"]


def write(folder, paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("old")


def replaced(output, listed=LISTED, overwrite=True):
    with new_tree(output, overwrite, listed) as folder:
        (folder / "new").write_text("new")
    return os.listdir(output) == ["new"]


@pytest.mark.parametrize("paths", [OLDER, OLDER[:2], [], ["a/b/2.jpg"]])
def test_what_is_listed_is_replaced_also_where_some_of_it_is_gone(tmp_path, paths):
    write(tmp_path / "output", paths)
    assert replaced(tmp_path / "output")


@pytest.mark.parametrize(
    "name", ["mine", "a/mine", "a/b/mine", "a/b/c/d/mine", ".mine", "a/list.csv"]
)
def test_another_file_is_named_before_the_work(tmp_path, name):
    write(tmp_path / "output", [*OLDER[1:], name])  # as many files as are listed
    with pytest.raises(InputError, match=f"--output .*output: also holds {name}, which"):
        with new_tree(tmp_path / "output", True, LISTED):
            pytest.fail("the work began")
    assert (tmp_path / "output" / name).read_text() == "old"


def test_links_are_files_and_what_they_lead_to_is_not_looked_at(tmp_path):
    write(tmp_path / "output", OLDER)
    write(tmp_path / "mine", ["photo.jpg"])
    (tmp_path / "output" / "a" / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match="also holds a/link, which"):
        replaced(tmp_path / "output")
    (tmp_path / "output" / "a" / "link").unlink()
    (tmp_path / "output" / "3.jpg").unlink()
    (tmp_path / "output" / "3.jpg").symlink_to(tmp_path / "mine")
    assert replaced(tmp_path / "output") and (tmp_path / "mine" / "photo.jpg").exists()


def test_two_files_in_place_of_one_are_one_too_many(tmp_path):
    write(tmp_path / "output", [*OLDER, "a/b/2.jpg"])
    with pytest.raises(InputError, match="holds 1 files more than this tool wrote"):
        replaced(tmp_path / "output")


def test_what_comes_while_the_tool_works_stays_too(tmp_path):
    write(tmp_path / "output", OLDER)
    with pytest.raises(InputError, match="also holds a/mine"):
        with new_tree(tmp_path / "output", True, LISTED):
            write(tmp_path / "output", ["a/mine"])
    assert (tmp_path / "output" / "a" / "mine").exists()
    assert os.listdir(tmp_path) == ["output"]


def test_a_folder_that_lists_nothing_is_not_replaced(tmp_path):
    write(tmp_path / "output", OLDER)
    with pytest.raises(InputError, match="also holds 3.jpg"):
        replaced(tmp_path / "output", ())
    with pytest.raises(InputError, match="add --overwrite"):
        replaced(tmp_path / "output", LISTED, overwrite=False)
    with pytest.raises(InputError, match="is empty"):
        replaced("")


def test_names_are_not_held(tmp_path):
    (tmp_path / "output").mkdir()
    listed = ((f"identity/{'x' * 180}{i}.jpg",) for i in range(20_000))
    tracemalloc.start()
    try:
        assert replaced(tmp_path / "output", listed)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000 * 30
