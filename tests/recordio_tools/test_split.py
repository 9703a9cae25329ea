"""Splitting keeps every image byte for byte, in one of two whole sets, and tells who is who."""

from __future__ import annotations

from pathlib import Path

import pytest

from record_fixtures import encode, face, write_face_set, write_plain_set
from recordio_tools import split
from sets_by_mxnet import damage, files, read_set, set_label
from unequal.batches.head_batches import ImageIter
from unequal.faces import set_writer as writer
from unequal.faces.face_records import FaceRecords
from unequal.support.errors import InputError

COUNTS = (5, 2, 3, 1, 4)
NAMES = "0 Ann Lee 5\n1 Bo 2\n2 Žoë 3\n3 Bo 1\n4 1 4\n"


@pytest.fixture
def source(tmp_path) -> Path:
    return write_face_set(tmp_path / "set", COUNTS)


def run(source: Path, output: Path, *flags: object) -> int:
    return split.main(["--data-dir", str(source), "--output", str(output), *map(str, flags)])


def test_the_two_sets_hold_every_image_once_with_labels_from_0_in_the_old_order(source, tmp_path):
    assert run(source, tmp_path / "out", "--min-images", 3) == 0
    before = read_set(source)
    head, tail = read_set(tmp_path / "out" / "head"), read_set(tmp_path / "out" / "tail")
    assert head.identities == [0] * 5 + [1] * 3 + [2] * 4
    assert tail.identities == [0] * 2 + [1]
    of_head = [image.identity in (0, 2, 4) for image in before.images.values()]
    assert head.contents == [c for c, many in zip(before.contents, of_head) if many]
    assert tail.contents == [c for c, many in zip(before.contents, of_head) if not many]
    assert (head.num_classes, tail.num_classes) == (3, 2)
    assert head.size == tail.size == (16, 16)
    more = {image.label[1:] for part in (head, tail) for image in part.images.values()}
    assert more == {(0.0,)}


def test_the_mapping_tells_old_and_new_labels_images_and_names(source, tmp_path):
    (source / "identities.txt").write_text(NAMES, encoding="utf-8")
    assert run(source, tmp_path / "out", "--min-images", 3) == 0
    assert (tmp_path / "out" / "mapping.csv").read_text(encoding="utf-8") == (
        "set,new_label,old_label,images,name\n"
        "head,0,0,5,Ann Lee\n"
        "tail,0,1,2,Bo\n"
        "head,1,2,3,Žoë\n"
        "tail,1,3,1,Bo\n"
        "head,2,4,4,1\n"
    )
    names = (tmp_path / "out" / "head" / "identities.txt").read_text(encoding="utf-8")
    assert names == "0 Ann Lee 5\n1 Žoë 3\n2 1 4\n"


def test_the_paths_of_the_list_go_along(source, tmp_path):
    paths = [f"id {identity}/é{i}.jpg" for identity, n in enumerate(COUNTS) for i in range(n)]
    labels = [identity for identity, n in enumerate(COUNTS) for _ in range(n)]
    lines = [f"1\t{path}\t{label}\n" for path, label in zip(paths, labels)]
    (source / "train.lst").write_text("".join(lines), encoding="utf-8")
    split.split_set(source, tmp_path / "out", min_images=5)
    assert (tmp_path / "out" / "tail" / "train.lst").read_text(encoding="utf-8") == "".join(
        f"1\t{path}\t{label - 1}\n" for path, label in zip(paths, labels) if label
    )
    mapping = (tmp_path / "out" / "mapping.csv").read_text(encoding="utf-8").splitlines()
    assert mapping[1:3] == ["head,0,0,5,id 0", "tail,0,1,2,id 1"]


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("2\n\n 0 \n2\n", {0, 2}),
        ("Ann Lee\nŽoë\n", {0, 2}),
        ("Bo\n", {1, 3}),
        ("4 1 4\n1 Bo 2\r\n", {1, 4}),
    ],
)
def test_a_list_of_labels_names_or_lines_of_identities_is_the_head(source, tmp_path, text, head):
    (source / "identities.txt").write_text(NAMES, encoding="utf-8")
    (tmp_path / "head.txt").write_text(text, encoding="utf-8")
    summary = split.split_set(source, tmp_path / "out", identities=tmp_path / "head.txt")
    before = read_set(source).images.values()
    expected = [image.content for image in before if image.identity in head]
    assert read_set(tmp_path / "out" / "head").contents == expected
    assert summary.head == (tmp_path / "out" / "head", len(head), len(expected))
    assert summary.tail[1:] == (5 - len(head), 15 - len(expected))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0\n\n7\n", "head.txt, line 3: '7' is no identity"),
        ("0\nAnn\n", "head.txt, line 2: 'Ann' is no identity"),
        ("3 Ann Lee 5\n", "head.txt, line 1: '3 Ann Lee 5' is no identity"),
        ("-1\n", "head.txt, line 1: '-1' is no identity"),
        ("00\n", "head.txt, line 1: '00' is no identity"),
        ("0\n1\n", "head.txt, line 2: 1 is the label of one identity and the name of another"),
        ("\n", "head.txt: lists no identity"),
        ("0\n2\n3\n4 1 4\nBo\n", "lists all identities"),
    ],
)
def test_a_list_that_does_not_fit_is_told_with_its_line(source, tmp_path, capsys, text, told):
    (source / "identities.txt").write_text(NAMES, encoding="utf-8")
    (tmp_path / "head.txt").write_text(text)
    assert run(source, tmp_path / "out", "--identities", tmp_path / "head.txt") == 2
    message = capsys.readouterr().err
    assert told in message and message.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--min-images", 6), "the head would be empty, because the identities have 1 to 5 images"),
        (("--min-images", 1), "the tail would be empty"),
        (("--min-images", 0), "--min-images 0: give a number above 0"),
        (("--identities", "absent.txt"), "absent.txt: No such file"),
    ],
)
def test_a_choice_that_leaves_a_side_empty_is_refused(source, tmp_path, capsys, flags, told):
    assert run(source, tmp_path / "out", *flags) == 2
    message = capsys.readouterr().err
    assert told in message and message.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


