"""What large sets keep for the next start: used when it is theirs, and never believed else."""

from __future__ import annotations

import os
import pickle
import shutil

import mxnet as mx
import numpy as np
import pytest

from record_fixtures import write_face_set, write_plain_set
from unequal.faces import face_records as records
from unequal.faces import ranges_cache as label_cache
from unequal.faces.face_records import FaceRecords
from unequal.faces.ranges_cache import CACHE_NAME
from unequal.faces.record_format import MAGIC_BYTES
from unequal.faces.record_labels import read_labels

COUNTS = [2, 3] * 60
LABELS = {key: key // 3 for key in range(300)}


@pytest.fixture(autouse=True)
def small_sets_are_large(monkeypatch):
    monkeypatch.setattr(label_cache, "CACHED_FROM", 1)


@pytest.fixture
def rows_read(monkeypatch):
    """How many records were looked at by each call."""
    counts = []

    def read(file, starts, stops, record):
        counts.append(len(starts))
        return read_labels(file, starts, stops, record)

    monkeypatch.setattr(records, "read_labels", read)
    return counts


def faces(folder):
    return write_face_set(folder, COUNTS), len(COUNTS), ranges_of(COUNTS)


def plain(folder):
    wanted = [[3 * i, 3 * i + 3] for i in range(100)]
    return write_plain_set(folder, LABELS), len(LABELS), wanted


def ranges_of(counts):
    stops = (1 + np.cumsum(counts)).tolist()
    return [[stop - count, stop] for stop, count in zip(stops, counts)]


def identities(folder):
    return FaceRecords(folder).identities.tolist()


@pytest.mark.parametrize("make", [faces, plain])
def test_the_second_start_looks_at_a_sample_only(tmp_path, rows_read, make):
    folder, count, wanted = make(tmp_path)
    assert identities(folder) == wanted
    assert max(rows_read) == count
    rows_read.clear()
    assert identities(folder) == wanted
    assert max(rows_read) == label_cache.CHECKED < count


def test_small_sets_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(label_cache, "CACHED_FROM", len(COUNTS) + 1)
    folder, _, wanted = faces(tmp_path)
    assert identities(folder) == wanted
    assert sorted(os.listdir(folder)) == ["property", "train.idx", "train.rec"]


@pytest.mark.parametrize("name", ["train.rec", "train.idx"])
def test_a_file_of_another_time_is_read_anew(tmp_path, rows_read, name):
    folder, count, wanted = faces(tmp_path)
    identities(folder)
    found = os.stat(folder / name)
    os.utime(folder / name, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    rows_read.clear()
    assert identities(folder) == wanted and max(rows_read) == count
    rows_read.clear()
    identities(folder)
    assert max(rows_read) < count, "what was kept is that of the new time now"


def test_another_set_in_the_same_place_is_read_anew(tmp_path):
    folder, _, _ = faces(tmp_path)
    identities(folder)
    other = COUNTS[::-1]
    write_face_set(folder, other)
    assert identities(folder) == ranges_of(other) != ranges_of(COUNTS)


def test_another_set_of_the_same_size_and_time_is_told_by_its_records(tmp_path):
    folder, other = write_face_set(tmp_path / "a", COUNTS), write_face_set(tmp_path / "b", COUNTS)
    names = ("train.rec", "train.idx")
    content = bytearray((other / "train.rec").read_bytes())
    keys = sorted(FaceRecords(other)._index.span(key) for key in range(301, 301 + len(COUNTS)))
    first, second = (slice(start + 32, start + 40) for start, _ in keys[:2])
    content[first], content[second] = content[second], content[first]
    (other / "train.rec").write_bytes(content)
    identities(folder)
    shutil.copy(folder / CACHE_NAME, other / CACHE_NAME)
    for name in names:
        found = os.stat(folder / name)
        os.utime(other / name, ns=(found.st_atime_ns, found.st_mtime_ns))
        assert os.stat(other / name).st_size == found.st_size
    wanted = ranges_of(COUNTS)
    assert identities(other) == [wanted[1], wanted[0]] + wanted[2:]


def spoil_value(folder):
    """Ranges beyond the images, written as the program would, stamp and sum included."""
    opened = FaceRecords(folder)
    values = opened.identities.copy()
    picks = np.linspace(0, len(values) - 1, label_cache.CHECKED).astype(int)
    row = next(i for i in range(len(values)) if i not in picks)
    values[row] = [1, 10**6]
    label_cache._store(folder / CACHE_NAME, opened._stamp, values)


HARM = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "too long": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "one bit": lambda path: path.write_bytes(path.read_bytes()[:-3] + b"\1\0\0"),
    "all zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "noise": lambda path: path.write_bytes(os.urandom(path.stat().st_size)),
    "pickle": lambda path: path.write_bytes(pickle.dumps(list(range(1000)))),
    "bare numbers": lambda path: np.zeros((len(COUNTS), 2), np.int64).tofile(path),
    "ranges out of bounds": lambda path: spoil_value(path.parent),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_harmed_or_foreign_file_is_replaced(tmp_path, rows_read, harm):
    folder, count, wanted = faces(tmp_path)
    identities(folder)
    whole = (folder / CACHE_NAME).read_bytes()
    HARM[harm](folder / CACHE_NAME)
    assert (folder / CACHE_NAME).read_bytes() != whole
    rows_read.clear()
    assert identities(folder) == wanted and max(rows_read) == count
    assert (folder / CACHE_NAME).read_bytes() == whole


def test_what_one_layout_left_is_not_taken_by_the_other(tmp_path):
    folder, _, _ = faces(tmp_path)
    identities(folder)
    kept = (folder / CACHE_NAME).read_bytes()
    other, _, wanted = plain(tmp_path / "plain")
    (other / CACHE_NAME).write_bytes(kept)
    assert identities(other) == wanted


def test_a_folder_that_cannot_be_written_is_read_every_time(tmp_path, monkeypatch, rows_read):
    def refuse(path, write):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(label_cache, "replace_file", refuse)
    folder, count, wanted = faces(tmp_path)
    for _ in range(2):
        rows_read.clear()
        assert identities(folder) == wanted and max(rows_read) == count
    assert not (folder / CACHE_NAME).exists()


def test_a_folder_of_that_name_does_no_harm(tmp_path):
    folder, _, wanted = faces(tmp_path)
    (folder / CACHE_NAME).mkdir()
    assert identities(folder) == identities(folder) == wanted
    assert sorted(os.listdir(folder)) == [CACHE_NAME, "property", "train.idx", "train.rec"]


def test_processes_that_start_at_once_all_get_the_ranges(tmp_path):
    folder, _, wanted = faces(tmp_path)
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            right = True
            for _ in range(20):
                right &= identities(folder) == wanted
                try:
                    os.remove(folder / CACHE_NAME)
                except FileNotFoundError:
                    pass
            os._exit(0 if right else 1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert identities(folder) == wanted
    assert sorted(os.listdir(folder)) == [CACHE_NAME, "property", "train.idx", "train.rec"]


@pytest.mark.parametrize("size", [8, 200, 5000])
def test_labels_are_read_past_images_of_any_size_and_of_records_in_parts(tmp_path, size):
    """Small images are read over, large ones left out; a part may end within the label."""
    path = str(tmp_path / "train")
    writer = mx.recordio.MXIndexedRecordIO(path + ".idx", path + ".rec", "w")
    labels, number = [5.0, 2.0, 7.0, 5.0, 2.0, 3.0], np.frombuffer(MAGIC_BYTES, "<f4")[0]
    for key, label in enumerate(labels, 1):
        body = (MAGIC_BYTES if key == 2 else b"") + bytes(size)
        given = [label, float(number), 1.0] if key == 3 else [label, 0.0] if key == 4 else label
        writer.write_idx(key, mx.recordio.pack(mx.recordio.IRHeader(0, given, key, 0), body))
    writer.close()
    groups = FaceRecords(tmp_path).groups
    assert groups.keys.tolist() == [2, 5, 6, 1, 4, 3] and groups.starts.tolist() == [0, 2, 3, 5, 6]
