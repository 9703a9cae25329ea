"""Encoding images as JPEG, and the flag --quality of the tools that do."""

from __future__ import annotations

import argparse

import cv2
import numpy as np

from unequal.support.errors import InputError

QUALITY = 95


def encode_jpeg(image: np.ndarray, quality: int = QUALITY) -> bytes:
    """Encode uint8 (height, width, 3) RGB as a JPEG file, by OpenCV; `quality` is 1 to 100."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def add_quality(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the flag --quality, to be checked by `check_quality`; `what` says whose."""
    parser.add_argument(
        "--quality", type=int, default=QUALITY, help=f"{what}, 1 to 100 (default %(default)s)"
    )


def check_quality(quality: int) -> None:
    """Raise InputError for a quality that JPEG does not have."""
    if not 1 <= quality <= 100:
        raise InputError(f"`quality` {quality}: give a number from 1 to 100")