def test_the_head_is_chosen_in_one_way(source, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        run(source, tmp_path / "out", "--min-images", 3, "--identities", "x")
    assert stopped.value.code == 2
    with pytest.raises(InputError, match="one of the two"):
        split.split_set(source, tmp_path / "out", min_images=3, identities="x")


def test_ten_images_make_a_head_where_nothing_is_chosen(tmp_path):
    source = write_face_set(tmp_path / "set", (9, 10, 11, 2))
    assert run(source, tmp_path / "out") == 0
    assert read_set(tmp_path / "out" / "head").identities == [0] * 10 + [1] * 11
    assert read_set(tmp_path / "out" / "tail").identities == [0] * 9 + [1] * 2


def test_verification_sets_are_copied_into_both(source, tmp_path, capsys):
    (source / "lfw.bin").write_bytes(b"pairs")
    (tmp_path / "elsewhere.bin").write_bytes(b"more")
    (source / "cfp_fp.bin").symlink_to("../elsewhere.bin")
    (source / "folder.bin").mkdir()
    assert run(source, tmp_path / "out", "--min-images", 3) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'out' / 'head'}: 12 images of 3 identities, 2 verification sets",
        f"{tmp_path / 'out' / 'tail'}: 3 images of 2 identities, 2 verification sets",
    ]
    for part in ("head", "tail"):
        folder = tmp_path / "out" / part
        assert sorted(path.name for path in folder.glob("*.bin")) == ["cfp_fp.bin", "lfw.bin"]
        assert (folder / "cfp_fp.bin").read_bytes() == b"more"
        assert not (folder / "cfp_fp.bin").is_symlink()
        (folder / "lfw.bin").write_bytes(b"other")
    assert (source / "lfw.bin").read_bytes() == b"pairs"
    assert run(source, tmp_path / "none", "--min-images", 5, "--no-bins") == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        f"{tmp_path / 'none' / 'head'}: 5 images of 1 identity"
    )
    assert not list((tmp_path / "none").rglob("*.bin"))


def test_an_older_split_is_replaced_on_demand_but_never_a_file_of_the_user(
    source, tmp_path, capsys
):
    out = tmp_path / "out"
    assert run(source, out, "--min-images", 3) == 0
    before = files(out)
    assert run(source, out, "--min-images", 5) == 2
    assert "--overwrite" in capsys.readouterr().err and files(out) == before
    (out / "head" / "mine.bin").write_bytes(b"mine")
    assert run(source, out, "--min-images", 5, "--overwrite") == 2
    assert "mine.bin, which would be lost" in capsys.readouterr().err
    (out / "head" / "mine.bin").unlink()
    assert files(out) == before
    assert run(source, out, "--min-images", 5, "--overwrite") == 0
    assert read_set(out / "head").identities == [0] * 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "set"]


@pytest.mark.parametrize("name", ["set", "set/inside", "."])
def test_the_output_may_not_overlap_the_input(source, tmp_path, capsys, name):
    before = files(tmp_path)
    assert run(source, tmp_path / name, "--min-images", 3, "--overwrite") == 2
    assert "overlaps the input" in capsys.readouterr().err
    assert files(tmp_path) == before


