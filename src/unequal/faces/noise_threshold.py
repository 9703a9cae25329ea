"""The noise threshold of a set: the valley of the largest probabilities between noise and rest.

Their distribution is smoothed and searched for modes. First this is done over the log-odds
log(P / (1 - P)), where the distribution has about the same shape at 0.001 as at 0.999. If there is
no clear valley, it is done over P itself: when much is noise, the rest is spread too thinly over
the log-odds to be a mode.
"""

from __future__ import annotations

from typing import Callable, NamedTuple

import numpy as np

LOWEST, HIGHEST = -27.0, 12.0
LEAST_DEPTH = 0.25
DEVIATIONS = 3.0
MOST_NOISE = 0.6


class Scale(NamedTuple):
    """The axis on which probabilities are counted.

    Attributes:
        name: for messages.
        place: maps probabilities to positions.
        probability: maps positions to probabilities.
        highest: the last position.
        step: width of a cell.
        smoothing: standard deviation of the normal curve that smooths.
        least_noise: the smallest share of the images below a valley that counts.
    """

    name: str
    place: Callable[[np.ndarray], np.ndarray]
    probability: Callable[[np.ndarray], np.ndarray]
    highest: float
    step: float
    smoothing: float
    least_noise: float


def log_odds(probability: np.ndarray | float) -> np.ndarray:
    """Return log(P / (1 - P)) in float64, from LOWEST to HIGHEST, where float32 ends."""
    probability = np.clip(np.asarray(probability, np.float64), 0, 1)
    with np.errstate(divide="ignore"):
        odds = np.log(probability) - np.log1p(-probability)
    return np.clip(odds, LOWEST, HIGHEST)


def probability_of(odds: np.ndarray | float) -> np.ndarray:
    """Return the probability with these log-odds."""
    return 1.0 / (1.0 + np.exp(-np.asarray(odds, np.float64)))


def _as_it_is(probability: np.ndarray) -> np.ndarray:
    return np.asarray(probability, np.float64)


LOG_ODDS = Scale("log-odds", log_odds, probability_of, HIGHEST, 0.05, 0.5, least_noise=0.0)
# any long tail piles up at 0 on this scale: it takes much noise to show there
PLAIN = Scale("probability", _as_it_is, _as_it_is, 1.0, 0.0025, 0.04, least_noise=0.2)


class Distribution(NamedTuple):
    """Largest probabilities in cells of `scale.step`.

    Attributes:
        scale: the axis.
        places: float64 (cells,), the middle of each cell.
        images: int64 (cells,), how many fall into it.
        density: float64 (cells,), images per unit of the scale, smoothed.
    """

    scale: Scale
    places: np.ndarray
    images: np.ndarray
    density: np.ndarray


class Valley(NamedTuple):
    """A valley between two modes, all three as probabilities.

    Attributes:
        threshold: the lowest point, in few digits.
        depth: 1 - density there / density at the lower of the two modes.
        clear: whether that makes them two, see find_valleys.
        low_mode: the mode below the valley.
        high_mode: the mode above it.
    """

    threshold: float
    depth: float
    clear: bool
    low_mode: float
    high_mode: float


class Choice(NamedTuple):
    """A threshold, 0 to leave nothing out, and a sentence that says why."""

    threshold: float
    reason: str


def distribution_of(largest: np.ndarray, scale: Scale = LOG_ODDS) -> Distribution:
    """Return the distribution of largest probabilities (images,), 0 to 1."""
    places = scale.place(largest)
    margin = 4 * scale.smoothing
    first = (places.min() if len(places) else 0.0) - margin
    cells = int(np.ceil((scale.highest + margin - first) / scale.step)) + 1
    images, edges = np.histogram(places, cells, (first, first + cells * scale.step))
    reach = np.arange(-margin, margin + scale.step / 2, scale.step) / scale.smoothing
    curve = np.exp(-0.5 * reach**2)
    density = np.convolve(images, curve / (curve.sum() * scale.step), "same")
    return Distribution(scale, (edges[:-1] + edges[1:]) / 2, images, density)


