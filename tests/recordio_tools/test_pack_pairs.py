"""Verification sets are packed from lists of pairs, and come apart into what they were made of."""

from __future__ import annotations

import csv
import logging
import pickle
import pickletools
import re
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from eval.verification_parts.verification_set import load_bin
from record_fixtures import encode, face
from recordio_tools.pack_pairs import main, pack_pairs
from recordio_tools.pack_pairs_parts.pair_list import read_pair_list
from recordio_tools.unpack_pairs import main as unpack_main
from recordio_tools.unpack_pairs import unpack_pairs
from unequal.support.errors import InputError

LFW = "2\t1\nAnn\t1\t2\nAnn\t1\tBob Lee\t3\nBob Lee\t3\t12\nBob Lee\t12\tAnn\t2\n"
LFW_IMAGES = [
    ("Ann", 1),
    ("Ann", 2),
    ("Ann", 1),
    ("Bob Lee", 3),
    ("Bob Lee", 3),
    ("Bob Lee", 12),
    ("Bob Lee", 12),
    ("Ann", 2),
]


@pytest.fixture
def root(tmp_path) -> Path:
    """A folder of images as LFW's: Ann 1 and 2, Bob Lee 3 and 12."""
    folder = tmp_path / "faces"
    for identity, (name, numbers) in enumerate([("Ann", (1, 2)), ("Bob Lee", (3, 12))]):
        (folder / name).mkdir(parents=True)
        for number in numbers:
            (folder / name / f"{name}_{number:04d}.jpg").write_bytes(encode(face(identity, number)))
    return folder


@pytest.fixture
def listed(tmp_path):
    def listed(text: str) -> Path:
        path = tmp_path / "pairs.txt"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return path

    return listed


def images_of(root: Path, names, suffix=".jpg") -> list[bytes]:
    return [(root / name / f"{name}_{n:04d}{suffix}").read_bytes() for name, n in names]


def unpickled(path: Path):
    with path.open("rb") as file:
        return pickle.load(file, encoding="bytes")


@pytest.mark.parametrize(
    "text",
    [
        LFW,
        LFW.replace("2\t1", "2", 1),
        "\ufeff" + LFW.replace("\n", "\r\n") + "\r\n",
        LFW.replace("\t", "  ").replace("Bob Lee", "Bob_Lee"),
    ],
    ids=["folds", "no_folds", "windows", "spaces"],
)
def test_the_pairs_of_lfw_are_packed_in_their_order(tmp_path, root, listed, text):
    names = LFW_IMAGES
    if "Bob_Lee" in text:
        names = [(name.replace(" ", "_"), number) for name, number in names]
        (root / "Bob Lee").rename(root / "Bob_Lee")
        for path in (root / "Bob_Lee").iterdir():
            path.rename(path.with_name(path.name.replace(" ", "_")))
    output = tmp_path / "new" / "lfw.bin"
    summary = pack_pairs(listed(text), root, output)
    assert summary == (output, 4, 2, 0, (16, 16))
    assert unpickled(output) == (images_of(root, names), [True, False, True, False])


def test_names_of_lfw_take_another_suffix(tmp_path, root, listed):
    for path in sorted(root.glob("*/*.jpg")):
        path.with_suffix(".png").write_bytes(encode(cv2.imread(str(path)), ".png"))
    pack_pairs(listed(LFW), root, tmp_path / "a.bin", names_suffix="png")
    assert unpickled(tmp_path / "a.bin")[0] == images_of(root, LFW_IMAGES, ".png")
    pack_pairs(listed(LFW), root, tmp_path / "b.bin")
    assert unpickled(tmp_path / "b.bin")[0] == images_of(root, LFW_IMAGES)
    for path in root.glob("*/*.jpg"):
        path.unlink()
    pack_pairs(listed(LFW), root, tmp_path / "c.bin")
    assert unpickled(tmp_path / "c.bin")[0] == images_of(root, LFW_IMAGES, ".png")


@pytest.mark.parametrize(
    "text",
    [
        'path1,path2,issame\n"a,1.jpg",b 2.jpg,1\nä.jpg,"a,1.jpg",0\n',
        '"a,1.jpg" , b 2.jpg , 1\n ä.jpg ,"a,1.jpg", 0\n',
        '"a,1.jpg",b 2.jpg,True\n\nä.jpg,"a,1.jpg",FALSE',
        "first\tsecond\tissame\na,1.jpg\tb 2.jpg\ttrue\nä.jpg\ta,1.jpg\t0\n",
    ],
    ids=["header", "spaces", "no_header", "tabs"],
)
def test_pairs_of_paths_are_packed_as_they_stand(tmp_path, listed, text):
    names = ["a,1.jpg", "b 2.jpg", "ä.jpg"]
    for identity, name in enumerate(names):
        (tmp_path / name).write_bytes(encode(face(identity, 0)))
    pack_pairs(listed(text), tmp_path, tmp_path / "x.bin")
    images, flags = unpickled(tmp_path / "x.bin")
    expected = [(tmp_path / names[i]).read_bytes() for i in (0, 1, 2, 0)]
    assert (images, flags) == (expected, [True, False])


