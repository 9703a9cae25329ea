"""Where charts put things."""

from __future__ import annotations

import numpy as np
import pytest

from unequal.report import chart
from unequal.report.final_charts import distance_chart, roc_chart
from unequal.report.number_text import (
    chance,
    count,
    duration,
    listed,
    percent,
    plural,
    points,
    short,
)
from unequal.report.recipe_facts import Curves

MINUS = "\u2212"


def places(line):
    return [tuple(map(float, pair.split(","))) for pair in line.points.split()]


def test_a_line_goes_through_its_points_with_up_being_more():
    x = chart.axis("step", [0, 200], tight=True)
    y = chart.axis("", [0.0, 1.0])
    assert places(chart.line("a", 1, x, y, [0, 50, 200], [0.0, 0.25, 1.0])) == [
        (0, 1000),
        (250, 750),
        (1000, 0),
    ]


def test_bars_are_flat_between_their_edges():
    x, y = chart.axis("", [0, 4], tight=True), chart.axis("", [0, 2])
    assert places(chart.bars("a", 1, x, y, [0, 1, 4], [2, 1])) == [
        (0, 1000),
        (0, 0),
        (250, 0),
        (250, 500),
        (1000, 500),
        (1000, 1000),
    ]


@pytest.mark.parametrize(
    "values",
    [
        [0.1, 0.93],
        [3.0],
        [0.0],
        [-2, -1],
        [1e-7, 2e-7],
        [0, 1e7],
        [],
        [0.99901, 0.99935],
        [-5, 900],
    ],
)
@pytest.mark.parametrize("style", ["number", "percent"])
@pytest.mark.parametrize("tight", [False, True])
def test_every_axis_has_distinct_ticks_in_order_on_it(values, style, tight):
    axis = chart.axis("", values, style, tight=tight)
    assert 1 <= len(axis.ticks) <= 8
    assert len({tick.text for tick in axis.ticks}) == len(axis.ticks)
    assert all(-1e-6 <= tick.place <= 100 + 1e-6 for tick in axis.ticks)
    assert np.all(np.diff([tick.place for tick in axis.ticks]) > 0)
    assert all(-1e-6 <= place <= 100 + 1e-6 for place in axis.place(values))


def test_ticks_stand_where_their_text_says():
    axis = chart.axis("", [0.83, 0.97], "percent")
    for tick in axis.ticks:
        value = float(tick.text.rstrip(" %")) / 100
        assert tick.place == pytest.approx(100 * (value - axis.low) / (axis.high - axis.low))


@pytest.mark.parametrize("low,high", [(1e-5, 1), (0.003, 1), (0.7, 1.3), (0.7, 3e6), (0.5, 530.5)])
def test_a_logarithmic_axis_has_powers_of_ten_at_even_distances(low, high):
    axis = chart.log_axis("", low, high)
    assert 2 <= len(axis.ticks) <= 7
    gaps = np.diff([tick.place for tick in axis.ticks])
    assert np.all(gaps > 0)
    assert axis.place([low, np.sqrt(low * high), high]) == pytest.approx([0, 50, 100], abs=1e-9)


def test_smoothing_is_the_mean_of_neighbours_and_keeps_the_ends():
    values = np.random.RandomState(1).rand(30)
    smooth = chart.smoothed(values, 5)
    assert smooth[10] == pytest.approx(values[8:13].mean())
    assert smooth[[0, -1]] == pytest.approx(values[[0, -1]])
    assert smooth[1] == pytest.approx(values[:3].mean())


def test_thinning_keeps_ends_and_extremes():
    values = np.random.RandomState(1).rand(5000)
    kept = chart.thinned(values, 300)
    assert len(kept) <= 302 and np.all(np.diff(kept) > 0)
    assert {0, 4999, int(values.argmin()), int(values.argmax())} <= set(kept.tolist())
    assert chart.thinned(values[:9], 300).tolist() == list(range(9))


def test_the_roc_begins_at_the_lowest_rate_that_the_pairs_can_show():
    curves = Curves([0, 0.0, 0.01, 1.0], [0, 0.5, 0.9, 1.0], [0, 1, 2], [100, 0], [0, 100], 1.0)
    drawn = roc_chart("lfw", curves, None)
    assert drawn.x.low == 0.01
    first, last = places(drawn.lines[0])[0], places(drawn.lines[0])[-1]
    assert first[0] == 0 and last == (1000, pytest.approx(1000 - 10 * drawn.y.place(1.0)))
    assert first[1] == pytest.approx(1000 - 10 * drawn.y.place(0.9))
    assert "90.00\u00a0% at FAR 1\u00a0%" in drawn.about


def test_histograms_are_shares_of_each_kind():
    drawn = distance_chart("lfw", Curves([], [], [0, 1, 2], [30, 10], [0, 5], 1.0))
    heights = [
        [(1000 - y) / 1000 * drawn.y.high for _, y in places(line)][1:4:2] for line in drawn.lines
    ]
    assert heights[0] == pytest.approx([0.75, 0.25]) and heights[1] == pytest.approx([0, 1])
    assert "25.0 %" in drawn.about and drawn.marks[0].x == 50


def test_curves_that_are_not_there_are_not_drawn():
    empty = Curves([], [], [], [], [], None)
    assert roc_chart("lfw", empty, None) is None and distance_chart("lfw", empty) is None
    uneven = Curves([0, 1], [0], [0, 1], [1, 2], [1], None)
    assert roc_chart("lfw", uneven, None) is None and distance_chart("lfw", uneven) is None


@pytest.mark.parametrize(
    "seconds,text",
    [
        (None, "\u2013"),
        (0.31, "0.3 s"),
        (42.4, "42 s"),
        (59.7, "1 min 00 s"),
        (125, "2 min 05 s"),
        (7620, "2 h 07 min"),
        (100_000, "1 d 3 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds).replace("\u00a0", " ") == text


def test_numbers_in_words():
    assert percent(0.91234) == "91.23\u00a0%" and percent(None) == "\u2013"
    assert points(0.0123) == "+1.23" and points(-0.0123) == f"{MINUS}1.23"
    assert points(0.00001) == points(-0.00001) == "0.00"
    assert count(57600.0) == "57,600" and short(10.7525) == "10.8"
    assert chance(0.0) == "0" and chance(3e-9) == "< 0.0001" and chance(0.21234) == "0.212"
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c"
    assert plural(1, "identity") == "1 identity" and plural(1200, "identity") == "1,200 identities"
