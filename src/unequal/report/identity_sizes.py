"""How many images the identities of head and tail have."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple, Sequence

import numpy as np

from unequal.faces.face_records import FaceRecords
from unequal.report.charts import Chart, Plot
from unequal.report.number_text import plural

TICKS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


class FaceSet(NamedTuple):
    """A set and the images of each identity, int64; empty if it cannot be read: `problem`."""

    name: str
    images: np.ndarray
    problem: str = ""

    @property
    def facts(self) -> list[str]:
        """Identities, images in all, and the fewest, median, mean and most of an identity."""
        images = self.images
        if not len(images):
            return []
        counts = [len(images), images.sum(), images.min(), images.max()]
        told = [f"{number:,}" for number in counts]
        return [*told[:3], f"{np.median(images):g}", f"{images.mean():.1f}", told[3]]


def read_set(name: str, folder: str | Path | None) -> FaceSet:
    """Count the images of each identity by the set's ranges, without reading an image."""
    if not folder:
        return FaceSet(name, np.empty(0, int), "the recipe names no folder")
    try:
        with closing(FaceRecords(folder)) as records:
            return FaceSet(name, np.diff(records.groups.starts))
    except (ValueError, OSError) as error:  # InputError, or a name that no file can have
        return FaceSet(name, np.empty(0, int), str(error))


def distribution_chart(sets: Sequence[FaceSet]) -> Chart | None:
    """Draw identities over images per identity, both logarithmic; None if no set was read."""
    known = [one for one in sets if len(one.images)]
    if not known:
        return None
    edges = bar_edges(max(int(one.images.max()) for one in known))
    counts = [np.histogram(one.images, edges)[0] for one in known]
    ticks = [tick for tick in TICKS if tick <= edges[-1]]
    if len(ticks) > 6:  # or they touch each other
        ticks = ticks[::2]
    plot = Plot("images of an identity")
    plot.scale("x", edges, log=True, ticks=ticks)
    low = plot.scale("y", [0.7, 1.3 * np.max(counts)], log=True)
    for i, (one, part) in enumerate(zip(known, counts)):
        plot.bars(one.name, i, edges, part, base=low)
    told = "; ".join(
        f"{one.name}: {plural(len(one.images), 'identity')}, half of them with at most "
        f"{np.median(one.images):g} images"
        for one in known
    )
    return plot.chart("Identities by the number of their images", f"{told}.")


def bar_edges(most: int) -> np.ndarray:
    """Return edges of bars half-way between whole numbers, so that no count lies on one.

    The bars become wider by steps of about a quarter of an octave.
    """
    starts = [1]
    while starts[-1] <= most:
        starts.append(max(starts[-1] + 1, round(2**0.25 * starts[-1])))
    return np.array(starts) - 0.5
