"""make packs images byte for byte as face2rec2 does; what it cannot pack is listed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterable

import cv2
import mxnet as mx
import numpy as np
import pytest

from packing_fixtures import contents, face_files, left_out, make, write_files, write_list
from record_fixtures import encode, face
from recordio_tools.align import align
from recordio_tools.list_images import list_images
from recordio_tools.make import make_set
from script_runs import REPOSITORY
from unequal.faces.alignment import TEMPLATE
from unequal.faces.decoding import decode_rgb
from unequal.faces.face_records import FaceRecords
from unequal.faces.set_reader import FaceSetReader
from unequal.support.errors import InputError

MAGIC = b"\x0a\x23\xd7\xce"
JPEG = encode(face(0, 0))
SET = {"train.rec", "train.idx", "train.lst", "property", "identities.txt"}


def write_as_face2rec2(folder: Path, items: Iterable[tuple[int, bytes]]) -> None:
    """InsightFace's order and labels: images, record 0, identities; by MXNet's own writer."""
    folder.mkdir()
    records = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "w"
    )

    def write(key: int, label: list[float], image: bytes = b"") -> None:
        header = mx.recordio.IRHeader(0, label, key, 0)
        records.write_idx(key, mx.recordio.pack(header, image))

    starts, last, key = [], None, 1
    for label, image in items:
        if label != last:
            starts.append(key)
        last = label
        write(key, [label, 1], image)
        key += 1
    write(0, [key, key + len(starts)])
    for number, (start, stop) in enumerate(zip(starts, [*starts[1:], key])):
        write(key + number, [start, stop])
    records.close()


def test_the_files_are_those_that_face2rec2_and_mxnet_write(tmp_path):
    padding = b"\0" * (-len(JPEG) % 4)
    images = {
        **face_files(3, 1),
        "b/magic.jpg": JPEG + padding + MAGIC + b"12" + MAGIC + b"34" + MAGIC + MAGIC,
        "c/magic.jpg": JPEG + padding + b"1" + MAGIC + b"2",
    }
    assert (
        make(
            "--input",
            write_files(tmp_path / "faces", images),
            "--output",
            tmp_path / "set",
            "--num-classes",
            7,
        )
        == 0
    )
    write_as_face2rec2(
        tmp_path / "reference", [("abc".index(path[0]), image) for path, image in images.items()]
    )
    for name in ("train.rec", "train.idx"):
        made, reference = (tmp_path / folder / name for folder in ("set", "reference"))
        assert made.read_bytes() == reference.read_bytes()
    assert (tmp_path / "set" / "property").read_text() == "7,16,16\n"
    assert (tmp_path / "set" / "identities.txt").read_text() == "0 a 3\n1 b 2\n2 c 1\n"
    assert {path.name for path in (tmp_path / "set").iterdir()} == SET


def test_our_reader_and_the_way_of_2019_read_every_image(tmp_path):
    images = list(face_files(2, 3, 1).values())
    make_set(write_files(tmp_path / "faces", face_files(2, 3, 1)), tmp_path / "set", processes=1)
    records = FaceRecords(tmp_path / "set")
    assert records.image_keys.tolist() == [1, 2, 3, 4, 5, 6]
    assert [records.read(key) for key in records.image_keys] == list(
        zip([0, 0, 1, 1, 1, 2], images)
    )
    reading = mx.recordio.MXIndexedRecordIO(
        str(tmp_path / "set" / "train.idx"), str(tmp_path / "set" / "train.rec"), "r"
    )
    header, _ = mx.recordio.unpack(reading.read_idx(0))
    first, stop = map(int, header.label)
    assert [mx.recordio.unpack(reading.read_idx(key))[1] for key in range(1, first)] == images
    ranges = [mx.recordio.unpack(reading.read_idx(key))[0].label for key in range(first, stop)]
    assert [tuple(map(int, span)) for span in ranges] == [(1, 3), (3, 6), (6, 7)]


def test_the_list_of_a_set_and_its_images_make_the_same_set_again(tmp_path):
    png = encode(face(4, 0), ".png")
    images = {**face_files(2, 2), "Zoë Müller/an image.jpg": JPEG, "李/b.png": png}
    make_set(write_files(tmp_path / "faces", images), tmp_path / "set", processes=1)
    extracted = {found.name: found.image for found in FaceSetReader(tmp_path / "set").faces()}
    assert extracted == images
    write_files(tmp_path / "again", extracted)
    assert (
        make(
            "--list",
            tmp_path / "set" / "train.lst",
            "--root",
            tmp_path / "again",
            "--output",
            tmp_path / "set2",
        )
        == 0
    )
    for name in SET:
        first, second = (tmp_path / folder / name for folder in ("set", "set2"))
        assert first.read_bytes() == second.read_bytes()


def test_several_processes_write_the_same_files(tmp_path):
    write_files(tmp_path / "faces", {**face_files(20, 20), "a/x.jpg": b""})
    for count in (1, 2):
        make_set(tmp_path / "faces", tmp_path / str(count), processes=count)
    for name in [*SET, "left_out.csv"]:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_photos_with_landmarks_are_aligned_and_marked_so(tmp_path, capsys):
    upright = cv2.resize(face(1, 1), (112, 112), interpolation=cv2.INTER_CUBIC)
    photo = np.zeros((160, 150, 3), np.uint8)
    photo[30:142, 20:132] = upright
    write_files(tmp_path, {"a/1.png": encode(photo, ".png"), "a/2.png": encode(photo, ".png")})
    points = (TEMPLATE + (20, 30)).T.ravel()
    listed = write_list(
        tmp_path / "photos.lst",
        (0, "a/1.png", 0, 0, 0, 0, 0, *points),
        (0, "a/2.png", 0),
        (0, "a/2.png", 0, 0, 0, 0, 0, *[5] * 10),
    )
    assert make("--list", listed, "--output", tmp_path / "set", "--quality", 100) == 0
    assert (tmp_path / "set" / "train.lst").read_text() == "1\ta/1.png\t0\n"
    record = FaceRecords(tmp_path / "set").record(1)
    assert (record.label, record.more) == (0, (1,)) and record.image.startswith(b"\xff\xd8\xff")
    # the template's own points, moved: what is cut out is what was put there
    assert np.abs(decode_rgb(record.image).astype(int) - upright).mean() < 2
    out = capsys.readouterr().out
    assert "1 images of 1 identities, 112x112\naligned: 1\nleft out: 2 (" in out
    assert "1 not aligned and without landmarks" in out and "1 cannot be aligned" in out


def test_aligning_first_or_while_packing_gives_the_same_bytes(tmp_path):
    photo = cv2.resize(face(1, 1), (160, 150), interpolation=cv2.INTER_CUBIC)
    write_files(tmp_path / "photos", {"a/1.jpg": encode(photo), "b/1.jpg": encode(photo[:, ::-1])})
    points = [" ".join(map(str, ((TEMPLATE * scale) + 1 / 3).ravel())) for scale in (1.1, 0.9)]
    landmarks = tmp_path / "landmarks.txt"
    landmarks.write_text(f"a/1.jpg {points[0]}\nb/1.jpg {points[1]}\n")
    align(tmp_path / "photos", tmp_path / "faces", landmarks=landmarks, processes=1)
    make("--input", tmp_path / "faces", "--output", tmp_path / "first")
    list_images(tmp_path / "photos", tmp_path / "x.lst", landmarks)
    make("--list", tmp_path / "x.lst", "--root", tmp_path / "photos", "--output", tmp_path / "set")
    for name in SET:
        first, second = (tmp_path / folder / name for folder in ("first", "set"))
        assert first.read_bytes() == second.read_bytes()


def test_images_of_another_size_are_listed_or_resized(tmp_path, capsys):
    large = np.repeat(face(1, 0, size=32)[..., :1], 3, axis=2)  # JPEG coarsens colours
    write_files(tmp_path / "faces", {**face_files(1, 1), "b/large.png": encode(large, ".png")})
    assert make("--input", tmp_path / "faces", "--output", tmp_path / "set") == 0
    assert left_out(tmp_path / "set") == {"b/large.png": "another size: 32x32"}
    assert "left out: 1 (1 another size), see left_out.csv" in capsys.readouterr().out
    assert (
        make("--input", tmp_path / "faces", "--output", tmp_path / "set", "--overwrite", "--resize")
        == 0
    )
    assert "resized: 1\n" in capsys.readouterr().out
    (_, first), (_, second), (_, third) = contents(tmp_path / "set")
    assert [first, second] == list(face_files(1, 1).values())
    averaged = large.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    assert np.abs(decode_rgb(third) - averaged).mean() < 3
    assert {path.name for path in (tmp_path / "set").iterdir()} == SET


def test_height_comes_before_width(tmp_path):
    image = encode(face(0, 0)[:12])
    write_files(tmp_path / "faces", {**face_files(1), "a/low.jpg": image})
    make("--input", tmp_path / "faces", "--output", tmp_path / "set", "--size", "12,16")
    assert contents(tmp_path / "set") == [(0, image)]
    assert (tmp_path / "set" / "property").read_text() == "1,12,16\n"


def test_a_shuffled_list_is_put_in_the_order_of_its_labels(tmp_path, caplog):
    images = face_files(2, 2, 2)
    write_files(tmp_path, images)
    order = ["c/1.jpg", "a/1.jpg", "b/0.jpg", "c/0.jpg", "a/0.jpg", "b/1.jpg"]
    expected = ["a/1.jpg", "a/0.jpg", "b/0.jpg", "b/1.jpg", "c/1.jpg", "c/0.jpg"]
    listed = write_list(tmp_path / "x.lst", *[(1, path, "abc".index(path[0])) for path in order])
    make("--list", listed, "--output", tmp_path / "set")
    assert [found.name for found in FaceSetReader(tmp_path / "set").faces()] == expected
    assert "not in the order of its labels" in caplog.text
    # as im2rec lists them: key, label, path
    lines = [(key, f"{'abc'.index(path[0])}.0", path) for key, path in enumerate(order)]
    make("--list", write_list(tmp_path / "y.lst", *lines), "--output", tmp_path / "set2")
    for name in SET:
        assert (tmp_path / "set2" / name).read_bytes() == (tmp_path / "set" / name).read_bytes()


def test_gaps_between_labels_stay(tmp_path):
    write_files(tmp_path, face_files(1, 1))
    listed = write_list(tmp_path / "x.lst", (1, "a/0.jpg", 3), (1, "b/0.jpg", 90))
    make("--list", listed, "--output", tmp_path / "set", "--num-classes", 100)
    assert [label for label, _ in contents(tmp_path / "set")] == [3, 90]
    assert (tmp_path / "set" / "property").read_text() == "100,16,16\n"


def test_an_older_set_is_replaced_only_when_asked_and_alone(tmp_path, capsys):
    source = write_files(tmp_path / "faces", {**face_files(1), "a/x.jpg": b""})
    make("--input", source, "--output", tmp_path / "set")
    assert (tmp_path / "set" / "left_out.csv").exists()
    (source / "a" / "x.jpg").unlink()
    assert make("--input", source, "--output", tmp_path / "set") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert make("--input", source, "--output", tmp_path / "set", "--overwrite") == 0
    assert {path.name for path in (tmp_path / "set").iterdir()} == SET
    (tmp_path / "set" / "lfw.bin").touch()
    with pytest.raises(InputError, match="also holds lfw.bin"):
        make_set(source, tmp_path / "set", overwrite=True, processes=1)
    assert contents(tmp_path / "set") == [(0, JPEG)]


def test_a_killed_run_leaves_the_older_set_and_can_be_run_again(tmp_path):
    write_files(tmp_path, face_files(2, 1))
    listed = write_list(tmp_path / "x.lst", (1, "a/0.jpg", 0), (1, "b/0.jpg", 1))
    make("--list", listed, "--output", tmp_path / "sets" / "set")
    before = contents(tmp_path / "sets" / "set")
    write_list(listed, *[(1, "a/1.jpg", 0)] * 50_000)  # seconds of work
    command = [
        sys.executable,
        "-m",
        "recordio_tools.make",
        "--list",
        listed,
        "--overwrite",
        "--processes",
        "1",
        "--output",
        tmp_path / "sets" / "set",
    ]
    running = subprocess.Popen(command, cwd=REPOSITORY)
    try:
        while not list((tmp_path / "sets").glob(".set.*.partial/train.rec")):
            assert running.poll() is None
            time.sleep(0.02)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert contents(tmp_path / "sets" / "set") == before
    write_list(listed, (1, "a/1.jpg", 0))
    assert make("--list", listed, "--overwrite", "--output", tmp_path / "sets" / "set") == 0
    assert contents(tmp_path / "sets" / "set") == [(0, encode(face(0, 1)))]
    assert os.listdir(tmp_path / "sets") == ["set"]


def test_a_real_set_comes_back_byte_for_byte_from_its_images(shared, tmp_path):
    original = shared / "real" / "rec_tail"
    write_files(
        tmp_path / "faces", {found.name: found.image for found in FaceSetReader(original).faces()}
    )
    make_set(tmp_path / "faces", tmp_path / "set", size=(112, 112), processes=1)
    for name in SET:
        assert (tmp_path / "set" / name).read_bytes() == (original / name).read_bytes()
