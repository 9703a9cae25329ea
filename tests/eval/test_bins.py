"""Loading verification sets: the layouts met in the wild, and files that are no such set."""

from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest

from eval.verification_parts.verification_set import load_bin
from unequal.support.errors import InputError

GOLDEN_BINS = ["lfw_py2_32px", "lfw_py3_protocol2_32px"]


def png(height: int = 8, width: int = 8, colour=(10, 20, 30)) -> bytes:
    """An encoded image of one colour (red, green, blue); PNG, so that it is kept exactly."""
    pixels = np.full((height, width, 3), colour[::-1], np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


@pytest.fixture
def write(tmp_path):
    def write(images, issame, protocol=2):
        path = tmp_path / "some.bin"
        path.write_bytes(pickle.dumps((images, issame), protocol))
        return path

    return write


@pytest.mark.parametrize("name", GOLDEN_BINS)
def test_golden_images_and_pairs(golden, name):
    folder = golden / "e_verification"
    numbers = np.load(folder / "verification.npz")
    loaded = load_bin(folder / f"{name}.bin", (32, 32))
    assert loaded.name == name and loaded.image_size == (32, 32) and len(loaded) == 120
    assert loaded.issame.dtype == bool
    np.testing.assert_array_equal(loaded.issame, numbers[f"{name}/issame"])
    images = next(loaded.batches(4))
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, numbers[f"{name}/first4"])
    np.testing.assert_array_equal(images[:, :, :, ::-1], numbers[f"{name}/first4_flip"])


def test_python_2_and_3_files_hold_the_same_bytes(golden):
    first, second = (load_bin(golden / "e_verification" / f"{n}.bin") for n in GOLDEN_BINS)
    assert first.encoded == second.encoded and first.image_size == (32, 32)


@pytest.mark.parametrize("batch_size", [1, 50, 120, 121])
def test_batches_are_all_images_in_order(golden, batch_size):
    loaded = load_bin(golden / "e_verification" / "lfw_py2_32px.bin")
    batches = list(loaded.batches(batch_size))
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    np.testing.assert_array_equal(np.concatenate(batches), next(loaded.batches(120)))


def test_images_are_rgb_planes_of_height_by_width(write):
    colours = [(1, 2, 3), (4, 5, 6), (7, 8, 9), (10, 11, 12)]
    loaded = load_bin(write([png(6, 9, colour) for colour in colours], [True, False]))
    assert loaded.image_size == (6, 9)
    images = next(loaded.batches(4))[[3, 1]]
    assert images.shape == (2, 3, 6, 9)
    assert images[:, :, 0, 0].tolist() == [[10, 11, 12], [4, 5, 6]]


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    "entry",
    [
        lambda data: data,
        lambda data: np.frombuffer(data, np.uint8),
        lambda data: np.frombuffer(data, np.uint8)[:, None],
    ],
    ids=["bytes", "array", "column"],
)
def test_entries_of_every_kind(write, entry, protocol):
    images = [png(colour=(value, 0, 0)) for value in range(4)]
    loaded = load_bin(write([entry(image) for image in images], [True, False], protocol))
    assert loaded.encoded == tuple(images)


@pytest.mark.parametrize(
    "issame",
    [[1, 0], [np.True_, np.False_], np.array([True, False]), np.array([[1], [0]]), (True, False)],
    ids=["numbers", "numpy_booleans", "array", "column", "tuple"],
)
def test_issame_of_every_kind(write, issame):
    assert load_bin(write([png()] * 4, issame)).issame.tolist() == [True, False]


def test_a_grey_jpeg_has_three_equal_planes(write):
    grey = cv2.imencode(".jpg", np.full((8, 8), 77, np.uint8))[1].tobytes()
    assert (next(load_bin(write([grey] * 4, [True, False])).batches(4)) == 77).all()


def test_another_size_than_asked_for_is_told(golden):
    with pytest.raises(InputError, match=r"lfw_py2_32px\.bin: image 0 is 32x32 .*112x96 are"):
        load_bin(golden / "e_verification" / "lfw_py2_32px.bin", (112, 96))


def test_an_image_of_another_size_than_the_first_is_told(write):
    with pytest.raises(InputError, match=r"some\.bin: image 3 is 8x9 .*8x8 are"):
        load_bin(write([png(), png(), png(), png(8, 9)], [True, False]))


@pytest.mark.parametrize("image", [b"", b"no image", png()[:20]])
def test_an_image_that_cannot_be_decoded_is_told(write, image):
    for images, index in (([image, png(), png(), png()], 0), ([png(), png(), image, png()], 2)):
        with pytest.raises(InputError, match=rf"some\.bin: image {index} cannot be decoded"):
            load_bin(write(images, [True, False], 4))


@pytest.mark.parametrize("images, pairs", [(3, 2), (5, 2), (4, 3), (0, 2), (4, 0)])
def test_images_that_are_not_two_to_a_pair_are_told(write, images, pairs):
    with pytest.raises(InputError, match=rf"some\.bin: {images} images for {pairs} pairs"):
        load_bin(write([png()] * images, [True] * pairs))


@pytest.mark.parametrize("pairs", [0, 1])
def test_fewer_than_two_pairs_are_told(write, pairs):
    with pytest.raises(InputError, match=rf"some\.bin: {pairs} pairs"):
        load_bin(write([png()] * 2 * pairs, [True] * pairs))


@pytest.mark.parametrize(
    "content",
    [5, [], [[png()] * 4], (5, [True]), ([png()] * 4, 5), ([png()] * 4, "ab"), ([1, 2], [True]),
     ([png()] * 4, [2, 0]), ([png()] * 4, [None, True]), ([np.ones((2, 2), np.uint8)] * 2, [True]),
     ([np.ones(5)] * 2, [True]), ({"images": 1}, [True])],
)  # fmt: skip
def test_other_pickles_are_told(tmp_path, content):
    path = tmp_path / "some.bin"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=r"some\.bin: "):
        load_bin(path)


def test_a_truncated_bin_is_told(golden, tmp_path):
    content = (golden / "e_verification" / "lfw_py2_32px.bin").read_bytes()
    (tmp_path / "half.bin").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"half\.bin: not a whole pickle"):
        load_bin(tmp_path / "half.bin")


def test_real_bin_of_numpy_entries(shared):
    loaded = load_bin(shared / "real" / "numpy_entries_10.bin")
    assert len(loaded) == 20 and loaded.image_size == (112, 112) and loaded.issame.all()
