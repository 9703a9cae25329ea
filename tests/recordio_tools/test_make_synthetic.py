"""The synthetic data set: layout, planted noise against its truth, and what makes it hard."""

from __future__ import annotations

import csv
import pickle
from collections import Counter
from dataclasses import fields
from pathlib import Path

import cv2
import mxnet as mx
import numpy as np
import pytest

from recordio_tools import make_synthetic as tool
from recordio_tools.make_synthetic_parts import drawing
from recordio_tools.make_synthetic_parts.identity import draw_relative
from recordio_tools.make_synthetic_parts.photos import draw_clutter
from recordio_tools.make_synthetic_parts.plan import GROUPS, SyntheticPlan, identity_of
from unequal.support.errors import InputError

ENDS = ("low", "high")
TINY = {
    "identities": 5,
    "images": 8,
    "tail_identities": 6,
    "tail_images": (2, 4),
    "unseen_identities": 4,
    "pairs": 40,
    "size": 32,
    "label_noise": 0.2,
    "outliers": 0.15,
    "processes": 1,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "faces"
    tool.make_synthetic(folder, seed=3, **TINY)
    return folder


def truth(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "truth.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["set"] == name]


def open_set(folder: Path) -> mx.recordio.MXIndexedRecordIO:
    return mx.recordio.MXIndexedRecordIO(str(folder / "train.idx"), str(folder / "train.rec"), "r")


def files(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize(("name", "classes"), [("head", 5), ("tail", 6)])
def test_the_identity_ranges_cover_all_images_and_agree_with_their_labels(made, name, classes):
    assert (made / name / "property").read_text().strip() == f"{classes},32,32"
    records = open_set(made / name)
    header, _ = mx.recordio.unpack(records.read_idx(0))
    first, last = header.label.astype(int).tolist()
    assert header.flag > 0 and last - first == classes
    expected = 1
    for label, key in enumerate(range(first, last)):
        begin, end = mx.recordio.unpack(records.read_idx(key))[0].label.astype(int).tolist()
        assert begin == expected
        headers = [mx.recordio.unpack(records.read_idx(k))[0] for k in range(begin, end)]
        labels = [header.label[0] for header in headers]
        assert set(labels) == {label}
        assert len(labels) == 8 if name == "head" else 2 <= len(labels) <= 4
        expected = end
    assert expected == first
    assert len((made / name / "train.lst").read_text().splitlines()) == first - 1


def test_every_image_is_a_jpeg_of_the_stated_size(made):
    records = open_set(made / "tail")
    for row in truth(made, "tail"):
        _, content = mx.recordio.unpack(records.read_idx(int(row["record"])))
        assert content[:2] == b"\xff\xd8"
        assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape == (32, 32, 3)


@pytest.mark.parametrize("name", ["head", "tail"])
def test_the_truth_lists_every_record_with_the_label_it_was_given(made, name):
    records = open_set(made / name)
    first_identity = int(mx.recordio.unpack(records.read_idx(0))[0].label[0])
    rows = truth(made, name)
    assert [int(row["record"]) for row in rows] == list(range(1, first_identity))
    for row in rows:
        header, _ = mx.recordio.unpack(records.read_idx(int(row["record"])))
        assert header.label[0] == int(row["label"])


def test_the_planted_noise_has_the_stated_shares(made):
    rows = truth(made, "head")
    assert Counter(row["kind"] for row in rows) == {"label": 8, "outlier": 6, "clean": 26}
    assert all((row["identity"] == row["label"]) == (row["kind"] == "clean") for row in rows)
    assert all((row["identity"] == "outlier") == (row["kind"] == "outlier") for row in rows)
    wrong = [int(row["identity"]) for row in rows if row["kind"] == "label"]
    assert all(0 <= identity < 5 for identity in wrong)
    outliers = Counter(row["content"] for row in rows if row["kind"] == "outlier")
    assert outliers == {"face": 3, "clutter": 3}
    assert {row["kind"] for row in truth(made, "tail")} == {"clean"}


def test_the_pairs_alternate_and_match_as_the_truth_says(made):
    content = (made / "head" / "unseen.bin").read_bytes()
    assert content[:2] == b"\x80\x02"
    images, matches = pickle.loads(content)
    assert matches == [True, False] * 20
    assert all(isinstance(image, bytes) for image in images)
    people = [int(row["identity"]) for row in truth(made, "unseen")]
    assert len(people) == len(images) == 80
    assert [a == b for a, b in zip(people[0::2], people[1::2])] == matches
    assert set(people) == set(range(4))
    assert len(set(images)) == 80


def test_no_identity_is_in_two_groups():
    recipe = SyntheticPlan()
    faces = [identity_of(recipe, group, person) for group in GROUPS[:4] for person in range(30)]
    widths = [face.face_width for face in faces]
    assert len(set(widths)) == len(widths)


@pytest.mark.slow
def test_a_seed_gives_the_same_files_whatever_the_number_of_processes(made, tmp_path):
    tool.make_synthetic(tmp_path / "two", seed=3, **dict(TINY, processes=2))
    assert files(tmp_path / "two") == files(made)
    tool.make_synthetic(tmp_path / "other", seed=4, **TINY)
    assert files(tmp_path / "other")["head/train.rec"] != files(made)["head/train.rec"]


@pytest.mark.parametrize("size", [32, 48, 112])
def test_pictures_are_rgb_bytes_of_any_size(size):
    rng = np.random.default_rng(1)
    for image in (tool.draw_image(tool.draw_identity(rng), rng, size), draw_clutter(rng, size)):
        assert image.dtype == np.uint8 and image.shape == (size, size, 3)
        assert image.std() > 5


def test_pictures_are_in_rgb_order():
    pale = dict(skin_darkness=0.25, skin_warmth=1.0, mole=0.0, beard=0.0, nose_width=0.2)
    identity = tool.Identity(**{**tool.draw_identity(np.random.default_rng(0)).__dict__, **pale})
    image = tool.draw_image(identity, np.random.default_rng(0), 64, difficulty=0.0)
    red, _, blue = image[30:40, 28:36].reshape(-1, 3).mean(axis=0)
    assert red > blue + 30


def test_every_trait_changes_the_picture():
    """A trait that cannot be seen would make two identities indistinguishable."""
    middle = {
        entry.name: (entry.metadata["low"] + entry.metadata["high"]) / 2
        for entry in fields(tool.Identity)
    }
    middle.update(glasses=0.9, beard=0.9, moustache=0.9, freckles=0.9, folds=0.9)
    middle.update(mole=0.9, mole_x=0.3)

    def picture(traits):
        image = tool.draw_image(tool.Identity(**traits), np.random.default_rng(5), 96, 0.0)
        return image.astype(int)

    for entry in fields(tool.Identity):
        least, most = (picture({**middle, entry.name: entry.metadata[end]}) for end in ENDS)
        assert np.abs(most - least).max() > 20, entry.name


def test_a_relative_lies_between_its_kin_and_a_stranger():
    kin = tool.draw_identity(np.random.default_rng(1))
    stranger = tool.draw_identity(np.random.default_rng(2))
    relative = draw_relative(kin, np.random.default_rng(2), resemblance=0.75)
    for entry in fields(tool.Identity):
        near, far = getattr(kin, entry.name), getattr(stranger, entry.name)
        assert getattr(relative, entry.name) == pytest.approx(0.75 * near + 0.25 * far)


@pytest.mark.slow
@pytest.mark.parametrize(("difficulty", "low", "high"), [(0.0, 0.85, 1.0), (1.0, 0.5, 0.8)])
def test_pixels_tell_identities_apart_only_in_plain_pictures(difficulty, low, high):
    rng = np.random.default_rng(7)
    same, other = [], []
    for _ in range(120):
        faces = [tool.draw_identity(rng), tool.draw_identity(rng)]
        images = [tool.draw_image(faces[i], rng, 32, difficulty) for i in (0, 0, 1)]
        middles = [image[8:24, 8:24].astype(float).ravel() for image in images]
        same.append(np.corrcoef(middles[0], middles[1])[0, 1])
        other.append(np.corrcoef(middles[0], middles[2])[0, 1])
    same, other = np.array(same), np.array(other)
    best = max((np.mean(same >= t) + np.mean(other < t)) / 2 for t in np.linspace(-1, 1, 201))
    assert low < best < high


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--identities", "1"], "--identities"),
        (["--images", "0"], "--images"),
        (["--identities", "1000000", "--images", "10000"], "--identities times --images"),
        (["--tail-identities", "0"], "--tail-identities"),
        (["--tail-images", "4-2"], "--tail-images"),
        (["--tail-images", "few"], "--tail-images"),
        (["--unseen-identities", "1"], "--unseen-identities"),
        (["--pairs", "30"], "--pairs"),
        (["--size", "8"], "--size"),
        (["--label-noise", "1.5"], "--label-noise"),
        (["--label-noise", "nan"], "--label-noise"),
        (["--label-noise", "0.5", "--outliers", "0.5"], "--outliers"),
        (["--seed", "-1"], "--seed"),
        (["--difficulty", "9"], "--difficulty"),
        (["--processes", "-1"], "--processes"),
    ],
)
def test_a_value_out_of_bounds_is_one_line_and_status_2(tmp_path, capsys, flags, named):
    assert tool.main(["--output", str(tmp_path / "out"), *flags]) == 2
    message = capsys.readouterr().err
    assert named in message and message.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_folder_in_use_is_replaced_only_on_demand(tmp_path, capsys):
    out = tmp_path / "out"
    small = {**TINY, "pairs": 20}
    tool.make_synthetic(out, seed=1, **small)
    before = files(out)
    assert tool.main(["--output", str(out)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert files(out) == before
    tool.make_synthetic(out, seed=2, overwrite=True, **small)
    assert files(out).keys() == before.keys() and files(out) != before
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="thesis.txt"):
        tool.make_synthetic(out, seed=1, overwrite=True, **small)
    assert (out / "thesis.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["file", "file/out"])
def test_an_output_that_cannot_be_a_folder_is_status_2(tmp_path, capsys, name):
    (tmp_path / "file").write_text("")
    assert tool.main(["--output", str(tmp_path / name)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_that_breaks_off_leaves_the_older_set_and_nothing_else(tmp_path, monkeypatch):
    out = tmp_path / "out"
    tool.make_synthetic(out, seed=1, **TINY)
    before = files(out)

    def break_off(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(drawing, "draw_clutter", break_off)
    flags = ["--identities", "4", "--images", "10", "--processes", "1", "--overwrite"]
    assert tool.main(["--output", str(out), *flags]) == 130
    assert files(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_command_tells_what_it_wrote(tmp_path, capsys):
    flags = "--identities 3 --images 4 --tail-identities 2 --tail-images 3 --unseen-identities 2"
    more = "--pairs 20 --size 16 --label-noise 0.25 --outliers 0 --processes 1"
    assert tool.main(["--output", str(tmp_path / "out"), *flags.split(), *more.split()]) == 0
    head, tail = capsys.readouterr().out.splitlines()
    assert head.endswith("12 images, 3 with a wrong label, 0 outliers, 20 pairs in unseen.bin")
    assert tail.endswith("6 images")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
