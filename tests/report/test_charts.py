"""What charts show: their axes, bars and texts, and numbers as the page writes them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from unequal.report import number_text as told
from unequal.report.charts import HEIGHT, LEFT, RIGHT, TOP, WIDTH, Plot, smoothed, thinned
from unequal.report.final_charts import distance_chart, roc_chart
from unequal.report.recipe_facts import Curves

MINUS = "\u2212"
SIDES = LEFT, WIDTH - RIGHT


def texts(chart):
    return re.findall(r"<text[^>]*>([^<]*)<", chart.svg)


def drawn(chart, name):
    """Points (points, 2) of a line or of bars, in pixels of the chart."""
    group = re.search(f'(?s)<g data-name="{name}">.*?d="([^"]*)"', chart.svg)[1]
    return np.array(re.findall(r"-?[\d.]+", group), float).reshape(-1, 2)


def chart_of(xs, ys, title="title", **scale):
    plot = Plot("step")
    plot.scale("x", xs, tight=True)
    plot.scale("y", ys, **scale)
    plot.line("a", 0, xs, ys)
    return plot.chart(title, "about")


def test_a_line_goes_through_its_points_and_more_is_higher():
    chart = chart_of([0, 50, 200], [0.0, 0.25, 1.0])
    [first, second, last] = drawn(chart, "a")
    assert first[0] == SIDES[0] and last.tolist() == [SIDES[1], TOP] and first[1] > second[1] > TOP
    assert second == pytest.approx(first + (last - first) * 0.25, abs=0.02)
    assert texts(chart) == "0 50 100 150 200 step 0 0.2 0.4 0.6 0.8 1".split()


@pytest.mark.parametrize(
    "values",
    [[0.1, 0.93], [3.0], [0.0], [-2, -1], [1e-7, 2e-7], [0, 1e7], [0.99901, 0.99935], [-5, 900]],
)
@pytest.mark.parametrize("scale", [{}, {"style": "percent"}, {"tight": True}])
def test_every_axis_has_a_few_different_ticks_around_the_values(values, scale):
    chart = chart_of(range(len(values)), values, **scale)
    found = texts(chart)
    ticks = found[found.index("step") + 1 :]
    assert 1 <= len(ticks) <= 8 and len(set(ticks)) == len(ticks)
    assert np.all((drawn(chart, "a") >= (LEFT, TOP)) & (drawn(chart, "a") <= (WIDTH, HEIGHT)))


def test_the_same_chart_has_the_same_text_and_others_have_other_ids():
    one, same, other = (chart_of([0, 1], [0, 1], title) for title in "aab")
    assert one == same and "2026" not in one.svg and "matplotlib" not in one.svg
    assert "#" not in one.svg.replace("url(#", "")  # colours are the page's
    ids = [set(re.findall(r' id="([^"]*)"', chart.svg)) for chart in (one, other)]
    assert ids[0] and ids[1] and not ids[0] & ids[1]


def test_names_are_escaped():
    name = "<b \"'> & $x$"
    plot = Plot(name)
    for number in range(2):
        plot.line(name, number, [0, 1], [0, 1])
    chart = plot.chart(name, name)
    assert "<b" not in chart.svg and chart.legend[0].name == name


def test_smoothing_is_the_mean_of_neighbours_and_keeps_the_ends():
    values = np.random.RandomState(1).rand(30)
    smooth = smoothed(values, 5)
    assert smooth[10] == pytest.approx(values[8:13].mean())
    assert smooth[[0, -1]] == pytest.approx(values[[0, -1]])
    assert smooth[1] == pytest.approx(values[:3].mean())


def test_thinning_keeps_ends_and_extremes():
    values = np.random.RandomState(1).rand(5000)
    kept = thinned(values, 300)
    assert len(kept) <= 302 and np.all(np.diff(kept) > 0)
    assert {0, 4999, int(values.argmin()), int(values.argmax())} <= set(kept.tolist())
    assert thinned(values[:9], 300).tolist() == list(range(9))


def test_the_roc_begins_at_the_lowest_rate_that_the_pairs_can_show():
    curves = Curves([0, 0.0, 0.01, 1.0], [0, 0.5, 0.9, 1.0], [0, 1, 2], [100, 0], [0, 100], 1.0)
    chart = roc_chart("lfw", curves, None)
    assert 'data-x="0.01 1.0 log percent"' in chart.svg
    assert "90.00\u00a0% at FAR 1\u00a0%" in chart.about and "1\u00a0%" in texts(chart)
    first, last = drawn(chart, "final model")
    assert (first[0], last[0]) == SIDES and last[1] == TOP and first[1] > TOP


def test_histograms_are_shares_of_each_kind():
    chart = distance_chart("lfw", Curves([], [], [0, 1, 2], [30, 10], [0, 5], 1.0))
    one, two = drawn(chart, "one person"), drawn(chart, "two people")
    base = one[:, 1].max()
    assert (base - two[:, 1].min()) / (base - one[:, 1].min()) == pytest.approx(1 / 0.75, abs=1e-3)
    assert "25.0 %" in chart.about and "threshold 1.00" in texts(chart)
    assert [key.name for key in chart.legend] == ["one person", "two people"]


def test_a_roc_that_is_not_there_is_not_drawn():
    assert roc_chart("lfw", Curves([], [], [0, 1], [0], [3], 1.0), None) is None


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
    assert told.duration(seconds).replace("\u00a0", " ") == text


def test_numbers_in_words():
    assert told.percent(0.91234) == "91.23\u00a0%" and told.percent(None) == "\u2013"
    assert told.points(0.0123) == "+1.23" and told.points(-0.0123) == f"{MINUS}1.23"
    assert told.points(0.00001) == told.points(-0.00001) == "0.00"
    assert told.number(57600.0) == "57,600" and told.brief(10.7525) == "10.8"
    assert (
        told.chance(0.0) == "0"
        and told.chance(3e-9) == "< 0.0001"
        and told.chance(0.21234) == "0.212"
    )
    assert told.listed(["a"]) == "a" and told.listed(["a", "b", "c"]) == "a, b and c"
    assert (
        told.plural(1, "identity") == "1 identity"
        and told.plural(1200, "identity") == "1,200 identities"
    )
