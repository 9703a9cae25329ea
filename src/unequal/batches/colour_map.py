"""The colour steps of the 2019 code, composed into one map that is applied to the pixels once."""

from __future__ import annotations

import cv2
import numpy as np

LUMINANCE = (0.299, 0.587, 0.114)
GRAY_WEIGHTS = (0.21, 0.72, 0.07)


class ColourMap:
    """Steps taken one after the other on an image (height, width, 3) RGB; nothing is clipped.

    Each is affine in the pixel and treats the channels alike. Both weight vectors sum to 1, so
    that any sequence of steps turns each channel x of a pixel into
    `own` x + `luminance` (LUMINANCE . pixel) + `gray_weight` (GRAY_WEIGHTS . pixel) + `offset`.
    """

    def __init__(self, image: np.ndarray) -> None:
        self._image = image.astype(np.float32, copy=False)
        self.own = 1.0
        self.luminance = 0.0
        self.gray_weight = 0.0
        self.offset = 0.0

    def gray(self) -> None:
        """Set all three channels to .21 R + .72 G + .07 B."""
        self.gray_weight += self.own
        self.own = 0.0

    def brightness(self, alpha: float) -> None:
        """Multiply the image by `alpha`."""
        self.own *= alpha
        self.luminance *= alpha
        self.gray_weight *= alpha
        self.offset *= alpha

    def contrast(self, alpha: float) -> None:
        """Mix `alpha` of the image with 1 - `alpha` of its mean luminance."""
        mean = cv2.mean(self._image)
        mean_luminance = self.offset
        for own, alike, value in zip(LUMINANCE, self._weights(), mean):
            mean_luminance += (self.own * own + alike) * value
        self.brightness(alpha)
        self.offset += (1.0 - alpha) * mean_luminance

    def saturation(self, alpha: float) -> None:
        """Mix `alpha` of each pixel with 1 - `alpha` of its luminance."""
        self.luminance += (1.0 - alpha) * self.own
        self.own *= alpha

    def image(self) -> np.ndarray:
        """Return the image after all steps, float32."""
        red, green, blue = self._weights()
        own, offset = self.own, self.offset
        rows = (
            (own + red, green, blue, offset),
            (red, own + green, blue, offset),
            (red, green, own + blue, offset),
        )
        return cv2.transform(self._image, np.array(rows, np.float32))

    def _weights(self) -> list[float]:
        """Return the weights of the pixel's red, green and blue that every channel gets alike."""
        return [
            self.luminance * luminance + self.gray_weight * gray
            for luminance, gray in zip(LUMINANCE, GRAY_WEIGHTS)
        ]
