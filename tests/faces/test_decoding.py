"""Decoding: the pixels of the 2019 code, and what happens to images that are none."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from record_fixtures import encode, face, write_face_set, write_property
from unequal.faces.decoding import BadImage, ImageLoader, decode_rgb, write_planes
from unequal.faces.face_records import FaceRecords
from unequal.support.errors import InputError

SHAPE = (3, 16, 16)


@pytest.fixture(params=[1, 4])
def loader(request, tmp_path):
    """A loader, in one thread and in four, of 9 images of which 3 and 7 are none."""
    folder = write_face_set(tmp_path, [5, 4], payloads={3: b"", 7: b"not a picture"})
    loader = ImageLoader(FaceRecords(folder), SHAPE, workers=request.param)
    yield loader
    loader.close()


@pytest.mark.parametrize("name", ["rec1", "rec401"])
def test_pixels_are_those_of_the_2019_code(golden, name):
    wanted = np.load(golden / "h_misc" / "misc.npz")[f"decode/{name}"]
    image = decode_rgb((golden / "h_misc" / f"{name}.jpg").read_bytes())
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, wanted)


def test_a_grey_image_gets_three_equal_channels():
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = decode_rgb(cv2.imencode(".png", gray)[1].tobytes())
    np.testing.assert_array_equal(image, np.repeat(gray[:, :, None], 3, axis=2))


@pytest.mark.parametrize("payload", [b"", b"GIF89a", b"\xff\xd8\xff\xe0garbage", bytes(100)])
def test_what_is_no_image_raises_bad_image(payload):
    with pytest.raises(BadImage):
        decode_rgb(payload)


def test_load_gives_images_and_labels_in_the_order_asked_for(loader):
    images, labels = loader.load([9, 1, 6])
    assert labels.tolist() == [1, 0, 1]
    for image, key in zip(images, [9, 1, 6]):
        np.testing.assert_array_equal(image, decode_rgb(loader.records.read(key)[1]))


def test_a_bad_image_is_none_and_warned_about_once(loader, caplog):
    with caplog.at_level(logging.WARNING):
        images, labels = loader.load(range(1, 10))
        loader.load(range(1, 10))
    assert [i + 1 for i, image in enumerate(images) if image is None] == [3, 7]
    assert labels.tolist() == [0] * 5 + [1] * 4
    warned = sorted(record.getMessage() for record in caplog.records)
    assert len(warned) == 2
    for text, key in zip(warned, (3, 7)):
        assert f"record {key} " in text and str(loader.path) in text
    assert loader.bad_keys == {3, 7}


def test_more_bad_images_than_allowed_are_an_error(tmp_path):
    folder = write_face_set(tmp_path, [9], payloads={key: b"x" for key in (2, 4, 6)})
    loader = ImageLoader(FaceRecords(folder), SHAPE, workers=1, max_bad_images=2)
    assert loader.load([1, 2, 3, 4, 5])[0][1] is None
    with pytest.raises(InputError, match="more than 2 images.*record 6.*max_bad_images"):
        loader.load([6])


def test_an_image_of_another_size_names_record_size_and_property(tmp_path):
    folder = write_face_set(tmp_path, [4], payloads={2: encode(face(0, 0, 20))})
    with pytest.raises(InputError) as error:
        ImageLoader(FaceRecords(folder), SHAPE).load([1, 2])
    text = str(error.value)
    assert "record 2 is 20x20" in text and "says 16x16" in text and str(folder / "property") in text


def test_property_of_another_size_is_told_at_the_first_image(tmp_path):
    folder = write_face_set(tmp_path, [4])
    write_property(folder, 1, 112)
    with pytest.raises(InputError, match="record 1 is 16x16, but .*property says 112x112"):
        ImageLoader(FaceRecords(folder), (3, 112, 112)).load([1])


def test_chunks_leave_out_bad_images_and_fill_up_with_repeated_rows(loader):
    chunks = list(loader.chunks(range(1, 10), 4))
    assert [(c.start, c.stop) for c in chunks] == [(0, 4), (4, 8), (8, 9)]
    assert [c.keys.tolist() for c in chunks] == [[1, 2, 4], [5, 6, 8], [9]]
    for chunk in chunks:
        assert chunk.images.shape == (4,) + SHAPE and chunk.images.dtype == np.uint8
        for row in range(4):
            key = int(chunk.keys[row % len(chunk.keys)])
            label, payload = loader.records.read(key)
            wanted = decode_rgb(payload).transpose(2, 0, 1)
            np.testing.assert_array_equal(chunk.images[row], wanted)
            assert chunk.labels[row] == label


def test_a_chunk_of_bad_images_only_has_no_keys(loader):
    (chunk,) = loader.chunks([3, 7], 2)
    assert len(chunk.keys) == 0 and (chunk.start, chunk.stop) == (0, 2)


def test_an_error_while_decoding_ahead_reaches_the_reader(tmp_path):
    folder = write_face_set(tmp_path, [6], payloads={5: encode(face(0, 0, 8))})
    loader = ImageLoader(FaceRecords(folder), SHAPE)
    chunks = loader.chunks(range(1, 7), 2)
    assert next(chunks).keys.tolist() == [1, 2]
    with pytest.raises(InputError, match="record 5"):
        list(chunks)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("target", [np.uint8, np.float32])
@pytest.mark.parametrize("place", ["rows of a batch", "every other column", "mirrored"])
def test_planes_are_the_channels_whatever_the_types_and_the_layout(dtype, target, place):
    image = np.random.RandomState(1).randint(0, 256, (6, 5, 3)).astype(dtype)
    room = np.zeros((2, 3, 6, 10), target)
    planes = {
        "rows of a batch": np.zeros((2, 3, 6, 5), target)[1],
        "every other column": room[1, :, :, ::2],
        "mirrored": room[0, :, :, 4::-1],
    }[place]
    for given in (image, image[:, ::-1]):
        write_planes(given, planes)
        np.testing.assert_array_equal(planes, given.transpose(2, 0, 1))


def test_of_several_wrong_images_the_first_asked_for_is_told(tmp_path):
    wrong = {key: encode(face(0, 0, 20)) for key in (4, 5, 6, 7)}
    folder = write_face_set(tmp_path, [9], payloads=wrong)
    loader = ImageLoader(FaceRecords(folder), SHAPE, workers=4)
    for _ in range(20):
        with pytest.raises(InputError, match="record 6 is 20x20"):
            loader.load([1, 2, 6, 5, 3, 4, 7])
    loader.close()


def test_two_threads_may_ask_one_loader_at_once(tmp_path):
    loader = ImageLoader(FaceRecords(write_face_set(tmp_path, [20])), SHAPE, workers=3)
    keys = list(range(1, 21))
    wanted, _ = loader.load(keys)
    with ThreadPoolExecutor(2) as pool:
        for images, _ in pool.map(loader.load, [keys] * 20):
            np.testing.assert_array_equal(images, wanted)
    loader.close()
