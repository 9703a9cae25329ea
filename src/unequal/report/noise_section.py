"""What step 2.2 took for noise: how many images, and how sure the model was of all of them."""

from __future__ import annotations

import shlex
import warnings
from pathlib import Path
from typing import Any, NamedTuple, Sequence

import numpy as np
from scipy.special import expit, logit

from unequal.faces.noise_list import NoiseRow, read_noise_list
from unequal.report.charts import Chart, Plot
from unequal.report.flagged_images import Card, flagged_cards
from unequal.report.stage_names import NOISE_LIST, NOISE_RESISTANCE, SCORES
from unequal.support.errors import InputError

KEY, LARGEST, PREDICTED = 1, 2, 4  # columns of the scores
ODDS = (-14.0, 12.0)  # float32 cannot tell higher ones
BARS = 60
PROBABILITIES = (1e-6, 1e-4, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999)
FINER = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98)
FEWEST_TICKS = 3


class Noise(NamedTuple):
    """The noise list, what the scores of all images tell, and cards of some flagged images.

    `images`: how many were judged, None if not known. `problem`: why something is missing, or ''.
    `command`: makes a page of all flagged images.
    """

    rows: list[NoiseRow]
    images: int | None = None
    chart: Chart | None = None
    problem: str = ""
    cards: Sequence[Card] = ()
    command: str = ""


def read_noise(output: Path, head: Any) -> Noise | None:
    """Read the noise in the recipe's folder; None if there is no noise list yet, or a broken one.

    The list is that of step 3.1, or that of step 2.2 if there is none yet.

    Args:
        output: the recipe's folder.
        head: folder of the head; None if the recipe names none.
    """
    listed, scores = output / NOISE_LIST, output / SCORES
    if not listed.is_file():
        listed = output / NOISE_RESISTANCE / "0_noiselist.txt"
    try:
        noise = Noise(list(read_noise_list(listed)))
    except InputError:
        return None
    predicted: dict[int, int] = {}
    if scores.is_file():
        try:
            keys, largest, guesses = _columns(scores)
            flagged = np.isin(keys, [row.key for row in noise.rows])
            predicted = dict(zip(keys[flagged].tolist(), guesses[flagged].tolist()))
            chart = _chart(largest, flagged) if len(keys) else None
            noise = noise._replace(images=len(keys), chart=chart)
        except (OSError, ValueError):
            noise = noise._replace(problem=f"{scores.name} cannot be read")
    if not head:
        return noise._replace(problem="the recipe names no head set")
    try:
        cards = flagged_cards(head, noise.rows, predicted)
    except (ValueError, OSError) as error:  # InputError, or a name that no file can have
        return noise._replace(problem=str(error))
    words = ["--data-dir", str(head), "--noise-list", str(listed), "--output", "noise.html"]
    command = f"python -m recordio_tools.contact_sheet {shlex.join(words)}"
    return noise._replace(cards=cards, command=command)


def _columns(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return keys, largest probabilities and predicted labels in a tenth of read_scores' time.

    Raises:
        ValueError, OSError: the file cannot be read, or holds something else.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a pass over no images leaves only the header
        table = np.loadtxt(
            path, np.float64, delimiter=",", skiprows=1, ndmin=2, usecols=(KEY, LARGEST, PREDICTED)
        )
    keys, largest, predicted = table.T if table.size else np.empty((3, 0))
    return keys.astype(np.int64), largest, predicted.astype(np.int64)


def _chart(largest: np.ndarray, flagged: np.ndarray) -> Chart:
    """Draw images over their largest probability, on the scale of its log-odds."""
    odds = np.clip(logit(largest), *ODDS)
    edges, cut = histogram_edges(odds, flagged)
    counts = [np.histogram(odds[kind], edges)[0] for kind in (~flagged, flagged)]
    ticks = (
        [p for p in parts if edges[0] <= logit(p) <= edges[-1]] for parts in (PROBABILITIES, FINER)
    )
    inside = max(ticks, key=lambda found: min(len(found), FEWEST_TICKS))
    plot = Plot("largest probability")
    plot.scale("x", edges, "logit", tight=True, ticks=logit(inside))
    most = max(1, *(int(part.max()) for part in counts))
    low = plot.scale("y", [0.7, 1.3 * most], log=True)
    plot.bars("kept", 0, edges, counts[0], base=low)
    plot.bars("flagged", 1, edges, counts[1], base=low)
    if cut is not None:
        plot.rule(cut, f"cut at about {expit(cut):.2g}")
    median = float(np.median(largest[~flagged])) if (~flagged).any() else 0
    return plot.chart(
        "Images by their largest probability of an identity",
        f"Largest probability of {len(largest):,} images, on the scale of its log-odds: "
        f"{int(flagged.sum()):,} flagged, {int((~flagged).sum()):,} kept, half of these above "
        f"{median:.3g}.",
    )


def histogram_edges(odds: np.ndarray, flagged: np.ndarray) -> tuple[np.ndarray, float | None]:
    """Return edges of bars, and the log-odds that part flagged and kept images.

    The latter is None if one kind is missing or they mix; otherwise it is an edge, because a bar
    must not hold both kinds.
    """
    low, high = np.floor(odds.min()), np.ceil(odds.max() + 1e-9)
    edges = np.linspace(low, max(high, low + 1), BARS + 1)
    if not flagged.any() or flagged.all():
        return edges, None
    below, above = float(odds[flagged].max()), float(odds[~flagged].min())
    if below >= above:
        return edges, None
    cut = (below + above) / 2
    return np.unique(np.append(edges, cut)), cut
