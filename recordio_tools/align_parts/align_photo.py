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
    """A photo to align, or what became of it.

    Attributes:
        path: its path from the folder of photos.
        target: the path of its face from the output folder.
        landmarks: float32 (5, 2), x and y in pixels; None where they are not known.
        problem: why it has no face; '' where it has one.
    """

    path: str
    target: str
    landmarks: np.ndarray | None = None
    problem: str = ""


class Recipe(NamedTuple):
    """What is the same for all photos.

    Attributes:
        source: the folder of photos.
        output: the folder of faces.
        size: (height, width) of a face, pixels.
        quality: of the JPEG files, 1 to 100.
        model: a YuNet model that finds landmarks; None where they are given.
        min_score: the lowest score of a face that the model takes.
    """

    source: str
    output: str
    size: tuple[int, int]
    quality: int
    model: str | None
    min_score: float


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
