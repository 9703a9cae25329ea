"""A photo of a drawn face: pose, expression, occlusion, light, lens, sensor and compression."""

from __future__ import annotations

import cv2
import numpy as np

from recordio_tools.make_synthetic_parts.faces import Expression, paint_face
from recordio_tools.make_synthetic_parts.identity import Identity
from recordio_tools.make_synthetic_parts.painter import Pose

SUPERSAMPLING = 2


def draw_image(
    identity: Identity, rng: np.random.Generator, size: int, difficulty: float = 1.0
) -> np.ndarray:
    """Draw one picture of the identity, uint8 (size, size, 3) RGB.

    `difficulty` scales how far pose, expression, light and sensor differ from a plain frontal
    picture: 0 is a passport photo, 1 the default, 2 and more are hard to recognise.
    """
    canvas = _background(rng, size * SUPERSAMPLING)
    pose, expression = _draw_pose(rng, difficulty), _draw_expression(rng, difficulty)
    paint_face(canvas, identity, expression, pose, _any_colour(rng))
    if rng.random() < min(0.9, 0.2 * difficulty):
        _occlude(canvas, rng)
    return _photograph(canvas, rng, size, difficulty)


def draw_clutter(rng: np.random.Generator, size: int, difficulty: float = 1.0) -> np.ndarray:
    """Draw a picture without a face, uint8 (size, size, 3) RGB, as a detector finds by mistake."""
    canvas = _background(rng, size * SUPERSAMPLING)
    for _ in range(int(rng.integers(2, 9))):
        _paint_shape(canvas, rng, largest=0.45)
    return _photograph(canvas, rng, size, difficulty)


def _any_colour(rng: np.random.Generator) -> np.ndarray:
    grey = rng.uniform(0.0, 255.0)
    return grey + rng.random() * (rng.uniform(0.0, 255.0, 3) - grey)


def _draw_pose(rng: np.random.Generator, difficulty: float) -> Pose:
    spread = difficulty * np.clip(rng.standard_normal(6), -2.0, 2.0)
    return Pose(
        yaw=0.20 * spread[0],
        pitch=0.09 * spread[1],
        roll=0.08 * spread[2],
        scale=float(np.exp(0.05 * spread[3])),
        shift_x=0.045 * spread[4],
        shift_y=0.045 * spread[5],
    )


def _draw_expression(rng: np.random.Generator, difficulty: float) -> Expression:
    strength = min(difficulty, 1.5)
    spread = strength * np.clip(0.6 * rng.standard_normal(4), -1.0, 1.0)
    return Expression(
        smile=spread[0],
        brows=spread[1],
        gaze_x=spread[2],
        gaze_y=spread[3],
        mouth_open=max(0.0, rng.uniform(-1.0, 1.0)) * min(strength, 1.0),
        lids_open=1.0 - 0.5 * strength * rng.random() ** 2,
    )


def _background(rng: np.random.Generator, side: int) -> np.ndarray:
    corners = np.array([_any_colour(rng) for _ in range(4)], np.float32).reshape(2, 2, 3)
    canvas = cv2.resize(corners, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    for _ in range(int(rng.integers(0, 6))):
        _paint_shape(canvas, rng, largest=0.5)
    blur = rng.uniform(0.0, 0.04) * side
    return cv2.GaussianBlur(canvas, (0, 0), blur) if blur > 0.3 else canvas


def _paint_shape(canvas: np.ndarray, rng: np.random.Generator, largest: float) -> None:
    """Paint an ellipse, polygon or line anywhere, of at most `largest` canvas sides in radius."""
    side = canvas.shape[0]
    centre = rng.uniform(0.0, side, 2)
    radius = rng.uniform(0.1, largest) * side
    colour = _any_colour(rng).tolist()
    kind = rng.integers(3)
    if kind == 0:
        axes = (int(radius), int(radius * rng.uniform(0.3, 1.0)))
        middle = (int(centre[0]), int(centre[1]))
        tilt = rng.uniform(0.0, 180.0)
        cv2.ellipse(canvas, middle, axes, tilt, 0.0, 360.0, colour, cv2.FILLED, cv2.LINE_AA)
    elif kind == 1:
        angle = np.sort(rng.uniform(0.0, 2.0 * np.pi, int(rng.integers(3, 7))))
        corners = centre + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        cv2.fillPoly(canvas, [corners.astype(np.int32)], colour, cv2.LINE_AA)
    else:
        ends = np.stack([centre, centre + 2.0 * radius * rng.uniform(-1.0, 1.0, 2)])
        thickness = max(1, int(rng.uniform(0.01, 0.08) * side))
        cv2.polylines(canvas, [ends.astype(np.int32)], False, colour, thickness, cv2.LINE_AA)


def _occlude(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """Hide a part by a bar across the picture or a square patch, of one colour or grainy."""
    side = canvas.shape[0]
    if rng.random() < 0.5:
        height = rng.uniform(0.10, 0.20)
        left = rng.uniform(0.1, 0.9) - 0.5 * height
        right = left + rng.uniform(-0.15, 0.15)
        corners = np.array([[0, left], [1, right], [1, right + height], [0, left + height]])
    else:
        angle = rng.uniform(0.0, 2.0 * np.pi) + 0.5 * np.pi * np.arange(4)
        around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        corners = rng.uniform(0.15, 0.85, 2) + rng.uniform(0.12, 0.24) * around
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [np.rint(corners * side).astype(np.int32)], (255,))
    grain = rng.uniform(0.0, 40.0) * rng.standard_normal((side, side, 1), np.float32)
    paint = np.clip(_any_colour(rng) + grain, 0.0, 255.0).astype(np.uint8)
    canvas[mask > 0] = paint[mask > 0]


def _photograph(
    canvas: np.ndarray, rng: np.random.Generator, size: int, difficulty: float
) -> np.ndarray:
    """Return the canvas in some light, through some lens and sensor, compressed."""
    small = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    image: np.ndarray = _light(small, rng, difficulty)
    blur = 0.6 * size / 48.0 * difficulty * rng.random() ** 2
    if blur > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    grain = 8.0 * difficulty * rng.random() ** 2
    image = image + grain * rng.standard_normal(image.shape, np.float32)
    pixels = np.clip(np.rint(image), 0.0, 255.0).astype(np.uint8)
    quality = int(95.0 - 50.0 * min(1.0, difficulty) * rng.random() ** 2)
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)


def _light(image: np.ndarray, rng: np.random.Generator, difficulty: float) -> np.ndarray:
    """Change contrast, exposure, the lamp's colour, and the light from one side."""
    contrast = np.exp(0.1 * difficulty * rng.standard_normal())
    exposure = np.exp(np.clip(0.22 * difficulty * rng.standard_normal(), -0.9, 0.3))
    lamp = np.exp(0.08 * difficulty * rng.standard_normal(3))
    slope = 0.24 * difficulty * np.clip(rng.standard_normal(), -2.0, 2.0)
    angle = rng.uniform(0.0, 2.0 * np.pi)
    position = np.linspace(-1.0, 1.0, image.shape[0])
    across = np.exp(slope * np.cos(angle) * position)
    down = np.exp(slope * np.sin(angle) * position)
    light = (down[:, None, None] * across[None, :, None] * lamp * exposure).astype(np.float32)
    return np.minimum((image / 255.0) ** np.float32(contrast) * light, 1.0) * 255.0
