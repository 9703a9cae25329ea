"""Where the largest probabilities of a set part: the valley between noise and the rest.

The distribution is looked at over the log-odds log(P / (1 - P)), where it has about the same
shape at 0.001 as at 0.999, smoothed, and searched for modes. Two neighbouring modes count as two
when the valley between them is deep enough, and deeper than chance would make it.
"""

from __future__ import annotations

from typing import Callable, NamedTuple

import numpy as np

STEP = 0.05
SMOOTHING = 0.5
LOWEST, HIGHEST = -27.0, 12.0
LEAST_DEPTH = 0.25
DEVIATIONS = 4.0
MOST_NOISE = 0.5


class Distribution(NamedTuple):
    """Largest probabilities over their log-odds, in cells of width STEP.

    log_odds: float64, the middle of each cell. images: int64, how many fall into it; those
    beyond LOWEST and HIGHEST are counted there. density: float64, images per unit of log-odds,
    smoothed by a normal curve of deviation SMOOTHING.
    """

    log_odds: np.ndarray
    images: np.ndarray
    density: np.ndarray


class Valley(NamedTuple):
    """A valley between two modes, all three as probabilities.

    threshold: the lowest point, in few digits. depth: 1 - density there / density at the lower of
    the two modes. clear: whether that makes them two, see find_valleys.
    """

    threshold: float
    depth: float
    clear: bool
    low_mode: float
    high_mode: float


def log_odds(probability: np.ndarray | float) -> np.ndarray:
    """log(P / (1 - P)) in float64, from LOWEST to HIGHEST."""
    probability = np.clip(np.asarray(probability, np.float64), 0, 1)
    with np.errstate(divide="ignore"):
        odds = np.log(probability) - np.log1p(-probability)
    return np.clip(odds, LOWEST, HIGHEST)


def probability_of(odds: np.ndarray | float) -> np.ndarray:
    """The probability with these log-odds."""
    return 1.0 / (1.0 + np.exp(-np.asarray(odds, np.float64)))


def distribution_of(largest: np.ndarray) -> Distribution:
    """The distribution of largest probabilities (images,), 0 to 1."""
    odds = log_odds(largest)
    margin = 4 * SMOOTHING
    first = (odds.min() if len(odds) else 0.0) - margin
    cells = int(np.ceil((HIGHEST + margin - first) / STEP)) + 1
    images, edges = np.histogram(odds, cells, (first, first + cells * STEP))
    reach = np.arange(-margin, margin + STEP / 2, STEP) / SMOOTHING
    curve = np.exp(-0.5 * reach**2)
    density = np.convolve(images, curve / (curve.sum() * STEP), "same")
    return Distribution((edges[:-1] + edges[1:]) / 2, images, density)


def find_valleys(distribution: Distribution) -> list[Valley]:
    """The clear valleys, from low to high probability; none where there is one mode.

    A valley is clear when its depth is LEAST_DEPTH or more, and when the images within one
    kernel's width at the lower mode outnumber those in the valley by DEVIATIONS of their Poisson
    error. Modes that are not separated so are one, the shallowest valley vanishing first.
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


class Choice(NamedTuple):
    """A threshold, 0 to leave nothing out, the valley that it is the lowest point of, and why."""

    threshold: float
    valley: Valley | None
    reason: str


def choose_threshold(distribution: Distribution) -> Choice:
    """The threshold in the highest clear valley that leaves out at most MOST_NOISE of the images.

    0 where there is none: a guess would leave out good images.
    """
    below = np.cumsum(distribution.images)
    images = below[-1]
    valley, share = None, 0.0
    valleys = find_valleys(distribution)
    for found in valleys:
        cell = np.searchsorted(distribution.log_odds + STEP / 2, log_odds(found.threshold))
        if below[cell] <= MOST_NOISE * images:
            valley, share = found, below[cell] / images
    if valley is not None:
        return Choice(
            valley.threshold,
            valley,
            f"the valley between modes at {valley.low_mode:.3g} and {valley.high_mode:.6g}, "
            f"{100 * valley.depth:.0f} % lower than the lower of them; {100 * share:.1f} % of "
            f"{images} images lie below it",
        )
    why = "the largest probabilities have no two clear modes"
    if valleys:
        why = (
            "more than half of the images lie below the lowest clear valley, at "
            f"{valleys[0].threshold!r}"
        )
    return Choice(0.0, None, f"nothing is left out: {why}")


def automatic_threshold(largest: np.ndarray, log: Callable[[str], None]) -> float:
    """`choose_threshold` for largest probabilities (images,); `log` gets a line that says why."""
    choice = choose_threshold(distribution_of(largest))
    mend = "" if choice.threshold else "; look at 0_noise_histogram.png, and give a number"
    log(f"noise threshold {choice.threshold!r}: {choice.reason}{mend}")
    return choice.threshold


def _between(distribution: Distribution, low: int, high: int) -> Valley:
    """The valley between the modes in two cells: of several lowest cells, the one in the middle."""
    density, probability = distribution.density, probability_of(distribution.log_odds)
    between = density[low : high + 1]
    lowest = np.flatnonzero(between <= between.min() + 1e-9 * between.max())
    cell = low + int(lowest[len(lowest) // 2])
    top, bottom = min(density[low], density[high]), density[cell]
    depth = 1 - bottom / top
    width = 2 * np.sqrt(np.pi) * SMOOTHING
    certain = (top - bottom) * width >= DEVIATIONS * np.sqrt((top + bottom) * width)
    return Valley(
        threshold=_short(float(probability[cell])),
        depth=float(depth),
        clear=bool(depth >= LEAST_DEPTH and certain),
        low_mode=float(probability[low]),
        high_mode=float(probability[high]),
    )


def _short(probability: float) -> float:
    """The probability in so few digits that people copy it, with 3 digits of its odds kept."""
    if probability <= 0.5:
        return float(f"{probability:.3g}")
    rest = float(f"{1 - probability:.3g}")
    return float(f"{1 - rest:.9f}")
