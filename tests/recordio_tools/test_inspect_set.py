"""Inspecting a set: what is told of sound ones, each kind of damage, and an index made anew."""

from __future__ import annotations

import json
import os
import resource
import shutil
from collections import Counter
from pathlib import Path
from typing import Callable, Sequence

import cv2
import mxnet as mx
import numpy as np
import pytest

from record_fixtures import encode, face, write_face_set, write_plain_set, write_property
from recordio_tools.inspect_set import inspect_set, main
from recordio_tools.inspect_set_parts.set_report import MOST_EXAMPLES
from unequal.faces.face_records import FaceRecords
from unequal.faces.image_format import image_format
from unequal.faces.set_reader import FaceSetReader
from unequal.faces.set_writer import write_face_set as write_set
from unequal.support.errors import InputError

IMAGES = (5, 4, 1, 3, 12)  # of each identity; 25 images, record 0, identity records 26..30


def small_set(folder: Path, **options) -> Path:
    return write_face_set(folder, IMAGES, **options)


def entries(folder: Path) -> list[tuple[int, int]]:
    lines = (folder / "train.idx").read_text().splitlines()
    return [tuple(map(int, line.split("\t"))) for line in lines]


def write_index(folder: Path, lines: Sequence[tuple[int, int]]) -> None:
    (folder / "train.idx").write_text("".join(f"{key}\t{offset}\n" for key, offset in lines))


def patch(folder: Path, key: int, at: int, new: bytes) -> None:
    with (folder / "train.rec").open("r+b") as file:
        file.seek(dict(entries(folder))[key] + at)
        file.write(new)


def write_records(folder: Path, records: Sequence[tuple[int, int, object, bytes]], size=16) -> Path:
    """Write (key, id in the header, label, image) in this order, as MXNet does."""
    folder.mkdir()
    writer = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "w"
    )
    for key, number, label, image in records:
        header = mx.recordio.IRHeader(0, label, number, 0)
        writer.write_idx(key, mx.recordio.pack(header, image))
    writer.close()
    write_property(folder, 3, size)
    return folder


def jpeg(key: int) -> bytes:
    return encode(face(0, key))


def kinds(folder: Path) -> set[str]:
    return {one["kind"] for one in inspect_set(folder)["problems"]}


def notes(folder: Path) -> set[str]:
    return {one["kind"] for one in inspect_set(folder)["notes"]}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# sound sets


