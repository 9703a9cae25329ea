"""The face itself: an identity with an expression, painted feature by feature, back to front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recordio_tools.make_synthetic_parts.identity import Identity
from recordio_tools.make_synthetic_parts.painter import Painter, Pose, band, column, ellipse

SKIN = np.array([[250, 222, 200], [233, 190, 155], [198, 146, 105], [141, 94, 62], [78, 50, 36]])
HAIR = np.array([[226, 214, 190], [205, 165, 95], [135, 84, 45], [70, 44, 30], [22, 18, 20]])
RED_HAIR = np.array([[228, 200, 170], [220, 125, 60], [160, 62, 28], [95, 35, 25], [38, 16, 18]])
EYE = np.array([[120, 165, 205], [95, 150, 120], [140, 130, 75], [125, 80, 40], [90, 60, 50]])
FRAME = np.array([[20, 20, 25], [110, 25, 30], [30, 50, 120], [190, 160, 60], [230, 230, 235]])
EYE_WHITE = np.array([238, 236, 232])
PUPIL = np.array([12, 10, 12])
LENS = np.array([225, 235, 240])
MOUTH_INSIDE = np.array([70, 22, 26])
TEETH = np.array([238, 234, 222])

HAIR_FROM = 0.12
FRECKLES_FROM = 0.75
MOLE_FROM = 0.55
FOLDS_FROM = 0.50
BEARD_FROM = 0.68
MOUSTACHE_FROM = 0.72
GLASSES_FROM = 0.70

SIDES = (-1.0, 1.0)
ACROSS = np.linspace(-1.0, 1.0, 13)
SWELL = 1.0 - ACROSS**2
UNIT = np.linspace(0.0, 1.0, 16)


@dataclass(frozen=True)
class Expression:
    """What a face does: smile, brows and gaze from -1 to 1, mouth and lids from 0 to 1."""

    smile: float = 0.0
    mouth_open: float = 0.0
    lids_open: float = 1.0
    brows: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0


def paint_face(
    canvas: np.ndarray,
    identity: Identity,
    expression: Expression,
    pose: Pose,
    clothes: np.ndarray,
) -> None:
    """Paint head, neck and shoulders over the canvas, uint8 (size, size, 3) RGB, in place."""
    painter = Painter(canvas, pose, identity.face_width)
    warmth = (identity.skin_warmth - 0.5) * np.array([18.0, -4.0, -30.0])
    skin = _on_scale(SKIN, identity.skin_darkness) + warmth
    red = max(0.0, 2.0 * identity.hair_warmth - 1.0)
    hair = (1.0 - red) * _on_scale(HAIR, identity.hair_darkness)
    hair = hair + red * _on_scale(RED_HAIR, identity.hair_darkness)

    _paint_behind(painter, identity, skin, hair, clothes)
    height = -0.025 - 1.025 * np.cos(np.pi * UNIT)
    drop = np.where(height > 0, identity.chin_drop, 1.0)
    painter.fill(column(height * drop, _half_width(identity, height)), skin, flat=True)
    _paint_skin_details(painter, identity, skin)
    _paint_beard(painter, identity, 0.85 * hair)
    _paint_mouth(painter, identity, expression, skin)
    _paint_nose(painter, identity, skin)
    for side in SIDES:
        _paint_eye(painter, identity, expression, skin, side)
        _paint_brow(painter, identity, expression, 0.72 * hair, side)
    if identity.hair_amount > HAIR_FROM:
        _paint_hair(painter, identity, hair)
    if identity.glasses > GLASSES_FROM:
        _paint_glasses(painter, identity)


def _on_scale(colours: np.ndarray, position: float) -> np.ndarray:
    place = position * (len(colours) - 1)
    step = min(int(place), len(colours) - 2)
    return colours[step] + (place - step) * (colours[step + 1] - colours[step])


def _half_width(identity: Identity, height: np.ndarray) -> np.ndarray:
    """Half the face's width at each height."""
    top, jaw, chin = identity.forehead, identity.jaw, identity.chin
    heights = [-1.05, -0.98, -0.8, -0.5, -0.1, 0.2, 0.55, 0.85, 0.96, 1.0]
    cheek = 0.5 + 0.5 * (0.4 + 0.6 * jaw) ** 0.5
    low = [0.93 * jaw, chin + 0.25 * (jaw - chin), 0.6 * chin, 0.0]
    widths = [0.0, 0.38 * top, 0.76 * top, 0.95 * top, 1.0, cheek, *low]
    return identity.face_width * np.interp(height, heights, widths)


