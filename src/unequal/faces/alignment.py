"""Cut out a face upright: a similarity moves its five landmarks onto ArcFace's template."""

from __future__ import annotations

import cv2
import numpy as np

ALIGNED_SIZE = (112, 112)
# Eye at the image's left, other eye, tip of the nose, corner of the mouth at the left, other one:
# x and y in pixels of a 112x112 face (ArcFace, as InsightFace aligns).
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
# Landmarks in the mirrored order have 0.2; those of a profile, which are almost a line, have 0.8.
LEAST_LIKENESS = 0.5
SMALLEST_SPREAD = 1.0


def template(size: tuple[int, int] = ALIGNED_SIZE) -> np.ndarray:
    """Return the landmarks of an aligned face of `size` (height, width): float64 (5, 2), pixels.

    The height sets the scale and the face stays in the middle of the width, so that (112, 96) is
    the lineage's template shifted by -8 and a square one is scaled by height / 112.
    """
    height, width = size
    scale = height / ALIGNED_SIZE[0]
    shift = (width - scale * ALIGNED_SIZE[1]) / 2
    return TEMPLATE * scale + (shift, 0.0)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the rotation, scale and translation that bring `source` nearest to `target`.

    Least squares over the points, without reflection (Umeyama 1991, equations 40 to 42). In the
    plane its singular value decomposition has a closed form: with centred points as complex
    numbers, rotation and scale are sum(conj(source) * target) / sum(|source|^2).

    Args:
        source: (points, 2), x and y.
        target: (points, 2), likewise; row i belongs to row i of `source`.

    Returns:
        float64 (2, 3), as cv2.warpAffine takes it.

    Raises:
        ValueError: all points of `source` are the same.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    source_centre, target_centre = source.mean(axis=0), target.mean(axis=0)
    centred = _complex(source - source_centre)
    norm = np.vdot(centred, centred).real
    if norm == 0:
        raise ValueError("the points are all one")
    factor = np.vdot(centred, _complex(target - target_centre)) / norm
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([linear, target_centre - linear @ source_centre])


def align_face(
    image: np.ndarray, landmarks: np.ndarray, size: tuple[int, int] = ALIGNED_SIZE
) -> np.ndarray:
    """Return the face of a photo, upright and scaled so that its landmarks meet the template.

    Bilinear sampling, black outside of the photo (cv2.warpAffine, as InsightFace's alignment).

    Args:
        image: uint8 (height, width, 3), RGB or BGR, or (height, width).
        landmarks: (5, 2), x and y in pixels: eye at the image's left, other eye, nose, corner of
            the mouth at the image's left, other one.
        size: (height, width) of the result.

    Returns:
        uint8, of `size`, with the channels of `image`.

    Raises:
        ValueError: the landmarks cannot be those of a face in this image, or OpenCV cannot take
            an image so large. The message says it in the same words for every image.
    """
    landmarks = np.asarray(landmarks, np.float64)
    goal = template(size)
    _check(landmarks, goal, image.shape)
    height, width = size
    try:
        return cv2.warpAffine(image, similarity(landmarks, goal), (width, height))
    except cv2.error as error:
        raise ValueError("the image is too large for OpenCV to cut a face out") from error


def _check(landmarks: np.ndarray, goal: np.ndarray, shape: tuple[int, ...]) -> None:
    if landmarks.shape != (5, 2) or not np.all(np.isfinite(landmarks)):
        raise ValueError("the landmarks are not five points")
    centre = landmarks.mean(axis=0)
    source = _complex(landmarks - centre)
    spread = np.linalg.norm(source)
    if spread < SMALLEST_SPREAD:
        raise ValueError("the landmarks lie within a pixel; they have to be in pixels")
    if not (0 <= centre[0] < shape[1] and 0 <= centre[1] < shape[0]):
        raise ValueError("the landmarks lie outside of the image")
    target = _complex(goal - goal.mean(axis=0))
    likeness = abs(np.vdot(source, target)) / (spread * np.linalg.norm(target))
    if likeness < LEAST_LIKENESS:
        raise ValueError("the landmarks are no face, or in another order (image-left eye first)")


def _complex(points: np.ndarray) -> np.ndarray:
    return points[:, 0] + 1j * points[:, 1]
