"""How many images the identities of head and tail have."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Sequence

import numpy as np

from unequal.faces.face_records import FaceRecords
from unequal.report import chart
from unequal.report.chart import Chart, Tick
from unequal.report.number_text import plural

COUNTS = (1, 2, 3, 4, 5, 6, 8, 10)  # where bars begin, then in steps of a quarter of an octave
TICKS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


class FaceSet(NamedTuple):
    """`images`: int64, those of each identity; None where the set cannot be read: `problem`."""

    name: str
    folder: str
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
        return FaceSet(name, "", None, "the recipe names no folder")
    try:
        records = FaceRecords(folder)
        try:
            return FaceSet(name, str(folder), np.diff(records.groups.starts))
        finally:
            records.close()
    except (ValueError, OSError) as error:  # InputError, or a name that no file can have
        return FaceSet(name, str(folder), None, str(error))


def distribution_chart(sets: Sequence[FaceSet]) -> Chart | None:
    """Identities over images per identity, both logarithmic; None where no set could be read."""
    known = [(one, one.images) for one in sets if one.images is not None and len(one.images)]
    if not known:
        return None
    most = max(int(images.max()) for _, images in known)
    edges = _edges(most)
    counts = [np.histogram(images, edges)[0] for _, images in known]
    x = chart.log_axis("images of an identity", float(edges[0]), float(edges[-1]))
    ticks = [tick for tick in TICKS if tick <= edges[-1]]
    x = x._replace(ticks=[Tick(float(x.place(tick)), f"{tick:,}") for tick in _few(ticks)])
    y = chart.log_axis("identities", 0.7, 1.3 * max(part.max() for part in counts), most=5)
    lines = [
        chart.bars(one.name, 1 + i, x, y, edges, part)
        for i, ((one, _), part) in enumerate(zip(known, counts))
    ]
    told = "; ".join(
        f"{one.name}: {plural(one.facts['identities'], 'identity')}, half of them with at most "
        f"{one.facts['median']:g} images"
        for one, _ in known
    )
    return Chart("Identities by the number of their images", x, y, lines, [], f"{told}.")


def _edges(most: int) -> np.ndarray:
    """Edges half-way between whole numbers, so that no count lies on one."""
    starts, step = list(COUNTS), 12.0
    while starts[-1] <= most:
        starts.append(round(step))
        step *= 2**0.25
    last = next(i for i, start in enumerate(starts) if start > most)
    return np.array(starts[: last + 1]) - 0.5


def _few(ticks: Sequence[int]) -> Sequence[int]:
    """Every second tick where there are many, lest they touch on a narrow page."""
    return ticks if len(ticks) < 7 else ticks[::2]
