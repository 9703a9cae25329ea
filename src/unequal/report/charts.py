"""Charts of the page: matplotlib draws them as SVG, the page's style gives them fonts and colours.

A chart has the width of a telephone, and the page shows it at nearly this width everywhere, so that
text keeps its size. matplotlib is loaded with the first chart.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import NamedTuple, Sequence

import numpy as np
from scipy.special import expit

WIDTH, WIDE, HEIGHT = 360, 1160, 240  # CSS pixels, as is the rest
LEFT, TOP, RIGHT, BOTTOM = 58, 8, 18, 40  # between the frame of a chart and its axes
DASHES = ((), (7, 3), (2, 2), (9, 3, 2, 3), (12, 4), (4, 4))
# what matplotlib draws with, and the page's variable for it, which has a light and a dark value
COLOURS = {f"#00000{i + 1}": f"var(--c{i + 1})" for i in range(len(DASHES))}
INK, SOFT, LINE, SURFACE = "#000007", "#000008", "#000009", "#00000a"
PAGE = {**COLOURS, INK: "var(--ink)", SOFT: "var(--soft)", LINE: "var(--line)"}
PAGE[SURFACE] = "var(--surface)"
NAMED = "named "  # an id that begins so tells the page's script the name of a line
TEXTS = {
    "number": lambda value, _=None: f"{value:,.10g}",
    "percent": lambda value, _=None: f"{100 * value:.10g}\u00a0%",
    "logit": lambda value, _=None: f"{expit(value):.4g}",
}


class Key(NamedTuple):
    """A row of the legend: a line or an area with its colour and dashes in CSS."""

    name: str
    colour: str
    dashes: str
    area: bool


class Chart(NamedTuple):
    """A drawing with its title and its legend; `about` says in words what it shows."""

    title: str
    about: str
    svg: str
    legend: list[Key]


class Plot:
    """A chart in the making: scale both axes, then draw.

    Args:
        x_title: what stands below the horizontal axis.
        width: CSS pixels.
    """

    def __init__(self, x_title: str, width: int = WIDTH) -> None:
        from matplotlib.figure import Figure

        self._width = width
        self._legend: list[Key] = []
        self._data = {"title": x_title, "box": f"{LEFT} {TOP} {width - RIGHT} {HEIGHT - BOTTOM}"}
        self._figure = Figure((width / 72, HEIGHT / 72), dpi=72)  # so that a point is a pixel
        self._axes = self._figure.subplots()
        self._figure.subplots_adjust(
            LEFT / width, BOTTOM / HEIGHT, 1 - RIGHT / width, 1 - TOP / HEIGHT
        )
        for patch in (self._figure.patch, self._axes.patch, *self._axes.spines.values()):
            patch.set_visible(False)
        self._axes.set_xlabel(x_title, color=SOFT, fontsize=12, labelpad=4)
        self._axes.tick_params(length=0, pad=8, labelsize=12, labelcolor=SOFT)
        self._axes.grid(color=LINE, linewidth=1)
        self._axes.set_axisbelow(True)

    def scale(
        self,
        axis: str,
        values: Sequence[float] | np.ndarray,
        style: str = "number",
        tight: bool = False,
        log: bool = False,
        ticks: Sequence[float] | None = None,
    ) -> float:
        """Fit an axis to values and return its lowest value.

        Args:
            axis: "x" or "y".
            values: at least one.
            style: "number", "percent" (of rates), or "logit" (of log-odds).
            tight: whether the axis ends at the extremes of the values instead of at ticks.
            log: whether it is logarithmic; then all values are above 0, and the axis is tight.
            ticks: the values of the ticks, if they are not to be chosen.
        """
        from matplotlib import ticker

        low, high = float(np.min(values)), float(np.max(values))
        if low == high:
            low, high = low - abs(low) / 10, high + (abs(high) / 10 or 1.0)
        linear = ticker.MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
        if not tight and not log:
            low, *_, high = map(float, linear.tick_values(low, high))
        if log:
            self._axes.set(**{f"{axis}scale": "log"})
        drawn = getattr(self._axes, f"{axis}axis")
        chosen = linear if not log else ticker.LogLocator(numticks=6)
        drawn.set_major_locator(chosen if ticks is None else ticker.FixedLocator(ticks))
        drawn.set_major_formatter(TEXTS[style])
        drawn.set_minor_locator(ticker.NullLocator())
        self._axes.set(**{f"{axis}lim": (low, high)})
        self._data[axis] = f"{low} {high} {'log' if log else 'linear'} {style}"
        return low

    def line(
        self, name: str, number: int, xs: np.ndarray, ys: np.ndarray, faint: bool = False
    ) -> None:
        """Draw a line with the colour and dashes of its number, from 0 on.

        A `faint` one is thin and pale, and stands neither in the legend nor in the read-out.
        """
        colour, dashes = list(COLOURS)[number % len(COLOURS)], DASHES[number % len(DASHES)]
        width = 1.0 if faint else 2.25 if number == 0 else 1.75
        [line] = self._axes.plot(xs, ys, color=colour, linewidth=width, alpha=0.4 if faint else 1)
        if dashes:
            line.set_linestyle((0, [part / width for part in dashes]))
        if not faint:
            line.set_gid(NAMED + name)
            self._legend.append(Key(name, COLOURS[colour], " ".join(map(str, dashes)), False))

    def bars(
        self, name: str, number: int, edges: np.ndarray, heights: np.ndarray, base: float = 0.0
    ) -> None:
        """Draw bars without gaps: heights (bars,) above `base` between edges (bars + 1,)."""
        from matplotlib.colors import to_rgba

        colour = list(COLOURS)[number]
        tops = np.maximum(heights, base)
        bars = self._axes.stairs(tops, edges, baseline=base, fill=True, linewidth=1.5)
        bars.set(facecolor=to_rgba(colour, 0.25), edgecolor=colour, gid=NAMED + name)
        self._legend.append(Key(name, COLOURS[colour], "", True))

    def rule(self, x: float, text: str, turn: float = 0.6) -> None:
        """Draw a vertical line with a text at its top, left of it beyond the share `turn`."""
        low, high = self._axes.get_xlim()
        side, offset = ("right", -4) if x - low > turn * (high - low) else ("left", 4)
        top = self._axes.get_xaxis_transform()
        self._axes.axvline(x, color=SOFT, linewidth=1, linestyle=(0, (2, 3)))
        self._axes.annotate(
            text, (x, 1), (offset, -12), top, "offset points", color=INK, fontsize=12, ha=side
        )

    def dot(self, x: float, y: float, number: int) -> None:
        """Mark a point of the line of this number."""
        colour = list(COLOURS)[number % len(COLOURS)]
        self._axes.plot([x], [y], "o", color=colour, markersize=8, mec=SURFACE, clip_on=False)

    def chart(self, title: str, about: str) -> Chart:
        """Return the finished drawing; the same one gives the same text."""
        from matplotlib import rc_context

        stream = io.StringIO()
        # ids must differ between the charts of a page
        salt = f"{title}, {about}, {self._width}"
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": salt, "path.simplify": False}):
            self._figure.savefig(stream, format="svg", metadata={"Date": None})
        # the page has the rest: a style for all, fonts, and no need of ids but for references
        unused = r"(?s)^.*?<svg[^>]*>|<(metadata|style).*?</\1>|<!--.*?-->|font[\w-]*: [^;\"]*; "
        svg = re.sub(unused, "", stream.getvalue()).replace(f'<g id="{NAMED}', '<g data-name="')
        svg = re.sub(r'<g id="[^"]*"', "<g", svg)
        svg = re.sub(r"(\.\d\d)\d+(?=[ \n\"])|\s*(\n)\s*", r"\1\2", svg)
        for fixed, variable in PAGE.items():
            svg = svg.replace(fixed, variable)
        data = {f"data-{name}": value for name, value in self._data.items()}
        frame = {"viewBox": f"0 0 {self._width} {HEIGHT}", "role": "img", "aria-label": title}
        given = {"class": "plot", **frame, **data}.items()
        attributes = " ".join(f'{name}="{escape(value)}"' for name, value in given)
        legend = self._legend if len(self._legend) > 1 else []
        return Chart(title, about, f"<svg {attributes}>{svg}", legend)


def smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of each value and those around it, `window` in all, fewer at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    half = np.minimum(np.minimum(places, places[::-1]), window // 2)
    return (sums[places + half + 1] - sums[places - half]) / (2 * half + 1)


def thinned(values: np.ndarray, most: int) -> np.ndarray:
    """Return places of about `most` values at most: both ends, and the extremes between them."""
    if len(values) <= most:
        return np.arange(len(values))
    parts = np.array_split(np.arange(len(values)), max(1, most // 2))
    kept = [part[[values[part].argmin(), values[part].argmax()]] for part in parts]
    return np.unique(np.concatenate([*kept, [0, len(values) - 1]]))