def _nose_tip(identity: Identity) -> float:
    return identity.eye_height + identity.nose_length


def _mouth_height(identity: Identity) -> float:
    return _nose_tip(identity) + identity.mouth_gap


def _paint_behind(
    painter: Painter, identity: Identity, skin: np.ndarray, hair: np.ndarray, clothes: np.ndarray
) -> None:
    """Long hair, neck, shoulders and ears."""
    width = identity.face_width
    if identity.hair_amount > HAIR_FROM and identity.hair_length > 0.0:
        height = -1.0 + (identity.hair_length + 1.0) * UNIT
        rounding = np.maximum(0.0, 1.0 - np.minimum(height, 0.0) ** 2) ** 0.35
        half = width * (1.0 + identity.hair_volume) * rounding
        half = half + 0.05 * identity.hair_wave * np.sin(9.0 * height)
        painter.fill(column(height, half), 0.78 * hair, lift=-0.35, flat=True)
    neck = 0.31 * width * (1.0 + identity.jaw)
    collar = np.array([[-neck, 0.4], [neck, 0.4], [1.15 * neck, 1.8], [-1.15 * neck, 1.8]])
    painter.fill(collar, 0.82 * skin, lift=-0.25, flat=True)
    shoulder = np.array([1.42, 1.2, 1.42, 1.2, 1.42])
    x = np.array([-1.5, -neck, 0.0, neck, 1.5])
    painter.fill(band(x, shoulder, np.full(5, 2.6)), clothes, lift=-0.25, flat=True)
    for side in SIDES:
        size = identity.ear_size
        ear = ellipse(side * width, identity.ear_height, 0.62 * size, size, -0.25 * side)
        painter.fill(ear, 0.92 * skin, lift=-0.15, flat=True)


def _paint_skin_details(painter: Painter, identity: Identity, skin: np.ndarray) -> None:
    cheek_height = 0.5 * (identity.eye_height + 0.6)
    tip, wing = _nose_tip(identity), identity.nose_width
    for side in SIDES:
        cheek = ellipse(side * 0.55 * identity.face_width, cheek_height, 0.16, 0.13)
        painter.fill(cheek, skin * (1.06, 0.84, 0.84), opacity=0.5)
        if identity.freckles > FRECKLES_FROM:
            for x, y in ((0.2, 0.1), (0.3, 0.03), (0.28, 0.17), (0.4, 0.12)):
                spot = ellipse(side * x, y + identity.eye_height + 0.2, 0.02, 0.02)
                painter.fill(spot, 0.66 * skin)
        if identity.folds > FOLDS_FROM:
            fold = [[1.1 * wing, tip - 0.02], [wing + 0.1, tip + 0.14], [wing + 0.12, tip + 0.3]]
            strength = 0.95 - 0.45 * (identity.folds - FOLDS_FROM)
            painter.line(np.array(fold) * (side, 1.0), strength * skin, 0.02)
    if identity.mole > MOLE_FROM:
        radius = 0.02 + 0.06 * (identity.mole - MOLE_FROM)
        painter.fill(ellipse(identity.mole_x, identity.mole_y, radius, radius), 0.4 * skin)


