"""What stands in the way of a new file is told with its parameter, and nothing is changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unequal.support.errors import InputError
from unequal.support.output_file import refuse_existing, write_file


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    (tmp_path / "nowhere").symlink_to("absent")
    (tmp_path / "to_folder").symlink_to("folder")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "name, message",
    [
        ("", "`json`: is empty"),
        ("folder", "`json` folder: is a folder"),
        ("to_folder", "`json` to_folder: is a folder"),
        ("absent/", "`json` absent/: is a folder"),
        (".", "`json` .: is a folder"),
        ("absent/a", "`json` absent/a: there is no folder absent"),
        ("file/a", "`json` file/a: there is no folder file"),
        ("pipe", "`json` pipe: "),
    ],
)
def test_where_no_file_can_go_is_told_with_the_parameter(place, name, message, overwrite):
    with pytest.raises(InputError) as told:
        refuse_existing("json", name, overwrite)
    assert str(told.value).startswith(message) and "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["file", "nowhere"])
def test_what_exists_is_replaced_only_where_that_is_asked_for(place, name):
    with pytest.raises(InputError, match=f"`json` {name}: exists; .* `overwrite`"):
        refuse_existing("json", place.joinpath(name).relative_to(place), False)
    refuse_existing("json", name, True)
    assert (place / "file").read_text() == "old"


@pytest.mark.parametrize("name", ["new", "folder/new", "to_folder/new"])
def test_a_new_name_is_free_and_nothing_is_made_there(place, name):
    refuse_existing("json", name, False)
    assert not (place / name).exists()


def test_a_folder_without_permission_is_told_before(place, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="`json` folder/a: nothing can be written there"):
        refuse_existing("json", "folder/a", False)


def test_an_error_of_writing_names_the_parameter_and_one_of_reading_passes_through(place):
    def fail(name: str) -> None:
        Path(name).write_text("half")
        raise OSError(28, "No space left on device", name)

    with pytest.raises(InputError, match=r"^`json` file: cannot be written \(No space left") as one:
        write_file("json", "file", fail)
    assert ".tmp" not in str(one.value) and (place / "file").read_text() == "old"
    assert not list(place.glob("*.tmp"))
    with pytest.raises(FileNotFoundError):
        write_file("json", "file", lambda name: Path("other").read_text())
