"""Reading face sets: the same records as MXNet's reader, and one line for what is wrong."""

from __future__ import annotations

import os
import struct
from concurrent.futures import ThreadPoolExecutor

import mxnet as mx
import numpy as np
import pytest

from record_fixtures import write_face_set, write_plain_set
from unequal.faces.face_records import FaceRecords, Property, read_property
from unequal.faces.record_format import MAGIC_BYTES
from unequal.support.errors import InputError


def offsets(folder):
    lines = (folder / "train.idx").read_text().split("\n")
    return {int(key): int(offset) for key, offset in (line.split() for line in lines if line)}


def all_by_mxnet(folder):
    reader = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "r"
    )
    records = {key: mx.recordio.unpack(reader.read_idx(key)) for key in reader.keys}
    reader.close()
    return records


def message(folder):
    with pytest.raises(InputError) as error:
        FaceRecords(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_record_equals_what_mxnet_reads(tmp_path):
    folder = write_face_set(tmp_path, [5, 1, 3])
    records = FaceRecords(folder)
    for key, (header, payload) in all_by_mxnet(folder).items():
        assert records.read(key) == (header.label[0], payload)


def test_a_payload_with_the_magic_number_in_it_is_put_together_again(tmp_path):
    payload = b"".join([b"head", MAGIC_BYTES, MAGIC_BYTES, b"odd tail", MAGIC_BYTES, b"end"])
    folder = write_face_set(tmp_path, [3], payloads={2: payload})
    assert FaceRecords(folder).read(2) == (0.0, payload)
    assert (folder / "train.rec").read_bytes().count(payload) == 0, "it was not stored in parts"


def test_a_label_may_be_a_number_or_an_array(tmp_path):
    plain = FaceRecords(write_plain_set(tmp_path / "plain", {0: 3, 1: 4}))
    assert [plain.read(key)[0] for key in (0, 1)] == [3.0, 4.0]
    assert FaceRecords(write_face_set(tmp_path / "faces", [1, 1])).read(2)[0] == 1.0


def test_the_header_tells_images_and_identities(tmp_path):
    records = FaceRecords(write_face_set(tmp_path, [5, 1, 3]))
    assert records.header_label.tolist() == [10, 13]
    assert records.image_keys.tolist() == list(range(1, 10))
    assert records.identities.tolist() == [[1, 6], [6, 7], [7, 10]]
    assert records.groups.keys.tolist() == list(range(1, 10))
    assert records.groups.starts.tolist() == [0, 5, 6, 9]


def test_without_a_header_all_records_are_images_in_the_order_of_the_index(tmp_path):
    records = FaceRecords(write_plain_set(tmp_path, {0: 1, 4: 2, 3: 2, 1: 1}))
    assert records.header_label is None
    assert records.image_keys.tolist() == [0, 4, 3, 1]
    assert records.identities.tolist() == [[0, 2], [3, 5]]
    assert records.groups.keys.tolist() == [0, 1, 3, 4]


def test_scattered_identities_are_grouped_but_have_no_ranges(tmp_path):
    records = FaceRecords(write_plain_set(tmp_path, {0: 7, 1: 5, 2: 7}))
    assert records.groups.keys.tolist() == [1, 0, 2]
    assert records.groups.starts.tolist() == [0, 1, 3]
    with pytest.raises(InputError, match="scattered"):
        _ = records.identities


def test_keys_may_start_at_one_without_a_header(tmp_path):
    assert FaceRecords(write_plain_set(tmp_path, {1: 0, 2: 1})).image_keys.tolist() == [1, 2]


def test_threads_read_what_one_thread_reads(tmp_path):
    folder = write_face_set(tmp_path, [20, 20])
    records = FaceRecords(folder)
    keys = list(range(1, 41)) * 10
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(records.read, keys)) == [records.read(key) for key in keys]


def test_a_forked_process_reads_at_the_same_time(tmp_path):
    records = FaceRecords(write_face_set(tmp_path, [20]))
    wanted = [records.read(key) for key in range(1, 21)]
    child = os.fork()
    if child == 0:
        os._exit(0 if [records.read(key) for key in range(1, 21)] == wanted else 1)
    same = [records.read(key) for key in range(1, 21)] == wanted
    assert os.waitpid(child, 0)[1] == 0 and same


def test_closing_twice_does_no_harm(tmp_path):
    records = FaceRecords(write_face_set(tmp_path, [2]))
    records.close()
    records.close()


@pytest.mark.parametrize("missing", ["train.rec", "train.idx"])
def test_a_missing_file_is_named(tmp_path, missing):
    folder = write_face_set(tmp_path, [2])
    (folder / missing).unlink()
    assert str(folder / missing) in message(folder)


def test_a_missing_folder_is_named(tmp_path):
    assert str(tmp_path / "nowhere") in message(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["train.rec", "train.idx"])
def test_an_empty_file_is_named(tmp_path, name):
    folder = write_face_set(tmp_path, [2])
    (folder / name).write_bytes(b"")
    text = message(folder)
    assert str(folder / name) in text and "is empty" in text


