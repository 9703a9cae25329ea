"""What stage 2b took for noise: how many images, and how sure the model was of all of them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from unequal.faces.noise_list import NoiseRow, read_noise_list
from unequal.report import chart
from unequal.report.chart import Chart, Mark, Tick
from unequal.support.errors import InputError

STAGE = "2b-NR"
SCORES, LIST = "0_noise_scores.csv", "0_noiselist.txt"
CHOSEN = "denoise/noiselist.txt"  # beside the stage's folder: what the recipe left out in the end
LARGEST, PREDICTED, KEY = 2, 4, 1  # columns of the scores
ODDS = (-14.0, 12.0)  # float32 cannot tell higher ones
BARS = 60
PROBABILITIES = (1e-6, 1e-4, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999)
FINER = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98)
FEWEST_TICKS = 3
KEPT, FLAGGED = 1, 2


class Noise(NamedTuple):
    """`rows`: the noise list. `images`: how many were judged, None where not known. `predicted`:
    the class that the model took a flagged image for, by record key. `problem`: why the scores
    cannot be read, '' where they are or are not there."""

    rows: list[NoiseRow]
    images: int | None
    predicted: dict[int, int]
    chart: Chart | None
    problem: str

    @property
    def identities(self) -> int:
        """How many identities have flagged images."""
        return len({row.label for row in self.rows})


def list_in(folder: Path) -> Path:
    """The list of what was left out in the end, or so far that of the noise pass."""
    chosen = folder.parent / CHOSEN
    return chosen if chosen.is_file() else folder / LIST


def read_noise(folder: Path) -> Noise | None:
    """What is in the stage's folder; None where it has no noise list yet, or a broken one."""
    try:
        rows = list(read_noise_list(list_in(folder)))
    except InputError:
        return None
    path = folder / SCORES
    if not path.is_file():
        return Noise(rows, None, {}, None, "")
    try:
        keys, largest, predicted = _columns(path)
    except (OSError, ValueError):
        return Noise(rows, None, {}, None, f"{SCORES} cannot be read")
    listed = np.array([row.key for row in rows], np.int64)
    flagged = np.isin(keys, listed)
    guesses = dict(zip(keys[flagged].tolist(), predicted[flagged].tolist()))
    drawn = _chart(largest, flagged) if len(largest) else None
    return Noise(rows, len(keys), guesses, drawn, "")


def _columns(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys, largest probabilities and predicted labels: a tenth of read_scores' time for a page
    that is written after every stage. Raises ValueError, OSError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a pass over no images leaves only the header
        table = np.loadtxt(
            path, np.float64, delimiter=",", skiprows=1, ndmin=2, usecols=(KEY, LARGEST, PREDICTED)
        )
    keys, largest, predicted = table.T if table.size else np.empty((3, 0))
    if not np.isfinite(table).all() or np.any((largest < 0) | (largest > 1)):
        raise ValueError("no probabilities")
    return keys.astype(np.int64), largest, predicted.astype(np.int64)


def _chart(largest: np.ndarray, flagged: np.ndarray) -> Chart:
    """Images over their largest probability, on the scale of its log-odds, counts logarithmic."""
    odds = np.clip(logit(largest), *ODDS)
    low, high = np.floor(odds.min()), np.ceil(odds.max() + 1e-9)
    high = max(high, low + 1)
    edges = np.linspace(low, high, BARS + 1)
    cut = _cut(odds, flagged)
    if cut is not None:  # no bar may hold both kinds
        edges = np.unique(np.append(edges, cut))
    counts = [np.histogram(odds[kind], edges)[0] for kind in (flagged, ~flagged)]
    ticks = ([p for p in parts if low <= logit(p) <= high] for parts in (PROBABILITIES, FINER))
    inside = max(ticks, key=lambda found: min(len(found), FEWEST_TICKS))
    x = chart.axis("largest probability", [low, high], "logit", tight=True)
    x = x._replace(ticks=[Tick(float(x.place(logit(p))), f"{p:g}") for p in inside])
    y = chart.log_axis("images", 0.7, 1.3 * max(1, *(part.max() for part in counts)), most=5)
    lines = [
        chart.bars(name, colour, x, y, edges, part)
        for name, colour, part in (("kept", KEPT, counts[1]), ("flagged", FLAGGED, counts[0]))
    ]
    marks = [] if cut is None else [Mark(float(x.place(cut)), f"cut at about {expit(cut):.2g}")]
    about = (
        f"Largest probability of {len(largest):,} images, on the scale of its log-odds: "
        f"{int(flagged.sum()):,} flagged, {int((~flagged).sum()):,} kept, half of these above "
        f"{float(np.median(largest[~flagged])) if (~flagged).any() else 0:.3g}."
    )
    return Chart("Images by their largest probability of an identity", x, y, lines, marks, about)


def _cut(odds: np.ndarray, flagged: np.ndarray) -> float | None:
    """The log-odds between flagged and kept images; None where one kind is missing or they mix."""
    if not flagged.any() or flagged.all():
        return None
    below, above = float(odds[flagged].max()), float(odds[~flagged].min())
    return (below + above) / 2 if below < above else None
