"""Denoising takes out what the lists name, nothing else, and refuses lists of another set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from record_fixtures import write_face_set, write_plain_set
from recordio_tools import denoise as tool
from sets_by_mxnet import damage, files, read_set, set_label
from unequal.batches.head_batches import ImageIter
from unequal.faces.face_records import FaceRecords
from unequal.faces.noise_list import NoiseRow, write_noise_list
from unequal.support.errors import InputError

# images 1-4, 5-8, 9-10, 11-13 of labels 0-3
COUNTS = (4, 4, 2, 3)
NOISE = "0 2 0.003 0.001\n1 5 0.007 0.002\n1 6 0.0069 0.0\n1 8 0.5 0.5\n2 9 1e-05 0\n2 10 0.001 0\n"


@pytest.fixture
def source(tmp_path) -> Path:
    return write_face_set(tmp_path / "set", COUNTS, num_classes=9)


@pytest.fixture
def noise(tmp_path) -> Path:
    return write(tmp_path / "0_noiselist.txt", NOISE)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def run(source: Path, noise: Path, output: Path, *flags: object) -> int:
    fixed = ["--data-dir", source, "--noise-list", noise, "--output", output]
    return tool.main([str(flag) for flag in (*fixed, *flags)])


def test_what_a_person_lists_goes_whatever_its_probability_and_what_is_kept_stays(
    source, noise, tmp_path
):
    by_hand = write(tmp_path / "remove.txt", "1 7\n3 11 0.9 0.9\n0 2\n")
    keep = write(tmp_path / "keep.txt", "3 11\n")
    flags = ["--remove", by_hand, "--threshold", "0.002", "--keep", keep]
    assert run(source, noise, tmp_path / "out", *flags) == 0
    assert kept_keys(source, tmp_path / "out") == [1, 3, 4, 5, 6, 8, 11, 12, 13]
    assert (tmp_path / "out" / "removed.txt").read_text() == (
        "0 2\n1 7\n2 9 1e-05 0.0\n2 10 0.001 0.0\n"
    )
    fixed = ["--data-dir", str(source), "--output", str(tmp_path / "by hand")]
    assert tool.main([*fixed, "--remove", str(by_hand)]) == 0
    assert kept_keys(source, tmp_path / "by hand") == [1, 3, 4, 5, 6, 8, 9, 10, 12, 13]


def test_a_list_of_what_is_to_go_is_needed_and_checked_with_the_set(source, tmp_path, capsys):
    fixed = ["--data-dir", str(source), "--output", str(tmp_path / "out")]
    assert tool.main(fixed) == 2
    assert "--noise-list, --remove: give at least one" in capsys.readouterr().err
    for line, told in (("1 2", "has label 0, not 1"), ("1 99", "is no image"), ("x", "line 1")):
        listed = write(tmp_path / "remove.txt", line)
        assert tool.main([*fixed, "--remove", str(listed)]) == 2
        assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def kept_keys(source: Path, output: Path) -> list[int]:
    """The keys in `source` of the images of `output`; each with its old label array, in order."""
    before = {image.content: (key, image) for key, image in read_set(source).images.items()}
    after = read_set(output).images.values()
    assert all(before[image.content][1] == image for image in after)
    keys = [before[image.content][0] for image in after]
    assert keys == sorted(set(keys))
    return keys


def test_what_is_listed_goes_and_the_rest_stays_as_it_was(source, noise, tmp_path):
    assert run(source, noise, tmp_path / "out") == 0
    assert kept_keys(source, tmp_path / "out") == [1, 3, 4, 7, 11, 12, 13]
    after = read_set(tmp_path / "out")
    assert after.identities == [0, 0, 0, 1, 3, 3, 3]
    assert (after.num_classes, after.size) == (9, (16, 16))


def test_the_report_tells_what_went(source, noise, tmp_path, capsys):
    (source / "identities.txt").write_text("0 Ann, B. 4\n1 Bo 4\n2 Cy 2\n3 Di 3\n")
    assert run(source, noise, tmp_path / "out") == 0
    assert (tmp_path / "out" / "denoise_report.csv").read_text() == (
        "label,name,images,removed,kept,lost\n"
        '0,"Ann, B.",4,1,3,\n'
        "1,Bo,4,3,1,more than half\n"
        "2,Cy,2,2,0,all\n"
        "3,Di,3,0,3,\n"
        "total,,13,6,7,\n"
    )
    rows = [
        NoiseRow(0, 2, 0.003, 0.001),
        NoiseRow(1, 5, 0.007, 0.002),
        NoiseRow(1, 6, 0.0069, 0),
        NoiseRow(1, 8, 0.5, 0.5),
        NoiseRow(2, 9, 1e-5, 0),
        NoiseRow(2, 10, 0.001, 0),
    ]
    write_noise_list(tmp_path / "expected.txt", rows)
    removed = (tmp_path / "out" / "removed.txt").read_text()
    assert removed == (tmp_path / "expected.txt").read_text()
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'out'}: 7 images of 3 identities",
        "removed: 6 of 13 images (46.15 %)",
        "identities that lose all their images: 1, more than half: 1",
    ]


@pytest.mark.parametrize("listed", [(3,), (1, 2, 3, 4), ()])
def test_half_is_not_more_than_half_and_no_loss_is_none(tmp_path, listed):
    source = write_face_set(tmp_path / "set", (6, 2))
    noise = write(tmp_path / "noise", "".join(f"0 {key} 0.1 0.1\n" for key in (*listed, 5)))
    summary = tool.denoise(source, [noise], tmp_path / "out")
    assert summary[:2] == (8, len(listed) + 1)
    assert (summary.lost_all, summary.lost_most) == (0, int(len(listed) == 4))


def test_an_image_in_several_lists_counts_once_with_the_line_of_the_first(source, noise, tmp_path):
    other = write(tmp_path / "1_noiselist.txt", "3 13 0.25 0.125\n0 2 0.001 0.0\n")
    for flags in ([other, noise], [other, "--noise-list", noise]):
        output = tmp_path / f"out{len(flags)}"
        fixed = ["--data-dir", source, "--output", output, "--noise-list", *flags]
        assert tool.main([str(flag) for flag in fixed]) == 0
        assert kept_keys(source, output) == [1, 3, 4, 7, 11, 12]
        lines = (output / "removed.txt").read_text().splitlines()
        assert len(lines) == 7 and lines[0] == "0 2 0.001 0.0" and lines[-1] == "3 13 0.25 0.125"


def test_only_rows_below_the_threshold_count_as_in_the_noise_pass(source, noise, tmp_path):
    tool.denoise(source, [noise], tmp_path / "out", threshold=0.007)
    # the noise pass flags float32 probabilities below the threshold: 0.007 itself stays
    largest = np.array([0.003, 0.007, 0.0069, 0.5, 1e-5, 0.001], np.float32)
    assert (largest < 0.007).tolist() == [True, False, True, False, True, True]
    assert kept_keys(source, tmp_path / "out") == [1, 3, 4, 5, 7, 8, 11, 12, 13]


def test_a_low_threshold_in_the_second_list_is_enough(source, tmp_path):
    first = write(tmp_path / "a", "0 2 0.9 0.9\n")
    second = write(tmp_path / "b", "0 2 0.001 0.0\n")
    tool.denoise(source, [first, second], tmp_path / "out", threshold=0.5)
    assert (tmp_path / "out" / "removed.txt").read_text() == "0 2 0.001 0.0\n"


@pytest.mark.parametrize("text", ["1 6\n\n2 10\n", "1 6 0.0069 0.0\n2.0 10 0.001 0 more 1\r\n"])
def test_what_a_keep_list_names_stays(source, noise, tmp_path, text):
    keep = write(tmp_path / "keep.txt", text)
    more = write(tmp_path / "more.txt", "0 2\n3 11\n")
    assert run(source, noise, tmp_path / "out", "--keep", keep, "--keep", more) == 0
    assert kept_keys(source, tmp_path / "out") == [1, 2, 3, 4, 6, 7, 10, 11, 12, 13]


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0 2 0.1 0.1\n\n1 2 0.1 0.1\n", "list.txt, line 3: record 2 of SET has label 0, not 1"),
        ("0 2 0.1 0.1\n3 14 0.1 0.1\n", "list.txt, line 2: record 14 of SET is no image"),
        ("0 0 0.1 0.1\n", "list.txt, line 1: record 0 of SET is no image"),
        ("0 99 0.9 0.9\n", "list.txt, line 1: record 99 of SET is no image"),
        ("0 2 0.9 0.9\n7 13 0.9 0.9\n", "list.txt, line 2: record 13 of SET has label 3, not 7"),
        ("0 1e30 0.1 0.1\n", "list.txt, line 1: record 4611686018427387904 of SET is no image"),
        ("1e30 2 0.1 0.1\n", "list.txt, line 1: record 2 of SET has label 0, not 46116"),
    ],
)
def test_a_list_of_another_set_is_refused(source, tmp_path, capsys, text, told, dry):
    """Also by rows that the threshold leaves out, and in a keep list."""
    foreign = write(tmp_path / "list.txt", text)
    own = write(tmp_path / "own.txt", "0 1 0.1 0.1\n")
    for lists in ([foreign, "--threshold", "0.5"], [own, "--keep", foreign]):
        assert run(source, *lists[:1], tmp_path / "out", *lists[1:], *dry) == 2
        message = capsys.readouterr().err
        assert told.replace("SET", str(source)) in message and message.count("\n") == 1
        assert "this list was made from another set" in message
        assert sorted(p.name for p in tmp_path.iterdir()) == ["list.txt", "own.txt", "set"]


@pytest.mark.parametrize(
    ("flag", "text", "told"),
    [
        ("--noise-list", "0 2\n", "x.txt, line 1: '0 2' is no line 'label record max(P) P[label]'"),
        ("--keep", "0 2\nzero two\n", "x.txt, line 2: 'zero two' is no line 'label record'"),
        ("--keep", "0 2.5\n", "x.txt, line 1"),
        ("--keep", "-1 2\n", "x.txt, line 1"),
        ("--keep", "inf 2\n", "x.txt, line 1"),
        ("--keep", "7\n", "x.txt, line 1"),
        ("--keep", None, "x.txt: No such file"),
        ("--noise-list", None, "x.txt: No such file"),
    ],
)
def test_what_is_no_list_is_told_with_its_line(source, noise, tmp_path, capsys, flag, text, told):
    if text is not None:
        write(tmp_path / "x.txt", text)
    assert run(source, noise, tmp_path / "out", flag, tmp_path / "x.txt") == 2
    message = capsys.readouterr().err
    assert told in message and message.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("threshold", ["0", "-0.1", "1.5", "nan"])
def test_a_threshold_is_a_probability(source, noise, tmp_path, capsys, threshold):
    assert run(source, noise, tmp_path / "out", f"--threshold={threshold}") == 2
    assert "--threshold" in capsys.readouterr().err


def test_a_dry_run_tells_the_same_and_writes_nothing(source, noise, tmp_path, capsys):
    damage(source, 12)
    write(source / "lfw.bin", "pairs")
    before = files(tmp_path)
    assert run(source, noise, tmp_path / "out", "--dry-run") == 0
    dry = capsys.readouterr().out
    assert files(tmp_path) == before and not (tmp_path / "out").exists()
    assert run(source, noise, tmp_path / "out") == 0
    done = capsys.readouterr().out
    assert dry.replace(" (dry run, nothing written)", "") == done.replace(", see left_out.csv", "")
    line = f"{tmp_path / 'out'}: 6 images of 3 identities, 1 verification set"
    assert dry.splitlines()[0] == f"{line} (dry run, nothing written)"
    assert dry.splitlines()[-1] == "1 broken record left out"


def test_relabelled_identities_are_contiguous_and_mapped(source, noise, tmp_path):
    write(source / "identities.txt", "0 Ann 4\n1 Bo 4\n2 Cy 2\n3 Di 3\n")
    assert run(source, noise, tmp_path / "out", "--relabel") == 0
    after = read_set(tmp_path / "out")
    assert after.identities == [0, 0, 0, 1, 2, 2, 2] and after.num_classes == 3
    assert (tmp_path / "out" / "mapping.csv").read_text() == (
        "new_label,old_label,images,name\n0,0,3,Ann\n1,1,1,Bo\n2,3,3,Di\n"
    )
    assert not run(source, noise, tmp_path / "gaps")
    assert not (tmp_path / "gaps" / "mapping.csv").exists()


def test_broken_records_are_left_out_whether_listed_or_not(source, noise, tmp_path, caplog):
    damage(source, 2, 12)
    summary = tool.denoise(source, [noise], tmp_path / "out")
    assert (summary.images, summary.removed, summary.broken) == (11, 5, 2)
    told = [record.getMessage() for record in caplog.records]
    assert ["record 2 is" in told[0], "record 12 is" in told[1], len(told)] == [True, True, 2]
    lines = (tmp_path / "out" / "left_out.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["record", "2", "12"]
    contents = read_set(write_face_set(tmp_path / "whole", COUNTS)).images
    expected = [contents[key].content for key in (1, 3, 4, 7, 11, 13)]
    assert read_set(tmp_path / "out").contents == expected
    write_face_set(source, COUNTS, num_classes=9)
    tool.denoise(source, [noise], tmp_path / "out", overwrite=True)
    assert not (tmp_path / "out" / "left_out.csv").exists()


def test_lists_that_remove_everything_are_refused(source, tmp_path, capsys):
    lines = [f"{label} {key} 0.1 0.1\n" for key, label in enumerate("0000111122333", start=1)]
    noise = write(tmp_path / "all.txt", "".join(lines))
    assert run(source, noise, tmp_path / "out") == 2
    message = capsys.readouterr().err
    assert "every image" in message and "--threshold" in message and message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_empty_list_removes_nothing_and_is_told(source, tmp_path, caplog):
    noise = write(tmp_path / "0_noiselist.txt", "")
    tool.denoise(source, [noise], tmp_path / "out")
    assert kept_keys(source, tmp_path / "out") == list(range(1, 14))
    assert "--noise-threshold" in caplog.text


@pytest.mark.parametrize("property_file", [True, False])
def test_a_plain_set_is_denoised_by_its_own_keys(tmp_path, property_file):
    source = write_plain_set(tmp_path / "set", {0: 1, 5: 0, 2: 1, 9: 3, 3: 0}, size=24)
    if not property_file:
        (source / "property").unlink()
    noise = write(tmp_path / "noise", "3 9 0.1 0.1\n1 0 0.1 0.1\n")
    tool.denoise(source, [noise], tmp_path / "out")
    after = read_set(tmp_path / "out")
    assert [image.label for image in after.images.values()] == [0.0, 0.0, 1.0]
    assert (after.num_classes, after.size) == (4, (24, 24))


def test_labels_beyond_the_classes_of_property_are_told(source, noise, tmp_path, capsys):
    write(source / "property", "3,16,16\n")
    assert run(source, noise, tmp_path / "out") == 2
    message = capsys.readouterr().err
    assert "says 3 classes, but record 11 has label 3" in message and message.count("\n") == 1


def test_an_identity_that_comes_back_is_told_with_the_mend(source, noise, tmp_path, capsys):
    set_label(source, 13, 0)
    assert run(source, noise, tmp_path / "out") == 2
    message = capsys.readouterr().err
    assert "label 0 comes back at record 13" in message
    assert "recordio_tools.subset" in message and message.count("\n") == 1


def test_verification_sets_go_along_and_are_never_lost(source, noise, tmp_path, capsys):
    write(source / "lfw.bin", "pairs")
    out = tmp_path / "out"
    assert run(source, noise, out) == 0 and (out / "lfw.bin").read_text() == "pairs"
    write(out / "lfw.bin", "other pairs")
    assert (source / "lfw.bin").read_text() == "pairs"
    assert run(source, noise, out) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(source, noise, out, "--no-bins", "--overwrite") == 2
    assert "lfw.bin, which would be lost" in capsys.readouterr().err
    assert run(source, noise, out, "--relabel", "--overwrite") == 0
    assert run(source, noise, out, "--overwrite") == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "denoise_report.csv",
        "identities.txt",
        "lfw.bin",
        "property",
        "removed.txt",
        "train.idx",
        "train.lst",
        "train.rec",
    ]
    assert run(source, noise, source, "--overwrite") == 2
    assert "overlaps the input" in capsys.readouterr().err


def test_a_list_that_fails_late_leaves_the_older_set(source, noise, tmp_path):
    out = tmp_path / "out"
    tool.denoise(source, [noise], out)
    before = files(out)
    foreign = write(tmp_path / "foreign", "0 2 0.1 0.1\n3 14 0.1 0.1\n")
    with pytest.raises(InputError, match="record 14"):
        tool.denoise(source, [foreign], out, overwrite=True)
    assert files(out) == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_training_reads_the_set_with_its_gap(source, noise, tmp_path):
    tool.denoise(source, [noise], tmp_path / "out")
    records = FaceRecords(tmp_path / "out")
    assert records.identities.tolist() == [[1, 4], [4, 5], [5, 8]]
    batches = ImageIter(records, 7, (3, 16, 16), log=lambda line: None)
    (batch,) = batches
    assert sorted(batch.label[0].asnumpy()) == [0, 0, 0, 1, 3, 3, 3]
    batches.close()


def test_real_faces_lose_what_a_list_names(shared, tmp_path):
    source = shared / "real" / "rec_head"
    before = read_set(source).images
    listed = [key for key in before if key % 7 == 3]
    noise = write(
        tmp_path / "noise", "".join(f"{before[key].identity} {key} 0.01 0.001\n" for key in listed)
    )
    summary = tool.denoise(source, [noise], tmp_path / "out")
    assert (summary.images, summary.removed) == (3726, len(listed))
    after = read_set(tmp_path / "out")
    assert after.num_classes == 128
    assert list(after.images.values()) == [i for key, i in before.items() if key not in listed]
