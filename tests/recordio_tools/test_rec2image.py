"""Images come out of a set byte for byte, under safe and distinct paths, and go in again."""

from __future__ import annotations

import csv
import logging
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from record_fixtures import encode, face, write_plain_set
from recordio_tools import make, rec2image
from recordio_tools.rec2image import rec_to_images
from sets_by_mxnet import read_set
from unequal.faces.face_records import FaceRecords
from unequal.faces.image_format import image_format
from unequal.faces.set_writer import FaceSetWriter, write_face_set
from unequal.support.errors import InputError
from unequal.support.output_folder import MARKER

NAMES = ["a/1.jpg", "a/2.jpg", "b c/ü ß.jpg", "b c/2.jpg", "b c/3.jpg"]
LABELS = [0, 0, 1, 1, 1]


def images(count: int) -> list[bytes]:
    return [encode(face(number, 0)) for number in range(count)]


def make_set(
    folder: Path,
    names: list[str] = NAMES,
    labels: list[int] = LABELS,
    contents: list[bytes] | None = None,
) -> Path:
    """A set whose train.lst has these names; without one where they are all empty."""
    write_face_set(folder, zip(labels, contents or images(len(names)), names), (16, 16))
    if not any(names):
        (folder / "train.lst").unlink()
    return folder


def lines(output: Path) -> list[list[str]]:
    text = (output / "train.lst").read_text(encoding="utf-8", errors="surrogateescape")
    return [line.split("\t") for line in text.splitlines()]


def left_out(output: Path) -> list[list[str]]:
    with (output / "left_out.csv").open(newline="") as file:
        return list(csv.reader(file))


def files(folder: Path) -> set[str]:
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return found - {"train.lst", "left_out.csv", MARKER}


def test_every_image_lies_under_its_path_byte_for_byte(tmp_path, capsys):
    source, output = make_set(tmp_path / "set"), tmp_path / "images"
    assert rec2image.main(["--data-dir", str(source), "--output", str(output)]) == 0
    assert [(output / name).read_bytes() for name in NAMES] == images(5)
    assert files(output) == set(NAMES)
    assert (output / "train.lst").read_bytes() == (source / "train.lst").read_bytes()
    assert left_out(output) == [["record", "reason"]]
    assert capsys.readouterr().out == (
        f"{output}: 5 images, listed in {output / 'train.lst'}\n"
        f"to pack them again: python -m recordio_tools.make --list {output / 'train.lst'} "
        f"--size 16,16 --num-classes 2 --output {output}_set\n"
    )


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 1], [2, 2, 5, 5, 5]])
def test_the_printed_command_makes_the_same_set_again(tmp_path, capsys, labels):
    source, output = tmp_path / "set", tmp_path / "the images"
    # the last of 16 classes have no image: the fc7 of a model has 16 rows
    write_face_set(source, zip(labels, images(5), NAMES), (16, 16), num_classes=16)
    assert rec2image.main(["--data-dir", str(source), "--output", str(output)]) == 0
    printed = capsys.readouterr().out.splitlines()[-1].partition("again: ")[2]
    python, module, tool, *flags = shlex.split(printed)
    assert (python, module, tool) == ("python", "-m", "recordio_tools.make")
    assert make.main([*flags, "--processes", "1"]) == 0
    again = tmp_path / "the images_set"
    assert (again / "property").read_text() == "16,16,16\n"
    for name in ("train.rec", "train.idx", "train.lst", "property", "identities.txt"):
        assert (again / name).read_bytes() == (source / name).read_bytes(), name


def test_packed_again_labels_ascend_and_their_arrays_are_label_and_one(tmp_path):
    source = tmp_path / "set"
    source.mkdir()
    with FaceSetWriter(source, (16, 16)) as writer:
        for label, image, more in zip((4, 4, 2), images(3), ((0.0,), (3.0, 1.0), None)):
            writer.add(label, image, more=more)
    command = rec_to_images(source, tmp_path / "images").command
    assert make.main([*command[3:], "--processes", "1"]) == 0
    found = read_set(tmp_path / "images_set")
    assert [image.label for image in found.images.values()] == [(2, 1), (4, 1), (4, 1)]
    assert found.contents == [images(3)[i] for i in (2, 0, 1)]


def test_without_property_the_largest_label_tells_the_classes(tmp_path):
    source = make_set(tmp_path / "set", labels=[0, 0, 7, 7, 7])
    (source / "property").unlink()
    command = rec_to_images(source, tmp_path / "images").command
    assert command[5:] == ["--num-classes", "8", "--output", str(tmp_path / "images_set")]


