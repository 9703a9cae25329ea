"""One photo becomes one aligned face: the work that recordio_tools.align does in its processes."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from recordio_tools.align_parts.detector import open_detector
from unequal.faces.alignment import align_face
from unequal.faces.decoding import BadImage, decode_rgb
from unequal.faces.jpeg import encode_jpeg


class Photo(NamedTuple):
    """A photo to align, or what became of it."""

    path: str  # from the folder of photos
    target: str  # the path of its face from the output folder
    landmarks: np.ndarray | None = None  # float32 (5, 2), x and y in pixels, where they are known
    problem: str = ""  # why it has no face


class Recipe(NamedTuple):
    """What is the same for all photos."""

    source: str  # the folder of photos
    output: str  # the folder of faces
    size: tuple[int, int]  # (height, width) of a face, pixels
    quality: int  # of the JPEG files, 1 to 100
    model: str | None  # a YuNet model that finds landmarks; None where they are given
    min_score: float  # the lowest score of a face that the model takes


def align_photo(recipe: Recipe, photo: Photo) -> Photo:
    """Write the face of one photo; return the photo with its landmarks or its problem.

    A photo that comes with a problem is returned as it is.

    Raises:
        OSError: the face cannot be written.
    """
    if photo.problem:
        return photo
    model = recipe.model
    detector = None if model is None else open_detector(model, recipe.min_score)
    try:
        image = _read(os.path.join(recipe.source, photo.path))
        points = photo.landmarks if detector is None else detector.landmarks(image)
        if points is None:
            return photo._replace(problem="no face was found")
        face = align_face(image, points, recipe.size)
    except OSError as error:
        return photo._replace(problem=f"it cannot be read ({error.strerror})")
    except ValueError as error:
        return photo._replace(problem=str(error))
    target = os.path.join(recipe.output, photo.target)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(encode_jpeg(face, recipe.quality))
    return photo._replace(landmarks=points)


def _read(path: str) -> np.ndarray:
    # the content of a pipe would never end
    if os.path.exists(path) and not os.path.isfile(path):
        raise BadImage("it is no file")
    with open(path, "rb") as file:
        return decode_rgb(file.read())
