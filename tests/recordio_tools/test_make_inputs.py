"""What make is given may be broken, odd or wrong: it is listed, kept as it is, or refused."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from packing_fixtures import contents, face_files, left_out, make, write_files, write_list
from record_fixtures import encode, face
from recordio_tools.make import make_set

JPEG = encode(face(0, 0))


def test_broken_images_are_listed_and_good_ones_keep_their_bytes(tmp_path, capsys):
    good = face_files(1, 2)
    broken = {"a/empty.jpg": b"", "a/cut.jpg": JPEG[:-50], "b/text.png": b"text", "c/0.jpg": b""}
    write_files(tmp_path, {**good, **broken})
    os.mkfifo(tmp_path / "c" / "pipe.jpg")
    paths = [*broken, *good, "b/none.jpg", "b", "c/pipe.jpg"]
    listed = write_list(tmp_path / "x.lst", *[(1, path, "abc".index(path[0])) for path in paths])
    assert make("--list", listed, "--output", tmp_path / "set") == 0
    assert left_out(tmp_path / "set") == {
        "a/empty.jpg": "empty file",
        "a/cut.jpg": "cannot be decoded",
        "b/text.png": "cannot be decoded",
        "b/none.jpg": f"file not found: {tmp_path / 'b/none.jpg'}",
        "b": "cannot be read: Is a directory",
        "c/pipe.jpg": "cannot be read: it is no file",
        "c/0.jpg": "empty file",
    }
    assert [image for _, image in contents(tmp_path / "set")] == list(good.values())
    counts = "left out: 7 (2 empty file, 2 cannot be decoded, 1 file not found, 2 cannot be read)"
    assert counts in capsys.readouterr().out


def test_an_identity_without_a_good_image_leaves_a_gap_that_is_told(tmp_path, caplog):
    files = {**face_files(1, 0, 1), "b/1.jpg": b""}
    made = make_set(write_files(tmp_path / "faces", files), tmp_path / "set", processes=1)
    assert (made.identities, made.lost_identities) == (2, 1)
    assert [label for label, _ in contents(tmp_path / "set")] == [0, 2]
    assert "identities left without an image, a gap in labels: 1" in caplog.text


def test_a_png_named_jpg_grey_and_transparent_images_go_in_as_they_are(tmp_path, capsys):
    grey = cv2.imencode(".jpg", face(0, 1)[..., 0])[1].tobytes()
    transparent = cv2.imencode(".png", np.dstack([face(0, 2), face(0, 3)[..., :1]]))[1].tobytes()
    files = {"a/1.jpg": encode(face(0, 0), ".png"), "a/2.jpeg": grey, "a/3.png": transparent}
    write_files(tmp_path / "faces", files)
    assert make("--input", tmp_path / "faces", "--output", tmp_path / "set") == 0
    assert [image for _, image in contents(tmp_path / "set")] == list(files.values())
    assert "named as another format than they are, and kept: 1\n" in capsys.readouterr().out


def test_paths_may_lead_anywhere(tmp_path):
    write_files(tmp_path / "elsewhere", face_files(1, 1))
    (tmp_path / "lists").mkdir()
    listed = write_list(
        tmp_path / "lists" / "x.lst",
        (1, tmp_path / "elsewhere/a/0.jpg", 0),
        (1, "../elsewhere/b/0.jpg", 1),
    )
    make("--list", listed, "--output", tmp_path / "set")
    assert [image for _, image in contents(tmp_path / "set")] == list(face_files(1, 1).values())


def test_lines_that_repeat_a_path_are_kept_and_told(tmp_path, caplog):
    write_files(tmp_path, face_files(2, 1))
    listed = write_list(
        tmp_path / "x.lst",
        (1, "a/0.jpg", 0),
        (1, "a/1.jpg", 0),
        (1, "a/0.jpg", 0),
        (1, "a/0.jpg", 1),
    )
    make("--list", listed, "--output", tmp_path / "set")
    assert [label for label, _ in contents(tmp_path / "set")] == [0, 0, 0, 1]
    assert "name a path again: 2 ('a/0.jpg')" in caplog.text


def test_trusted_images_are_not_decoded_but_have_to_be_there(tmp_path):
    write_files(tmp_path / "faces", {"a/1.jpg": b"not looked at", "a/2.jpg": b""})
    make("--input", tmp_path / "faces", "--output", tmp_path / "set", "--size", 16, "--trust")
    assert contents(tmp_path / "set") == [(0, b"not looked at")]
    assert left_out(tmp_path / "set") == {"a/2.jpg": "empty file"}


@pytest.mark.parametrize(
    "lines, flags, message",
    [
        (["1\ta/0.jpg\t0", "a/0.jpg 0"], [], "x.lst, line 2: 'a/0.jpg 0' is no line of an image"),
        (["1\ta/0.jpg\t0", "", "1\ta/0.jpg\t-1"], [], "x.lst, line 3"),
        (["1\ta/0.jpg\tinf"], [], "x.lst, line 1"),
        (["1\ta/0.jpg\t1.5"], [], "x.lst, line 1"),
        (["1\ta\r/0.jpg\t0"], [], "x.lst, line 1"),
        (["1\ta/\t0.jpg\t0"], [], "x.lst, line 1"),
        ([f"1\ta/0.jpg\t{'9' * 5000}"], [], "x.lst, line 1"),
        ([f"1\ta/0.jpg\t{'9' * 4000}"], [], "x.lst, line 1: label 99999999999999999999 is"),
        (["1\ta\0/0.jpg\t0"], [], "cannot be read: its path holds a zero byte"),
        ([f"1\t{'a' * 140_000}.jpg\t0"], [], "cannot be read: File name too long"),
        (["\t".join(["0", "a/0.jpg", "0", *"0000", *["9" * 5000] * 10])], [], "not five points"),
        (["\t".join(["0", "a/0.jpg", "0", *"0000", *["9" * 300] * 10])], [], "cannot be aligned"),
        (["1\ta/0.jpg\t16777217"], [], "x.lst, line 1: label 16777217 is beyond 16777216"),
        ([""], [], "x.lst: lists no image"),
        (["1\tno/0.jpg\t0", "1\tno/1.jpg\t0"], [], "no/0.jpg: file not found: "),
        (["1\tno/0.jpg\t0"], ["--size", "16"], "no/0.jpg: file not found: "),
        (["1\ta/0.jpg\t0"], ["--size", "112"], "a/0.jpg: another size: 16x16"),
        (["0\ta/0.jpg\t0"], [], "a/0.jpg: not aligned and without landmarks"),
        (["1\ta/0.jpg\t5"], ["--num-classes", "5"], "has label 5; give at least 6"),
        (["1\ta/0.jpg\t0"], ["--size", "112;112"], "--size 112;112: give height and width"),
        (["1\ta/0.jpg\t0"], ["--size", "0"], "--size 0,0: give height and width"),
        (["1\ta/0.jpg\t0"], ["--size", "9" * 5000], "--size 9999"),
        (["1\ta/0.jpg\t0"], ["--quality", "0"], "--quality 0"),
        (["1\ta/0.jpg\t0"], ["--trust"], "--trust: sizes are not looked at"),
        (["1\ta/0.jpg\t0"], ["--trust", "--size", "16", "--resize"], "--trust: cannot tell"),
        (["1\ta/0.jpg\t0"], ["--root", "no"], "file not found: no/a/0.jpg"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path, capsys, lines, flags, message):
    write_files(tmp_path, face_files(1))
    listed = tmp_path / "x.lst"
    listed.write_bytes("\n".join(lines).encode())
    assert make("--list", listed, "--output", tmp_path / "out" / "set", *flags) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not list((tmp_path / "out").glob("*"))


def test_wrong_sources_are_named_by_their_flag(tmp_path, capsys):
    write_files(tmp_path / "faces", face_files(1))
    for flags, message in [
        (["--input", tmp_path / "no"], f"--input {tmp_path / 'no'}: is no folder"),
        (["--list", tmp_path / "no"], f"{tmp_path / 'no'}: No such file"),
        (["--list", tmp_path / "faces"], "is a folder; give it as --input"),
        (["--input", tmp_path / "faces", "--root", tmp_path], "goes with --list"),
    ]:
        assert make(*flags, "--output", tmp_path / "set") == 2
        assert message in capsys.readouterr().err
    assert make("--input", tmp_path / "faces", "--output", tmp_path / "faces" / "set") == 2
    assert "overlaps the input" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [(), ("--size", "16")])
def test_an_unusual_size_that_nobody_asked_for_is_told(tmp_path, caplog, flags):
    write_files(tmp_path / "photos", face_files(1, 1))
    assert make("--input", tmp_path / "photos", "--output", tmp_path / "set", *flags) == 0
    told = "16x16: that of the first image" in caplog.text
    assert told == (not flags)
