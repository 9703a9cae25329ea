"""Who a drawn face is: the continuous traits that stay the same in all pictures of one identity."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np


def trait(low: float, high: float) -> Any:
    """Declare a trait between low and high."""
    return field(metadata={"low": low, "high": high})


@dataclass(frozen=True)
class Identity:
    """Geometry and colours of one face.

    Lengths are in half face heights with the origin in the middle of the face, x to the right
    and y down (the chin is near y = 1); tilts are in radians; traits from 0 to 1 without a length
    are strengths or positions on a colour scale. Traits such as `glasses` show only above a level,
    so that continuous numbers also decide what a face has.
    """

    face_width: float = trait(0.60, 0.88)
    forehead: float = trait(0.74, 1.0)
    jaw: float = trait(0.62, 1.0)
    chin: float = trait(0.24, 0.62)
    chin_drop: float = trait(0.92, 1.14)
    ear_size: float = trait(0.10, 0.24)
    ear_height: float = trait(-0.12, 0.12)

    eye_height: float = trait(-0.24, 0.02)
    eye_distance: float = trait(0.25, 0.40)
    eye_width: float = trait(0.11, 0.19)
    eye_roundness: float = trait(0.32, 0.78)
    eye_tilt: float = trait(-0.30, 0.30)
    iris: float = trait(0.40, 0.66)
    lid: float = trait(0.010, 0.036)
    brow_gap: float = trait(0.06, 0.19)
    brow_length: float = trait(0.9, 1.6)
    brow_thickness: float = trait(0.018, 0.085)
    brow_tilt: float = trait(-0.32, 0.32)
    brow_arch: float = trait(0.0, 0.09)

    nose_length: float = trait(0.24, 0.50)
    nose_width: float = trait(0.08, 0.22)
    nose_bridge: float = trait(0.025, 0.08)
    nose_depth: float = trait(0.10, 0.34)
    mouth_gap: float = trait(0.16, 0.32)
    mouth_width: float = trait(0.16, 0.38)
    upper_lip: float = trait(0.02, 0.085)
    lower_lip: float = trait(0.025, 0.11)
    mouth_bend: float = trait(-0.06, 0.07)

    hair_amount: float = trait(0.0, 1.0)
    hair_volume: float = trait(0.05, 0.34)
    hair_line: float = trait(-0.86, -0.42)
    hair_part: float = trait(-0.9, 0.9)
    hair_length: float = trait(-0.5, 1.3)
    hair_wave: float = trait(0.0, 1.0)
    beard: float = trait(0.0, 1.0)
    beard_height: float = trait(0.30, 0.72)
    moustache: float = trait(0.0, 1.0)
    glasses: float = trait(0.0, 1.0)
    glasses_size: float = trait(0.19, 0.30)
    glasses_squareness: float = trait(0.35, 1.0)
    glasses_colour: float = trait(0.0, 1.0)
    mole: float = trait(0.0, 1.0)
    mole_x: float = trait(-0.45, 0.45)
    mole_y: float = trait(-0.1, 0.75)
    freckles: float = trait(0.0, 1.0)
    folds: float = trait(0.0, 1.0)

    skin_darkness: float = trait(0.0, 1.0)
    skin_warmth: float = trait(0.0, 1.0)
    hair_darkness: float = trait(0.0, 1.0)
    hair_warmth: float = trait(0.0, 1.0)
    eye_hue: float = trait(0.0, 1.0)
    eye_darkness: float = trait(0.0, 1.0)
    lip_redness: float = trait(0.0, 1.0)


def draw_identity(rng: np.random.Generator) -> Identity:
    """Draw a new identity, every trait independent of the others, over all of its range.

    The ends of a range are likelier than its middle, so that identities differ more.
    """
    places = rng.beta(0.7, 0.7, len(fields(Identity))).tolist()
    return Identity(
        **{
            entry.name: entry.metadata["low"]
            + place * (entry.metadata["high"] - entry.metadata["low"])
            for entry, place in zip(fields(Identity), places)
        }
    )


def draw_relative(identity: Identity, rng: np.random.Generator, resemblance: float) -> Identity:
    """Draw an identity whose traits lie between those of `identity` and those of a stranger.

    `resemblance` goes from 0 (the stranger) to 1 (the same face). A set of independent identities
    would have no confusing pairs.
    """
    stranger = draw_identity(rng)
    return Identity(
        **{
            entry.name: resemblance * getattr(identity, entry.name)
            + (1.0 - resemblance) * getattr(stranger, entry.name)
            for entry in fields(Identity)
        }
    )
