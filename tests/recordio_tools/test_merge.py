"""Several sets become one: every image kept, labels without gaps, duplicates found by a model."""

from __future__ import annotations

import csv
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Mapping, Sequence

import mxnet as mx
import numpy as np
import pytest

from record_fixtures import encode, face, write_face_set, write_plain_set, write_property
from recordio_tools import merge as tool
from recordio_tools.merge import main, merge
from unequal.faces import set_writer as writer
from unequal.faces.face_records import FaceRecords
from unequal.faces.set_writer import write_face_set as write_ours
from unequal.support.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]


def embed(images: np.ndarray) -> np.ndarray:
    """Stands in for a network: the coarse pattern of made-up faces."""
    pixels = images.reshape(len(images), 3, 4, 4, 4, 4).mean(axis=(3, 5), dtype=np.float64)
    return (pixels - pixels.mean(axis=(2, 3), keepdims=True)).reshape(len(images), -1)


def by_mxnet(folder: Path) -> list[tuple[list[float], bytes]]:
    """Label array and bytes of all images, read by MXNet in the order of the keys."""
    records = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "r"
    )
    unpacked = [mx.recordio.unpack(records.read_idx(key)) for key in sorted(records.keys)]
    return [(np.atleast_1d(h.label).tolist(), image) for h, image in unpacked if image]


def write_people(folder: Path, people: Mapping[int, tuple[str, int, Sequence[int]]]) -> Path:
    """Write a set of {label: (name, made-up identity, numbers of its images)}."""
    items = [
        (label, encode(face(identity, number), ".png"), f"{name}/{number}.png")
        for label, (name, identity, numbers) in people.items()
        for number in numbers
    ]
    write_ours(folder, items, (16, 16))
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def break_record(folder: Path, key: int) -> None:
    """Overwrite the magic number of a record."""
    lines = (folder / "train.idx").read_text().splitlines()
    offset = int(next(line for line in lines if line.startswith(f"{key}\t")).split("\t")[1])
    with (folder / "train.rec").open("r+b") as file:
        file.seek(offset)
        file.write(b"oops")


def test_sets_follow_one_another_with_labels_without_gaps(tmp_path):
    one = write_face_set(tmp_path / "one", (2, 1, 3))
    two = write_plain_set(tmp_path / "two", {7: 9, 2: 4, 5: 9, 11: 4})
    summary = merge([one, two], tmp_path / "out")
    assert summary == (tmp_path / "out", 5, 10, 0, 0, 0, 0)
    [key2, key5, key7, key11] = [image for _, image in by_mxnet(two)]
    expected = by_mxnet(one) + [([3.0], key2), ([3.0], key11), ([4.0], key5), ([4.0], key7)]
    assert by_mxnet(tmp_path / "out") == expected
    assert (tmp_path / "out" / "property").read_text().strip() == "5,16,16"
    records = FaceRecords(tmp_path / "out")
    assert records.identities.tolist() == [[1, 3], [3, 4], [4, 7], [7, 9], [9, 11]]
    records.close()
    assert [list(row.values()) for row in rows_of(tmp_path / "out" / "mapping.csv")] == [
        [str(one), "0", "0", "2", ""],
        [str(one), "1", "1", "1", ""],
        [str(one), "2", "2", "3", ""],
        [str(two), "3", "4", "2", ""],
        [str(two), "4", "9", "2", ""],
    ]


def test_equal_labels_are_one_identity_on_demand_and_keep_their_order(tmp_path, caplog):
    one = write_people(tmp_path / "one", {0: ("Ann", 0, (0, 1)), 3: ("Ed", 3, (0,))})
    two = write_people(
        tmp_path / "two",
        {1: ("Bo", 1, (0,)), 0: ("Ann", 0, (2,)), 2: ("Cy", 2, (0, 1)), 3: ("Ed", 3, (1,))},
    )
    summary = merge([one, two], tmp_path / "out", same_labels=True)
    assert (summary.identities, summary.images, summary.merged) == (4, 8, 2)
    people = [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1), (3, 0), (3, 1)]
    assert by_mxnet(tmp_path / "out") == [
        ([identity, 1.0], encode(face(identity, number), ".png")) for identity, number in people
    ]
    assert not caplog.records
    write_people(tmp_path / "three", {3: ("Flo", 7, (0,))})
    merge([one, tmp_path / "three"], tmp_path / "more", same_labels=True)
    assert "1 label with different names in the sets, label 3 is Ed and Flo" in caplog.text


