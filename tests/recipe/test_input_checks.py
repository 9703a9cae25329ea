"""What would end the recipe hours later is found at its start."""

from __future__ import annotations

import fcntl

import pytest

from record_fixtures import write_face_set
from unequal.recipe import flags
from unequal.recipe.input_checks import check_inputs
from unequal.recipe.record import alone
from unequal.support.errors import InputError

SIZES = ["--batch-size1", "6", "--batchsize_id", "6", "--batch-size2", "15", "--bag-size", "15"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_face_set(tmp_path / "head", (10,) * 4, size=16)
    (tmp_path / "head" / "lfw.bin").touch()
    write_face_set(tmp_path / "tail", (3,) * 6, size=16)
    write_face_set(tmp_path / "people", (2,) * 3, size=16)
    write_face_set(tmp_path / "large", (3, 3), size=20)
    return tmp_path


def check(*words, devices=1):
    needed = ["--head", "head", "--tail", "tail", "--output", "out", "--identify", "people"]
    check_inputs(flags.parse([*needed, *SIZES, *words]), devices)


def test_sets_that_fit_pass(folder):
    check()
    check("--distractors", "tail")


@pytest.mark.parametrize(
    "words,what",
    [
        (["--tail", "nowhere"], "nowhere"),
        (["--batchsize_id", "7"], "batchsize_id"),
        (["--batchsize_id", "21", "--bag-size", "21"], "batchsize_id"),
        (["--batch-size1", "60"], "fewer than `batch_size1` 60"),
        (["--output", "head/out"], "overlaps"),
        (["--identify", "large"], "`identify` large: images of 20x20"),
        (["--tail", "large"], "`tail` large: images of 20x20"),
        (["--identify", "absent"], "absent"),
        (["--target", "cfp_fp"], "`head` head: holds none of the verification sets of `target`"),
    ],
)
def test_what_does_not_is_one_line(folder, words, what):
    with pytest.raises(InputError, match=what) as caught:
        check(*words)
    assert "\n" not in str(caught.value)


def test_sizes_must_divide_by_the_devices(folder):
    with pytest.raises(InputError, match="batch.size1"):
        check("--batch-size1", "7", devices=2)


def test_two_at_once_do_not_share_a_folder(tmp_path):
    with alone(str(tmp_path)):
        pass
    with open(tmp_path / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another run"), alone(str(tmp_path)):
            pass
