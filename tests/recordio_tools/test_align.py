"""The command align: faces land on the template, the tree is mirrored, nothing is lost silently."""

from __future__ import annotations

import csv
import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from record_fixtures import encode
from recordio_tools import align as tool
from recordio_tools.align_parts import align_photo
from unequal.faces.alignment import TEMPLATE
from unequal.faces.decoding import decode_rgb
from unequal.faces.landmarks import COLUMNS, landmark_row, read_landmarks
from unequal.faces.set_reader import FaceSetReader
from unequal.support.errors import InputError
from unequal.support.output_folder import MARKER

POINTS = TEMPLATE / 2 + (9, 4)  # a face of half the template's size in a photo of 80x70
COLOURS = np.array([[250, 20, 20], [20, 250, 20], [60, 60, 250], [250, 250, 20], [20, 250, 250]])
PLAIN = 120


def photo(seed: int = 0, points: np.ndarray = POINTS) -> np.ndarray:
    """RGB, with a spot of its own colour at each landmark."""
    image = np.full((70, 80, 3), PLAIN + seed, np.uint8)
    for (x, y), colour in zip(points, COLOURS):
        cv2.circle(image, (round(x), round(y)), 3, colour.tolist(), -1)
    return image


def spots_of(face: np.ndarray, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """Colours where the landmarks belong."""
    return np.array([face[round(y * scale), round(x * scale + shift)] for x, y in TEMPLATE])


def write_landmarks(path: Path, points: dict[str, np.ndarray]) -> Path:
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        csv.writer(file).writerows([COLUMNS, *(landmark_row(*item) for item in points.items())])
    return path


def write_photos(folder: Path, files: dict[str, bytes], points: np.ndarray = POINTS) -> Path:
    """Write a tree and, beside it, landmarks.csv with the same points for all its files."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return write_landmarks(folder.parent / "points.csv", {name: points for name in files})


@pytest.fixture
def photos(tmp_path) -> Path:
    """Three people, one of them two folders deep, with spaces and letters beyond ASCII."""
    names = ["Ann/a 1.jpg", "Ann/a 2.png", "Zoë Łuk/中.jpeg", "deep/down/x.bmp"]
    files = {
        name: encode(photo(seed), os.path.splitext(name)[1]) for seed, name in enumerate(names)
    }
    write_photos(tmp_path / "photos", files)
    return tmp_path / "photos"


def aligned(photos: Path, *flags: object) -> Path:
    """Run the command with the landmarks beside the photos; returns the folder of faces."""
    output = photos.parent / "faces"
    points = ["--landmarks", str(photos.parent / "points.csv"), "--processes", "1"]
    command = ["--input", str(photos), "--output", str(output), *points, *map(str, flags)]
    assert tool.main(command) == 0
    return output


def files(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def left_out(folder: Path) -> dict[str, str]:
    with (folder / "left_out.csv").open(
        newline="", encoding="utf-8", errors="surrogateescape"
    ) as file:
        return {row["path"]: row["reason"] for row in csv.DictReader(file)}


def test_landmarks_of_every_photo_land_on_the_template(photos, capsys):
    faces = aligned(photos)
    assert sorted(files(faces)) == sorted(
        [
            MARKER,
            "Ann/a 1.jpg",
            "Ann/a 2.jpg",
            "Zoë Łuk/中.jpg",
            "deep/down/x.jpg",
            "landmarks.csv",
            "left_out.csv",
        ]
    )
    for path in faces.rglob("*.jpg"):
        face = decode_rgb(path.read_bytes())
        assert face.shape == (112, 112, 3)
        np.testing.assert_allclose(spots_of(face), COLOURS, atol=45)
    assert decode_rgb((faces / "Ann/a 2.jpg").read_bytes())[5, 40].tolist() == [PLAIN + 1] * 3
    assert left_out(faces) == {}
    assert capsys.readouterr().out == f"{faces}: 4 faces from 4 photos\n"


@pytest.mark.parametrize(
    "size, shape, shift", [("56", (56, 56), 0), ("112,96", (112, 96), -8), ("224", (224, 224), 0)]
)
def test_other_sizes_scale_the_template(photos, size, shape, shift):
    face = decode_rgb((aligned(photos, "--size", size) / "Ann/a 1.jpg").read_bytes())
    assert face.shape == (*shape, 3)
    np.testing.assert_allclose(spots_of(face, shape[0] / 112, shift), COLOURS, atol=60)


def test_quality_is_that_of_the_jpeg(photos):
    fine = aligned(photos, "--quality", 100)
    size = (fine / "Ann/a 1.jpg").stat().st_size
    assert (aligned(photos, "--quality", 20, "--overwrite") / "Ann/a 1.jpg").stat().st_size < size


def test_its_own_landmarks_give_the_same_bytes_again(photos):
    points = {
        str(path.relative_to(photos)): (POINTS + np.random.normal(0, 0.7, (5, 2))).astype("f4")
        for path in photos.rglob("*.*")
    }
    write_landmarks(photos.parent / "points.csv", points)
    first = aligned(photos)
    known = read_landmarks(first / "landmarks.csv")
    for name, exact in points.items():
        np.testing.assert_array_equal(known.get(name), exact)
    tool.align(photos, photos.parent / "again", landmarks=first / "landmarks.csv", processes=1)
    assert files(photos.parent / "again") == files(first)


def test_the_files_do_not_depend_on_the_number_of_processes(photos):
    one = aligned(photos)
    (photos / "empty.png").write_bytes(b"")
    tool.align(photos, photos.parent / "two", landmarks=one / "landmarks.csv", processes=2)
    (photos.parent / "two" / "left_out.csv").unlink()
    (one / "left_out.csv").unlink()
    assert files(photos.parent / "two") == files(one)


def test_broken_photos_are_listed_with_the_reason_and_counted(photos, capsys):
    good = encode(photo())
    write_photos(
        photos,
        {
            "Ann/a 1.jpg": good,
            "empty.jpg": b"",
            "text.png": b"no image",
            "cut.jpg": good[:300],
            "far.jpg": good,
            "mirrored.jpg": good,
        },
    )
    names = ["Ann/a 1.jpg", "empty.jpg", "text.png", "cut.jpg", "gone.jpg", "link.jpg", "pipe.png"]
    known = {name: POINTS for name in names}
    known.update({"far.jpg": POINTS + 900, "mirrored.jpg": POINTS[[1, 0, 2, 4, 3]]})
    write_landmarks(photos.parent / "points.csv", known)
    os.symlink("nowhere", photos / "link.jpg")
    os.mkfifo(photos / "pipe.png")
    (photos / "notes.txt").write_text("hello")
    (photos / ".hidden.jpg").write_bytes(b"")
    faces = aligned(photos)
    reasons = left_out(faces)
    unknown = reasons.pop("Ann/a 2.png")
    assert reasons.pop("deep/down/x.bmp") == reasons.pop("Zoë Łuk/中.jpeg") == unknown
    assert "no line for it" in unknown
    assert reasons.pop("text.png") == reasons.pop("cut.jpg") == "OpenCV cannot decode it"
    assert reasons.pop("empty.jpg") == "it is empty"
    assert reasons.pop("link.jpg") == "it cannot be read (No such file or directory)"
    assert reasons.pop("pipe.png") == "it is no file"
    assert "outside" in reasons.pop("far.jpg") and "order" in reasons.pop("mirrored.jpg")
    assert reasons == {}
    assert [path.name for path in faces.rglob("*.jpg")] == ["a 1.jpg"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{faces}: 1 faces from 11 photos"
    assert f"{faces / 'left_out.csv'}: 3 left out: {unknown}" in lines
    assert lines[-2].endswith(f"1 of its photos are not in {photos}")
    assert lines[-1] == f"{photos}: 1 other files are no photos by their names"


def test_grey_rgba_16_bit_and_misnamed_photos_become_rgb_faces(tmp_path):
    bgr = np.ascontiguousarray(photo()[..., ::-1])
    kinds = {
        "grey": cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY),
        "rgba": np.dstack([bgr, np.full(bgr.shape[:2], 9, np.uint8)]),
        "deep": bgr.astype(np.uint16) * 257,
        "same": bgr,
    }
    pictures = {
        f"{kind}.png": cv2.imencode(".png", image)[1].tobytes() for kind, image in kinds.items()
    }
    pictures["named.jpg"] = pictures["same.png"]
    write_photos(tmp_path / "photos", pictures)
    faces = aligned(tmp_path / "photos")
    shown = {path.stem: decode_rgb(path.read_bytes()) for path in faces.glob("*.jpg")}
    grey = shown.pop("grey")
    assert np.ptp(grey.astype(int), axis=2).max() == 0 and len(np.unique(grey)) > 5
    assert sorted(shown) == ["deep", "named", "rgba", "same"]
    for face in shown.values():
        np.testing.assert_array_equal(face, shown["same"])


def test_a_rotation_that_the_camera_noted_is_undone_first(tmp_path):
    upright = photo()
    stored = encode(np.ascontiguousarray(np.rot90(upright)))  # 6: to be turned clockwise
    tags = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x112, 3, 1, 6, 0) + b"\0" * 4
    exif = b"\xff\xe1" + struct.pack(">H", len(tags) + 8) + b"Exif\0\0" + tags
    write_photos(tmp_path / "photos", {"turned.jpg": stored[:2] + exif + stored[2:]})
    face = decode_rgb((aligned(tmp_path / "photos") / "turned.jpg").read_bytes())
    np.testing.assert_allclose(spots_of(face), COLOURS, atol=45)


def test_photos_that_differ_in_the_suffix_only_all_get_a_face(tmp_path):
    names = ["p/a.jpg", "p/a.png", "p/b.JPG", "p/b.png", "p/c.png", "p/c.png.webp", "c.png"]
    pictures = {
        name: encode(photo(seed), Path(name).suffix.lower()) for seed, name in enumerate(names)
    }
    write_photos(tmp_path / "photos", pictures)
    faces = aligned(tmp_path / "photos")
    assert left_out(faces) == {}
    shown = {
        str(path.relative_to(faces)): int(decode_rgb(path.read_bytes())[5, 40, 0]) - PLAIN
        for path in faces.rglob("*.jpg")
    }
    assert shown == {
        "p/a.jpg": 0,
        "p/a.png.jpg": 1,
        "p/b.jpg": 2,
        "p/b.png.jpg": 3,
        "p/c.jpg": 4,
        "p/c.png.jpg": 5,
        "c.jpg": 6,
    }


def test_a_photo_whose_every_name_is_taken_is_listed(tmp_path):
    pictures = {
        name: encode(photo(), Path(name).suffix) for name in ("a.jpg", "a.png", "a.png.jpg")
    }
    write_photos(tmp_path / "photos", pictures)
    assert list(left_out(aligned(tmp_path / "photos"))) == ["a.png"]


@pytest.mark.parametrize("name", [b"caf\xe9.png", b'a, "b".png', b"two\nlines.png", b"#; .png"])
def test_odd_names_come_out_as_they_went_in(tmp_path, name):
    name = os.fsdecode(name)
    write_photos(tmp_path / "photos", {name: encode(photo(), ".png"), "é" + name: b""})
    faces = aligned(tmp_path / "photos")
    assert (faces / (name[:-4] + ".jpg")).is_file()
    assert read_landmarks(faces / "landmarks.csv").get(name) is not None
    assert left_out(faces) == {"é" + name: "it is empty"}


def test_when_no_photo_gives_a_face_the_first_reason_is_told(tmp_path, capsys):
    write_photos(tmp_path / "photos", {"a.jpg": b"", "b.jpg": b"x"})
    with pytest.raises(AssertionError):
        aligned(tmp_path / "photos")
    error = capsys.readouterr().err
    assert error.endswith("none of the 2 photos gives a face; the first, a.jpg: it is empty\n")
    assert sorted(os.listdir(tmp_path)) == ["photos", "points.csv"]


def test_overwrite_replaces_an_older_folder_of_faces_only(photos, capsys):
    (photos / "top.png").write_bytes(encode(photo(), ".png"))
    names = [str(path.relative_to(photos)) for path in photos.rglob("*.*")]
    write_landmarks(photos.parent / "points.csv", {name: POINTS for name in names})
    faces = aligned(photos)
    (photos / "Ann" / "a 1.jpg").unlink()
    (photos / "top.png").unlink()
    aligned(photos, "--overwrite")
    assert not (faces / "Ann" / "a 1.jpg").exists() and not (faces / "top.jpg").exists()
    before = files(faces)
    with pytest.raises(AssertionError):
        aligned(photos)
    assert "is not empty" in capsys.readouterr().err
    (faces / "mine.txt").write_text("keep")
    with pytest.raises(AssertionError):
        aligned(photos, "--overwrite")
    assert "also holds mine.txt" in capsys.readouterr().err
    assert files(faces) == {**before, "mine.txt": b"keep"}


def test_overwrite_spares_files_of_yours_among_the_faces(photos, capsys):
    faces = aligned(photos)
    (faces / "Ann" / "mine.txt").write_text("keep")
    before = files(faces)
    with pytest.raises(AssertionError):
        aligned(photos, "--overwrite")
    error = capsys.readouterr().err
    assert error.startswith(f"--output {faces}: holds 1 files and") and error.count("\n") == 1
    assert files(faces) == before


def test_overwrite_takes_a_folder_whose_bad_faces_were_removed(photos):
    faces = aligned(photos)
    before = files(faces)
    (faces / "Ann" / "a 1.jpg").unlink()
    assert files(aligned(photos, "--overwrite")) == before


def test_another_folder_is_not_taken_for_an_older_one(photos):
    output = photos.parent / "mine"
    (output / "people").mkdir(parents=True)
    (output / "left_out.csv").write_text("mine")
    (output / "landmarks.csv").write_text("people/x.jpg 1 2\n")
    with pytest.raises(InputError, match=r"also holds landmarks\.csv"):
        tool.align(
            photos, output, landmarks=photos.parent / "points.csv", processes=1, overwrite=True
        )


def test_an_interrupt_leaves_nothing(photos, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(align_photo, "align_face", stop)
    with pytest.raises(KeyboardInterrupt):
        tool.align(
            photos, photos.parent / "faces", landmarks=photos.parent / "points.csv", processes=1
        )
    assert sorted(os.listdir(photos.parent)) == ["photos", "points.csv"]


@pytest.mark.parametrize(
    "flags, reason",
    [
        (["--size", "big"], "--size big"),
        (["--size", "112,"], "--size 112,"),
        (["--size", "0"], "--size 0,0: give height and width"),
        (["--size", "112x9999"], "--size 112,9999: give height and width"),
        (["--quality", "101"], "--quality 101"),
        (["--processes", "-1"], "--processes -1"),
        (["--input", "none"], "--input none: is no folder"),
        (["--output", "photos/faces"], "--output photos/faces: overlaps"),
        (["--landmarks", "none.csv"], "none.csv: No such file"),
        (["--input", "bare"], "--input bare: holds no photo"),
    ],
)
def test_wrong_flags_are_told_in_one_line(photos, monkeypatch, capsys, flags, reason):
    monkeypatch.chdir(photos.parent)
    Path("bare").mkdir()
    command = ["--input", "photos", "--output", "faces", "--landmarks", "points.csv", *flags]
    assert tool.main(command) == 2
    error = capsys.readouterr().err
    assert error.startswith(reason) and error.count("\n") == 1
    assert not Path("faces").exists()


def test_landmarks_and_detector_exclude_each_other(photos):
    with pytest.raises(InputError, match="either `landmarks` or `detector`"):
        tool.align(photos, photos.parent / "faces")
    with pytest.raises(SystemExit) as ended:
        tool.main(["--input", str(photos), "--output", "x", "--landmarks", "a", "--detector", "b"])
    assert ended.value.code == 2


def test_a_detector_that_finds_no_face_is_told_with_the_photo(shared, tmp_path):
    write_photos(tmp_path / "photos", {"plain.png": encode(photo(), ".png")})
    with pytest.raises(InputError, match="the first, plain.png: no face was found"):
        tool.align(
            tmp_path / "photos",
            tmp_path / "faces",
            processes=1,
            detector=shared / "real" / "face_detection_yunet_2023mar.onnx",
        )


def test_real_faces_equal_those_that_the_set_was_packed_from(shared, tmp_path):
    real = shared / "real"
    packed = {face.name: face.image for face in FaceSetReader(real / "rec_tail").faces()}
    people = sorted({name.split("/")[0] for name in packed} & set(os.listdir(real / "photos")))[:4]
    (tmp_path / "photos").mkdir()
    for person in people:
        os.symlink(real / "photos" / person, tmp_path / "photos" / person)
    model = real / "face_detection_yunet_2023mar.onnx"
    found = tool.align(tmp_path / "photos", tmp_path / "found", detector=model, processes=1)
    given = tool.align(
        tmp_path / "photos",
        tmp_path / "given",
        landmarks=real / "photos_landmarks.txt",
        processes=1,
    )
    assert found.faces == given.faces == found.photos
    compared = 0
    for name, data in files(tmp_path / "found").items():
        if name in packed:
            face = decode_rgb(packed[name]).astype(int)
            assert np.abs(decode_rgb(data) - face).mean() < 0.1
            rounded = decode_rgb((tmp_path / "given" / name).read_bytes())
            assert np.abs(rounded - face).mean() < 1
            compared += 1
    assert compared >= 8
