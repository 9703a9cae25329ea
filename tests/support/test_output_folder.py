"""A tool's folder appears whole, replaces only what is ours, and outlives a killed run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unequal.support.errors import InputError
from unequal.support.output_folder import MARKER, new_folder, refuse_input_as_output

CHILD = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may ignore it
from unequal.support.output_folder import new_folder
with new_folder(sys.argv[1], True) as folder:
    (folder / "train.rec").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def older(target: Path, *others: str) -> None:
    target.mkdir(parents=True)
    for name in ("train.rec", *others):
        (target / name).write_text("old")


def content(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def killed_child(target: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(target)], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"writing\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()


def test_an_older_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "set"
    older(target)
    with new_folder(target, overwrite=True) as folder:
        (folder / "property").write_text("new")
        assert content(target) == {"train.rec": "old"}
    assert content(tmp_path) == {"set/property": "new"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


def test_an_older_folder_comes_back_where_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    target = tmp_path / "set"
    older(target)
    replace = os.replace

    def fail_once(source: Path, to: Path) -> None:
        if source.suffix == ".partial":
            raise OSError(28, "No space left on device", str(to))
        replace(source, to)

    monkeypatch.setattr(os, "replace", fail_once)
    with pytest.raises(InputError, match="cannot be written"):
        with new_folder(target, overwrite=True) as folder:
            (folder / "property").write_text("new")
    assert content(tmp_path) == {"set/train.rec": "old"} and os.listdir(tmp_path) == ["set"]


def test_missing_parents_and_an_empty_folder_are_no_obstacle(tmp_path):
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "empty", tmp_path / "a" / "b"):
        with new_folder(target) as folder:
            (folder / "file").write_text("new")
        assert content(target) == {"file": "new"}


def test_an_exception_leaves_everything_as_it_was(tmp_path):
    older(tmp_path / "set")
    with pytest.raises(KeyError):
        with new_folder(tmp_path / "set", overwrite=True) as folder:
            (folder / "property").write_text("new")
            raise KeyError
    assert content(tmp_path) == {"set/train.rec": "old"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize(
    ("prepare", "overwrite", "reason"),
    [
        (lambda target: target.write_text(""), True, "is a file"),
        (older, False, "add `overwrite`"),
        (lambda target: older(target, "thesis.tex"), True, "also holds thesis.tex"),
    ],
)
def test_what_is_not_ours_is_never_replaced(tmp_path, prepare, overwrite, reason):
    target = tmp_path / "set"
    prepare(target)
    before = content(tmp_path)
    with pytest.raises(InputError, match=reason):
        with new_folder(target, overwrite) as folder:
            (folder / "property").write_text("new")
    assert content(tmp_path) == before


@pytest.mark.parametrize("exists", [True, False])
def test_after_a_kill_the_old_folder_is_whole_and_the_next_run_clears_up(tmp_path, exists):
    target = tmp_path / "set"
    if exists:
        older(target)
    killed_child(target)
    assert content(target) == ({"train.rec": "old"} if exists else {})
    assert len(list(tmp_path.glob(".set.*.partial"))) == 1
    with new_folder(target, overwrite=True) as folder:
        (folder / "train.rec").write_text("new")
    assert content(tmp_path) == {"set/train.rec": "new"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


def test_the_folder_of_a_run_that_is_alive_is_left_to_it(tmp_path):
    with new_folder(tmp_path / "set") as first:
        os.rename(first, tmp_path / ".set.1.partial")  # as if of another process
        with new_folder(tmp_path / "set") as second:
            (second / "file").write_text("second")
        assert (tmp_path / ".set.1.partial").is_dir()
        os.rename(tmp_path / ".set.1.partial", first)
        (tmp_path / "set" / "file").unlink()
        (first / "file").write_text("first")
    assert content(tmp_path) == {"set/file": "first"}


def test_a_folder_moved_aside_by_a_run_that_was_killed_comes_back(tmp_path):
    older(tmp_path / ".set.1.older")
    older(tmp_path / ".set.tail.1.older")  # of another output
    with pytest.raises(KeyError):
        with new_folder(tmp_path / "set", overwrite=True):
            raise KeyError
    assert content(tmp_path) == {"set/train.rec": "old", ".set.tail.1.older/train.rec": "old"}


def test_errors_about_other_files_are_not_blamed_on_the_output(tmp_path):
    with pytest.raises(FileNotFoundError):
        with new_folder(tmp_path / "set"):
            (tmp_path / "input" / "photo.jpg").read_bytes()
    with pytest.raises(InputError, match="`output` .*set: cannot be written"):
        with new_folder(tmp_path / "set") as folder:
            (folder / "missing" / "file").write_text("")


def test_an_output_inside_or_around_an_input_is_refused(tmp_path):
    (tmp_path / "set").mkdir()
    for target in ("set", "set/inner", "."):
        with pytest.raises(InputError, match="overlaps the input"):
            refuse_input_as_output(tmp_path / target, tmp_path / "set")
    refuse_input_as_output(tmp_path / "set2", tmp_path / "set")


@pytest.mark.slow
def test_a_second_run_for_the_same_output_at_the_same_time_does_not_harm_the_first(tmp_path):
    target = tmp_path / "set"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(target)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout.readline() == b"writing\n"
    with new_folder(target) as folder:
        (folder / "train.rec").write_text("new")
    partial = next(tmp_path.glob(f".set.{child.pid}.partial"))
    assert content(partial) == {"train.rec": "half"}
    child.send_signal(signal.SIGINT)
    child.wait()
    child.stdout.close()
    for _ in range(100):
        if not partial.exists():
            break
        time.sleep(0.05)
    assert content(tmp_path) == {"set/train.rec": "new"}


def test_what_another_run_finished_meanwhile_is_not_lost(tmp_path):
    with pytest.raises(InputError, match="add `overwrite`"):
        with new_folder(tmp_path / "set") as folder:
            (folder / "train.rec").write_text("slow")
            older(tmp_path / "set")
    assert content(tmp_path) == {"set/train.rec": "old"}


def test_an_empty_name_is_not_the_current_folder():
    with pytest.raises(InputError, match="`output`: is empty"):
        with new_folder(""):
            pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_write_protected_folder_is_replaced_and_removed(tmp_path):
    older(tmp_path / "set")
    (tmp_path / "set").chmod(0o555)
    with new_folder(tmp_path / "set", overwrite=True) as folder:
        (folder / "train.rec").write_text("new")
    assert content(tmp_path) == {"set/train.rec": "new"}
    assert os.listdir(tmp_path) == ["set"]


def made(target: Path, *paths: str, maker: str = "align", overwrite: bool = False) -> None:
    """Make a folder as a tool does whose files have any name."""
    with new_folder(target, overwrite, maker=maker) as folder:
        for path in paths:
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text("")


def test_a_marked_folder_is_replaced_by_the_tool_that_made_it_also_where_files_are_gone(tmp_path):
    made(tmp_path / "faces", "Ann/1.jpg", "Bob/1.jpg", "table.csv")
    (tmp_path / "faces" / "Ann" / "1.jpg").unlink()
    (tmp_path / "faces" / "table.csv").unlink()
    made(tmp_path / "faces", "Cid/1.jpg", overwrite=True)
    assert set(content(tmp_path)) == {"faces/Cid/1.jpg", f"faces/{MARKER}"}
    with pytest.raises(InputError, match="add `overwrite`"):
        made(tmp_path / "faces")
    with pytest.raises(InputError, match=f"also holds {MARKER}"):
        made(tmp_path / "faces", maker="rec2image", overwrite=True)


@pytest.mark.parametrize(
    "name, told",
    [
        ("mine", "also holds mine,"),
        (".mine", "also holds .mine,"),
        ("Ann/2.jpg", "holds 1 files and folders more"),
        ("Ann/new/2.jpg", "holds 2 files and folders more"),
    ],
)
def test_what_a_marked_folder_holds_besides_is_told_before_the_work_and_after(tmp_path, name, told):
    made(tmp_path / "faces", "Ann/1.jpg")
    target = tmp_path / "faces" / name
    with pytest.raises(InputError, match=told):
        with new_folder(tmp_path / "faces", True, maker="align"):
            target.parent.mkdir(exist_ok=True)
            target.write_text("mine")
    with pytest.raises(InputError, match=told):
        with new_folder(tmp_path / "faces", True, maker="align"):
            pytest.fail("the work began")
    assert target.read_text() == "mine" and os.listdir(tmp_path) == ["faces"]


@pytest.mark.parametrize("marker", [None, "", "[]", "{}", '{"tool": "align"}'])
def test_without_a_marker_that_can_be_read_a_folder_is_not_the_tools(tmp_path, marker):
    made(tmp_path / "faces", "1.jpg")
    (tmp_path / "faces" / MARKER).unlink()
    if marker is not None:
        (tmp_path / "faces" / MARKER).write_text(marker)
    with pytest.raises(InputError, match="also holds"):
        made(tmp_path / "faces", "1.jpg", overwrite=True)
