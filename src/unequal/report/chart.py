"""Charts as parts of an SVG drawing, in percent of its frame, so that text keeps its size.

The page's macros draw them; a browser stretches the lines to the width there is, and the ticks stay
as large as other text, on a telephone as on paper.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

UNITS = 1000  # lines and areas are drawn in a square of so many units


class Tick(NamedTuple):
    """Where on an axis, in percent from left or bottom, and what stands there."""

    place: float
    text: str


class Axis(NamedTuple):
    """A linear or logarithmic axis from `low` to `high`; `style`: number, percent or logit."""

    title: str
    low: float
    high: float
    ticks: list[Tick]
    logarithmic: bool = False
    style: str = "number"

    def place(self, values: np.ndarray | Sequence[float] | float) -> np.ndarray:
        """Positions in percent; on a logarithmic axis, what is too low is put on the edge."""
        values = np.asarray(values, np.float64)
        low, high = self.low, self.high
        if self.logarithmic:
            values, low, high = np.log10(np.maximum(values, low)), np.log10(low), np.log10(high)
        return 100 * (values - low) / (high - low)


class Line(NamedTuple):
    """A line, or an area where `area`; `colour`: 1 to 6, each with dashes of its own.

    `points` are an SVG's; `faint`: drawn thinly, without a place in the legend; `steps`: flat from
    each point to the next.
    """

    name: str
    colour: int
    points: str
    area: bool = False
    faint: bool = False
    steps: bool = False


class Mark(NamedTuple):
    """A vertical rule, or a dot where `y` is given, in percent, with what it says beside it."""

    x: float
    text: str
    y: float | None = None
    colour: int = 0


class Chart(NamedTuple):
    """One drawing; `about` says in words what it shows, for those who do not see it."""

    title: str
    x: Axis
    y: Axis
    lines: list[Line]
    marks: list[Mark]
    about: str

    @property
    def legend(self) -> list[Line]:
        """The lines that need a name: none where there is only one."""
        named = [line for line in self.lines if not line.faint]
        return named if len(named) > 1 else []


def axis(
    title: str,
    values: np.ndarray | Sequence[float],
    style: str = "number",
    tight: bool = False,
    most: int = 5,
) -> Axis:
    """A linear axis over values, which need not be sorted, and not exist either.

    It ends at a tick, or, where `tight`, at the lowest and highest value.
    """
    known = np.asarray(values, np.float64)
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if low == high:
        room = abs(low) / 10 or 1.0
        low, high = low - (0.0 if tight or not low else room), high + room
    places = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    if not tight:
        low, high = float(places[0]), float(places[-1])
    room = (high - low) * 1e-9
    inside = [place for place in places.tolist() if low - room <= place <= high + room]
    digits = _digits([100 * place for place in inside] if style == "percent" else inside)
    empty = Axis(title, low, high, [], style=style)
    ticks = [Tick(float(empty.place(place)), _tick_text(place, style, digits)) for place in inside]
    return empty._replace(ticks=ticks)


def log_axis(title: str, low: float, high: float, style: str = "number", most: int = 6) -> Axis:
    """A logarithmic axis with ticks at powers of ten; both ends above 0."""
    empty = Axis(title, low, high, [], logarithmic=True, style=style)
    powers = np.arange(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    powers = powers[:: max(1, math.ceil(len(powers) / most))]
    places = [float(10.0**power) for power in powers]
    if len(places) < 2:
        places = sorted({low, *places, high})
    ticks = [Tick(float(empty.place(place)), _power_text(place, style)) for place in places]
    return empty._replace(ticks=ticks)


def line(
    name: str,
    colour: int,
    x: Axis,
    y: Axis,
    xs: np.ndarray | Sequence[float],
    ys: np.ndarray | Sequence[float],
    faint: bool = False,
) -> Line:
    """A line through points."""
    return Line(name, colour, _svg_points(x.place(xs), y.place(ys)), faint=faint)


def bars(
    name: str,
    colour: int,
    x: Axis,
    y: Axis,
    edges: np.ndarray | Sequence[float],
    heights: np.ndarray | Sequence[float],
) -> Line:
    """An area with flat tops: heights (bars,) between edges (bars + 1,)."""
    across = np.repeat(x.place(edges), 2)
    up = np.concatenate([[0.0], np.repeat(y.place(heights), 2), [0.0]])
    return Line(name, colour, _svg_points(across, up), area=True, steps=True)


def smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """The mean of each value and those around it, up to `window` in all, fewer at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    half = np.minimum(np.minimum(places, places[::-1]), window // 2)
    return (sums[places + half + 1] - sums[places - half]) / (2 * half + 1)


def thinned(values: np.ndarray, most: int) -> np.ndarray:
    """Places of at most about `most` values, ends included, that keep the lowest and highest."""
    if len(values) <= most:
        return np.arange(len(values))
    parts = np.array_split(np.arange(len(values)), max(1, most // 2))
    kept = [part[[values[part].argmin(), values[part].argmax()]] for part in parts]
    return np.unique(np.concatenate([*kept, [0, len(values) - 1]]))


def _svg_points(across: np.ndarray, up: np.ndarray) -> str:
    unit = UNITS / 100
    return " ".join(f"{unit * x:.6g},{UNITS - unit * y:.6g}" for x, y in zip(across, up))


def _digits(places: Sequence[float]) -> int:
    """How many digits after the point tell the places apart."""
    for digits in range(7):
        if all(abs(round(place, digits) - place) < 1e-9 * max(1, abs(place)) for place in places):
            return digits
    return 7


def _tick_text(place: float, style: str, digits: int) -> str:
    place = place + 0.0 if abs(place) > 1e-12 else 0.0
    if style == "percent":
        return f"{100 * place:.{digits}f} %"
    if abs(place) >= 1e6 or digits > 5:
        return f"{place / 1e6:g}M" if abs(place) >= 1e6 else f"{place:.4g}"
    return f"{place:,.{digits}f}"


def _power_text(place: float, style: str) -> str:
    if style == "percent":
        return f"{100 * place:g} %"
    return f"{place / 1e6:g}M" if place >= 1e6 else f"{place:,.6g}"
