"""A folder per identity becomes a list whose labels and lines InsightFace's readers understand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from recordio_tools.list_images import list_images, main
from unequal.faces.image_list import read_list
from unequal.support.errors import InputError

POINTS = [38.25, 51.5, 1073.4219, 51.25, 56.0, 71.75, 41.5, 92.25, 70.75, 92.0]


def tree(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def listed(tmp_path: Path, *flags: object) -> str:
    command = ["--input", tmp_path / "faces", "--output", tmp_path / "train.lst", *flags]
    assert main([str(part) for part in command]) == 0
    return (tmp_path / "train.lst").read_text(encoding="utf-8")


def test_labels_count_the_folders_in_the_order_of_their_names(tmp_path, capsys):
    tree(tmp_path / "faces", "b/2.jpg", "b/10.JPG", "2/x.png", "10/x.jpeg", "Z/x.jpg")
    assert listed(tmp_path) == (
        "1\t10/x.jpeg\t0\n1\t2/x.png\t1\n1\tZ/x.jpg\t2\n1\tb/10.JPG\t3\n1\tb/2.jpg\t3\n"
    )
    assert capsys.readouterr().out == f"{tmp_path / 'train.lst'}: 5 images of 4 identities\n"


def test_an_identity_may_lie_at_any_depth_and_hold_others(tmp_path):
    tree(tmp_path / "faces", "a/b/c/1.jpg", "a/b/1.jpg", "a b/1.jpg")
    assert listed(tmp_path) == "1\ta/b/1.jpg\t0\n1\ta/b/c/1.jpg\t1\n1\ta b/1.jpg\t2\n"


def test_spaces_and_other_scripts_stay_in_the_paths(tmp_path):
    tree(tmp_path / "faces", "Zoë Müller/an image.jpg", "李 娜/1.jpg")
    assert listed(tmp_path) == "1\tZoë Müller/an image.jpg\t0\n1\t李 娜/1.jpg\t1\n"


@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
def test_a_name_that_is_not_utf_8_is_listed_byte_for_byte(tmp_path):
    name = os.fsdecode(b"M\xfcller/1.jpg")
    tree(tmp_path / "faces", name)
    list_images(tmp_path / "faces", tmp_path / "train.lst")
    assert (tmp_path / "train.lst").read_bytes() == b"1\tM\xfcller/1.jpg\t0\n"
    assert [face.path for face in read_list(tmp_path / "train.lst")] == [name]


def test_what_is_no_image_is_told_and_takes_no_label(tmp_path, caplog):
    tree(tmp_path / "faces", "a/notes.txt", "b/1.jpg", "b/Thumbs.db", "b/._1.jpg", ".git/1.jpg")
    (tmp_path / "faces" / "c d").mkdir()
    assert listed(tmp_path) == "1\tb/1.jpg\t0\n"
    assert "folders without an image: 2 ('a', 'c d')" in caplog.text
    assert "files that are no images: 2" in caplog.text


def test_identities_with_too_few_images_take_no_label(tmp_path, caplog):
    tree(tmp_path / "faces", "a/1.jpg", "b/1.jpg", "b/2.jpg", "c/1.jpg", "d/1.jpg", "d/2.jpg")
    lines = listed(tmp_path, "--min-images", 2).splitlines()
    assert [line.split("\t")[1:] for line in lines] == [
        ["b/1.jpg", "0"],
        ["b/2.jpg", "0"],
        ["d/1.jpg", "1"],
        ["d/2.jpg", "1"],
    ]
    assert "too few images: 2 identities, 2 images" in caplog.text


def test_photos_with_landmarks_are_listed_as_face2rec2_reads_them(tmp_path, caplog):
    tree(tmp_path / "faces", "a/1.jpg", "a/2.jpg")
    landmarks = tmp_path / "landmarks.txt"
    landmarks.write_text("a/1.jpg " + " ".join(map(str, POINTS)) + "\n")
    first, second = listed(tmp_path, "--landmarks", landmarks).splitlines()
    fields = first.split("\t")
    assert fields[:3] == ["0", "a/1.jpg", "0"] and len(fields) == 17
    # InsightFace: columns 7 to 16 are five x, then five y
    points = np.array([float(field) for field in fields[7:]]).reshape(2, 5).T
    np.testing.assert_array_equal(points.ravel().astype(np.float32), np.float32(POINTS))
    assert second == "0\ta/2.jpg\t0"
    assert "images without landmarks: 1" in caplog.text


def test_landmarks_of_other_photos_are_refused(tmp_path):
    tree(tmp_path / "faces", "a/1.jpg")
    landmarks = tmp_path / "landmarks.txt"
    landmarks.write_text("1.jpg " + " ".join(map(str, POINTS)) + "\n")
    with pytest.raises(InputError, match="landmarks of no image below .*faces; .*paths"):
        list_images(tmp_path / "faces", tmp_path / "train.lst", landmarks)
    with pytest.raises(InputError, match="`output` .*is the file of landmarks"):
        list_images(tmp_path / "faces", landmarks, landmarks)


@pytest.mark.parametrize(
    "paths, flags, message",
    [
        (["a/1.jpg", "2.jpg"], [], "2.jpg: belongs to no identity; put"),
        (["a/1.jpg", "a/x\ty.jpg", "b\n/1.jpg"], [], "2 image paths hold a tab or a line break"),
        (["a/1.txt"], [], "no image in a folder below it"),
        (["a/1.jpg"], ["--min-images", "2"], "no identity has 2 images"),
        (["a/1.jpg"], ["--min-images", "0"], "--min-images 0"),
    ],
)
def test_bad_input_is_one_line_and_leaves_an_older_list(tmp_path, capsys, paths, flags, message):
    tree(tmp_path / "faces", *paths)
    (tmp_path / "train.lst").write_text("older")
    command = ["--input", str(tmp_path / "faces"), "--output", str(tmp_path / "train.lst")]
    assert main([*command, *flags, "--overwrite"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert (tmp_path / "train.lst").read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", "train.lst"]


def test_folders_that_are_not_there_are_named(tmp_path, capsys):
    tree(tmp_path / "faces", "a/1.jpg")
    assert main(["--input", str(tmp_path / "no"), "--output", str(tmp_path / "train.lst")]) == 2
    assert f"{tmp_path / 'no'}: is no folder" in capsys.readouterr().err
    output = str(tmp_path / "no" / "train.lst")
    assert main(["--input", str(tmp_path / "faces"), "--output", output]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"--output {output}: there is no folder {tmp_path / 'no'}; make")


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path, capsys):
    tree(tmp_path / "faces", "a/1.jpg")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"precious")
    command = ["--input", str(tmp_path / "faces"), "--output", str(photo)]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"--output {photo}: ") and "add --overwrite" in error
    assert error.count("\n") == 1 and photo.read_bytes() == b"precious"
    assert main([*command, "--overwrite"]) == 0
    assert photo.read_text() == "1\ta/1.jpg\t0\n"


@pytest.mark.parametrize("output", ["", "faces"])
def test_an_output_that_is_no_file_is_told(tmp_path, monkeypatch, capsys, output):
    tree(tmp_path / "faces", "a/1.jpg")
    monkeypatch.chdir(tmp_path)
    assert main(["--input", "faces", "--output", output, "--overwrite"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("--output") and "name a file" in error and error.count("\n") == 1


def test_links_are_followed_but_not_round_in_circles(tmp_path):
    tree(tmp_path / "elsewhere", "1.jpg")
    tree(tmp_path / "faces", "a/1.jpg")
    (tmp_path / "faces" / "b").symlink_to(tmp_path / "elsewhere")
    assert listed(tmp_path) == "1\ta/1.jpg\t0\n1\tb/1.jpg\t1\n"
    (tmp_path / "train.lst").unlink()
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "faces")
    with pytest.raises(InputError, match="b/back: is a link to a folder around it"):
        list_images(tmp_path / "faces", tmp_path / "train.lst")