def _paint_nose(painter: Painter, identity: Identity, skin: np.ndarray) -> None:
    tip, width, depth = _nose_tip(identity), identity.nose_width, identity.nose_depth
    height = np.array([identity.eye_height - 0.02, tip - 0.04, tip + 0.04])
    ridge = column(height, np.array([identity.nose_bridge, 0.75 * width, 0.3 * width]))
    painter.fill(ridge, 1.16 * skin, lift=0.4 * depth)
    roundness = 0.3 * width + 0.03
    painter.fill(ellipse(0.0, tip, width, roundness), 0.86 * skin, lift=0.6 * depth)
    painter.fill(ellipse(0.0, tip - 0.03, 0.7 * width, roundness), 1.07 * skin, lift=depth)
    for side in SIDES:
        nostril = ellipse(side * 0.5 * width, tip + 0.02, 0.24 * width, 0.018 + 0.04 * width)
        painter.fill(nostril, 0.38 * skin, lift=0.8 * depth)


def _paint_mouth(
    painter: Painter, identity: Identity, expression: Expression, skin: np.ndarray
) -> None:
    x = ACROSS * identity.mouth_width * (1.0 + 0.22 * expression.smile)
    bend = identity.mouth_bend + 0.10 * expression.smile
    middle = _mouth_height(identity) + bend * (SWELL - 0.5)
    bow = identity.upper_lip * SWELL**0.6 * (1.0 - 0.28 * np.exp(-((ACROSS / 0.16) ** 2)))
    redness = identity.lip_redness
    lips = skin * (1.0 - 0.25 * redness) + (25.0 + 25.0 * redness, -35.0 - 45.0 * redness, -25.0)
    above = middle - 0.06 * expression.mouth_open * SWELL
    below = middle + 0.15 * expression.mouth_open * SWELL
    is_open = expression.mouth_open > 0.08
    if is_open:
        painter.fill(band(x, above, below), MOUTH_INSIDE)
        painter.fill(band(0.85 * x, above, 0.7 * above + 0.3 * below), TEETH)
    painter.fill(band(x, above - bow, above), 0.82 * lips)
    painter.fill(band(x, below, below + identity.lower_lip * SWELL**0.7), lips)
    if not is_open:
        painter.line(np.stack([x, middle], axis=1), 0.5 * lips, 0.015)


def _paint_eye(
    painter: Painter, identity: Identity, expression: Expression, skin: np.ndarray, side: float
) -> None:
    width = identity.eye_width
    height = width * identity.eye_roundness * expression.lids_open
    cosine, sine = np.cos(identity.eye_tilt), np.sin(identity.eye_tilt)
    outward = np.array([[side * cosine, sine], [-side * sine, cosine]])
    centre = (side * identity.eye_distance, identity.eye_height)

    x, upper, lower = ACROSS * width, -height * SWELL**0.8, 0.75 * height * SWELL
    socket = ellipse(0.0, -0.02, 1.25 * width, 1.1 * height + 0.05)
    painter.fill(socket @ outward + centre, 0.88 * skin, opacity=0.7)
    painter.fill(band(x, upper, lower) @ outward + centre, EYE_WHITE)
    radius = identity.iris * width
    colour = (1.15 - 0.75 * identity.eye_darkness) * _on_scale(EYE, identity.eye_hue)
    gaze = (side * 0.4 * width * expression.gaze_x, 0.3 * height * expression.gaze_y)
    for disc_radius, disc_colour in ((radius, colour), (0.5 * radius, PUPIL)):
        disc = ellipse(gaze[0], gaze[1], disc_radius, disc_radius)
        disc[:, 1] = np.minimum(disc[:, 1], np.interp(disc[:, 0], x, lower))
        disc[:, 1] = np.maximum(disc[:, 1], np.interp(disc[:, 0], x, upper))
        painter.fill(disc @ outward + centre, disc_colour)
    lid = np.stack([x, upper], axis=1)
    painter.line(lid @ outward + centre, 0.25 * skin, identity.lid)


def _paint_brow(
    painter: Painter, identity: Identity, expression: Expression, hair: np.ndarray, side: float
) -> None:
    width = identity.eye_width
    reach = identity.brow_length * width
    above_eye = width * identity.eye_roundness + identity.brow_gap + 0.05 * expression.brows
    middle = identity.eye_height - above_eye - identity.brow_arch * SWELL
    middle = middle + np.sin(identity.brow_tilt) * reach * ACROSS
    half = 0.5 * identity.brow_thickness * (1.0 - 0.275 * (ACROSS + 1.0))
    x = side * (identity.eye_distance + reach * ACROSS)
    painter.fill(band(x, middle - half, middle + half), hair)


