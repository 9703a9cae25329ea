"""How a training image is changed: the augmentation of the 2019 code.

An image is (height, width, 3) RGB. Nothing is clipped or rounded.
"""

from __future__ import annotations

import cv2
import numpy as np

from unequal.batches.colour_map import ColourMap

CUTOFF_VALUE = 127.5
GRAY_CHANCE = 0.2
JITTER_CHANCE = 0.2
JITTER = 0.2


def mirror(image: np.ndarray) -> np.ndarray:
    """Exchange left and right."""
    return cv2.flip(image, 1)


def cutoff(image: np.ndarray, row: int, column: int, size: int) -> np.ndarray:
    """Return a float32 copy with a square of 127.5, the grey that the network sees as 0.

    The square is `size` // 2 pixels around (row, column) on every side, within the image.
    """
    half = size // 2
    covered = image.astype(np.float32)
    covered[max(0, row - half) : row + half, max(0, column - half) : column + half] = CUTOFF_VALUE
    return covered


def augment_plain(
    image: np.ndarray, rng: np.random.Generator, rand_mirror: bool = True, cutoff_size: int = 0
) -> np.ndarray:
    """Mirror with chance 1/2, then cut off: as in steps 1 and 2.1.

    Returns:
        uint8 as it came; float32 where `cutoff_size` is above 0, because 127.5 is no whole number.
    """
    if rand_mirror and rng.random() < 0.5:
        image = mirror(image)
    if cutoff_size > 0:
        row, column = (int(rng.random() * length) for length in image.shape[:2])
        image = cutoff(image, row, column, cutoff_size)
    return image


def augment_colour(
    image: np.ndarray, rng: np.random.Generator, rand_mirror: bool = True
) -> np.ndarray:
    """Change the colours, then mirror with chance 1/2: as in steps 2.2 and 3.2.

    Grey with chance .2; with chance .2 brightness, contrast and saturation, each by a factor from
    .8 to 1.2, in random order.

    Returns:
        Values for a float32 batch; uint8 where the colours were not changed.
    """
    gray = rng.random() < GRAY_CHANCE
    jitter = rng.random() < JITTER_CHANCE
    if gray or jitter:
        colours = ColourMap(image)
        if gray:
            colours.gray()
        if jitter:
            steps = (colours.brightness, colours.contrast, colours.saturation)
            for step in rng.permutation(3).tolist():
                steps[step](1.0 + JITTER * (2.0 * rng.random() - 1.0))
        image = colours.image()
    if rand_mirror and rng.random() < 0.5:
        image = mirror(image)
    return image
