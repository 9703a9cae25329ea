"""Draw planned pictures as JPEG, in order, in several processes."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import Iterator, Sequence

from recordio_tools.make_synthetic_parts.photos import draw_clutter, draw_image
from recordio_tools.make_synthetic_parts.plan import (
    PlannedPicture,
    SyntheticPlan,
    generator,
    identity_of,
)
from unequal.faces.jpeg import encode_jpeg
from unequal.support.command_line import processes_of, progress
from unequal.support.process_pool import in_order

JPEG_QUALITY = 95
PICTURES_PER_CALL = 16


def draw_jpeg(plan: SyntheticPlan, picture: PlannedPicture) -> bytes:
    """Draw one picture and encode it; its bytes do not depend on when and where that is done."""
    rng = generator(plan, "picture", picture.group, picture.person, picture.take)
    if picture.group == "clutter":
        image = draw_clutter(rng, plan.size, plan.difficulty)
    else:
        identity = identity_of(plan, picture.group, picture.person)
        image = draw_image(identity, rng, plan.size, plan.difficulty)
    return encode_jpeg(image, JPEG_QUALITY)


@contextmanager
def drawn(
    plan: SyntheticPlan, pictures: Sequence[PlannedPicture], processes: int
) -> Iterator[Iterator[bytes]]:
    """Give an iterator over all pictures as JPEG, in order, that shows its progress.

    `processes` 0 means one per usable core.

    Raises:
        InputError: `processes` is negative or above 1024.
    """
    draw = functools.partial(draw_jpeg, plan)
    with in_order(draw, pictures, processes_of(processes), PICTURES_PER_CALL) as images:
        yield progress(images, len(pictures))