@pytest.mark.parametrize("cut", [1, 39, 41, 3000])
def test_a_truncated_rec_is_told(tmp_path, cut):
    folder = write_face_set(tmp_path, [3, 3])
    whole = (folder / "train.rec").read_bytes()
    (folder / "train.rec").write_bytes(whole[:-cut])
    text = message(folder)
    assert "is truncated" in text and str(folder / "train.rec") in text


def test_the_index_of_another_set_is_told(tmp_path):
    folder = write_face_set(tmp_path / "a", [6, 6], seed=1)
    other = write_face_set(tmp_path / "b", [4, 4], seed=2)
    (folder / "train.idx").write_bytes((other / "train.idx").read_bytes())
    text = message(folder)
    assert "does not belong to train.rec" in text and str(folder / "train.idx") in text


def test_an_index_that_lacks_images_is_told(tmp_path):
    folder = write_face_set(tmp_path, [6])
    lines = (folder / "train.idx").read_text().splitlines(keepends=True)
    (folder / "train.idx").write_text("".join(lines[:2] + lines[3:]))
    assert "lacks images" in message(folder)


@pytest.mark.parametrize("text", ["1\t0\n2", "a\tb\n", "1\t-4\n", "\x00\x01\x02", "1\t0\n1\t0\n"])
def test_a_garbled_index_is_named(tmp_path, text):
    folder = write_face_set(tmp_path, [2])
    (folder / "train.idx").write_text(text)
    assert str(folder / "train.idx") in message(folder)


@pytest.mark.parametrize("label", [[0.5, 7.0], [9.0, 3.0], [float("nan"), 2.0], [-3.0, 2.0]])
def test_a_header_that_counts_nothing_is_told(tmp_path, label):
    folder = write_face_set(tmp_path, [5])
    content = bytearray((folder / "train.rec").read_bytes())
    struct.pack_into("<ff", content, offsets(folder)[0] + 8 + 24, *label)
    (folder / "train.rec").write_bytes(content)
    assert "record 0" in message(folder)


def test_a_header_record_that_is_too_short_is_told(tmp_path):
    folder = write_face_set(tmp_path, [5])
    content = bytearray((folder / "train.rec").read_bytes())
    struct.pack_into("<I", content, offsets(folder)[0] + 8, 1000)
    (folder / "train.rec").write_bytes(content)
    assert "record 0 is broken" in message(folder)


def test_a_broken_record_met_later_is_named(tmp_path):
    folder = write_face_set(tmp_path, [5])
    content = bytearray((folder / "train.rec").read_bytes())
    struct.pack_into("<I", content, offsets(folder)[3] + 8, 10**6)
    (folder / "train.rec").write_bytes(content)
    records = FaceRecords(folder)
    with pytest.raises(InputError, match="record 3 is broken") as error:
        records.read(3)
    assert str(folder / "train.rec") in str(error.value)


def test_a_record_that_the_index_lacks_is_named(tmp_path):
    records = FaceRecords(write_face_set(tmp_path, [2]))
    with pytest.raises(InputError, match="no record 99"):
        records.read(99)


def test_an_identity_record_with_a_wrong_range_is_told(tmp_path):
    folder = write_face_set(tmp_path, [2, 2])
    content = bytearray((folder / "train.rec").read_bytes())
    struct.pack_into("<ff", content, offsets(folder)[6] + 8 + 24, 3.0, 99.0)
    (folder / "train.rec").write_bytes(content)
    with pytest.raises(InputError, match="identity record 6"):
        _ = FaceRecords(folder).identities


def test_property_is_read(tmp_path):
    (tmp_path / "property").write_text("85742,112,96\n")
    assert read_property(tmp_path) == Property(85742, 112, 96)


@pytest.mark.parametrize("text", ["", "10,112", "10,112,112,3", "a,b,c", "10,0,112", "10 112 112"])
def test_a_garbled_property_is_named(tmp_path, text):
    (tmp_path / "property").write_text(text)
    with pytest.raises(InputError) as error:
        read_property(tmp_path)
    assert str(tmp_path / "property") in str(error.value) and "\n" not in str(error.value)


def test_a_missing_property_is_named(tmp_path):
    with pytest.raises(InputError, match="property"):
        read_property(tmp_path)


def test_real_sets_are_read(shared):
    head, tail, plain = (
        FaceRecords(shared / "real" / name) for name in ("rec_head", "rec_tail", "plain_rec")
    )
    assert len(head.image_keys) == 3726 and len(head.identities) == 128
    assert len(tail.image_keys) == 2718 and len(tail.identities) == 611
    assert np.diff(tail.groups.starts).min() == 3 and np.diff(tail.groups.starts).max() <= 9
    assert plain.image_keys.tolist() == [0, 4, 7, 5, 1, 6, 3, 2]
    assert plain.identities.tolist() == [[0, 4], [4, 8]]
