"""Embeddings written to a file: of every kind of source, after interruptions, with bad images."""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from eval.embed import extract
from eval.embed_parts.embedding_files import ResumableRows
from eval.embed_parts.face_sources import open_faces
from record_fixtures import encode, face, write_face_set, write_plain_set
from unequal.support.errors import InputError

SIZES = (5, 4, 4, 3)
IMAGES = sum(SIZES)


class Killed(BaseException):
    """What nothing catches."""


def embed(images: np.ndarray) -> np.ndarray:
    """float32 (n, 6): means of the left and of the right half, per channel."""
    halves = np.split(images.astype(np.float32), 2, axis=3)
    return np.concatenate([half.mean(axis=(2, 3)) for half in halves], axis=1)


def dying_after(calls: int):
    """`embed`, which fails after so many calls."""
    left = iter(range(calls))

    def dying(images: np.ndarray) -> np.ndarray:
        if next(left, None) is None:
            raise Killed
        return embed(images)

    return dying


def run(path, output, settings=None, network=embed, fresh=False, **options):
    """Rows that were there before."""
    with closing(open_faces(path)) as source:
        rows = ResumableRows(output, source.count, settings or {"--model": "m"}, fresh)
        before = rows.done
        if before < rows.count:
            extract(source, network, rows, 3, commit_seconds=0, **options)
        rows.finish()
        return before


def texts(output: Path) -> list[str]:
    return output.with_suffix(".csv").read_text().splitlines()


def image_folder(folder: Path) -> Path:
    """A folder of PNG images, 16 pixels, in sub-folders of any depth and beside them."""
    for name in ("b/2.png", "b/1.png", "a/deep/1.png", "top.png"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(face(ord(name[0]), ord(name[-5])), ".png"))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Without the .tmp of a run that was killed while it replaced a file, which stays a while."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".tmp"}


def test_a_folder_of_images_at_any_depth(tmp_path):
    folder = image_folder(tmp_path / "faces")
    run(folder, tmp_path / "emb.npy", flip=False)
    assert texts(tmp_path / "emb.npy") == [
        "row,label,name",
        "0,top.png,top.png",
        "1,a/deep,a/deep/1.png",
        "2,b,b/1.png",
        "3,b,b/2.png",
    ]
    rows = np.load(tmp_path / "emb.npy")
    assert rows.dtype == np.float32 and rows.shape == (4, 6)
    expected = face(ord("b"), ord("2")).astype(np.float64)
    halves = [expected[:, :8].mean(axis=(0, 1)), expected[:, 8:].mean(axis=(0, 1))]
    np.testing.assert_allclose(rows[3], np.concatenate(halves), rtol=1e-6)


def test_flip_adds_the_mirror_image_and_normalize_makes_length_1(tmp_path):
    folder = image_folder(tmp_path / "faces")
    run(folder, tmp_path / "plain.npy", flip=False)
    run(folder, tmp_path / "both.npy")
    run(folder, tmp_path / "unit.npy", normalize=True)
    plain, both, unit = (np.load(tmp_path / f"{n}.npy") for n in ("plain", "both", "unit"))
    # the mirror image swaps the halves
    np.testing.assert_allclose(both, plain + np.roll(plain, 3, axis=1), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-6)
    lengths = np.linalg.norm(both, axis=1)
    np.testing.assert_allclose(unit * lengths[:, None], both, rtol=1e-5)


@pytest.mark.parametrize("by_file", [False, True])
def test_a_face_set_has_labels_and_the_paths_of_its_list(tmp_path, by_file):
    folder = write_face_set(tmp_path / "set", SIZES)
    labels = np.repeat(np.arange(4), SIZES)
    listed = "".join(f"1\tp{label}/{row}.jpg\t{label}\n" for row, label in enumerate(labels))
    (folder / "train.lst").write_text(listed)
    run(folder / "train.rec" if by_file else folder, tmp_path / "emb.npy")
    assert texts(tmp_path / "emb.npy")[1:] == [
        f"{row},{label},p{label}/{row}.jpg" for row, label in enumerate(labels)
    ]


def test_a_face_set_without_a_list_or_property_has_record_keys(tmp_path):
    folder = write_plain_set(tmp_path / "set", {3: 1, 8: 0, 9: 1})
    (folder / "property").unlink()
    run(folder, tmp_path / "emb.npy")
    assert texts(tmp_path / "emb.npy")[1:] == ["0,1,3", "1,0,8", "2,1,9"]


def test_a_verification_set_knows_pairs_only(tmp_path):
    images = [encode(face(i, 0)) for i in range(4)]
    (tmp_path / "lfw.bin").write_bytes(pickle.dumps((images, [True, False]), 2))
    run(tmp_path / "lfw.bin", tmp_path / "emb.npy")
    assert texts(tmp_path / "emb.npy")[1:] == [
        "0,pair-0,0", "1,pair-0,1", "2,pair-1-a,2", "3,pair-1-b,3"
    ]  # fmt: skip


def test_images_that_cannot_be_decoded_have_rows_of_nan_and_are_named(tmp_path):
    folder = write_face_set(tmp_path / "set", SIZES, payloads={2: b"no image", 16: b""})
    run(folder, tmp_path / "emb.npy")
    rows = np.load(tmp_path / "emb.npy")
    assert np.flatnonzero(np.isnan(rows).all(axis=1)).tolist() == [1, 15]
    assert np.isnan(rows).sum() == 2 * rows.shape[1]
    assert json.loads((tmp_path / "emb.json").read_text())["unreadable"] == ["2", "16"]