def test_broken_records_are_left_out_told_and_counted(tmp_path, capsys, caplog):
    source = write_face_set(tmp_path / "set", (20, 3, 1, 3))
    damage(source, *range(2, 16), 24)  # 14 of identity 0, and the only one of identity 2
    assert run(source, tmp_path / "out", "--min-images", 5) == 0
    before = read_set(write_face_set(tmp_path / "whole", (20, 3, 1, 3))).images
    head, tail = read_set(tmp_path / "out" / "head"), read_set(tmp_path / "out" / "tail")
    assert head.contents == [before[key].content for key in (1, *range(16, 21))]
    assert tail.contents == [before[key].content for key in (21, 22, 23, 25, 26, 27)]
    assert tail.identities == [0, 0, 0, 1, 1, 1] and tail.num_classes == 2
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 11 and "record 2 is left out" in told[0] and "5 more" in told[-1]
    assert told[-1].endswith("left_out.csv")
    assert capsys.readouterr().out.splitlines()[-1] == (
        "15 broken records left out, see left_out.csv"
    )
    lines = (tmp_path / "out" / "left_out.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["record", *map(str, range(2, 16)), "24"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "head",
        "left_out.csv",
        "mapping.csv",
        "tail",
    ]
    assert run(tmp_path / "whole", tmp_path / "out", "--min-images", 5, "--overwrite") == 0
    assert not (tmp_path / "out" / "left_out.csv").exists()


@pytest.mark.parametrize(
    ("most", "told"), [(13, "head: would hold 12 images and 3 identities"), (15, "")]
)
def test_a_side_larger_than_a_set_can_be_is_told_before_anything_is_written(
    source, tmp_path, capsys, monkeypatch, most, told
):
    monkeypatch.setattr(writer, "LARGEST_KEY", most)
    assert run(source, tmp_path / "out", "--min-images", 3) == (2 if told else 0)
    message = capsys.readouterr().err
    assert told in message and message.count("\n") == bool(told)
    assert (tmp_path / "out").exists() == (not told)


def test_a_file_cut_off_in_its_last_image_loses_only_that_one(tmp_path):
    source = write_face_set(tmp_path / "set", (3, 2, 2))
    rows = [line.split("\t") for line in (source / "train.idx").read_text().splitlines()]
    blob = (source / "train.rec").read_bytes()
    middle = next(int(offset) for key, offset in rows if key == "0")
    # record 0 and the identity records in front, then the images, the last without its end
    (source / "train.rec").write_bytes(blob[middle:] + blob[: middle - 100])
    moved = [(key, (int(offset) - middle) % len(blob)) for key, offset in rows]
    (source / "train.idx").write_text("".join(f"{key}\t{offset}\n" for key, offset in moved))
    summary = split.split_set(source, tmp_path / "out", min_images=2)
    assert (summary.head[1:], summary.tail[1:], summary.broken) == ((2, 5), (1, 1), 1)


def test_a_plain_set_without_property_is_split_by_label(tmp_path):
    labels = {0: 7, 5: 3, 2: 7, 9: 3, 3: 1}
    source = write_plain_set(tmp_path / "set", labels, size=24)
    (source / "property").unlink()
    split.split_set(source, tmp_path / "out", min_images=2)
    head, tail = read_set(tmp_path / "out" / "head"), read_set(tmp_path / "out" / "tail")
    assert [image.label for image in head.images.values()] == [0.0, 0.0, 1.0, 1.0]
    assert [image.label for image in tail.images.values()] == [0.0]
    order = [(3, 5), (3, 9), (7, 0), (7, 2)]
    assert head.contents == [encode(face(label, key, 24)) for label, key in order]
    assert (head.size, head.num_classes, tail.num_classes) == ((24, 24), 2, 1)


def test_an_identity_that_comes_back_is_told_with_the_mend(tmp_path, capsys):
    source = write_face_set(tmp_path / "set", (2, 2, 2))
    set_label(source, 5, 0)
    assert run(source, tmp_path / "out", "--min-images", 3) == 2
    message = capsys.readouterr().err
    assert "label 0 comes back at record 5" in message and message.count("\n") == 1
    assert f"recordio_tools.subset --data-dir {source}" in message
    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_leaves_the_older_split(source, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert run(source, out, "--min-images", 3) == 0
    before = files(out)

    def break_off(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(split, "carry_bins", break_off)
    assert run(source, out, "--min-images", 5, "--overwrite") == 130
    assert files(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "set"]


def test_training_reads_both_sets(source, tmp_path):
    split.split_set(source, tmp_path / "out", min_images=3)
    for part, images in (("head", 12), ("tail", 3)):
        records = FaceRecords(tmp_path / "out" / part)
        assert records.image_keys.tolist() == list(range(1, images + 1))
        batches = ImageIter(records, 3, (3, 16, 16), log=lambda line: None)
        assert sum(len(batch.label[0]) for batch in batches) == images
        batches.close()


def test_real_faces_are_split_where_their_numbers_say(shared, tmp_path):
    source = shared / "real" / "rec_head"
    rows = [line.rsplit(" ", 1) for line in (source / "identities.txt").read_text().splitlines()]
    many = [row[0].split(" ", 1)[1] for row in rows if int(row[1]) >= 30]
    summary = split.split_set(source, tmp_path / "out", min_images=30)
    assert summary.head.identities == len(many)
    head, tail = read_set(tmp_path / "out" / "head"), read_set(tmp_path / "out" / "tail")
    assert sorted(head.contents + tail.contents) == sorted(read_set(source).contents)
    names = (tmp_path / "out" / "head" / "identities.txt").read_text().splitlines()
    assert [line.split(" ")[1] for line in names] == many
