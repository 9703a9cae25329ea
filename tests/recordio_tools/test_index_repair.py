"""An index made anew where bytes were overwritten: no image twice, none that is whole lost."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest

from record_fixtures import encode, face, write_face_set, write_property
from recordio_tools.inspect_set import inspect_set, main
from recordio_tools.subset import main as subset
from unequal.faces.record_at import read_at
from unequal.faces.set_reader import FaceSetReader

IMAGES = (9, 8, 7, 9)  # 33 images, record 0, identity records 34..37
ENCODINGS = (".jpg", ".png", ".webp", ".bmp", ".tif", ".jp2", ".ppm")


def entries(folder: Path) -> list[tuple[int, int]]:
    lines = (folder / "train.idx").read_text().splitlines()
    return [tuple(map(int, line.split("\t"))) for line in lines]


def records(folder: Path) -> dict[int, tuple[int, int, bytes]]:
    """Where each record starts and ends, and all its bytes, by key, in the order of the file."""
    content = (folder / "train.rec").read_bytes()
    starts = entries(folder)
    ends = [offset for _, offset in starts[1:]] + [len(content)]
    return {key: (at, end, content[at:end]) for (key, at), end in zip(starts, ends)}


def plain_set(folder: Path, images: dict[int, bytes]) -> Path:
    """Write a set of these images in im2rec's layout."""
    writer = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "w"
    )
    for key, image in images.items():
        header = mx.recordio.IRHeader(0, float(key // 7), key, 0)
        writer.write_idx(key, mx.recordio.pack(header, image))
    writer.close()
    write_property(folder, 2, 32)
    return folder


def overwrite(folder: Path, at: int, new: bytes) -> None:
    with (folder / "train.rec").open("r+b") as file:
        file.seek(at)
        file.write(new)


def whole(folder: Path, before: dict[int, tuple[int, int, bytes]]) -> set[int]:
    """The keys of records that are as they were."""
    content = (folder / "train.rec").read_bytes()
    return {key for key, (at, end, blob) in before.items() if content[at:end] == blob}


def check(folder: Path, before: dict[int, tuple[int, int, bytes]], images: int) -> list[int]:
    """Make the index anew and see that it tells nothing wrong; returns the images it lists."""
    (folder / "train.idx").unlink()
    assert main(["--data-dir", str(folder), "--repair"]) in (0, 1)
    listed = entries(folder)
    offsets = [offset for _, offset in listed]
    assert len(set(offsets)) == len(offsets) and len(dict(listed)) == len(listed)
    undamaged = whole(folder, before)
    with (folder / "train.rec").open("rb") as file:
        for key, offset in listed:
            try:
                header, _ = read_at(file, offset)
            except ValueError:
                assert key not in undamaged
                continue
            assert offset == before[key][0]
    broken: list[int] = []
    faces = FaceSetReader(folder).faces(lambda key, reason: broken.append(key))
    found = {one.key: one.image for one in faces}
    assert {key for key in undamaged if 1 <= key <= images} <= set(found)
    for key, image in found.items():
        assert key not in undamaged or before[key][2][8:].find(image) >= 0
    return [key for key, _ in listed]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("first, count", [(1, 3), (8, 6), (20, 4), (31, 3)])
def test_random_bytes_over_several_records_cost_these_alone(tmp_path, seed, first, count):
    folder = write_face_set(tmp_path, IMAGES, seed=seed)
    before = records(folder)
    random = np.random.RandomState(seed)
    start, stop = before[first][0], before[first + count - 1][1] - int(random.randint(0, 200))
    overwrite(folder, start, random.bytes(stop - start))
    assert whole(folder, before) == set(before) - set(range(first, first + count))
    assert sorted(check(folder, before, 33)) == list(range(38))
    assert main(["--data-dir", str(folder), "--repair"]) == 1
    report = inspect_set(folder)
    assert report.kinds == {"broken_records"} and report.labels.count == 33 - count


@pytest.mark.parametrize("extension", ENCODINGS)
@pytest.mark.parametrize("plain", [False, True], ids=["insightface", "im2rec"])
def test_the_record_before_random_bytes_is_kept_whatever_its_image(tmp_path, extension, plain):
    images = {key: encode(face(0, key, size=32), extension) for key in range(1, 13)}
    if plain:
        folder = plain_set(tmp_path, images)
    else:
        folder = write_face_set(tmp_path, (6, 6), 32, payloads=images)
    before = records(folder)
    overwrite(folder, before[5][0], np.random.RandomState(1).bytes(before[8][0] - before[5][0]))
    listed = check(folder, before, 12)
    assert inspect_set(folder).labels.count == 9 and {1, 2, 3, 4, 8, 9, 10, 11, 12} <= {*listed}


@pytest.mark.parametrize("first, last", [(3, 16), (1, 1), (1, 14), (30, 33), (35, 37)])
def test_records_without_their_magic_numbers_keep_their_places(tmp_path, first, last):
    folder = write_face_set(tmp_path, IMAGES)
    right = entries(folder)
    before = records(folder)
    for key in range(first, last + 1):
        overwrite(folder, before[key][0], b"wipe")
    check(folder, before, 33)
    assert entries(folder) == right
    assert inspect_set(folder).index.broken == last - first + 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("at", [4, 8, 20, 60, 400])
def test_random_bytes_that_start_within_a_record_hide_none_before_it(tmp_path, seed, at):
    folder = write_face_set(tmp_path, IMAGES, seed=seed)
    before = records(folder)
    start, stop = before[8][0] + at, before[13][0] + 100
    overwrite(folder, start, np.random.RandomState(seed).bytes(stop - start))
    listed = check_but_8(folder, before) if at >= 32 else check(folder, before, 33)
    assert {*range(1, 8), *range(14, 38)} <= set(listed)


def check_but_8(folder: Path, before: dict[int, tuple[int, int, bytes]]) -> list[int]:
    """Record 8 has its header, so it is listed where it is, and no other key is there."""
    listed = check(folder, before, 33)
    assert dict(entries(folder))[8] == before[8][0]
    return listed


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_at_many_places_never_give_a_key_another_image(tmp_path, seed):
    random = np.random.RandomState(seed)
    for number in range(8):
        folder = write_face_set(tmp_path / str(number), IMAGES, seed=seed)
        before = records(folder)
        for _ in range(random.randint(1, 4)):
            size = int(random.choice([4, 40, 700, 2500]))
            most = before[33][0] - size
            overwrite(folder, int(random.randint(0, most)), random.bytes(size))
        check(folder, before, 33)


@pytest.mark.parametrize("last", [36, 37])
def test_random_bytes_over_identity_records_cost_no_image(tmp_path, capsys, last):
    folder = write_face_set(tmp_path, IMAGES)
    before = records(folder)
    start, stop = before[34][0], before[last][1]
    overwrite(folder, start, np.random.RandomState(0).bytes(stop - start))
    assert set(range(1, 34)) <= set(check(folder, before, 33))


def test_random_bytes_over_record_0_leave_the_images(tmp_path, capsys):
    folder = write_face_set(tmp_path, IMAGES)
    before = records(folder)
    start, stop = before[32][0], before[35][1]
    overwrite(folder, start, np.random.RandomState(0).bytes(stop - start))
    assert check(folder, before, 31) == list(range(1, 32))
    shown = capsys.readouterr().out
    assert "1 broken stretch of train.rec left out" in shown and "only images are listed" in shown


def test_a_piece_of_the_same_file_at_a_wrong_place_gives_no_image_twice(tmp_path):
    folder = write_face_set(tmp_path, IMAGES)
    before = records(folder)
    # without its end, so that its length leads to no record
    random = np.random.RandomState(0)
    piece = before[20][2][:-40] + random.bytes(1500)
    overwrite(folder, before[8][0], piece)
    (folder / "train.idx").unlink()
    main(["--data-dir", str(folder), "--repair"])
    images = [one.image for one in FaceSetReader(folder).faces(lambda key, reason: None)]
    assert len(images) >= 29 and len(set(images)) == len(images)


def test_a_damaged_number_in_one_header_costs_no_other_record(tmp_path):
    folder = write_face_set(tmp_path, IMAGES)
    right = entries(folder)
    before = records(folder)
    overwrite(folder, before[12][0] + 16, b"\xf0\xff\xff\xff")
    check(folder, before, 33)
    assert entries(folder) == right


def test_the_only_lost_key_is_not_given_to_a_piece_of_another_record(tmp_path):
    folder = write_face_set(tmp_path, IMAGES)
    before = records(folder)
    overwrite(folder, before[8][0], before[20][2][: before[8][1] - before[8][0]][:-60])
    check(folder, before, 33)
    assert dict(entries(folder))[8] != before[8][0]


def test_a_subset_of_a_mended_set_holds_each_image_once(tmp_path):
    folder = write_face_set(tmp_path / "set", IMAGES)
    before = records(folder)
    overwrite(folder, before[8][0], np.random.RandomState(5).bytes(4096))
    lost = set(before) - whole(folder, before)
    check(folder, before, 33)
    output = tmp_path / "out"
    subset(["--data-dir", str(folder), "--output", str(output), "--min-images", "1"])
    images = [one.image for one in FaceSetReader(output).faces()]
    assert len(images) == len(set(images)) == 33 - len(lost)


def test_an_index_with_one_offset_for_many_keys_is_told_and_mended(tmp_path):
    folder = write_face_set(tmp_path, IMAGES)
    right = entries(folder)
    wrong = [(key, right[6][1] if 8 <= key <= 13 else offset) for key, offset in right]
    (folder / "train.idx").write_text("".join(f"{key}\t{offset}\n" for key, offset in wrong))
    assert "index_two_keys" in inspect_set(folder).kinds
    assert main(["--data-dir", str(folder), "--repair"]) == 0
    assert entries(folder) == right


@pytest.mark.parametrize("images", [(), (0, 0)])
def test_a_set_without_images_is_not_sound_and_gets_no_index(tmp_path, capsys, images):
    folder = write_face_set(tmp_path, images, num_classes=2)
    assert "no_images" in inspect_set(folder).kinds
    assert main(["--data-dir", str(folder)]) == 1
    (folder / "train.idx").unlink()
    assert main(["--data-dir", str(folder), "--repair"]) == 1
    assert "holds no image" in capsys.readouterr().out
    assert not (folder / "train.idx").exists()


def test_a_full_disk_is_told_with_the_name_of_the_index(tmp_path, capsys):
    folder = write_face_set(tmp_path, IMAGES)
    (folder / "train.idx").write_text("wrong")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        assert main(["--data-dir", str(folder), "--repair"]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    told = capsys.readouterr().err
    assert told.startswith(f"--repair {folder / 'train.idx'}: cannot be written (File too large)")
    assert "make room" in told and told.count("\n") == 1 and ".tmp" not in told
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_cannot_be_written_is_told_with_the_name_of_the_index(
    tmp_path, capsys, monkeypatch
):
    folder = write_face_set(tmp_path, IMAGES)
    (folder / "train.idx").unlink()

    def refuse(source: str, target: object) -> None:
        raise PermissionError(13, "Permission denied", source)

    monkeypatch.setattr(os, "replace", refuse)
    assert main(["--data-dir", str(folder), "--repair"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"--repair {folder / 'train.idx'}: cannot be written (Permission denied")
    assert ".tmp" not in told and not list(folder.glob("*.tmp"))
