"""Landmarks of the face in a photo, found by a YuNet model that OpenCV runs."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from unequal.support.errors import InputError

MIN_SCORE = 0.6
OVERLAP = 0.3
MOST_FACES = 5000
# Photos are looked at with their longer side between these, then, where that finds no face that
# YuNet was made for, with these ones: close-ups first, small faces in large photos last.
LONGEST_SIDE = (160, 640)
OTHER_SIDES = (320, 160, 1280)
LARGEST_FACE = 300
# With a feature map of one row or column OpenCV 4.11 reads memory that nobody has written
SMALLEST_SIDE = 64


class FaceDetector:
    """Finds the landmarks of one face per photo, by OpenCV's FaceDetectorYN.

    Args:
        model: a YuNet model, an ONNX file such as face_detection_yunet_2023mar.onnx.
        min_score: the lowest score of a face that the model takes, 0 to 1.

    Raises:
        InputError: the file cannot be read or is no such model, or this OpenCV has no
            FaceDetectorYN.
    """

    def __init__(self, model: str | Path, min_score: float = MIN_SCORE) -> None:
        if not 0 <= min_score <= 1:
            raise InputError(f"`min_score` {min_score}: give a number from 0 to 1")
        if not hasattr(cv2, "FaceDetectorYN"):
            raise InputError(
                f"`detector` {model}: OpenCV {cv2.__version__} has no FaceDetectorYN; install "
                "opencv-python 4.8 or newer, or give `landmarks`"
            )
        try:
            with open(model, "rb"):
                pass
        except OSError as error:
            raise InputError(f"`detector` {model}: {error.strerror}; name a YuNet model") from error
        try:
            self._net = cv2.FaceDetectorYN.create(
                os.fspath(model), "", (SMALLEST_SIDE,) * 2, min_score, OVERLAP, MOST_FACES
            )
            self._faces(np.zeros((SMALLEST_SIDE, SMALLEST_SIDE, 3), np.uint8))
        except (cv2.error, UnicodeError) as error:
            raise InputError(
                f"`detector` {model}: is no YuNet model that OpenCV {cv2.__version__} can run; "
                "take face_detection_yunet_2023mar.onnx of opencv_zoo"
            ) from error

    def landmarks(self, image: np.ndarray) -> np.ndarray | None:
        """Return the landmarks of the largest and most central face, or None without a face.

        Args:
            image: uint8 (height, width, 3) RGB, of any size; a large one is scaled down for this.

        Returns:
            float32 (5, 2), x and y in pixels of `image`: eye at the image's left, other eye, tip
            of the nose, corner of the mouth at the image's left, other one.
        """
        longer = max(image.shape[:2])
        usual = min(max(longer, LONGEST_SIDE[0]), LONGEST_SIDE[1])
        best = None
        for side in dict.fromkeys((usual, *OTHER_SIDES)):
            if side > max(longer, OTHER_SIDES[0]) or (best is not None and side > usual):
                continue
            scale = side / longer
            face = choose_face(self._faces(_scaled(image, scale)), image.shape, scale)
            if face is None:
                continue
            best = face[4:14].reshape(5, 2)
            if face[2:4].max() * scale <= LARGEST_FACE:
                break
        return best

    def _faces(self, image: np.ndarray) -> np.ndarray:
        """Return (faces, 15): box x, y, width, height, five points, score; pixels of `image`."""
        height, width = image.shape[:2]
        below, right = (max(SMALLEST_SIDE - side, 0) for side in (height, width))
        padded = cv2.copyMakeBorder(
            cv2.cvtColor(image, cv2.COLOR_RGB2BGR), 0, below, 0, right, cv2.BORDER_CONSTANT
        )
        self._net.setInputSize(padded.shape[1::-1])
        _, faces = self._net.detect(padded)
        return np.empty((0, 15), np.float32) if faces is None else faces


def choose_face(faces: np.ndarray, shape: tuple[int, ...], scale: float = 1.0) -> np.ndarray | None:
    """Return the largest and most central of the faces, as InsightFace's alignment chooses it.

    That is the one of the largest area - 2 * (distance of its box from the image's centre)^2.

    Args:
        faces: (faces, 15) of FaceDetectorYN, in pixels of the scaled image.
        shape: (height, width, ...) of the image before it was scaled.
        scale: the factor by which it was scaled.

    Returns:
        Its row in pixels of the image before; None where no box has its centre in the image.
    """
    height, width = shape[:2]
    faces = faces[np.all(np.isfinite(faces), axis=1)].copy()
    faces[:, :14] /= scale
    centres = faces[:, :2] + faces[:, 2:4] / 2
    inside = np.all((centres >= 0) & (centres <= (width, height)), axis=1)
    faces, centres = faces[inside], centres[inside]
    if not len(faces):
        return None
    distance = ((centres - (width / 2, height / 2)) ** 2).sum(axis=1)
    return faces[np.argmax(faces[:, 2] * faces[:, 3] - 2 * distance)]


def _scaled(image: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return image
    height, width = (max(round(side * scale), 1) for side in image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=method)


# a process that asks for the same one again gets the one it has
open_detector = lru_cache(maxsize=1)(FaceDetector)
