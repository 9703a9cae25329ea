"""Draws planned pictures as JPEG, in order, in several processes."""

from __future__ import annotations

import functools
import multiprocessing
import signal
from contextlib import contextmanager
from typing import Iterator, Sequence

import cv2
from tqdm import tqdm

from recordio_tools.synthetic_photos import draw_clutter, draw_image
from recordio_tools.synthetic_plan import Picture, Recipe, generator, identity_of
from unequal.errors import InputError
from unequal.preload import usable_cores

JPEG_QUALITY = 95
PICTURES_PER_CALL = 16
MOST_PROCESSES = 1024


def draw_jpeg(recipe: Recipe, picture: Picture) -> bytes:
    """One picture, encoded; the same bytes whenever and wherever it is drawn."""
    rng = generator(recipe, "picture", picture.group, picture.person, picture.take)
    if picture.group == "clutter":
        image = draw_clutter(rng, recipe.size, recipe.difficulty)
    else:
        identity = identity_of(recipe, picture.group, picture.person)
        image = draw_image(identity, rng, recipe.size, recipe.difficulty)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)[1].tobytes()


@contextmanager
def drawn(recipe: Recipe, pictures: Sequence[Picture], processes: int) -> Iterator[Iterator[bytes]]:
    """Gives an iterator over all pictures as JPEG, in order, that shows its progress on a terminal.

    `processes` 0 means one per usable core.

    Raises:
        InputError: `processes` is negative or above 1024.
    """
    if not 0 <= processes <= MOST_PROCESSES:
        raise InputError(f"--processes {processes}: give a number from 0 to {MOST_PROCESSES}")
    draw = functools.partial(draw_jpeg, recipe)
    progress = functools.partial(tqdm, total=len(pictures), unit="image", disable=None)
    processes = processes or usable_cores()
    if processes == 1:
        yield iter(progress(map(draw, pictures)))
        return
    # A forked child hangs in OpenCV when its parent has used OpenCV's threads: spawn.
    with multiprocessing.get_context("spawn").Pool(processes, _start_worker) as pool:
        yield iter(progress(pool.imap(draw, pictures, PICTURES_PER_CALL)))


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
