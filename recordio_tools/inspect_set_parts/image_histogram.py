"""How many identities have how many images: as text bars and as a PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, NamedTuple

import numpy as np

from unequal.support.output_file import write_file

STARTS = (1, 2, 4, 10, 20, 50, 100, 200, 500)
BAR = 30
HEAD_COLOUR, TAIL_COLOUR = "#1f77b4", "#ff7f0e"


class Bin(NamedTuple):
    """Identities with `first` to `last` images each (None: or more), and their images."""

    first: int
    last: int | None
    identities: int
    images: int

    @property
    def name(self) -> str:
        """Return '1', '2-3' or '500+'."""
        if self.last is None:
            return f"{self.first}+"
        return f"{self.first}-{self.last}" if self.last > self.first else f"{self.first}"


def bins_of(images_per_identity: np.ndarray) -> list[Bin]:
    """Return the bins of int64 (identities,) numbers of images, up to the largest one."""
    counts = images_per_identity
    bins = []
    for first, following in zip(STARTS, [*STARTS[1:], None]):
        chosen = counts[(counts >= first) & (counts < (following or np.inf))]
        last = None if following is None else following - 1
        bins.append(Bin(first, last, len(chosen), int(chosen.sum())))
    while bins and not bins[-1].identities:
        bins.pop()
    return bins


def text_lines(bins: list[Bin]) -> Iterator[str]:
    """Yield the bins as a table with bars of identities."""
    most = max((one.identities for one in bins), default=0)
    all_images = sum(one.images for one in bins)
    yield f"{'images':>9}  {'identities':>10}  {'':{BAR}}  of all images"
    for one in bins:
        bar = "#" * -(-one.identities * BAR // most)
        share = 100 * one.images / all_images
        yield f"{one.name:>9}  {one.identities:>10}  {bar:{BAR}}  {one.images} ({share:.1f} %)"


def write_histogram(path: str | Path, bins: list[Bin], title: str, head_from: int) -> None:
    """Write the bins as a PNG: identities above, images below; the head in another colour.

    Args:
        path: the file.
        bins: what it shows.
        title: the line above it.
        head_from: how many images an identity of the head has, at least.

    Raises:
        InputError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    names = [one.name for one in bins]
    colours = [HEAD_COLOUR if one.first >= head_from else TAIL_COLOUR for one in bins]
    columns = {
        "identities": [one.identities for one in bins],
        "images": [one.images for one in bins],
    }
    for axes, (label, heights) in zip(figure.subplots(2, 1), columns.items()):
        bars = axes.bar(names, heights, color=colours)
        axes.bar_label(bars)
        axes.set_ylabel(label)
        axes.margins(y=0.15)
    axes.set_xlabel(f"images of an identity (blue: the head, {head_from} or more)")
    write_file("histogram", path, lambda name: figure.savefig(name, format="png", dpi=100))