def test_images_of_the_same_path_get_distinct_files(tmp_path):
    names = ["a/1.jpg", "a/1.jpg", "a/1_2.jpg", "a/1.jpg", "a/1_4.jpg"]
    source, output = make_set(tmp_path / "set", names), tmp_path / "images"
    assert rec_to_images(source, output)[:3] == (5, 4, 0)
    listed = [fields[1] for fields in lines(output)]
    assert listed == ["a/1.jpg", "a/1_2.jpg", "a/1_2_3.jpg", "a/1_4.jpg", "a/1_4_5.jpg"]
    assert files(output) == set(listed)
    assert [(output / name).read_bytes() for name in listed] == images(5)


def test_paths_that_lead_out_of_the_folder_are_kept_in_it(tmp_path):
    names = ["../../evil.jpg", "/etc/evil.jpg", "a/../../../b.jpg", "./c//d.jpg", ".."]
    source = make_set(tmp_path / "deep" / "set", names)
    before = {path for path in tmp_path.rglob("*")}
    output = tmp_path / "deep" / "images"
    rec_to_images(source, output)
    assert [fields[1] for fields in lines(output)] == [
        "evil.jpg",
        "etc/evil.jpg",
        "a/b.jpg",
        "c/d.jpg",
        "000001/0000005.jpg",
    ]
    created = {path for path in tmp_path.rglob("*")} - before
    assert all(path == output or output in path.parents for path in created)
    assert [(output / fields[1]).read_bytes() for fields in lines(output)] == images(5)


def test_paths_that_cannot_be_files_give_way(tmp_path):
    long = "x" * 300 + ".jpg"
    names = ["train.lst", "left_out.csv", "a", "a/b.jpg", long]
    source, output = make_set(tmp_path / "set", names), tmp_path / "images"
    assert rec_to_images(source, output)[:3] == (5, 4, 0)
    listed = [fields[1] for fields in lines(output)]
    assert listed == [
        "train_1.lst",
        "left_out_2.csv",
        "a",
        "000001/0000004.jpg",
        "000001/0000005.jpg",
    ]
    assert [(output / name).read_bytes() for name in listed] == images(5)


def test_a_name_of_an_unknown_encoding_comes_out_as_it_went_in(tmp_path):
    name = b"\xe9t\xe9/1.jpg".decode("utf-8", "surrogateescape")
    source, output = make_set(tmp_path / "set", [name], [0]), tmp_path / "images"
    rec_to_images(source, output)
    assert (output / name).read_bytes() == images(1)[0]
    assert (output / "train.lst").read_bytes() == b"1\t\xe9t\xe9/1.jpg\t0\n"


def test_without_a_list_paths_are_label_and_key_with_the_suffix_of_the_format(tmp_path):
    contents = [encode(face(0, 0), suffix) for suffix in (".jpg", ".png", ".webp", ".ras")]
    source = make_set(tmp_path / "set", [""] * 4, [0, 0, 7, 7], contents)
    output = tmp_path / "images"
    assert rec_to_images(source, output)[:3] == (4, 0, 0)
    listed = [fields[1] for fields in lines(output)]
    assert listed == [
        "000000/0000001.jpg",
        "000000/0000002.png",
        "000007/0000003.webp",
        "000007/0000004.img",
    ]
    assert [(output / name).read_bytes() for name in listed] == contents


@pytest.mark.parametrize(
    ("suffix", "told"),
    [
        (".jpg", ".jpg"),
        (".jpeg", ".jpg"),
        (".png", ".png"),
        (".bmp", ".bmp"),
        (".webp", ".webp"),
        (".tiff", ".tif"),
        (".jp2", ".jp2"),
        (".pgm", ".pgm"),
        (".ppm", ".ppm"),
    ],
)
def test_formats_are_told_by_their_bytes(suffix, told):
    image = face(0, 0, size=64)
    image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if suffix == ".pgm" else image
    _, encoded = cv2.imencode(suffix, image)
    assert image_format(encoded.tobytes()).suffix == told


@pytest.mark.parametrize("image", [b"", b"\xff\xd8", b"RIFFxxxxWAVE", b"no image", b"\0" * 16])
def test_other_bytes_are_no_known_format(image):
    assert image_format(image) is None


def test_labels_and_order_are_those_of_the_records_and_all_count_as_aligned(tmp_path):
    (tmp_path / "set").mkdir()
    with FaceSetWriter(tmp_path / "set", (16, 16)) as writer:
        for label, more in ((4, (1.0,)), (4, (0.0,)), (2, None)):
            writer.add(label, images(1)[0], more=more)
    rec_to_images(tmp_path / "set", tmp_path / "images")
    assert [(fields[0], fields[2]) for fields in lines(tmp_path / "images")] == [
        ("1", "4"),
        ("1", "4"),
        ("1", "2"),
    ]


def test_a_set_of_im2rec_comes_out_too(tmp_path):
    source = write_plain_set(tmp_path / "set", {0: 1, 3: 0, 2: 1})
    records = FaceRecords(source)
    rec_to_images(source, tmp_path / "images")
    assert lines(tmp_path / "images") == [
        ["1", "000000/0000003.jpg", "0"],
        ["1", "000001/0000000.jpg", "1"],
        ["1", "000001/0000002.jpg", "1"],
    ]
    for key, name in ((3, "000000/0000003.jpg"), (0, "000001/0000000.jpg")):
        assert (tmp_path / "images" / name).read_bytes() == records.read(key)[1]