def test_names_start_with_what_tells_the_folders_apart(tmp_path):
    one = write_people(tmp_path / "x" / "train", {0: ("Ann", 0, (0, 1)), 1: ("Ж é", 1, (0,))})
    two = write_people(tmp_path / "y" / "train", {0: ("/data/Ann", 2, (5,))})
    merge([one, two], tmp_path / "out")
    assert (tmp_path / "out" / "train.lst").read_text(encoding="utf-8") == (
        "1\tx/train/Ann/0.png\t0\n1\tx/train/Ann/1.png\t0\n1\tx/train/Ж é/0.png\t1\n"
        "1\ty/train/data/Ann/5.png\t2\n"
    )
    names = [row["name"] for row in rows_of(tmp_path / "out" / "mapping.csv")]
    assert names == ["Ann", "Ж é", "/data/Ann"]
    identities = (tmp_path / "out" / "identities.txt").read_text(encoding="utf-8")
    assert identities == "0 Ann 2\n1 Ж é 1\n2 /data/Ann 1\n"
    merge([one], tmp_path / "alone")
    assert (tmp_path / "alone" / "train.lst").read_bytes() == (one / "train.lst").read_bytes()
    (two / "train.lst").unlink()
    (two / "identities.txt").write_text("0 Di 1\n")
    plain = write_plain_set(tmp_path / "plain", {4: 1, 2: 0})
    (plain / "train.lst").write_text("4\t1\tb/4.jpg\n2\t0\ta/2.jpg\n")
    merge([two, plain], tmp_path / "third")
    lines = (tmp_path / "third" / "train.lst").read_text().splitlines()
    paths = [line.split("\t")[1] for line in lines]
    assert paths == ["train/Di/0000001.jpg", "plain/a/2.jpg", "plain/b/4.jpg"]


def test_identities_have_the_names_that_the_mapping_shows(tmp_path):
    one = write_people(tmp_path / "one", {0: ("p00", 0, (0, 1)), 1: ("p01", 1, (0,))})
    two = write_people(tmp_path / "two", {0: ("p00", 2, (0,)), 1: ("p01", 1, (1, 2))})
    three = write_angles(tmp_path / "three", [0, 90])
    (one / "identities.txt").write_text("0 Ann Lee 2\n1 Bo 1\n")
    (three / "identities.txt").unlink()
    (three / "train.lst").write_text("1\t0.png\t0\n1\t1.png\t1\n")
    merge([one, two, three], tmp_path / "out")
    assert (tmp_path / "out" / "identities.txt").read_text() == (
        "0 Ann Lee 2\n1 Bo 1\n2 p00 1\n3 p01 2\n4 4 1\n5 5 1\n"
    )
    names = [row["name"] for row in rows_of(tmp_path / "out" / "mapping.csv")]
    assert names == ["Ann Lee", "Bo", "p00", "p01", "", ""]
    merge([one, two], tmp_path / "same", same_labels=True)
    assert (tmp_path / "same" / "identities.txt").read_text() == "0 Ann Lee 3\n1 Bo 3\n"