@pytest.mark.parametrize("calls", [0, 1, 2, 4, 7, 10])
def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path, calls):
    folder = write_face_set(tmp_path / "set", SIZES, payloads={2: b"no image", 14: b"none"})
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    run(folder, tmp_path / "whole" / "emb.npy")
    with pytest.raises(Killed):
        run(folder, tmp_path / "parts" / "emb.npy", network=dying_after(calls))
    assert not (tmp_path / "parts" / "emb.npy").exists()
    before = run(folder, tmp_path / "parts" / "emb.npy")
    # each batch of three takes two calls; the one before the last may not be waited for yet
    assert before >= 3 * (calls // 2 - 1)
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_what_lies_beyond_what_is_safe_is_cut_off(tmp_path):
    folder = write_face_set(tmp_path / "set", SIZES)
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    run(folder, tmp_path / "whole" / "emb.npy")
    output = tmp_path / "parts" / "emb.npy"
    with pytest.raises(Killed):
        run(folder, output, network=dying_after(4))
    for name, torn in (
        ("emb.npy.partial", b"\1\2\3"),
        ("emb.csv.partial", b"9,half a li"),
    ):
        with open(output.with_name(name), "ab") as file:
            file.write(torn)
    assert run(folder, output) > 0
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


CORNER = "lambda images: images[:, :, 0, :2].reshape(len(images), 6).astype('float32')"
CHILD = f"""
import sys, time
sys.path[:0] = sys.argv[3:]
from eval.embed import extract
from eval.embed_parts.face_sources import open_faces
from eval.embed_parts.embedding_files import ResumableRows
corner = {CORNER}
def slow(images):
    time.sleep(0.02)
    return corner(images)
source = open_faces(sys.argv[1])
rows = ResumableRows(sys.argv[2], source.count, {{"--model": "m"}})
extract(source, slow, rows, 3, commit_seconds=0)
rows.finish()
"""


def test_killed_at_random_moments_it_ends_with_the_same_bytes(tmp_path):
    folder = write_face_set(tmp_path / "set", (60, 50, 40), payloads={11: b"none"})
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    corner = eval(CORNER)
    run(folder, tmp_path / "whole" / "emb.npy", network=corner)
    output = tmp_path / "parts" / "emb.npy"
    command = [sys.executable, "-c", CHILD, str(folder), str(output), *sys.path]
    for _ in range(2):
        child = subprocess.Popen(command)
        while not output.with_name("emb.npy.partial").exists():
            assert child.poll() is None
            time.sleep(0.02)
        time.sleep(random.uniform(0.02, 0.6))
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert not output.exists()
    run(folder, output, network=corner)
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_a_finished_file_is_left_alone(tmp_path):
    folder = write_face_set(tmp_path / "set", SIZES)
    run(folder, tmp_path / "emb.npy")
    before = files(tmp_path / "set"), (tmp_path / "emb.npy").stat().st_mtime_ns

    def unused(images):
        raise AssertionError

    assert run(folder, tmp_path / "emb.npy", network=unused) == IMAGES
    assert before == (files(tmp_path / "set"), (tmp_path / "emb.npy").stat().st_mtime_ns)


@pytest.mark.parametrize("finished", [False, True])
def test_other_settings_are_refused_until_told_to_begin_anew(tmp_path, finished):
    folder = write_face_set(tmp_path / "set", SIZES)
    output = tmp_path / "emb.npy"

    if finished:
        run(folder, output)
    else:
        with pytest.raises(Killed):
            run(folder, output, network=dying_after(6))
    with pytest.raises(InputError, match=r"made with --model m, not other.*`fresh`") as caught:
        run(folder, output, {"--model": "other"})
    assert "\n" not in str(caught.value)
    assert run(folder, output, {"--model": "other"}, fresh=True) == 0
    assert json.loads((tmp_path / "emb.json").read_text())["settings"] == {"--model": "other"}


def test_somebody_elses_file_is_not_replaced_unasked(tmp_path):
    folder = write_face_set(tmp_path / "set", SIZES)
    (tmp_path / "emb.npy").write_bytes(b"precious")
    with pytest.raises(InputError, match="made by something else"):
        run(folder, tmp_path / "emb.npy")
    assert (tmp_path / "emb.npy").read_bytes() == b"precious"


def test_an_image_of_another_size_is_named_and_what_was_done_is_kept(tmp_path):
    folder = write_face_set(tmp_path / "set", SIZES, payloads={13: encode(face(0, 0, size=20))})
    with pytest.raises(InputError, match="image 13 is 20x20 pixels .* others 16x16"):
        run(folder, tmp_path / "emb.npy")
    write_face_set(folder, SIZES)
    assert run(folder, tmp_path / "emb.npy") > 0


@pytest.mark.parametrize(
    "name, told",
    [("absent", "no such file"), ("other.rec", "named train.rec"), ("notes.txt", "is no face set"),
     ("empty", "holds no images"), ("lfw.bin", "lfw.bin: "), ("half", "train.idx")],
)  # fmt: skip
def test_what_is_no_source_of_faces_is_told_in_one_line(tmp_path, name, told):
    (tmp_path / "empty").mkdir()
    (tmp_path / "half").mkdir()
    for file in ("other.rec", "notes.txt", "lfw.bin", "half/train.rec"):
        (tmp_path / file).write_bytes(b"something")
    with pytest.raises(InputError, match=told) as caught:
        open_faces(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_images_of_which_none_can_be_decoded_are_told(tmp_path):
    (tmp_path / "faces" / "a").mkdir(parents=True)
    (tmp_path / "faces" / "a" / "1.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match="none of its 1 images can be decoded"):
        run(tmp_path / "faces", tmp_path / "emb.npy")
