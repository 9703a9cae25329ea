"""Write packed images as a set, with a list of what was left out."""

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

    Attributes:
        images: those in it.
        identities: those in it.
        size: (height, width) in pixels.
        aligned: images that were aligned and encoded anew.
        resized: images that were resized and encoded anew.
        misnamed: files, taken as they are, whose name says another format than they have.
        left_out: images left out, by reason.
        lost_identities: how many have no image left.
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
    """Write the packed images of `source` to the folder `made`, and the list of those left out.

    Raises:
        InputError: all are left out.
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
    """Return the error about a source without a good image; `first` is path and reason of one."""
    path, reason = first or ("", "")
    return InputError(
        f"{source}: no image can be packed; the first is {path}: {reason}; check the images, "
        "`root` and `size`"
    )