def test_more_than_a_set_can_hold_is_told_before_the_model_is_asked(tmp_path, monkeypatch):
    one, two = (write_face_set(tmp_path / name, (3, 2)) for name in ("one", "two"))
    write_face_set(two, (3, 2), seed=4)

    def unused(images):
        raise AssertionError("is not to be asked")

    monkeypatch.setattr(writer, "LARGEST_KEY", 10)
    with pytest.raises(InputError, match=f"^`output` {tmp_path / 'out'}: would hold 10 images and"):
        merge([one, two], tmp_path / "out", embed=unused)
    monkeypatch.setattr(writer, "LARGEST_KEY", 13)
    monkeypatch.setattr(tool, "write_merged", unused)
    with pytest.raises(InputError, match="would hold 10 images and 4 identities"):
        merge([one, two], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    monkeypatch.undo()
    monkeypatch.setattr(writer, "LARGEST_KEY", 12)  # enough where identities become one
    assert merge([one, two], tmp_path / "out", same_labels=True).identities == 2


def test_a_list_of_another_set_is_not_believed(tmp_path, caplog):
    one = write_people(tmp_path / "one", {0: ("Ann", 0, (0, 1)), 1: ("Bo", 1, (0,))})
    (one / "identities.txt").unlink()
    for text in ("1\tAnn/0.png\t5\n", "1\tAnn/0.png\t0\n", "nonsense\n"):
        (one / "train.lst").write_text(text)
        caplog.clear()
        assert merge([one], tmp_path / "out", overwrite=True).images == 3
        assert [record.message.count("names are made up") for record in caplog.records] == [1]


def test_a_model_finds_identities_across_sets_and_within_one(tmp_path):
    one = write_people(
        tmp_path / "one",
        {0: ("Ann", 0, range(4)), 1: ("Bo", 1, range(3)), 2: ("Ann too", 0, range(4, 7))},
    )
    two = write_people(tmp_path / "two", {5: ("Cy", 2, range(3)), 6: ("Bobby", 1, (8,))})
    told = []
    summary = merge([one, two], tmp_path / "out", embed=embed, on_pair=told.append, batch_size=5)
    assert (summary.identities, summary.images, summary.merged, summary.pairs) == (3, 14, 2, 2)
    order = [(0, range(7)), (1, (0, 1, 2, 8)), (2, range(3))]
    assert by_mxnet(tmp_path / "out") == [
        ([identity, 1.0], encode(face(identity, number), ".png"))
        for identity, numbers in order
        for number in numbers
    ]

    def centre(identity, numbers):
        images = np.stack([face(identity, n).transpose(2, 0, 1) for n in numbers])
        own = [vector / np.linalg.norm(vector) for vector in embed(images)]
        return np.mean(own, axis=0) / np.linalg.norm(np.mean(own, axis=0))

    expected = {
        (str(one), "0", str(one), "2", "Ann", "Ann too"): centre(0, range(4))
        @ centre(0, range(4, 7)),
        (str(one), "1", str(two), "6", "Bo", "Bobby"): centre(1, range(3)) @ centre(1, (8,)),
    }
    rows = rows_of(tmp_path / "out" / "merged.csv")
    columns = ("set_a", "label_a", "set_b", "label_b", "name_a", "name_b")
    found = {tuple(row[column] for column in columns): float(row["cosine"]) for row in rows}
    assert found == pytest.approx(expected, abs=1e-4)
    assert [round(pair.cosine, 4) for pair in told] == sorted(found.values(), reverse=True)
    mapping = rows_of(tmp_path / "out" / "mapping.csv")
    assert [(row["new_label"], row["old_label"]) for row in mapping] == [
        ("0", "0"),
        ("0", "2"),
        ("1", "1"),
        ("1", "6"),
        ("2", "5"),
    ]


def test_a_few_evenly_spaced_images_make_a_centre(tmp_path):
    one = write_people(tmp_path / "one", {0: ("Ann", 0, range(9)), 1: ("Bo", 1, (0,))})
    seen = []

    def watch(images):
        seen.extend(images)
        return embed(images)

    merge([one], tmp_path / "out", embed=watch, images_per_identity=3, batch_size=1)
    expected = [face(0, 0), face(0, 4), face(0, 8), face(1, 0)]
    np.testing.assert_array_equal(seen, [image.transpose(2, 0, 1) for image in expected])


def by_number(images: np.ndarray) -> np.ndarray:
    """The angle that an image's first pixel names, in degrees, as an embedding."""
    angle = np.deg2rad(images[:, 0, 0, 0].astype(np.float64))
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def write_angles(folder: Path, degrees: Sequence[int]) -> Path:
    items = [
        (label, encode(np.full((16, 16, 3), angle, np.uint8), ".png"), "")
        for label, angle in enumerate(degrees)
    ]
    write_ours(folder, items, (16, 16))
    return folder


def test_a_chain_becomes_one_identity_and_a_long_one_is_told(tmp_path, caplog):
    one = write_angles(tmp_path / "one", [0, 90, 20, 110, 40])
    summary = merge([one], tmp_path / "out", embed=by_number, threshold=float(np.cos(0.4)))
    assert [label for (label, _), _ in by_mxnet(tmp_path / "out")] == [0, 0, 0, 1, 1]
    assert (summary.identities, summary.pairs) == (2, 3) and not caplog.records
    eleven = write_angles(tmp_path / "eleven", range(0, 110, 10))
    summary = merge(
        [eleven], tmp_path / "out", embed=by_number, threshold=float(np.cos(0.2)), overwrite=True
    )
    assert (summary.identities, summary.pairs) == (1, 10)
    assert "11 identities become one, that of label 0 in " in caplog.text


def test_a_dry_run_prints_the_pairs_and_writes_nothing(tmp_path, golden, capsys):
    people = {0: ("Ann", 0, range(4)), 1: ("Bo", 1, range(4)), 2: ("Anna", 0, range(4, 8))}
    items = [
        (label, encode(face(identity, number, 32), ".png"), f"{name}/{number}.png")
        for label, (name, identity, numbers) in people.items()
        for number in numbers
    ]
    write_ours(tmp_path / "one", items, (32, 32))
    model = f"{golden / 'a_nets' / 'r18narrow32_emb32'},0"
    flags = ["--data-dir", str(tmp_path / "one"), "--output", str(tmp_path / "out")]
    flags += ["--model", model, "--batch-size", "4", "--threshold"]
    assert main([*flags, "0.0001", "--dry-run"]) == 0
    output = capsys.readouterr().out
    pairs = [line.split("  ") for line in output.splitlines() if "  =  " in line]
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    assert [pair[1].split()[1:] + pair[3].split()[1:] for pair in pairs][0] == [
        "0",
        "Ann",
        "2",
        "Anna",
    ]
    assert "12 images" in output and "nothing written" in output
    closest, next_one = (float(pair[0]) for pair in pairs[:2])
    assert closest > next_one
    assert main([*flags, str((closest + next_one) / 2)]) == 0
    labels = [int(label) for (label, _), _ in by_mxnet(tmp_path / "out")]
    assert labels == [0] * 8 + [1] * 4
    assert "1 identity became part of another one" in capsys.readouterr().out


def test_broken_records_are_left_out_and_told(tmp_path, caplog, capsys):
    one = write_face_set(tmp_path / "one", (2, 1, 2))
    for key in (2, 3):
        break_record(one, key)
    whole = by_mxnet(write_face_set(tmp_path / "whole", (2, 1, 2)))
    flags = ["--data-dir", str(one), str(tmp_path / "whole"), "--output", str(tmp_path / "out")]
    assert main(flags) == 0
    kept = [whole[0], ([1.0, 0.0], whole[3][1]), ([1.0, 0.0], whole[4][1])]
    shifted = [([label[0] + 2, 0.0], image) for label, image in whole]
    assert by_mxnet(tmp_path / "out") == kept + shifted
    output = capsys.readouterr().out
    assert "8 images of 5 identities\n" in output
    assert "2 broken records left out, see left_out.csv" in output
    rows = rows_of(tmp_path / "out" / "left_out.csv")
    assert [(row["set"], row["record"]) for row in rows] == [(str(one), "2"), (str(one), "3")]
    assert all(row["reason"] for row in rows)
    assert [f"record {key} is left out" in caplog.text for key in (1, 2, 3, 4)] == [
        False,
        True,
        True,
        False,
    ]
    merge([tmp_path / "whole"], tmp_path / "out", overwrite=True)
    assert not (tmp_path / "out" / "left_out.csv").exists()


def test_an_image_that_cannot_be_decoded_stays_and_tells_the_model_nothing(tmp_path, caplog):
    one = write_face_set(tmp_path / "one", (2, 2, 1), payloads={2: b"no image", 5: b""})
    summary = merge([one], tmp_path / "out", embed=embed)
    assert (summary.identities, summary.images) == (3, 5)
    assert by_mxnet(tmp_path / "out")[1] == ([0.0, 0.0], b"no image")
    assert "2 images that cannot be decoded" in caplog.text


def test_verification_sets_go_along_of_one_name_the_first(tmp_path, caplog, capsys):
    one, two = (write_face_set(tmp_path / name, (1, 1)) for name in ("one", "two"))
    for folder, name, content in [
        (one, "a.bin", b"1"),
        (two, "a.bin", b"2"),
        (two, "b.bin", b"3"),
        (one, "c.bin", b"4"),
        (two, "c.bin", b"4"),
    ]:
        (folder / name).write_bytes(pickle.dumps(content))
    before = contents(one), contents(two)
    merge([one, two], tmp_path / "out")
    carried = {
        name: pickle.loads(blob)
        for name, blob in contents(tmp_path / "out").items()
        if name.endswith(".bin")
    }
    assert carried == {"a.bin": b"1", "b.bin": b"3", "c.bin": b"4"}
    (tmp_path / "out" / "a.bin").write_bytes(b"other")
    assert (contents(one), contents(two)) == before
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [str(two / "a.bin")]
    flags = ["--data-dir", str(one), str(two), "--output", str(tmp_path / "bare"), "--no-bins"]
    assert main(flags) == 0 and "verification set" not in capsys.readouterr().out
    assert not list((tmp_path / "bare").glob("*.bin"))


def test_wrong_input_is_one_line_and_leaves_an_older_set_as_it_was(tmp_path, capsys):
    one, two = (write_face_set(tmp_path / name, (2, 1)) for name in ("one", "two"))
    large = write_face_set(tmp_path / "large", (1, 1), size=24)
    merge([one], tmp_path / "out")
    before = contents(tmp_path / "out")
    out = ["--output", str(tmp_path / "out"), "--overwrite"]
    for flags, told in [
        ([str(one), str(large), *out], f"{large}: has images of 24x24 pixels, but {one} of 16x16"),
        ([str(one), str(two), str(one / "..") + "/one", *out], "names a set twice"),
        ([str(one), str(tmp_path / "absent"), *out], "absent"),
        ([str(one), "--output", str(one), "--overwrite"], "overlaps the input"),
        ([str(one), "--output", str(tmp_path)], "overlaps the input"),
        ([str(one), *out[:2]], "add --overwrite"),
        ([str(one), *out, "--threshold", "0.5"], "--threshold: is of use with --model only"),
        ([str(one), *out, "--model", str(tmp_path / "m,0")], "m-symbol.json: no such file"),
        ([str(one), *out, "--images-per-identity", "0"], "--images-per-identity 0"),
        ([str(one), *out, "--batch-size", "0"], "--batch-size 0"),
    ]:
        assert main(["--data-dir", *flags]) == 2
        error = capsys.readouterr().err
        assert told in error and error.count("\n") == 1
    for threshold in (0.0, 1.1, float("nan")):
        with pytest.raises(InputError, match="threshold"):
            merge([one], tmp_path / "out", embed=embed, threshold=threshold, overwrite=True)
    assert contents(tmp_path / "out") == before
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two", "large", "out"}


def test_a_model_of_no_use_leaves_an_older_set_as_it_was(tmp_path, golden, capsys):
    one = write_face_set(tmp_path / "one", (2, 1))
    merge([one], tmp_path / "out")
    before = contents(tmp_path / "out")
    flags = ["--data-dir", str(one), "--output", str(tmp_path / "out"), "--overwrite", "--model"]
    assert main([*flags, f"{golden / 'a_nets' / 'r18narrow32_emb32'},0"]) == 2
    assert "does not take images of 16x16" in capsys.readouterr().err
    with pytest.raises(InputError, match="not finite"):
        merge(
            [one],
            tmp_path / "out",
            embed=lambda images: np.full((len(images), 2), np.nan),
            overwrite=True,
        )
    write_property(one, 2, 17)
    with pytest.raises(InputError, match="image record 1 is 16x16, not 17x17"):
        merge([one], tmp_path / "out", embed=embed, overwrite=True)
    assert contents(tmp_path / "out") == before


def test_a_prefix_of_several_epochs_is_refused(tmp_path, capsys):
    one = write_face_set(tmp_path / "one", (2, 1))
    for name in ("m-symbol.json", "m-0001.params", "m-0002.params"):
        (tmp_path / name).write_text("")
    flags = ["--data-dir", str(one), "--output", str(tmp_path / "out"), "--model"]
    assert main([*flags, str(tmp_path / "m")]) == 2
    assert "means 2 epochs; write it as prefix,epoch" in capsys.readouterr().err


def test_a_set_without_any_image_that_can_be_read_is_told(tmp_path):
    one = write_face_set(tmp_path / "one", (1, 1))
    for key in (1, 2):
        break_record(one, key)
    with pytest.raises(InputError, match="no image"):
        merge([one], tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_mxnet_is_not_loaded_without_a_model(tmp_path):
    one = write_face_set(tmp_path / "one", (2, 1))
    code = (
        "import sys; from recordio_tools.merge import main; status = main(sys.argv[1:]); "
        "sys.exit(status or 'mxnet' in sys.modules)"
    )
    flags = ["--data-dir", str(one), "--output", str(tmp_path / "out")]
    subprocess.run([sys.executable, "-c", code, *flags], cwd=REPOSITORY, check=True)
    assert (tmp_path / "out" / "mapping.csv").exists()


def test_real_people_whose_images_are_split_are_found(tmp_path, shared):
    model = shared / "real" / "y1" / "model"
    records = FaceRecords(shared / "real" / "rec_head")
    items = []
    for label, (first, stop) in enumerate(records.identities[:6].tolist()):
        for key in range(first, min(stop, first + 10)):
            half = label + 6 * (key % 2)
            items.append((half, records.read(key)[1], f"{label}/{key}.jpg"))
    records.close()
    write_ours(tmp_path / "one", sorted(items, key=lambda item: item[0]), (112, 112))
    flags = ["--data-dir", str(tmp_path / "one"), "--output", str(tmp_path / "out")]
    flags += ["--images-per-identity", "3", "--batch-size", "12", "--model", f"{model},0"]
    assert main(flags) == 0
    pairs = [(row["label_a"], row["label_b"]) for row in rows_of(tmp_path / "out" / "merged.csv")]
    assert sorted(pairs) == [(str(label), str(label + 6)) for label in range(6)]