def test_the_pickle_is_of_python_2_as_the_published_sets_are(tmp_path, root, listed, golden):
    pack_pairs(listed(LFW), root, tmp_path / "x.bin")
    packed = (tmp_path / "x.bin").read_bytes()
    published = (golden / "e_verification" / "lfw_py2_32px.bin").read_bytes()
    memo = {"BINPUT", "LONG_BINPUT"}
    known = {opcode.name for opcode, _, _ in pickletools.genops(published)} - memo
    found = [opcode for opcode, _, _ in pickletools.genops(packed)]
    assert {opcode.name for opcode in found} == known and "BINSTRING" in known
    assert max(opcode.proto for opcode in found) == 2
    # what Python 2 reads are the same characters as Python 3 reads under this encoding
    images, _ = pickle.loads(packed, encoding="latin1")
    assert [image.encode("latin1") for image in images] == images_of(root, LFW_IMAGES)
    assert load_bin(tmp_path / "x.bin").encoded == tuple(images_of(root, LFW_IMAGES))


def test_images_do_not_gather_in_memory(tmp_path, listed):
    noise = np.random.randint(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    sizes = []
    for name, image in zip("ab", noise):
        sizes.append((tmp_path / f"{name}.png").write_bytes(encode(image, ".png")))
    pairs = listed("a.png,b.png,0\n" * 300)
    tracemalloc.start()
    try:
        pack_pairs(pairs, tmp_path, tmp_path / "x.bin")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "x.bin").stat().st_size > 300 * sum(sizes)
    assert peak < 300 * sum(sizes) / 5


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("2\t1\nAnn\t1\t2\n", "promises 4 pairs and 1 follow"),
        ("1\nAnn\t1\t2\nAnn\t1\t2\nAnn\t1\t2\n", "promises 2 pairs and 3 follow"),
        ("1\nAnn\t1\t2\nAnn\tBob\t2\n", "line 3: .* is no line 'name n1 n2'"),
        ("1\nAnn\t1\t2\nAnn\t1\n", "line 3"),
        ("Ann\t1\t2\nAnn\t1\t2\n", "line 1: .*nor does the list start with numbers"),
        ("a.jpg,b.jpg,1\na.jpg,b.jpg\n", "line 2"),
        ("a.jpg,b.jpg,1\na.jpg,b.jpg,2\n", "line 2"),
        ("a.jpg,b.jpg,2\na.jpg,b.jpg,1\n", "line 1"),
        ("a.jpg,b.jpg,1\npath1,path2,issame\n", "line 2"),
        (",b.jpg,1\n", "line 1"),
        (f"{'9' * 5000}\nAnn\t1\t2\n", "line 1: .*nor does the list start with numbers"),
        (f"2\t{'9' * 5000}\nAnn\t1\t2\n", "line 1"),
        (f"1\nAnn\t1\t{'9' * 5000}\nAnn\t1\t2\n", "line 2"),
        (f"a.jpg,b.jpg,1\n{'a' * 131_073},b.jpg,1\n", "line 2"),
        ("a.jpg,b.jpg,1\na\r.jpg,b.jpg,1\n", "line 2"),
    ],
)
def test_a_list_that_is_none_is_told_with_its_line(tmp_path, root, listed, text, told):
    with pytest.raises(InputError, match=f"pairs.txt.*{told}") as caught:
        pack_pairs(listed(text), root, tmp_path / "x.bin")
    assert "\n" not in str(caught.value) and not (tmp_path / "x.bin").exists()


def test_a_path_that_is_not_utf_8_is_found(tmp_path, listed):
    name = b"\xe9.jpg".decode("utf-8", "surrogateescape")
    (tmp_path / name).write_bytes(encode(face(0, 0)))
    pairs = listed(f"{name},{name},1\n" * 2)
    assert [pair.first for pair in read_pair_list(pairs)] == [name, name]
    assert pack_pairs(pairs, tmp_path, tmp_path / "x.bin").pairs == 2


