"""The similarity that aligns faces: against independent least squares, and by known shifts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from unequal.faces.alignment import align_face, similarity, template

ARCFACE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
MIRRORED = [1, 0, 2, 4, 3]


def moved(points: np.ndarray, scale: float, angle: float, shift: tuple[float, float]) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return scale * points @ np.array([[cos, -sin], [sin, cos]]).T + shift


def linear_least_squares(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """x' = a x - b y + c, y' = b x + a y + d, solved for a, b, c, d."""
    rows, values = [], []
    for (x, y), (to_x, to_y) in zip(source, target):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        values += [to_x, to_y]
    a, b, c, d = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    return np.array([[a, -b, c], [b, a, d]])


def umeyama(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Umeyama's equations 40 to 43, by singular values."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    covariance = (target - target_mean).T @ (source - source_mean) / len(source)
    u, d, vt = np.linalg.svd(covariance)
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ np.diag(sign) @ vt
    scale = (d * sign).sum() / ((source - source_mean) ** 2).sum(1).mean()
    return np.column_stack([scale * rotation, target_mean - scale * rotation @ source_mean])


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0, np.pi])
@pytest.mark.parametrize("scale", [0.05, 1.0, 30.0])
def test_a_face_that_was_moved_is_brought_back_exactly(angle, scale):
    source = moved(ARCFACE, scale, angle, (-300.0, 4000.0))
    matrix = similarity(source, ARCFACE)
    np.testing.assert_allclose(source @ matrix[:, :2].T + matrix[:, 2], ARCFACE, atol=1e-8)


def test_noisy_points_give_the_least_squares_of_the_linear_form():
    for _ in range(20):
        source = np.random.uniform(0, 500, (5, 2))
        target = np.random.uniform(0, 112, (5, 2))
        np.testing.assert_allclose(
            similarity(source, target), linear_least_squares(source, target), atol=1e-9
        )


def test_noisy_and_mirrored_points_give_umeyamas_matrix_without_reflection():
    for mirror in (1, -1):
        source = moved(ARCFACE, 2.0, 0.3, (40, 50)) * (mirror, 1) + np.random.normal(0, 9, (5, 2))
        matrix = similarity(source, ARCFACE)
        np.testing.assert_allclose(matrix, umeyama(source, ARCFACE), atol=1e-9)
        assert np.linalg.det(matrix[:, :2]) > 0


def test_points_that_are_all_one_are_refused():
    with pytest.raises(ValueError, match="all one"):
        similarity(np.ones((5, 2)), ARCFACE)


def test_template_scales_with_the_height_and_stays_in_the_middle_of_the_width():
    np.testing.assert_array_equal(template(), ARCFACE)
    np.testing.assert_allclose(template((224, 224)), 2 * ARCFACE)
    np.testing.assert_allclose(template((112, 96)), ARCFACE - (8, 0))


def test_landmarks_at_a_shifted_template_cut_that_window_out():
    image = np.random.randint(0, 256, (150, 140, 3), np.uint8)
    face = align_face(image, ARCFACE + (5, 7))
    np.testing.assert_array_equal(face, image[7:119, 5:117])
    face = align_face(image, ARCFACE + (5, 7), (112, 96))
    np.testing.assert_array_equal(face, image[7:119, 13:109])


def test_what_lies_outside_of_the_photo_is_black():
    image = np.full((112, 112, 3), 200, np.uint8)
    face = align_face(image, ARCFACE - (30, 0))
    assert (face[:, :30] == 0).all() and (face[:, 30:] == 200).all()


def test_a_grey_image_stays_grey_and_the_photo_as_it_was():
    image = np.random.randint(0, 256, (120, 120), np.uint8)
    before = image.copy()
    assert align_face(image, ARCFACE, (56, 56)).shape == (56, 56)
    np.testing.assert_array_equal(image, before)


def test_a_rotated_larger_face_comes_out_upright():
    upright = cv2.GaussianBlur(np.random.randint(0, 256, (112, 112, 3), np.uint8), (0, 0), 4)
    # each pixel doubled and the picture turned by 90 degrees: (x, y) goes to (223 - 2y, 2x)
    turned = np.rot90(cv2.resize(upright, (224, 224)), -1).copy()
    landmarks = np.stack([223 - 2 * ARCFACE[:, 1], 2 * ARCFACE[:, 0]], axis=1)
    face = align_face(turned, landmarks)
    difference = face[4:-4, 4:-4].astype(int) - upright[4:-4, 4:-4]
    assert np.abs(difference).max() <= 4


@pytest.mark.parametrize(
    "landmarks, reason",
    [
        (ARCFACE[:4], "five points"),
        (ARCFACE * np.nan, "five points"),
        (ARCFACE / 112, "in pixels"),
        (ARCFACE + (500, 0), "outside"),
        (ARCFACE[MIRRORED], "another order"),
        (ARCFACE * (1, -1) + (0, 112), "another order"),
    ],
)
def test_landmarks_of_no_face_are_refused_with_the_reason(landmarks, reason):
    with pytest.raises(ValueError, match=reason):
        align_face(np.zeros((200, 200, 3), np.uint8), landmarks)


@pytest.mark.parametrize("narrow", [0.05, 0.3])
def test_landmarks_of_a_profile_are_taken(narrow):
    middle = ARCFACE.mean(axis=0)
    profile = middle + (ARCFACE - middle) * (narrow, 1)
    assert align_face(np.zeros((112, 112, 3), np.uint8), profile).shape == (112, 112, 3)


def test_a_photo_too_wide_for_opencv_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="too large"):
        align_face(np.zeros((120, 40_000), np.uint8), ARCFACE)
