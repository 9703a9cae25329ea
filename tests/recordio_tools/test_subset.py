"""A subset is what the filters say, byte for byte; without filters any set becomes sound."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from record_fixtures import encode, face, write_face_set, write_plain_set
from recordio_tools import subset as tool
from sets_by_mxnet import damage, files, overwrite, read_set, set_label
from unequal.faces import set_writer as writer
from unequal.faces.face_records import FaceRecords
from unequal.support.errors import InputError

# images 1-5, 6-7, 8-13, 14, 15-17 of labels 0-4
COUNTS = (5, 2, 6, 1, 3)
NAMES = "0 Ann Lee 5\n1 Bo 2\n2 Cy 6\n3 Di 1\n4 Ed 3\n"


@pytest.fixture
def source(tmp_path) -> Path:
    folder = write_face_set(tmp_path / "set", COUNTS, num_classes=9)
    (folder / "identities.txt").write_text(NAMES)
    return folder


def run(source: Path, output: Path, *flags: object) -> int:
    return tool.main(["--data-dir", str(source), "--output", str(output), *map(str, flags)])


def taken(source: Path, output: Path) -> list[int]:
    """The keys in `source` of the images of `output`, in its order."""
    keys = {image.content: key for key, image in read_set(source).images.items()}
    return [keys[content] for content in read_set(output).contents]


def shuffle_index(folder: Path) -> None:
    lines = (folder / "train.idx").read_text().splitlines()
    (folder / "train.idx").write_text("\n".join(sorted(lines, reverse=True)) + "\n")


@pytest.mark.parametrize(
    ("flags", "keys"),
    [
        (("--keep-identities", "Ed\n0\n"), [*range(1, 6), 15, 16, 17]),
        (("--drop-identities", "Ed\nAnn Lee\n2\n"), [6, 7, 14]),
        (("--min-images", 3), [*range(1, 6), *range(8, 14), 15, 16, 17]),
        (("--min-images", 3, "--drop-identities", "Cy\n"), [*range(1, 6), 15, 16, 17]),
        (("--max-images", 6), [*range(1, 18)]),
    ],
)
def test_filters_take_what_they_say(source, tmp_path, flags, keys):
    flags = list(flags)
    if "\n" in str(flags[-1]):
        (tmp_path / "list.txt").write_text(flags[-1])
        flags[-1] = tmp_path / "list.txt"
    assert run(source, tmp_path / "out", *flags) == 0
    assert taken(source, tmp_path / "out") == keys


def test_labels_are_new_mapped_and_keep_the_rest_of_their_array(source, tmp_path, capsys):
    assert run(source, tmp_path / "out", "--min-images", 3) == 0
    after = read_set(tmp_path / "out")
    expected = [(0.0, 0.0)] * 5 + [(1.0, 0.0)] * 6 + [(2.0, 0.0)] * 3
    assert [image.label for image in after.images.values()] == expected
    assert (after.num_classes, after.size) == (3, (16, 16))
    assert (tmp_path / "out" / "mapping.csv").read_text() == (
        "new_label,old_label,images,name\n0,0,5,Ann Lee\n1,2,6,Cy\n2,4,3,Ed\n"
    )
    names = (tmp_path / "out" / "identities.txt").read_text()
    assert names == "0 Ann Lee 5\n1 Cy 6\n2 Ed 3\n"
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'out'}: 14 images of 3 identities",
        "taken from 17 images of 5 identities",
    ]


def test_names_of_identities_txt_stay_where_paths_say_others(source, tmp_path):
    paths = [f"p{label:02d}/{i}.jpg" for label, count in enumerate(COUNTS) for i in range(count)]
    lines = [f"1\t{path}\t{int(path[1:3])}\n" for path in paths]
    (source / "train.lst").write_text("".join(lines))
    (tmp_path / "list.txt").write_text("Ann Lee\nEd\n")
    assert run(source, tmp_path / "out", "--keep-identities", tmp_path / "list.txt") == 0
    assert (tmp_path / "out" / "identities.txt").read_text() == "0 Ann Lee 5\n1 Ed 3\n"
    assert (tmp_path / "out" / "mapping.csv").read_text().splitlines()[1:] == [
        "0,0,5,Ann Lee",
        "1,4,3,Ed",
    ]
    assert "\tp04/0.jpg\t1\n" in (tmp_path / "out" / "train.lst").read_text()
    assert run(tmp_path / "out", tmp_path / "2", "--keep-identities", tmp_path / "list.txt") == 0
    assert read_set(tmp_path / "2").identities == [0] * 5 + [1] * 3


def test_real_sets_are_copied_byte_for_byte(shared, tmp_path):
    head = shared / "real" / "rec_head"
    assert run(head, tmp_path / "out") == 0
    for name in ("train.rec", "train.idx", "train.lst", "property", "identities.txt"):
        assert (tmp_path / "out" / name).read_bytes() == (head / name).read_bytes()


def test_more_than_a_set_can_hold_is_told_before_anything_is_written(
    source, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(writer, "LARGEST_KEY", 13)  # 9 images and 4 identities, and no more
    monkeypatch.setattr(tool, "new_folder", None)
    assert run(source, tmp_path / "out", "--max-images", 2) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"--output {tmp_path / 'out'}: would hold 9 images and 5 identities, ")
    assert "python -m recordio_tools.subset" in told and told.count("\n") == 1
    monkeypatch.undo()
    monkeypatch.setattr(writer, "LARGEST_KEY", 14)
    assert run(source, tmp_path / "out", "--max-images", 2) == 0


def test_kept_labels_leave_gaps_and_the_number_of_classes(source, tmp_path):
    assert run(source, tmp_path / "out", "--min-images", 3, "--keep-labels") == 0
    after = read_set(tmp_path / "out")
    assert after.identities == [0] * 5 + [2] * 6 + [4] * 3 and after.num_classes == 9
    assert not (tmp_path / "out" / "mapping.csv").exists()
    (source / "property").unlink()
    assert run(source, tmp_path / "low", "--max-images", 1, "--keep-labels") == 0
    assert read_set(tmp_path / "low").num_classes == 5


@pytest.mark.parametrize("most", [1, 3, 5])
def test_at_most_so_many_images_of_each_identity_are_taken(source, tmp_path, most):
    assert run(source, tmp_path / "out", "--max-images", most, "--seed", 7) == 0
    counts = Counter(read_set(tmp_path / "out").identities)
    assert counts == {label: min(count, most) for label, count in enumerate(COUNTS)}
    keys = taken(source, tmp_path / "out")
    assert keys == sorted(keys)
    tool.subset(source, tmp_path / "more", max_images=most + 1, seed=7)
    assert set(keys) <= set(taken(source, tmp_path / "more"))


def test_a_sample_of_identities_is_whole_and_grows_with_its_size(source, tmp_path):
    previous: set[int] = set()
    for number in range(1, 6):
        tool.subset(
            source, tmp_path / str(number), sample_identities=number, seed=3, keep_labels=True
        )
        labels = Counter(read_set(tmp_path / str(number)).identities)
        assert len(labels) == number and previous <= set(labels)
        assert all(COUNTS[label] == count for label, count in labels.items())
        previous = set(labels)


def test_random_choices_depend_on_seed_labels_and_keys_only(source, tmp_path):
    options = dict(sample_identities=3, max_images=2)
    tool.subset(source, tmp_path / "a", seed=5, **options)
    other = write_face_set(tmp_path / "other", COUNTS, size=24, seed=9)
    shuffle_index(other)
    tool.subset(other, tmp_path / "b", seed=5, **options)
    assert taken(source, tmp_path / "a") == taken(other, tmp_path / "b")
    choices = set()
    for seed in range(8):
        tool.subset(source, tmp_path / f"seed{seed}", seed=seed, **options)
        choices.add(tuple(taken(source, tmp_path / f"seed{seed}")))
    assert len(choices) > 4


@pytest.mark.slow
def test_every_image_and_identity_is_chosen_about_equally_often(tmp_path):
    source = write_face_set(tmp_path / "set", (6, 6, 6))
    images, identities = Counter(), Counter()
    for seed in range(150):
        out = tmp_path / "out"
        tool.subset(source, out, sample_identities=1, max_images=2, seed=seed, overwrite=True)
        keys = taken(source, out)
        images.update(keys)
        identities.update({(key - 1) // 6 for key in keys})
    # 50 +- 5.8 and 16.7 +- 3.9 are expected; these are four standard deviations
    assert all(27 <= identities[i] <= 73 for i in range(3))
    assert all(1 <= images[key] <= 33 for key in range(1, 19))


def test_without_filters_a_plain_set_becomes_one_in_the_layout_of_insightface(tmp_path):
    labels = {0: 7, 5: 3, 2: 7, 9: 3, 3: 1}
    source = write_plain_set(tmp_path / "set", labels, size=24)
    (source / "property").unlink()
    lines = [f"{key}\t{label}\tp{label}/{key}.jpg\n" for key, label in labels.items()]
    (source / "train.lst").write_text("".join(lines))
    assert run(source, tmp_path / "out") == 0
    after = read_set(tmp_path / "out")
    order = [(1, 3), (3, 5), (3, 9), (7, 0), (7, 2)]
    assert after.contents == [encode(face(label, key, 24)) for label, key in order]
    assert [image.label for image in after.images.values()] == [0.0, 1.0, 1.0, 2.0, 2.0]
    assert (after.num_classes, after.size) == (3, (24, 24))
    assert (tmp_path / "out" / "train.lst").read_text() == (
        "1\tp1/3.jpg\t0\n1\tp3/5.jpg\t1\n1\tp3/9.jpg\t1\n1\tp7/0.jpg\t2\n1\tp7/2.jpg\t2\n"
    )


def test_the_size_is_that_of_the_first_image_that_can_be_decoded(tmp_path):
    payloads = {1: b"", 2: b"no image"}
    source = write_face_set(tmp_path / "set", (3, 2), size=24, payloads=payloads)
    (source / "property").unlink()
    assert run(source, tmp_path / "out") == 0
    after = read_set(tmp_path / "out")
    assert after.size == (24, 24) and after.contents == read_with_property(source)
    source = write_face_set(tmp_path / "none", (1, 1), payloads=payloads)
    (source / "property").unlink()
    with pytest.raises(InputError, match="no image that can be decoded"):
        tool.subset(source, tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def read_with_property(folder: Path) -> list[bytes]:
    (folder / "property").write_text("2,1,1\n")
    return read_set(folder).contents


def test_without_filters_broken_records_go_and_identities_close_ranks(
    source, tmp_path, caplog, capsys
):
    expected = read_set(source).images
    damage(source, 2, 14, 16)
    overwrite(source, 8, 8, b"\xff\xff\xff\x7f")  # a label array longer than the record
    set_label(source, 17, float("nan"))
    assert run(source, tmp_path / "out") == 0
    after = read_set(tmp_path / "out")
    kept = (1, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15)
    assert after.contents == [expected[key].content for key in kept]
    assert after.identities == [0] * 4 + [1] * 2 + [2] * 5 + [3] and after.num_classes == 4
    assert [r.getMessage().split(" is left")[0][-2:] for r in caplog.records] == [
        " 2",
        " 8",
        "14",
        "16",
        "17",
    ]
    told = capsys.readouterr().out.splitlines()[-1]
    assert told == "5 broken records left out, see left_out.csv"
    with (tmp_path / "out" / "left_out.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["record", "reason"]
    assert [row[0] for row in rows] == ["2", "8", "14", "16", "17"]
    assert rows[-1][1] == "its label is nan"
    write_face_set(source, COUNTS)
    assert run(source, tmp_path / "out", "--overwrite") == 0
    assert not (tmp_path / "out" / "left_out.csv").exists()


@pytest.mark.parametrize("flags", [(), ("--keep-labels",)])
def test_without_filters_scattered_identities_are_brought_together(source, tmp_path, flags):
    for key in (3, 17):
        set_label(source, key, 3)
    labels = [0, 0, 3, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2, 3, 4, 4, 3]
    lines = [f"1\tid {label}/{key}.jpg\t{label}\n" for key, label in enumerate(labels, start=1)]
    (source / "train.lst").write_text("".join(lines))
    images = {key: image for key, image in enumerate(read_scattered(source), start=1)}
    assert run(source, tmp_path / "out", *flags) == 0
    after = read_set(tmp_path / "out")
    order = [1, 2, 4, 5, 6, 7, *range(8, 14), 3, 14, 17, 15, 16]
    assert after.contents == [images[key] for key in order]
    assert (tmp_path / "out" / "train.lst").read_text() == "".join(lines[key - 1] for key in order)
    assert after.identities == [0] * 4 + [1] * 2 + [2] * 6 + [3] * 3 + [4] * 2
    assert after.num_classes == (9 if flags else 5)


def read_scattered(folder: Path) -> list[bytes]:
    records = FaceRecords(folder)
    return [records.read(key)[1] for key in records.image_keys]


def test_images_of_scattered_identities_are_counted_together(source, tmp_path):
    set_label(source, 3, 3)
    set_label(source, 17, 3)
    summary = tool.subset(source, tmp_path / "out", min_images=3, max_images=3)
    assert (summary.images, summary.identities) == (9, 3)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--min-images", 0), "--min-images 0: give a number above 0"),
        (("--max-images", -1), "--max-images -1: give a number above 0"),
        (("--sample-identities", 0), "--sample-identities 0: give a number above 0"),
        (("--seed", -1), "--seed -1: give a number from 0"),
        (("--min-images", 7), "no identity is left of 5"),
        (("--sample-identities", 4, "--min-images", 3), "--sample-identities 4: only 3 are left"),
        (("--keep-identities", "absent"), "absent: No such file"),
    ],
)
def test_a_filter_out_of_bounds_is_one_line_and_status_2(source, tmp_path, capsys, flags, told):
    assert run(source, tmp_path / "out", *flags) == 2
    message = capsys.readouterr().err
    assert told in message and message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_list_to_keep_or_one_to_drop(source, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        run(source, tmp_path / "out", "--keep-identities", "a", "--drop-identities", "b")
    assert stopped.value.code == 2
    with pytest.raises(InputError, match="one of the two"):
        tool.subset(source, tmp_path / "out", keep_identities="a", drop_identities="b")


def test_a_list_of_names_that_cannot_be_understood_is_told(source, tmp_path, capsys):
    (source / "identities.txt").write_text("0 Ann 5\nBo\n")
    assert run(source, tmp_path / "out") == 2
    message = capsys.readouterr().err
    assert "identities.txt, line 2: 'Bo' is no line 'label name images'" in message


def test_verification_sets_go_along_and_an_older_set_is_replaced_as_a_whole(
    source, tmp_path, capsys
):
    (source / "lfw.bin").write_bytes(b"pairs")
    out = tmp_path / "out"
    assert run(source, out) == 0
    (out / "lfw.bin").write_bytes(b"other pairs")
    assert (source / "lfw.bin").read_bytes() == b"pairs"
    before = files(out)
    assert run(source, out, "--no-bins", "--overwrite") == 2
    assert "lfw.bin, which would be lost" in capsys.readouterr().err
    assert run(source, out, "--min-images", 9, "--overwrite") == 2
    assert files(out) == before
    assert run(source, out, "--keep-labels", "--overwrite") == 0
    assert files(out).keys() == before.keys() - {"mapping.csv"}
    assert run(source, source / "part") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "set"]


def test_real_sets_of_both_layouts(shared, tmp_path):
    tail = shared / "real" / "rec_tail"
    tool.subset(tail, tmp_path / "tail", sample_identities=20, max_images=4, keep_labels=True)
    chosen = read_set(tmp_path / "tail")
    all_images = set(read_set(tail).images.values())
    assert set(chosen.images.values()) <= all_images and chosen.num_classes == 611
    counts = Counter(read_set(tail).identities)
    per_identity = Counter(chosen.identities)
    assert len(per_identity) == 20
    assert all(count == min(counts[label], 4) for label, count in per_identity.items())
    tool.subset(shared / "real" / "plain_rec", tmp_path / "plain")
    assert (read_set(tmp_path / "plain").num_classes, len(read_set(tmp_path / "plain").images)) == (
        2,
        8,
    )


def test_images_that_cannot_be_decoded_are_left_out_when_asked(tmp_path, capsys):
    payloads = {2: b"no image", 6: b""}
    source = write_face_set(tmp_path / "set", (3, 1, 3), payloads=payloads)
    assert run(source, tmp_path / "all") == 0
    assert len(read_set(tmp_path / "all").images) == 7
    assert run(source, tmp_path / "sound", "--verify") == 0
    assert read_set(tmp_path / "sound").identities == [0, 0, 1, 2, 2]
    listed = (tmp_path / "sound" / "left_out.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in listed] == ["record", "2", "6"]
