"""An index made anew where bytes were overwritten: no whole image is lost or gets another key."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import numpy as np
import pytest

from record_fixtures import write_face_set
from recordio_tools.inspect_set import inspect_set, main
from recordio_tools.subset import main as subset
from unequal.faces.set_reader import FaceSetReader

IMAGES = (9, 8, 7, 9)  # 33 images, record 0, identity records 34..37


def entries(folder: Path) -> list[tuple[int, int]]:
    lines = (folder / "train.idx").read_text().splitlines()
    return [tuple(map(int, line.split("\t"))) for line in lines]


def records(folder: Path) -> dict[int, tuple[int, int, bytes]]:
    """Where each record starts and ends, and all its bytes, by key, in the order of the file."""
    content = (folder / "train.rec").read_bytes()
    starts = entries(folder)
    ends = [offset for _, offset in starts[1:]] + [len(content)]
    return {key: (at, end, content[at:end]) for (key, at), end in zip(starts, ends)}


def overwrite(folder: Path, at: int, new: bytes) -> None:
    with (folder / "train.rec").open("r+b") as file:
        file.seek(at)
        file.write(new)


def check(folder: Path, before: dict[int, tuple[int, int, bytes]]) -> list[int]:
    """Make the index anew; each listed record is that of its key, and no whole image is lost."""
    content = (folder / "train.rec").read_bytes()
    (folder / "train.idx").unlink()
    assert main(["--data-dir", str(folder), "--repair"]) in (0, 1)
    listed = dict(entries(folder))
    assert all(offset == before[key][0] for key, offset in listed.items())
    whole = {key for key, (at, end, blob) in before.items() if content[at:end] == blob}
    assert whole & set(range(1, 34)) <= set(listed)
    found = {one.key for one in FaceSetReader(folder).faces(lambda key, reason: None)}
    assert whole & set(range(1, 34)) <= found
    return list(listed)


def test_random_bytes_over_several_records_cost_these_alone(tmp_path, capsys):
    folder = write_face_set(tmp_path / "set", IMAGES)
    before = records(folder)
    start, stop = before[8][0], before[13][1]
    overwrite(folder, start, np.random.RandomState(0).bytes(stop - start))
    assert [one["kind"] for one in inspect_set(folder)["problems"]] == ["broken_records"]
    assert main(["--data-dir", str(folder), "--repair"]) == 1
    assert "is right; left as it is" in capsys.readouterr().out
    assert check(folder, before) == [*range(1, 8), *range(14, 34)]
    shown = capsys.readouterr().out
    assert "only images are listed" in shown and f"({stop - start} bytes passed over)" in shown
    output = tmp_path / "out"
    subset(["--data-dir", str(folder), "--output", str(output), "--min-images", "1"])
    assert len(list(FaceSetReader(output).faces())) == 27 and inspect_set(output)["sound"]


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_anywhere_never_give_a_key_another_image(tmp_path, seed):
    random = np.random.RandomState(seed)
    for number in range(4):
        folder = write_face_set(tmp_path / str(number), IMAGES, seed=seed)
        before = records(folder)
        for _ in range(random.randint(1, 4)):
            at = before[int(random.randint(1, 34))][0]  # not the number in a header alone
            overwrite(folder, at, random.bytes(int(random.choice([4, 40, 700, 2500]))))
        check(folder, before)


def test_an_index_with_one_offset_for_many_keys_is_told_and_made_anew(tmp_path):
    folder = write_face_set(tmp_path, IMAGES)
    right = entries(folder)
    wrong = [(key, right[6][1] if 8 <= key <= 13 else offset) for key, offset in right]
    (folder / "train.idx").write_text("".join(f"{key}\t{offset}\n" for key, offset in wrong))
    assert not inspect_set(folder)["sound"]
    assert main(["--data-dir", str(folder), "--repair"]) == 0
    assert entries(folder) == right


@pytest.mark.parametrize("images", [(), (0, 0)])
def test_a_set_without_images_is_not_sound_and_gets_no_index(tmp_path, capsys, images):
    folder = write_face_set(tmp_path, images, num_classes=2)
    assert "no_images" in {one["kind"] for one in inspect_set(folder)["problems"]}
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
