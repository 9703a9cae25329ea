"""Images that an export is checked on: from sets, from folders, and what is no source of any."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from eval.export import faces_of, random_images
from eval.verification_parts.verification_set import load_bin
from unequal.support.errors import InputError


def write_image(path, red: int, size: tuple[int, int] = (6, 4)) -> None:
    pixels = np.full((*size, 3), (10, 20, red), np.uint8)  # blue, green, red
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def test_random_images_are_the_same_in_every_run():
    first = random_images((5, 7), 3)
    assert first.shape == (3, 3, 5, 7) and first.dtype == np.uint8 and first.std() > 60
    np.testing.assert_array_equal(first, random_images((5, 7), 3))


def test_the_first_faces_of_a_verification_set(golden):
    path = golden / "e_verification" / "lfw_py2_32px.bin"
    np.testing.assert_array_equal(faces_of(str(path), 5), next(load_bin(path).batches(5)))


def test_a_single_image_is_given_twice(tmp_path):
    write_image(tmp_path / "one.png", 7)
    faces = faces_of(str(tmp_path))
    assert len(faces) == 2 and (faces[0] == faces[1]).all()


def test_images_that_cannot_be_decoded_are_left_out(tmp_path):
    (tmp_path / "0.png").write_bytes(b"no image")
    for number in (1, 2, 3):
        write_image(tmp_path / f"{number}.png", number)
    assert faces_of(str(tmp_path), 3)[:, 0, 0, 0].tolist() == [1, 2]
    with pytest.raises(InputError, match="its first 1 images cannot be decoded"):
        faces_of(str(tmp_path), 1)


def test_images_of_two_sizes_are_told(tmp_path):
    write_image(tmp_path / "1.png", 1)
    write_image(tmp_path / "2.png", 1, (8, 4))
    with pytest.raises(InputError, match=r"image 2\.png is 8x4 pixels"):
        faces_of(str(tmp_path))