def test_records_without_an_image_are_left_out_and_listed(tmp_path, capsys, caplog):
    contents = images(5)
    contents[1], contents[3] = b"", b"no image at all"
    source, output = make_set(tmp_path / "set", contents=contents), tmp_path / "images"
    offset = int((source / "train.idx").read_text().split()[2 * 4 + 1])
    torn = bytearray((source / "train.rec").read_bytes())
    torn[offset : offset + 4] = b"torn"
    (source / "train.rec").write_bytes(torn)
    assert rec2image.main(["--data-dir", str(source), "--output", str(output)]) == 0
    assert files(output) == {NAMES[0], NAMES[2]}
    assert (output / NAMES[2]).read_bytes() == contents[2]
    assert [row[0] for row in left_out(output)] == ["record", "2", "4", "5"]
    assert [row[1] for row in left_out(output)[1:3]] == ["it is empty", "OpenCV cannot decode it"]
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert [text.split(" record ")[1][:2] for text in told] == ["2 ", "4 ", "5 "]
    assert "3 records left out" in capsys.readouterr().out


def test_a_set_without_a_good_image_makes_no_folder(tmp_path, capsys):
    source = make_set(tmp_path / "set", ["a/1.jpg"], [0], [b""])
    assert rec2image.main(["--data-dir", str(source), "--output", str(tmp_path / "images")]) == 2
    assert "holds no image" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


def test_a_list_of_another_set_is_told_and_not_used(tmp_path, caplog):
    source = make_set(tmp_path / "set")
    (source / "train.lst").write_text("1\tx/1.jpg\t5\n" * 5)
    rec_to_images(source, tmp_path / "images")
    assert "does not belong" in caplog.text
    assert [fields[1][:7] for fields in lines(tmp_path / "images")] == [
        f"{label:06d}/" for label in LABELS
    ]


def test_an_older_folder_is_replaced_only_when_asked(tmp_path):
    output = tmp_path / "images"
    rec_to_images(make_set(tmp_path / "old", ["x/1.jpg", "top.jpg"], [0, 0]), output)
    source = make_set(tmp_path / "set")
    with pytest.raises(InputError, match="`overwrite`"):
        rec_to_images(source, output)
    assert files(output) == {"x/1.jpg", "top.jpg"}
    rec_to_images(source, output, overwrite=True)
    assert files(output) == set(NAMES)


@pytest.mark.parametrize(
    "name, told",
    [("notes.txt", "also holds notes.txt, which"), ("a/mine.txt", "holds 1 files and")],
)
def test_files_of_yours_are_not_overwritten(tmp_path, capsys, name, told):
    source, output = make_set(tmp_path / "set"), tmp_path / "images"
    rec_to_images(source, output)
    (output / name).write_text("mine")
    flags = ["--data-dir", str(source), "--output", str(output), "--overwrite"]
    assert rec2image.main(flags) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"--output {output}: {told}") and error.count("\n") == 1
    assert files(output) == {*NAMES, name} and (output / name).read_text() == "mine"


def test_a_folder_of_photos_with_a_list_is_not_taken_for_an_older_output(tmp_path):
    source, photos = make_set(tmp_path / "set"), tmp_path / "photos"
    (photos / "z").mkdir(parents=True)
    (photos / "z" / "1.jpg").write_bytes(b"precious")
    (photos / "train.lst").write_text("1\tz/1.jpg\t0\n")
    (photos / "left_out.csv").write_text("path,reason\n")
    with pytest.raises(InputError, match="would be lost"):
        rec_to_images(source, photos, overwrite=True)
    assert (photos / "z" / "1.jpg").read_bytes() == b"precious"


@pytest.mark.parametrize("output", ["set", "set/images", "."])
def test_the_set_itself_is_no_output(tmp_path, output, capsys):
    source = make_set(tmp_path / "set")
    before = files(source)
    flags = ["--data-dir", str(source), "--output", str(tmp_path / output), "--overwrite"]
    assert rec2image.main(flags) == 2
    assert "overlaps the input" in capsys.readouterr().err
    assert files(source) == before


def test_real_faces_come_out_as_they_are(shared, tmp_path):
    source = shared / "real" / "plain_rec"
    rec_to_images(source, tmp_path / "images")
    records = FaceRecords(source)
    found = {
        (tmp_path / "images" / fields[1]).read_bytes() for fields in lines(tmp_path / "images")
    }
    assert found == {records.read(int(key))[1] for key in records.image_keys}
    assert len(found) == 8 and np.all([image.startswith(b"\xff\xd8\xff") for image in found])