def find_valleys(distribution: Distribution) -> list[Valley]:
    """Return the clear valleys, from low to high probability; none where there is one mode.

    A valley is clear when its depth is at least LEAST_DEPTH, and when the images within one
    kernel's width at the lower mode outnumber those in the valley by DEVIATIONS of their Poisson
    error. Two modes without a clear valley between them become one; the shallowest valley goes
    first.
    """
    density = distribution.density
    inner = (density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:])
    modes = (np.flatnonzero(inner) + 1).tolist()
    while True:
        valleys = [_between(distribution, *pair) for pair in zip(modes, modes[1:])]
        unclear = [i for i, valley in enumerate(valleys) if not valley.clear]
        if not unclear:
            return valleys
        shallowest = min(unclear, key=lambda i: valleys[i].depth)
        pair = modes[shallowest : shallowest + 2]
        modes.remove(min(pair, key=lambda mode: density[mode]))


def choose_threshold(largest: np.ndarray) -> Choice:
    """Choose the lowest point of the highest clear valley with few enough images below it.

    At most MOST_NOISE of the images may lie below. The second scale is used where the first has no
    such valley. The threshold is 0 where there is none at all, because a guess would leave out good
    images.
    """
    why = "the largest probabilities have no two clear modes"
    for scale in (LOG_ODDS, PLAIN):
        for valley in reversed(find_valleys(distribution_of(largest, scale))):
            share = np.mean(largest < valley.threshold)
            if scale.least_noise <= share <= MOST_NOISE:
                return Choice(
                    valley.threshold,
                    f"the valley between modes at {valley.low_mode:.3g} and "
                    f"{valley.high_mode:.6g} on the scale of {scale.name}, {valley.depth:.0%} "
                    f"lower than the lower of them; {share:.1%} of {len(largest)} images lie "
                    "below it",
                )
            why = (
                f"{share:.1%} of the images lie below the valley at {valley.threshold!r} on the "
                f"scale of {scale.name}, where {scale.least_noise:.0%} to {MOST_NOISE:.0%} count"
            )
    return Choice(0.0, f"nothing is left out: {why}")


def automatic_threshold(largest: np.ndarray, log: Callable[[str], None]) -> float:
    """Choose a threshold for largest probabilities (images,); `log` gets a line that says why."""
    choice = choose_threshold(largest)
    fix = "" if choice.threshold else "; look at 0_noise_histogram.png, and give a number"
    log(f"noise threshold {choice.threshold!r}: {choice.reason}{fix}")
    return choice.threshold


def _between(distribution: Distribution, low: int, high: int) -> Valley:
    """Return the valley between the modes in two cells.

    Of several lowest cells, the one in the middle counts.
    """
    scale, places, _, density = distribution
    between = density[low : high + 1]
    lowest = np.flatnonzero(between <= between.min() + 1e-9 * between.max())
    cell = low + int(lowest[len(lowest) // 2])
    top, bottom = min(density[low], density[high]), density[cell]
    depth = 1 - bottom / top
    width = 2 * np.sqrt(np.pi) * scale.smoothing
    certain = (top - bottom) * width >= DEVIATIONS * np.sqrt((top + bottom) * width)
    low_mode, at, high_mode = scale.probability(places[[low, cell, high]]).tolist()
    return Valley(
        threshold=_short(at),
        depth=float(depth),
        clear=bool(depth >= LEAST_DEPTH and certain),
        low_mode=max(0.0, low_mode),
        high_mode=min(1.0, high_mode),
    )


def _short(probability: float) -> float:
    """Round a probability to few digits, which people copy; 3 digits of its odds stay."""
    if probability <= 0.5:
        return float(f"{probability:.3g}")
    rest = float(f"{1 - probability:.3g}")
    return float(f"{1 - rest:.9f}")