@pytest.mark.parametrize(
    "damage, told",
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(b""), "it is empty"),
        (lambda path: path.write_bytes(b"no image"), "cannot decode"),
    ],
    ids=["missing", "empty", "text"],
)
def test_a_pair_without_its_image_stops_it_or_is_left_out_and_told(
    tmp_path, root, listed, caplog, capsys, damage, told
):
    damage(root / "Bob Lee" / "Bob Lee_0012.jpg")
    (tmp_path / "x.bin").write_bytes(b"older")
    flags = ["--pairs", str(listed(LFW)), "--images", str(root), "--overwrite"]
    flags += ["--output", str(tmp_path / "x.bin")]
    assert main(flags) == 2
    error = capsys.readouterr().err
    assert "pairs.txt, line 4: " in error and "Bob Lee_0012.jpg: " in error and told in error
    assert (tmp_path / "x.bin").read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", "pairs.txt", "x.bin"]
    with caplog.at_level(logging.WARNING):
        assert main([*flags, "--skip-missing"]) == 0
    assert unpickled(tmp_path / "x.bin") == (images_of(root, LFW_IMAGES[:4]), [True, False])
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2 and "line 4 is left out" in lines[0] and "line 5" in lines[1]
    assert "2 pairs left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text, number, told",
    [
        ("good\ngood\na\0.jpg\tAnn/Ann_0001.jpg\t1\n", 3, "a path with a zero byte"),
        ("good\na\0.jpg,Ann/Ann_0001.jpg,1\ngood\n", 2, "zero byte|is no line"),
        ("4\nAnn\t1\t2\nA\0n\t1\t2\n" + "Ann\t1\t2\n" * 6, 3, "a path with a zero byte"),
        (f"good\ngood\n{'a' * 300}.jpg\tAnn/Ann_0001.jpg\t1\n", 3, "name too long"),
        (f"4\n{'a' * 300}\t1\t2\n" + "Ann\t1\t2\n" * 7, 2, "name too long"),
    ],
    ids=["tabs", "csv", "lfw", "long", "long in lfw"],
)
def test_a_path_that_no_file_can_have_is_an_image_that_is_missing(
    tmp_path, root, listed, capsys, text, number, told
):
    text = text.replace("good", "Ann/Ann_0001.jpg\tAnn/Ann_0002.jpg\t1")
    pairs = ["--pairs", str(listed(text)), "--images", str(root)]
    assert main([*pairs, "--output", str(tmp_path / "x.bin")]) == 2
    error = capsys.readouterr().err
    assert f"pairs.txt, line {number}: " in error and re.search(told, error)
    assert error.count("\n") == 1 and not (tmp_path / "x.bin").exists()


def test_images_of_another_size_are_refused(tmp_path, root, listed, capsys):
    flags = ["--pairs", str(listed(LFW)), "--images", str(root)]
    flags += ["--output", str(tmp_path / "x.bin"), "--skip-missing", "--size"]
    assert main([*flags, "112"]) == 2
    assert "Ann_0001.jpg is 16x16 pixels, where --size asks for 112x112" in capsys.readouterr().err
    assert main([*flags, "0"]) == 2
    assert "--size 0" in capsys.readouterr().err
    (root / "Ann" / "Ann_0002.jpg").write_bytes(encode(face(0, 2)[:12]))
    assert main(flags[:-1]) == 2
    error = capsys.readouterr().err
    assert "line 2: " in error and "is 12x16 pixels, where those before have 16x16" in error
    assert not (tmp_path / "x.bin").exists()
    (root / "Ann" / "Ann_0002.jpg").write_bytes(encode(face(0, 2)))
    assert main([*flags, "16,16"]) == 0


def test_fewer_than_two_pairs_are_no_verification_set(tmp_path, root, listed):
    with pytest.raises(InputError, match="1 pairs"):
        pack_pairs(listed("Ann/Ann_0001.jpg,Ann/Ann_0002.jpg,1"), root, tmp_path / "x.bin")
    assert not (tmp_path / "x.bin").exists()


def test_what_is_in_the_way_is_told_before_the_work(tmp_path, root, listed, capsys):
    pairs = str(listed(LFW))
    (tmp_path / "x.bin").write_bytes(b"older")
    for flags, told in [
        (["--images", str(root), "--output", str(tmp_path / "x.bin")], "add --overwrite"),
        (["--images", str(root), "--output", str(root)], "is a folder"),
        (["--images", str(root), "--output", pairs, "--overwrite"], "overlaps the input"),
        (["--images", pairs, "--output", str(tmp_path / "y.bin")], "no such folder"),
        (["--images", str(root), "--output", f"{tmp_path}/x.bin/y.bin"], "cannot be written"),
    ]:
        assert main(["--pairs", pairs, *flags]) == 2
        error = capsys.readouterr().err
        assert told in error and error.count("\n") == 1
    assert main(["--pairs", "absent.txt", "--images", ".", "--output", "y.bin"]) == 2
    assert "absent.txt" in capsys.readouterr().err
    assert (tmp_path / "x.bin").read_bytes() == b"older"