def test_a_sound_set_is_told_in_numbers_and_left_as_it_is(tmp_path, capsys):
    folder = small_set(tmp_path)
    before = contents(folder)
    assert main(["--data-dir", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "25 images of 5 identities" in shown and "layout: InsightFace, 31 records" in shown
    assert "property: 5 classes, 16x16" in shown and "25 JPEG" in shown and "25 of 16x16" in shown
    assert "least 1, median 4, mean 5.00, most 12" in shown
    assert "(head): 1 of 5 identities, 12 of 25 images" in shown
    assert "problem" not in shown and shown.endswith("sound\n")
    assert contents(folder) == before


@pytest.mark.parametrize("verify", [[], ["--verify"], ["--verify", "--processes", "2"]])
def test_json_holds_what_was_found(tmp_path, verify):
    folder = small_set(tmp_path / "set", payloads={3: encode(face(0, 3), ".png")})
    assert main(["--data-dir", str(folder), "--json", str(tmp_path / "a.json"), *verify]) == 0
    found = json.loads((tmp_path / "a.json").read_text())
    assert (found["sound"], found["layout"], found["records"]) == (True, "InsightFace", 31)
    assert (found["images"], found["identities"], found["labels"]) == (25, 5, [0, 4])
    assert found["property"] == {"num_classes": 5, "height": 16, "width": 16}
    assert found["formats"] == {"JPEG": 24, "PNG": 1} and found["sizes"] == {"16x16": 25}
    assert found["images_per_identity"] == {"min": 1, "median": 4.0, "mean": 5.0, "max": 12}
    assert found["head"] == {"from": 10, "identities": 1, "images": 12}
    assert found["histogram"] == [
        {"first": 1, "last": 1, "identities": 1, "images": 1},
        {"first": 2, "last": 3, "identities": 1, "images": 3},
        {"first": 4, "last": 9, "identities": 2, "images": 9},
        {"first": 10, "last": 19, "identities": 1, "images": 12},
    ]
    assert found["problems"] == found["notes"] == []


def test_bars_are_as_long_as_the_identities_are_many(tmp_path, capsys):
    main(["--data-dir", str(write_face_set(tmp_path, (1, 1, 1, 1, 2, 2, 10)))])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if "%)" in line]
    bars = {row[0]: (row[1], len(row[2]) if "#" in row[2] else 0) for row in rows}
    assert bars == {"1": ("4", 30), "2-3": ("2", 15), "4-9": ("0", 0), "10-19": ("1", 8)}


def test_the_histogram_is_a_png_and_a_set_without_its_index_has_one_too(tmp_path):
    folder = small_set(tmp_path / "set")
    (folder / "train.idx").unlink()
    assert main(["--data-dir", str(folder), "--histogram", str(tmp_path / "a.png")]) == 1
    assert cv2.imread(str(tmp_path / "a.png")).shape == (600, 800, 3)
    assert not list(tmp_path.glob("*.tmp"))


def test_sets_of_the_writer_of_this_project_are_sound(tmp_path):
    items = [(label, jpeg(10 * label + i), "") for label in (0, 2, 1) for i in range(3)]
    write_set(tmp_path / "set", items, (16, 16))
    found = inspect_set(tmp_path / "set", verify=True, processes=1)
    assert found["sound"] and not found["notes"]
    assert (found["labels"], found["images"], found["identities"]) == ([0, 2], 9, 3)


def test_the_layout_of_im2rec_with_keys_in_any_order_is_sound(tmp_path):
    folder = write_plain_set(tmp_path, {4: 1, 0: 0, 2: 1, 7: 0})
    found = inspect_set(folder)
    assert found["sound"] and found["layout"] == "im2rec"
    write_index(folder, sorted(entries(folder)))
    assert inspect_set(folder)["sound"]


def test_gaps_in_the_labels_and_unused_classes_are_a_note(tmp_path):
    write_set(tmp_path / "set", [(label, jpeg(label), "") for label in (1, 4)], (16, 16), 9)
    found = inspect_set(tmp_path / "set")
    assert found["sound"]
    [note] = found["notes"]
    assert (note["kind"], note["text"]) == ("label_gaps", "labels: 7 of 0 to 8 have no image")


def test_real_sets_are_sound(shared):
    for name, images in (("rec_head", 3726), ("rec_tail", 2718)):
        found = inspect_set(shared / "real" / name)
        assert found["sound"] and found["images"] == images
        listed = (shared / "real" / name / "train.lst").read_text().splitlines()
        counts = Counter(int(line.split("\t")[2]) for line in listed).values()
        assert (found["identities"], found["images"]) == (len(counts), sum(counts))
        assert found["images_per_identity"]["max"] == max(counts)
    assert kinds(shared / "real" / "plain_rec") == {"property_unreadable"}


# records and images


@pytest.mark.parametrize("at, new", [(0, b"\0"), (5, b"\x50"), (7, b"\x0f")])
def test_a_damaged_record_is_named_and_costs_no_other(tmp_path, at, new):
    folder = small_set(tmp_path)
    patch(folder, 7, at, new)
    found = inspect_set(folder)
    [problem] = found["problems"]
    assert problem["kind"] == "broken_records" and found["images"] == 24
    assert problem["examples"][0].startswith(f"record 7 at byte {dict(entries(folder))[7]}: ")


def test_a_length_that_is_too_short_is_told_by_what_follows_and_by_the_image(tmp_path):
    folder = small_set(tmp_path)
    patch(folder, 7, 5, b"\x00")
    assert kinds(folder) == {"broken_records", "images_unreadable"}


def test_records_wiped_out_together_are_named_and_the_index_is_not_blamed(tmp_path):
    folder = small_set(tmp_path)
    offsets = dict(entries(folder))
    patch(folder, 6, 40, bytes(offsets[9] - offsets[6] - 40 + 20))
    first, second = inspect_set(folder)["problems"]
    assert (first["kind"], second["kind"]) == ("broken_records", "images_unreadable")
    assert first["examples"] == [
        f"records 7 to 9 at byte {offsets[7]}: no record starts there "
        f"({offsets[10] - offsets[7]} bytes passed over)"
    ]


def test_images_that_are_empty_or_none_are_named_by_key(tmp_path, capsys):
    folder = small_set(tmp_path, payloads={3: b"", 6: b"no image", 25: jpeg(1)[:200]})
    assert main(["--data-dir", str(folder), "--verify", "--processes", "2"]) == 1
    shown = capsys.readouterr().out
    assert "problem: train.rec: images that cannot be decoded: 3" in shown
    for key in (3, 6, 25):
        assert f"  record {key}: " in shown
    assert "25 images of 5" in shown and "23 JPEG, 1 unknown" in shown


def test_unknown_formats_are_decoded_without_verify(tmp_path):
    items = [(0, jpeg(i), "") for i in range(400)]
    items[390] = (0, b"raw", "")
    write_set(tmp_path / "set", items, (16, 16))
    [problem] = inspect_set(tmp_path / "set")["problems"]
    assert problem["examples"] == ["record 391: OpenCV cannot decode it"]


def test_formats_are_those_of_the_other_tools(tmp_path):
    suffixes = [".jpg", ".png", ".webp", ".bmp", ".tif", ".jp2", ".ppm"]
    images = [encode(face(0, 0, size=32), suffix) for suffix in suffixes]
    images += [b"P5 32 32 255\n" + bytes(32 * 32)]
    images += [b"RIFF\x10\0\0\0WAVEfmt data", b"\xff\xd8", b"BM"]
    write_set(tmp_path / "set", [(0, image, "") for image in images], (32, 32))
    formats = inspect_set(tmp_path / "set")["formats"]
    told = [image_format(image) for image in images]
    assert formats == Counter(one.name if one else "unknown" for one in told)
    assert formats["unknown"] == 2
    assert [formats[name] for name in ("WebP", "TIFF", "JPEG 2000", "PGM")] == [1, 1, 1, 1]


def test_an_image_of_another_size_is_named(tmp_path):
    folder = small_set(tmp_path, payloads={8: encode(face(0, 0, size=24))})
    [problem] = inspect_set(folder, verify=True, processes=1)["problems"]
    assert (problem["kind"], problem["examples"]) == ("images_of_other_size", ["record 8: 24x24"])
    write_property(folder, 5, 20)
    [problem] = inspect_set(folder)["problems"]
    assert problem["count"] == 25


def test_no_more_than_some_examples_are_shown_of_each_kind(tmp_path, capsys):
    folder = small_set(tmp_path, payloads={key: b"" for key in range(1, 26)})
    assert main(["--data-dir", str(folder)]) == 1
    shown = capsys.readouterr().out
    assert shown.count("it is empty") == MOST_EXAMPLES
    assert f"and {25 - MOST_EXAMPLES} more" in shown


# labels and layout


def test_labels_beyond_property_and_labels_that_are_no_class_are_problems(tmp_path):
    folder = small_set(tmp_path)
    write_property(folder, 3, 16)
    [problem] = inspect_set(folder)["problems"]
    assert problem["kind"] == "labels_beyond_property" and "begin with 5" in problem["fix"]
    assert problem["examples"] == ["label 3: 3 images", "label 4: 12 images"]
    labels = [-1.0, 0.5, float("nan"), float("inf"), 2.0]
    records = [(key, key, label, jpeg(key)) for key, label in enumerate(labels, start=1)]
    found = inspect_set(write_records(tmp_path / "other", records))
    [problem] = found["problems"]
    assert problem["kind"] == "labels_no_class" and problem["count"] == 4
    assert problem["examples"][0] == "record 1: -1.0"
    assert (found["labels"], found["images"]) == ([2, 2], 1)


def insightface(labels: Sequence[int], ranges: Sequence[tuple[int, int]], ids=None) -> list:
    """Records of images with these labels and identity records with these ranges."""
    images = len(labels)
    records = [(key, key, [label, 1], jpeg(key)) for key, label in enumerate(labels, start=1)]
    records.append((0, 0, [images + 1, images + 1 + len(ranges)], b""))
    records += [(key, key, list(one), b"") for key, one in enumerate(ranges, start=images + 1)]
    return [(key, number if ids is None else ids(key), *rest) for key, number, *rest in records]


@pytest.mark.parametrize(
    "labels, ranges, examples",
    [
        ((0, 0, 1, 1), [(1, 3), (3, 5)], []),
        ((0, 0, 1, 0), [(1, 3), (3, 5)], ["identity record 6: images 3 to 4"]),
        ((0, 0, 0, 1, 1), [(1, 4), (4, 6), (6, 6)], ["identity record 8: images 6 to 5"]),
        ((0, 2, 0, 1, 1), [(1, 4), (4, 6)], ["label 2: images 2 to 2"]),
        ((0, 0, 0, 1, 1), [(1, 4), (4, 5)], ["identity record 7: images 4 to 4"]),
        ((0, 0, 0, 1, 1), [(1, 5), (4, 6)], ["identity record 6: images 1 to 4"]),
        ((0, 0, 0, 1, 1), [(1, 4), (4, 9)], ["identity record 7: images 4 to 8"]),
        ((0, 0, 1, 1), [(1, 3), (3, 5), (3, 5)], ["record 0 counts"]),
        (
            (0, 0, 1, 1, 0),
            [(1, 3), (3, 5), (5, 6)],
            ["label 0: images 1 to 2", "label 0: images 5 to 5"],
        ),
    ],
)
def test_record_0_ranges_and_labels_have_to_agree(tmp_path, labels, ranges, examples):
    found = inspect_set(write_records(tmp_path / "set", insightface(labels, ranges)))
    assert [problem["kind"] for problem in found["problems"]] == ["layout_wrong"] * bool(examples)
    for example in examples:
        assert example in " ".join(found["problems"][0]["examples"])


def test_record_0_that_is_an_image_with_an_array_is_a_problem(tmp_path):
    records = [(key, key, [0.0, 1.0], jpeg(key)) for key in range(3)]
    assert kinds(write_records(tmp_path / "set", records)) == {"layout_wrong"}


@pytest.mark.parametrize("text", [None, "", "many,16,16"])
def test_property_missing_or_wrong_is_a_problem_that_tells_the_line_to_write(tmp_path, text):
    folder = small_set(tmp_path)
    (folder / "property").unlink()
    if text is not None:
        (folder / "property").write_text(text)
    [problem] = inspect_set(folder)["problems"]
    assert problem["kind"] == "property_unreadable" and "'5,16,16'" in problem["fix"]


# the index


def lost(folder: Path) -> None:
    (folder / "train.idx").unlink()


def empty(folder: Path) -> None:
    (folder / "train.idx").write_text("")


def nonsense(folder: Path) -> None:
    (folder / "train.idx").write_text("no index\n")


def cut_off(folder: Path) -> None:
    path = folder / "train.idx"
    path.write_bytes(path.read_bytes()[:61])


def cut_off_within_an_offset(folder: Path) -> None:
    lines = (folder / "train.idx").read_text().splitlines()
    (folder / "train.idx").write_text("\n".join([*lines[:7], lines[7][:-1]]))


def doubled_line(folder: Path) -> None:
    write_index(folder, [*entries(folder), entries(folder)[3]])


def doubled_key(folder: Path) -> None:
    lines = entries(folder)
    write_index(folder, [*lines[:3], (3, lines[3][1]), *lines[4:]])


def two_keys(folder: Path) -> None:
    write_index(folder, [*entries(folder), (77, entries(folder)[3][1])])


def swapped(folder: Path) -> None:
    lines = entries(folder)
    lines[3], lines[20] = (4, lines[20][1]), (21, lines[3][1])
    write_index(folder, lines)


def counted_from_0(folder: Path) -> None:
    write_index(folder, [(number, offset) for number, (_, offset) in enumerate(entries(folder))])


def of_another_set(folder: Path) -> None:
    other = write_face_set(folder.parent / "other", (6, 5, 9), seed=4)
    shutil.copy(other / "train.idx", folder / "train.idx")


def of_a_longer_set(folder: Path) -> None:
    other = write_face_set(folder.parent / "other", (60, 50, 90), seed=4)
    shutil.copy(other / "train.idx", folder / "train.idx")


def lacking(folder: Path) -> None:
    write_index(folder, entries(folder)[:10] + entries(folder)[11:])


DAMAGES = {
    lost: {"index_unreadable"},
    empty: {"index_unreadable"},
    nonsense: {"index_unreadable"},
    cut_off: {"index_unreadable"},
    cut_off_within_an_offset: {"index_wrong", "index_lacks"},
    doubled_line: {"index_wrong"},
    doubled_key: {"index_wrong"},
    two_keys: {"index_wrong"},
    swapped: {"layout_wrong"},
    counted_from_0: {"layout_wrong"},
    of_another_set: {"index_wrong", "index_lacks"},
    of_a_longer_set: {"index_wrong", "index_lacks"},
    lacking: {"index_lacks"},
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_wrong_index_is_told_and_made_anew_byte_for_byte_keeping_the_old_one(
    tmp_path, capsys, damage: Callable[[Path], None]
):
    folder = small_set(tmp_path / "set")
    right = (folder / "train.idx").read_bytes()
    damage(folder)
    wrong = (folder / "train.idx").read_bytes() if (folder / "train.idx").exists() else None
    assert kinds(folder) == DAMAGES[damage]
    assert main(["--data-dir", str(folder)]) == 1 and "train.idx" in capsys.readouterr().out
    assert main(["--data-dir", str(folder), "--repair"]) == 0
    assert "made anew, 31 records" in capsys.readouterr().out
    assert (folder / "train.idx").read_bytes() == right
    kept = {path.name: path.read_bytes() for path in folder.glob("train.idx?*")}
    assert kept == ({} if wrong is None else {"train.idx.old": wrong})


def test_an_index_that_is_right_is_left_alone(tmp_path, capsys):
    folder = small_set(tmp_path)
    before = os.stat(folder / "train.idx")
    assert main(["--data-dir", str(folder), "--repair", "--verify", "--processes", "1"]) == 0
    assert "is right; left as it is" in capsys.readouterr().out
    after = os.stat(folder / "train.idx")
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_failure_while_the_index_is_written_leaves_the_old_one(tmp_path, capsys, monkeypatch):
    folder = small_set(tmp_path)
    lacking(folder)
    before = contents(folder)

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device", "train.idx")

    monkeypatch.setattr("recordio_tools.inspect_set_parts.index_check.np.savetxt", fail)
    assert main(["--data-dir", str(folder), "--repair"]) == 2
    assert "No space left" in capsys.readouterr().err
    assert contents(folder) == before


def test_older_copies_are_kept_beside_new_ones(tmp_path):
    folder = small_set(tmp_path)
    for name in ("first", "second", "third"):
        (folder / "train.idx").write_text(name)
        assert main(["--data-dir", str(folder), "--repair"]) == 0
    kept = [(folder / f"train.idx.old{end}").read_text() for end in ("", "2", "3")]
    assert kept == ["first", "second", "third"]


def test_the_index_of_this_projects_writer_and_of_im2rec_come_back_byte_for_byte(tmp_path):
    write_set(tmp_path / "a", [(i // 3, jpeg(i), "") for i in range(20)], (16, 16))
    write_plain_set(tmp_path / "b", {4: 1, 0: 0, 2: 1, 7: 0})
    for folder in (tmp_path / "a", tmp_path / "b"):
        right = (folder / "train.idx").read_bytes()
        lost(folder)
        assert main(["--data-dir", str(folder), "--repair"]) == 0
        assert (folder / "train.idx").read_bytes() == right


def test_real_indices_come_back_byte_for_byte(tmp_path, shared):
    for name in ("rec_head", "rec_tail", "plain_rec"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "train.rec").symlink_to(shared / "real" / name / "train.rec")
        main(["--data-dir", str(folder), "--repair"])
        right = (shared / "real" / name / "train.idx").read_bytes()
        assert (folder / "train.idx").read_bytes() == right


def test_headers_that_were_all_left_0_are_a_note_and_places_repair_a_lost_index(tmp_path, capsys):
    ranges = [(1, 3), (3, 5)]
    records = insightface((0, 0, 1, 1), ranges, ids=lambda key: 0)
    folder = write_records(tmp_path / "set", records)
    assert kinds(folder) == set() and notes(folder) == {"ids_not_kept", "label_gaps"}
    right = (folder / "train.idx").read_bytes()
    lost(folder)
    assert kinds(folder) == {"index_unreadable"}
    assert main(["--data-dir", str(folder), "--repair"]) == 0
    assert "by their places" in capsys.readouterr().out
    assert (folder / "train.idx").read_bytes() == right


def test_headers_copied_from_another_set_are_a_note_and_do_not_mislead_the_repair(tmp_path):
    records = insightface((0, 0, 1, 1, 2, 2), [(1, 3), (3, 5), (5, 7)], ids=lambda key: 9 * key)
    folder = write_records(tmp_path / "set", records)
    assert kinds(folder) == set() and notes(folder) == {"ids_not_kept"}
    right = entries(folder)
    write_index(folder, right[:3] + right[4:])
    assert kinds(folder) == {"index_lacks"}
    assert main(["--data-dir", str(folder), "--repair"]) == 0
    assert entries(folder) == right


def test_sets_strung_together_cannot_be_repaired_and_are_left_as_they_are(tmp_path, capsys):
    folder = small_set(tmp_path)
    content = (folder / "train.rec").read_bytes()
    (folder / "train.rec").write_bytes(content + content)
    before = contents(folder)
    assert main(["--data-dir", str(folder), "--repair"]) == 1
    shown = capsys.readouterr().out
    assert "cannot be made anew" in shown and "same number in their headers" in shown
    assert contents(folder) == before


def test_a_damaged_record_is_left_out_of_a_new_index_and_the_others_keep_their_numbers(tmp_path):
    folder = small_set(tmp_path)
    right = entries(folder)
    patch(folder, 7, 5, b"\x50")
    patch(folder, 28, 0, b"\0")
    lost(folder)
    assert main(["--data-dir", str(folder), "--repair"]) == 1
    assert entries(folder) == [one for one in right if 0 < one[0] < 26 and one[0] != 7]
    assert len(list(FaceSetReader(folder).faces())) == 24


def test_a_record_0_that_counts_more_than_the_file_can_hold_is_not_followed(tmp_path, capsys):
    folder = small_set(tmp_path)
    patch(folder, 0, 36, np.float32(2**30).tobytes())
    assert kinds(folder) == {"layout_wrong"}
    lost(folder)
    assert main(["--data-dir", str(folder), "--repair"]) == 1
    assert "only images are listed" in capsys.readouterr().out
    assert FaceRecords(folder).image_keys.tolist() == list(range(1, 26))


# a file that was cut off


def cut(folder: Path, key: int, more: int) -> None:
    os.truncate(folder / "train.rec", dict(entries(folder))[key] + more)


@pytest.mark.parametrize("more", [0, 3, 100])
@pytest.mark.parametrize("with_index", [True, False])
def test_of_a_file_cut_off_among_the_images_these_can_be_indexed(
    tmp_path, capsys, more, with_index
):
    folder = small_set(tmp_path)
    old = (folder / "train.idx").read_bytes()
    cut(folder, 12, more)
    if not with_index:
        lost(folder)
    else:
        assert "index_wrong" in kinds(folder)
    status = main(["--data-dir", str(folder), "--repair"])
    assert status == (1 if more else 0)
    shown = capsys.readouterr().out
    assert "made anew, 11 records" in shown
    assert not with_index or (folder / "train.idx.old").read_bytes() == old
    assert FaceRecords(folder).image_keys.tolist() == list(range(1, 12))
    assert [face.label for face in FaceSetReader(folder).faces()] == [0] * 5 + [1] * 4 + [2, 3]
    assert main(["--data-dir", str(folder), "--repair"]) == status
    assert len(list(folder.glob("train.idx.*"))) == with_index


@pytest.mark.parametrize("key, more", [(26, 0), (28, 4), (30, 30)])
def test_a_file_cut_off_among_the_identity_records_keeps_all_its_images(
    tmp_path, capsys, key, more
):
    folder = small_set(tmp_path)
    cut(folder, key, more)
    assert "index_wrong" in kinds(folder)
    assert main(["--data-dir", str(folder), "--repair"]) == 1
    assert "only images are listed" in capsys.readouterr().out
    assert len(list(FaceSetReader(folder).faces())) == 25
    assert main(["--data-dir", str(folder), "--repair"]) == 1
    assert "already what can be made" in capsys.readouterr().out


def test_images_can_be_indexed_when_record_0_is_damaged(tmp_path, capsys):
    folder = small_set(tmp_path)
    patch(folder, 0, 0, b"\0")
    assert kinds(folder) == {"broken_records", "layout_wrong"}
    with pytest.raises(InputError):
        FaceRecords(folder)
    assert main(["--data-dir", str(folder), "--repair"]) == 1
    assert "Record 0" in capsys.readouterr().out
    assert len(list(FaceSetReader(folder).faces())) == 25


# bad input


@pytest.mark.parametrize(
    "prepare, message",
    [
        (lambda folder: None, "is no file"),
        (lambda folder: folder.mkdir(), "give the folder of a face set"),
        (lambda folder: folder.write_text(""), "is no file"),
        (lambda folder: (folder.mkdir(), (folder / "train.rec").touch()), "holds no RecordIO"),
        (
            lambda folder: (folder.mkdir(), (folder / "train.rec").write_bytes(b"PK12" * 99)),
            "holds no RecordIO records",
        ),
    ],
)
def test_what_is_no_set_is_bad_input(tmp_path, capsys, prepare, message):
    prepare(tmp_path / "set")
    with pytest.raises(InputError, match=message):
        inspect_set(tmp_path / "set")
    assert main(["--data-dir", str(tmp_path / "set")]) == 2
    told = capsys.readouterr().err
    assert message in told and str(tmp_path / "set") in told and told.count("\n") == 1


@pytest.mark.parametrize(
    "flags",
    [
        ["--json", "absent/a.json"],
        ["--histogram", "absent/a.png"],
        ["--json", "set/train.idx"],
        ["--histogram", "set"],
        ["--json", "set/train.idx", "--overwrite"],
        ["--json", "set/train.lst"],
        ["--histogram", "set/lfw.bin", "--overwrite"],
        ["--histogram", "link.png", "--overwrite"],
        ["--json", ""],
        ["--json", "photo.jpg"],
        ["--json", "a.json", "--histogram", "a.json"],
        ["--processes", "-1"],
    ],
)
def test_flags_that_cannot_be_met_are_told_before_the_work(tmp_path, capsys, flags, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_set(tmp_path / "set")
    (tmp_path / "set" / "lfw.bin").write_bytes(b"pairs")
    (tmp_path / "photo.jpg").write_bytes(b"photo")
    (tmp_path / "link.png").symlink_to("set/train.rec")
    before = contents(tmp_path / "set")
    assert main(["--data-dir", "set", *flags]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(flags[0]) and not captured.out
    assert captured.err.count("\n") == 1 and contents(tmp_path / "set") == before
    assert (tmp_path / "photo.jpg").read_bytes() == b"photo"


def test_files_are_replaced_where_that_is_asked_for_and_new_ones_may_lie_in_the_set(tmp_path):
    folder = small_set(tmp_path / "set")
    (tmp_path / "a.png").write_bytes(b"old")
    flags = ["--histogram", str(tmp_path / "a.png"), "--overwrite"]
    assert main(["--data-dir", str(folder), *flags, "--json", str(folder / "told.json")]) == 0
    assert cv2.imread(str(tmp_path / "a.png")).shape == (600, 800, 3)
    assert json.loads((folder / "told.json").read_text())["sound"]


@pytest.mark.parametrize("flag", ["--json", "--histogram"])
def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path, capsys, monkeypatch, flag):
    folder = small_set(tmp_path / "set")
    assert main(["--data-dir", str(folder), flag, str(tmp_path / "first")]) == 0
    monkeypatch.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        assert main(["--data-dir", "set", flag, "second"]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    told = capsys.readouterr().err
    assert told.startswith(f"{flag} second: cannot be written (File too large); make room")
    assert {path.name for path in tmp_path.iterdir()} == {"set", "first"}
