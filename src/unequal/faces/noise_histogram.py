"""The distribution of the largest probabilities as a picture, and as a table of its numbers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Mapping

import numpy as np

from unequal.faces.noise_threshold import Distribution, distribution_of, log_odds, probability_of
from unequal.support.files import replace_file

CELLS_A_BAR = 5
TICKS = (1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
COLOURS = ("#cb181d", "#238b45")
COLUMNS = ["from", "to", "images", "below", "density"]


def write_distribution(path: str | Path, largest: np.ndarray) -> None:
    """Write a CSV file, a line for each bar of the histogram, from low to high probability.

    Columns: `from` and `to`: its bounds, as probabilities; `images`: how many lie in it; `below`:
    how many lie below `to`; `density`: images per unit of log-odds, smoothed, in its middle. The
    file appears whole or not at all.

    Args:
        path: the file.
        largest: float32 (images,), the largest probability of each image.

    Raises:
        OSError: the file cannot be written.
    """
    edges, images, density = _bars(distribution_of(largest))
    bounds = [f"{probability:.9g}" for probability in probability_of(edges)]
    bounds[-1] = "1"

    def write(name: str) -> None:
        with open(name, "w", encoding="ascii", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(COLUMNS)
            smooth = [f"{value:.6g}" for value in density]
            lines.writerows(zip(bounds, bounds[1:], images, np.cumsum(images), smooth))

    replace_file(path, write)


def write_histogram(
    path: str | Path, largest: np.ndarray, title: str, thresholds: Mapping[str, float]
) -> None:
    """Write a PNG: images over their largest probability, on the scale of its log-odds.

    Lines mark those of the named `thresholds` that are above 0. The file appears whole or not at
    all.

    Raises:
        OSError: the file cannot be written.
    """
    # the import takes a second, and most runs draw nothing
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    distribution = distribution_of(largest)
    edges, images, density = _bars(distribution)
    width = CELLS_A_BAR * distribution.scale.step
    figure = Figure(figsize=(9, 5), tight_layout=True)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_yscale("log")
    axes.set_ylim(0.5, 2.0 * max(1, images.max()))
    axes.bar(edges[:-1], images, width, align="edge", color="#9ecae1")
    axes.plot(distribution.places, distribution.density * width, color="#08519c")
    marked = {name: number for name, number in thresholds.items() if number > 0}
    for colour, (name, number) in zip(COLOURS, marked.items()):
        axes.axvline(float(log_odds(number)), color=colour, label=f"{name}: {number:g}")
    if marked:
        axes.legend(loc="upper left")
    axes.set_xlim(edges[0], edges[-1])
    shown = [tick for tick in TICKS if edges[0] <= log_odds(tick) <= edges[-1]]
    axes.set_xticks([float(log_odds(tick)) for tick in shown], [f"{tick:g}" for tick in shown])
    axes.set_xlabel("largest probability")
    axes.set_ylabel("images")
    axes.set_title(title)
    replace_file(path, lambda name: figure.savefig(name, format="png", dpi=100))


def _bars(distribution: Distribution) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return edges (bars + 1,) as log-odds, images (bars,) and density (bars,)."""
    step = distribution.scale.step
    rest = -len(distribution.images) % CELLS_A_BAR
    images = np.pad(distribution.images, (0, rest)).reshape(-1, CELLS_A_BAR).sum(axis=1)
    first = distribution.places[0] - step / 2
    edges = first + CELLS_A_BAR * step * np.arange(len(images) + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    density = np.interp(middles, distribution.places, distribution.density)
    return edges, images, density