@pytest.mark.parametrize("name", ["lfw_py2_32px", "lfw_py3_protocol2_32px"])
def test_a_set_taken_apart_and_packed_again_is_the_same(tmp_path, golden, capsys, name):
    there = golden / "e_verification" / f"{name}.bin"
    apart, again = tmp_path / "apart", tmp_path / "again.bin"
    assert unpack_main(["--bin", str(there), "--output", str(apart)]) == 0
    flags = ["--pairs", str(apart / "pairs.csv"), "--images", str(apart)]
    assert main([*flags, "--output", str(again)]) == 0
    images, flags = unpickled(again)
    expected_images, expected_flags = unpickled(there)
    assert images == expected_images and flags == expected_flags and len(flags) == 60
    assert len(list((apart / "images").iterdir())) == 120
    assert "60 pairs" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["lfw_600", "unseen_ids", "numpy_entries_10"])
def test_real_sets_come_apart_and_together_again(tmp_path, shared, name):
    there = shared / "real" / f"{name}.bin"
    unpack_pairs(there, tmp_path / "apart")
    pack_pairs(tmp_path / "apart" / "pairs.csv", tmp_path / "apart", tmp_path / "again.bin")
    images, flags = unpickled(there)
    as_bytes = [i if isinstance(i, bytes) else np.asarray(i).tobytes() for i in images]
    assert unpickled(tmp_path / "again.bin") == (as_bytes, list(map(bool, flags)))


def test_files_end_as_their_images_are(tmp_path, caplog):
    images = [encode(face(0, 0)), encode(face(0, 1), ".png"), encode(face(1, 0), ".bmp"), b"what?"]
    entries = [images[0], np.frombuffer(images[1], np.uint8)[:, None], *images[2:]]
    (tmp_path / "x.bin").write_bytes(pickle.dumps((entries, np.array([1, 0])), 2))
    summary = unpack_pairs(tmp_path / "x.bin", tmp_path / "apart")
    assert summary == (tmp_path / "apart", 2, 1, 1)
    assert "1 images are of no known format" in caplog.text
    with (tmp_path / "apart" / "pairs.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["path1", "path2", "issame"] and [row[2] for row in rows] == ["1", "0"]
    names = [name for row in rows for name in row[:2]]
    assert [Path(name).suffix for name in names] == [".jpg", ".png", ".bmp", ".unknown"]
    assert [(tmp_path / "apart" / name).read_bytes() for name in names] == images


def test_a_set_of_one_pair_comes_apart(tmp_path):
    (tmp_path / "x.bin").write_bytes(pickle.dumps(([b"a", b"b"], [True]), 2))
    assert unpack_pairs(tmp_path / "x.bin", tmp_path / "apart").pairs == 1


@pytest.mark.parametrize(
    "content, told",
    [
        (b"text", "not a whole pickle"),
        (pickle.dumps([1, 2, 3]), "not a verification set"),
        (pickle.dumps(([b"a"], [True])), "1 images for 1 pairs"),
        (pickle.dumps(([], [])), "has no pair"),
    ],
)
def test_what_is_no_set_is_told_and_nothing_written(tmp_path, capsys, content, told):
    (tmp_path / "x.bin").write_bytes(content)
    flags = ["--bin", str(tmp_path / "x.bin"), "--output", str(tmp_path / "apart")]
    assert unpack_main(flags) == 2
    with pytest.raises(InputError, match=f"x.bin.*{told}"):
        unpack_pairs(tmp_path / "x.bin", tmp_path / "apart")
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "apart").exists()


def test_files_of_yours_among_the_images_are_not_overwritten(tmp_path, golden):
    there = golden / "e_verification" / "lfw_py2_32px.bin"
    unpack_pairs(there, tmp_path / "apart")
    (tmp_path / "apart" / "images" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds 1 files and folders more"):
        unpack_pairs(there, tmp_path / "apart", overwrite=True)
    assert (tmp_path / "apart" / "images" / "mine.txt").read_text() == "mine"


def test_a_folder_of_other_things_is_not_replaced(tmp_path, golden):
    there = golden / "e_verification" / "lfw_py2_32px.bin"
    (tmp_path / "apart").mkdir()
    (tmp_path / "apart" / "mine.txt").write_text("")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="`output`"):
            unpack_pairs(there, tmp_path / "apart", overwrite)
    assert [path.name for path in (tmp_path / "apart").iterdir()] == ["mine.txt"]
    (tmp_path / "apart" / "mine.txt").unlink()
    unpack_pairs(there, tmp_path / "apart")
    assert unpack_pairs(there, tmp_path / "apart", overwrite=True).pairs == 60