def _paint_beard(painter: Painter, identity: Identity, hair: np.ndarray) -> None:
    mouth = _mouth_height(identity)
    if identity.beard > BEARD_FROM:
        strength = identity.beard - BEARD_FROM
        height = identity.beard_height + (1.0 - identity.beard_height) * UNIT
        outer = _half_width(identity, height)
        inner = min(identity.mouth_width + 0.10, outer[0] - 0.05)
        edge = column(height * identity.chin_drop + 0.22 * strength * UNIT, outer)
        hollow = np.array([[-1.0, -0.06], [-0.5, 0.17], [0.5, 0.17], [1.0, -0.06]])
        around_mouth = hollow * (inner, 1.0) + (0.0, mouth)
        painter.fill(np.concatenate([edge, around_mouth]), hair, opacity=0.45 + 1.4 * strength)
    if identity.moustache > MOUSTACHE_FROM:
        thickness = 0.03 + 0.16 * (identity.moustache - MOUSTACHE_FROM)
        top = 0.5 * (_nose_tip(identity) + mouth) + 0.03 - thickness * SWELL + 0.08 * ACROSS**2
        x = ACROSS * (identity.mouth_width + 0.05)
        painter.fill(band(x, top, top + 1.6 * thickness), hair, lift=0.05)


def _paint_hair(painter: Painter, identity: Identity, hair: np.ndarray) -> None:
    volume, wave = identity.hair_volume, identity.hair_wave
    sideburn = min(max(identity.hair_length, -0.45), 0.25)
    angle = np.pi * UNIT
    reach = 0.5 * identity.face_width * (identity.forehead + 1.0) * (1.0 + 0.55 * volume)
    waves = 1.0 + 0.05 * wave * np.sin(11.0 * angle)
    rise = (sideburn + 1.02 + volume) * np.sin(angle) ** 0.8
    crown = np.stack([reach * np.cos(angle) * waves, sideburn - rise * waves], axis=1)

    temples = 0.5 * np.abs(0.93 * ACROSS) ** 8
    from_parting = np.abs(0.93 * ACROSS - identity.hair_part) - 0.5
    fringe = identity.hair_line + 0.30 * from_parting * (0.4 + identity.hair_amount)
    fringe = fringe + 0.04 * wave * np.sin(15.0 * ACROSS)
    fringe = np.minimum(fringe, identity.eye_height - 0.14) + temples
    x = 0.93 * ACROSS * _half_width(identity, np.array([-0.4]))
    edge = np.stack([x, np.minimum(fringe, sideburn + 0.1)], axis=1)
    painter.fill(np.concatenate([crown, edge]), hair, flat=True)
    painter.line(crown[3:9] * (0.8, 0.9), 1.25 * hair, 0.05)


def _paint_glasses(painter: Painter, identity: Identity) -> None:
    colour = _on_scale(FRAME, identity.glasses_colour)
    height, distance = identity.eye_height, identity.eye_distance
    width = min(identity.glasses_size, distance - 0.03)
    thickness = 0.02 + 0.10 * (identity.glasses - GLASSES_FROM)
    power = identity.glasses_squareness
    for side in SIDES:
        lens = ellipse(side * distance, height + 0.02, width, 0.8 * width, 0.0, power)
        painter.fill(lens, LENS, lift=0.08, opacity=0.16)
        painter.line(lens, colour, thickness, lift=0.08, closed=True)
        hinge, ear = side * (distance + width), side * 1.02 * identity.face_width
        painter.line(np.array([[hinge, height], [ear, height - 0.03]]), colour, thickness)
    inner = distance - width
    bridge = np.array([[-inner, height], [inner, height]])
    painter.line(bridge, colour, thickness, lift=0.1)
