"""Charts of training: what each stage measured over its steps, and all stages in a row."""

from __future__ import annotations

from typing import Callable, NamedTuple, Sequence

import numpy as np

from unequal.report import chart
from unequal.report.chart import Chart, Mark
from unequal.report.number_text import count, percent, short
from unequal.report.recipe_facts import Stage
from unequal.report.stage_history import History, Points

MOST_POINTS = 300
SMOOTHED_FROM = 40
NAMES = {
    "acc": "Training accuracy (with the margin)",
    "softmaxloss": "Softmax loss",
    "softmaxloss2": "Noise-resistance loss",
    "interloss": "Inter-class loss",
    "loss": "Loss",
}
MEAN = "mean of the sets"
NEAREST_NAMES = 7.0  # percent of a chart's width


class StageCharts(NamedTuple):
    """A stage with its charts, and sentences on what was measured only once.

    Both are empty where it has written no history yet.
    """

    stage: Stage
    charts: list[Chart]
    sentences: list[str]
    unreadable: int
    last_step: float | None
    speed: float | None


def stage_charts(stage: Stage, history: History | None) -> StageCharts:
    """Verification, then losses and training accuracy."""
    if history is None:
        return StageCharts(stage, [], [], 0, None, None)
    drawn = _tested(history)
    tests = {step for part in drawn.values() for step in part.steps.tolist()}
    charts = [_verification(stage, drawn)] if len(tests) > 1 else []
    sentences = (
        [f"Tested once, at step {count(min(tests))}: {_at(drawn, min(tests))}."]
        if len(tests) == 1
        else []
    )
    for name in sorted(history.metrics, key=lambda name: name == "acc"):
        points = history.metrics[name]
        if len(points.steps) > 1:
            charts.append(_metric(name, points))
        else:
            sentences.append(
                f"{NAMES.get(name, name)} at step {count(points.steps[0])}: "
                f"{_say(name)(points.values[0])}."
            )
    speed = None if history.speed is None else float(np.median(history.speed.values))
    return StageCharts(stage, charts, sentences, history.unreadable, history.last_step, speed)


def overview(stages: Sequence[Stage], histories: Sequence[History | None]) -> Chart | None:
    """Mean verification accuracy of all stages, one after the other; None without two tests."""
    start, tests, borders = 0.0, [], []
    for stage, history in zip(stages, histories):
        if history is None or history.last_step is None:
            continue
        # the one test of stage 2a is that of stage one's model again
        if history.mean is not None and (len(history.mean.steps) > 1 or stage.step is not None):
            best = _best_place(stage, history.mean)
            tests.append((stage.name, history.mean.steps + start, history.mean.values, best))
        borders.append((start, stage.name))
        start += max(stage.steps or 0.0, history.last_step)
    values = np.concatenate([part[2] for part in tests]) if tests else np.empty(0)
    if len(values) < 2:
        return None
    x = chart.axis("steps of all stages together", [0.0, start], tight=True)
    # how a stage begins would else hide how little the stages differ in the end
    lowest = min(float(np.median(part[2])) for part in tests)
    y = chart.axis("", values[values >= lowest], "percent")
    cut = " What lies lower is cut off." if values.min() < y.low else ""
    lines = [
        chart.line(name, 1 + i % 6, x, y, steps, means)
        for i, (name, steps, means, _) in enumerate(tests)
    ]
    marks: list[Mark] = []
    for place, name in borders:
        mark = Mark(float(x.place(place)), _short_name(name))
        if marks and mark.x - marks[-1].x < NEAREST_NAMES:
            mark = mark._replace(text="")
        marks.append(mark)
    dots = [
        Mark(float(x.place(steps[best])), "", float(y.place(means[best])), 1 + i % 6)
        for i, (_, steps, means, best) in enumerate(tests)
    ]
    told = ", ".join(f"{name} {percent(means[best])}" for name, _, means, best in tests)
    told = f"The best mean of each stage: {told}"
    return Chart(
        "Verification accuracy, mean of the sets, stage after stage",
        x,
        y,
        lines,
        marks + dots,
        f"{told} (dots).{cut}",
    )


def _metric(name: str, points: Points) -> Chart:
    style = "percent" if name == "acc" else "number"
    title = NAMES.get(name, name)
    shown = chart.thinned(points.values, MOST_POINTS)
    x = chart.axis("step", points.steps, tight=True)
    y = chart.axis("", points.values, style)
    lines = []
    if len(points.values) < SMOOTHED_FROM:
        lines.append(chart.line(title, 1, x, y, points.steps, points.values))
    else:
        window = max(5, len(points.values) // 20)
        mean = chart.smoothed(points.values, window)
        even = np.unique(np.linspace(0, len(mean) - 1, MOST_POINTS).astype(int))
        steps = points.steps
        lines.append(chart.line(title, 1, x, y, steps[shown], points.values[shown], faint=True))
        lines.append(chart.line(f"{title}, smoothed", 1, x, y, steps[even], mean[even]))
    say = _say(name)
    about = (
        f"From {say(points.values[0])} at step {count(points.steps[0])} to "
        f"{say(points.values[-1])} at step {count(points.steps[-1])}."
    )
    return Chart(title, x, y, lines, [], about)


def _tested(history: History) -> dict[str, Points]:
    """The accuracies over the tests, the mean first where there is more than one set."""
    drawn = dict(history.targets)
    if history.mean is not None and len(drawn) != 1:
        drawn = {MEAN: history.mean, **drawn}
    return drawn


def _verification(stage: Stage, drawn: dict[str, Points]) -> Chart:
    every = list(drawn.values())
    x = chart.axis("step", np.concatenate([points.steps for points in every]), tight=True)
    y = chart.axis("", np.concatenate([points.values for points in every]), "percent")
    lines = [
        chart.line(name, 1 + i % 6, x, y, *points) for i, (name, points) in enumerate(drawn.items())
    ]
    best = float(every[0].steps[_best_place(stage, every[0])])
    told = _at(drawn, best)
    title = "Verification accuracy" + (f", {lines[0].name}" if len(lines) == 1 else "")
    about = f"At the best step, {count(best)}: {told}."
    return Chart(title, x, y, lines, [Mark(float(x.place(best)), f"best: {count(best)}")], about)


def _best_place(stage: Stage, mean: Points) -> int:
    """Which test was the best, as the recipe says; where it does not, the highest."""
    known = np.flatnonzero(mean.steps == stage.step)
    return int(known[0]) if len(known) else int(np.argmax(mean.values))


def _at(drawn: dict[str, Points], step: float) -> str:
    """The accuracies at one step, in words."""
    return ", ".join(
        f"{name} {percent(points.values[place])}"
        for name, points in drawn.items()
        for place in np.flatnonzero(points.steps == step)
    )


def _say(name: str) -> Callable[[float], str]:
    return percent if name == "acc" else short


def _short_name(name: str) -> str:
    """'1-softmax' -> '1', '3-interweight-5' -> '3 (5)'."""
    first, _, rest = name.partition("-")
    last = rest.rpartition("-")[2]
    return f"{first} ({last})" if first == "3" and last else first
