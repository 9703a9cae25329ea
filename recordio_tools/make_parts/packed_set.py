"""Packed images written as a set, with what was left out of it and what was counted."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Iterable, NamedTuple

from recordio_tools.make_parts.label_order import LabelOrder
from recordio_tools.make_parts.packing import Packed
from unequal.faces.left_out_table import LeftOut
from unequal.faces.set_writer import FaceSetWriter
from unequal.support.errors import InputError

logger = logging.getLogger(__name__)


class Made(NamedTuple):
    """What a set was made of.

    `images`, `identities`: those in it; `size`: (height, width) in pixels; `aligned`, `resized`:
    images that were encoded anew; `misnamed`: files whose name says another format than they
    have, taken as they are; `left_out`: images left out, by reason; `lost_identities`: how many
    have no image left.
    """

    images: int
    identities: int
    size: tuple[int, int]
    aligned: int
    resized: int
    misnamed: int
    left_out: dict[str, int]
    lost_identities: int


def write_packed(
    source: str | Path,
    made: Path,
    writer: FaceSetWriter,
    images: Iterable[Packed],
    faces: LabelOrder,
) -> Made:
    """Writes the packed images of `source` to the folder `made`, and which were left out.

    Raises InputError where that are all.
    """
    identities = aligned = resized = misnamed = 0
    last = None
    with LeftOut(made) as left_out, writer:
        for face, image, reason, change, is_misnamed in images:
            if reason:
                left_out.add(face.path, reason)
                continue
            identities += face.label != last
            last = face.label
            writer.add(face.label, image, face.path)
            aligned += change == "aligned"
            resized += change == "resized"
            misnamed += is_misnamed
        if not writer.images:
            raise nothing_left(source, left_out.first)
    lost = faces.identities - identities
    if lost:
        logger.warning("%s: identities left without an image, a gap in labels: %d", source, lost)
    return Made(
        writer.images, identities, writer.size, aligned, resized, misnamed, left_out.reasons, lost
    )


def nothing_left(source: str | Path, first: tuple[str, str] | None) -> InputError:
    """The error about a source none of whose images can be packed; `first` is path and reason."""
    path, reason = first or ("", "")
    return InputError(
        f"{source}: no image can be packed, the first, {path}, for: {reason}; check the images, "
        "`root` and `size`"
    )
