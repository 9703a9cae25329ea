"""What a set is to be packed from: a folder per identity or a list, in the order of labels."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from recordio_tools.list_images_parts.listing import list_images, warn_of_missing
from recordio_tools.make_parts.label_order import LabelOrder
from unequal.faces.set_writer import LARGEST_KEY
from unequal.support.errors import InputError

logger = logging.getLogger(__name__)


@contextmanager
def images_to_pack(
    source: str | Path, scratch: Path, num_classes: int | None
) -> Iterator[LabelOrder]:
    """Give the images of a folder or of a list, and log what is unusual about them.

    Args:
        source: a folder that holds a folder of images per identity, or a list of images.
        scratch: folder for a list that is removed again.
        num_classes: labels must be below it; None for no bound.

    Raises:
        InputError: there is no image, a line cannot be understood, or a label or the number of
            images is beyond the bound or beyond what records hold.
    """
    if not Path(source).is_dir():
        faces = LabelOrder(source)
        if not faces.ascending:
            logger.warning("%s: is not in the order of its labels; the set will be", source)
        if faces.repeated:
            path, count = faces.repeated_path, faces.repeated
            logger.warning("%s: lines that name a path again: %d (%r); kept", source, count, path)
        _check(source, faces, num_classes)
        yield faces
        return
    listed = scratch / ".images.lst"
    warn_of_missing(source, list_images(source, listed))
    try:
        faces = LabelOrder(listed)
        _check(source, faces, num_classes)
        yield faces
    finally:
        listed.unlink()


def _check(source: str | Path, faces: LabelOrder, num_classes: int | None) -> None:
    if not faces.images:
        raise InputError(f"{source}: lists no image; check the name of the list")
    if faces.images + faces.identities > LARGEST_KEY:
        raise InputError(
            f"{source}: {faces.images} images of {faces.identities} identities are more than the "
            f"{LARGEST_KEY} records that the layout can address; make several sets"
        )
    if num_classes is not None and num_classes <= faces.largest_label:
        raise InputError(
            f"`num_classes` {num_classes}: {source} has label {faces.largest_label}; give at least "
            f"{faces.largest_label + 1}"
        )
