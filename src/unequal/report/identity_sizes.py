"""How many images the identities of head and tail have."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Sequence

import numpy as np

from unequal.faces.face_records import FaceRecords
from unequal.report.charts import Chart, Plot
from unequal.report.number_text import plural

COUNTS = (1, 2, 3, 4, 5, 6, 8, 10)  # where bars begin, then in steps of a quarter of an octave
TICKS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


class FaceSet(NamedTuple):
    """A set and the images of each identity, int64; None if it cannot be read: `problem`."""

    name: str
    images: np.ndarray | None
    problem: str = ""

    @property
    def facts(self) -> dict[str, float]:
        """Identities, images in all, and the fewest, median, mean and most of an identity."""
        images = self.images
        if images is None or not len(images):
            return {}
        return {
            "identities": len(images),
            "images": int(images.sum()),
            "fewest": int(images.min()),
            "median": float(np.median(images)),
            "mean": float(images.mean()),
            "most": int(images.max()),
        }


def read_set(name: str, folder: str | Path | None) -> FaceSet:
    """Count the images of each identity by the set's ranges, without reading an image."""
    if not folder:
        return FaceSet(name, None, "the recipe names no folder")
    try:
        records = FaceRecords(folder)
        try:
            return FaceSet(name, np.diff(records.groups.starts))
        finally:
            records.close()
    except (ValueError, OSError) as error:  # InputError, or a name that no file can have
        return FaceSet(name, None, str(error))


def distribution_chart(sets: Sequence[FaceSet]) -> Chart | None:
    """Draw identities over images per identity, both logarithmic; None if no set was read."""
    known = [(one, one.images) for one in sets if one.images is not None and len(one.images)]
    if not known:
        return None
    edges = bar_edges(max(int(images.max()) for _, images in known))
    counts = [np.histogram(images, edges)[0] for _, images in known]
    ticks = [tick for tick in TICKS if tick <= edges[-1]]
    if len(ticks) > 6:  # or they touch each other
        ticks = ticks[::2]
    plot = Plot("images of an identity")
    plot.scale("x", edges, log=True, ticks=ticks)
    most = max(int(part.max()) for part in counts)
    low = plot.scale("y", [0.7, 1.3 * most], log=True)
    for i, ((one, _), part) in enumerate(zip(known, counts)):
        plot.bars(one.name, i, edges, part, base=low)
    told = "; ".join(
        f"{one.name}: {plural(len(images), 'identity')}, half of them with at most "
        f"{one.facts['median']:g} images"
        for one, images in known
    )
    return plot.chart("Identities by the number of their images", f"{told}.")


def bar_edges(most: int) -> np.ndarray:
    """Return edges of bars half-way between whole numbers, so that no count lies on one."""
    starts, step = list(COUNTS), 12.0
    while starts[-1] <= most:
        starts.append(round(step))
        step *= 2**0.25
    last = next(i for i, start in enumerate(starts) if start > most)
    return np.array(starts[: last + 1]) - 0.5
