"""Polygons on a turned head: from face lengths to antialiased pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

FRACTION_BITS = 4
HEAD_DEPTH = 0.72
HALF_VIEW = 1.24
PERSPECTIVE = 0.18
CIRCLE = np.stack([np.cos(np.arange(20) * np.pi / 10), np.sin(np.arange(20) * np.pi / 10)], axis=1)


@dataclass(frozen=True)
class Pose:
    """Where the head is: yaw, pitch, roll in radians, scale, and shift in half picture sides."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    def rotation(self) -> np.ndarray:
        """Return the (3, 3) matrix that turns the head: first yaw, then pitch, then roll."""
        about_y = _turn(self.yaw, 2, 0)
        about_x = _turn(self.pitch, 1, 2)
        about_z = _turn(self.roll, 0, 1)
        return about_z @ about_x @ about_y


class Painter:
    """Fills polygons and draws lines, given in face lengths, on a square canvas.

    A face length is half the height of a face; the origin is the middle of the face, x points
    right and y down. Points lie on an ellipsoid (the head's surface) or, when `flat`, in the plane
    through the ears; `lift` moves them towards the viewer. Colours are RGB arrays (3,), 0 to 255.
    """

    def __init__(self, canvas: np.ndarray, pose: Pose, face_width: float) -> None:
        self.canvas = canvas
        self._rotation = pose.rotation().T
        self._pixels_per_length = 0.5 * canvas.shape[0] * pose.scale / HALF_VIEW
        self._centre = 0.5 * canvas.shape[0] * (1.0 + np.array([pose.shift_x, pose.shift_y])) - 0.5
        self._curvature = np.array([1.15 * face_width, 1.25]) ** -2.0

    def fill(
        self,
        points: np.ndarray,
        colour: np.ndarray,
        lift: float = 0.0,
        flat: bool = False,
        opacity: float = 1.0,
    ) -> None:
        """Paint the inside of the polygon (n, 2)."""
        corners = [self._project(points, lift, flat)]
        target = self.canvas if opacity >= 1.0 else self.canvas.copy()
        cv2.fillPoly(target, corners, colour.tolist(), cv2.LINE_AA, FRACTION_BITS)
        if opacity < 1.0:
            cv2.addWeighted(target, opacity, self.canvas, 1.0 - opacity, 0.0, dst=self.canvas)

    def line(
        self,
        points: np.ndarray,
        colour: np.ndarray,
        width: float,
        lift: float = 0.0,
        closed: bool = False,
    ) -> None:
        """Paint a line of `width` face lengths, at least a pixel wide."""
        thickness = max(1, int(round(width * self._pixels_per_length)))
        corners = [self._project(points, lift, flat=False)]
        cv2.polylines(
            self.canvas, corners, closed, colour.tolist(), thickness, cv2.LINE_AA, FRACTION_BITS
        )

    def _project(self, points: np.ndarray, lift: float, flat: bool) -> np.ndarray:
        solid = np.empty((len(points), 3))
        solid[:, :2] = points
        solid[:, 2] = lift
        if not flat:
            solid[:, 2] += HEAD_DEPTH * np.sqrt(np.maximum(0.0, 1.0 - points**2 @ self._curvature))
        turned = solid @ self._rotation
        zoom = self._pixels_per_length / (1.0 - PERSPECTIVE * (turned[:, 2:] - 0.4))
        pixels = turned[:, :2] * zoom + self._centre
        return np.rint(pixels * (1 << FRACTION_BITS)).astype(np.int32)


def ellipse(
    x: float, y: float, width: float, height: float, tilt: float = 0.0, power: float = 1.0
) -> np.ndarray:
    """Return the outline (20, 2) of an ellipse with these half axes; power < 1 makes it square."""
    unit = CIRCLE if power == 1.0 else np.sign(CIRCLE) * np.abs(CIRCLE) ** power
    points = unit * (width, height)
    if tilt:
        points = points @ _turn(tilt, 0, 1)[:2, :2].T
    return points + (x, y)


def band(x: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Return the outline (2n, 2) of the area between two curves over the same x (n,)."""
    points = np.empty((2 * len(x), 2))
    points[: len(x), 0], points[: len(x), 1] = x, upper
    points[len(x) :, 0], points[len(x) :, 1] = x[::-1], lower[::-1]
    return points


def column(y: np.ndarray, half_width: np.ndarray) -> np.ndarray:
    """Return the outline (2n, 2), symmetric about x = 0, with this half width at each y (n,)."""
    return band(y, half_width, -half_width)[:, ::-1]


def _turn(angle: float, first: int, second: int) -> np.ndarray:
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[second, first] = np.sin(angle)
    matrix[first, second] = -np.sin(angle)
    return matrix
