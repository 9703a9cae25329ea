"""Charts of training: what each stage measured over its steps, and all stages in a row."""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np

from unequal.report.charts import Chart, Plot, smoothed, thinned
from unequal.report.number_text import brief, number, percent
from unequal.report.recipe_facts import StageFacts
from unequal.report.stage_history import Points, StageHistory

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
NEAREST_NAMES = 0.07  # of a chart's width


class StageCharts(NamedTuple):
    """A stage with its charts, and sentences on what was measured only once."""

    stage: StageFacts
    history: StageHistory
    charts: list[Chart]
    sentences: list[str]


def stage_charts(stage: StageFacts, history: StageHistory) -> StageCharts:
    """Draw verification first, then losses and training accuracy."""
    tests = dict(history.targets)
    if history.mean is not None and len(tests) != 1:
        tests = {MEAN: history.mean, **tests}
    steps = {step for points in tests.values() for step in points.steps.tolist()}
    charts, sentences = [], []
    if len(steps) > 1:
        charts.append(_verification(stage, tests))
    elif steps:
        [step] = steps
        sentences.append(f"Tested once, at step {number(step)}: {_accuracies(tests, step)}.")
    for name in sorted(history.metrics, key=lambda name: name == "acc"):
        points = history.metrics[name]
        title, told = NAMES.get(name, name), percent if name == "acc" else brief
        first, last = (
            f"{told(points.values[i])} at step {number(points.steps[i])}" for i in (0, -1)
        )
        if len(points.steps) > 1:
            style = "percent" if name == "acc" else "number"
            charts.append(_metric(title, points, style, f"From {first} to {last}."))
        else:
            sentences.append(f"{title}: {first}.")
    return StageCharts(stage, history, charts, sentences)


def overview(
    stages: Sequence[StageFacts], histories: Sequence[StageHistory], width: int
) -> Chart | None:
    """Draw the mean accuracy of all stages, one after the other; None without two tests."""
    start, tests, borders = 0.0, [], []
    for stage, history in zip(stages, histories):
        if history.last_step is None:
            continue
        # a stage of one step has one test, which is that of the stage before again
        if history.mean is not None and (len(history.mean.steps) > 1 or stage.step is not None):
            best = _best_place(stage, history.mean)
            tests.append((stage.name, history.mean.steps + start, history.mean.values, best))
        borders.append((start, stage.name))
        start += max(stage.steps or 0.0, history.last_step)
    values = np.concatenate([part[2] for part in tests]) if tests else np.empty(0)
    if len(values) < 2:
        return None
    # how a stage begins would else hide how little the stages differ in the end
    lowest = min(float(np.median(part[2])) for part in tests)
    plot = Plot("steps of all stages together", width)
    plot.scale("x", [0.0, start], tight=True)
    low = plot.scale("y", values[values >= lowest], "percent")
    for i, (name, steps, means, best) in enumerate(tests):
        plot.line(name, i, steps, means)
        plot.dot(steps[best], means[best], i)
    written = -np.inf
    for place, name in borders:
        near = place - written < NEAREST_NAMES * start
        plot.rule(place, "" if near else _short_name(name), turn=0.92)
        written = written if near else place
    told = ", ".join(f"{name} {percent(means[best])}" for name, _, means, best in tests)
    cut = " What lies lower is cut off." if values.min() < low else ""
    return plot.chart(
        "Verification accuracy, mean of the sets, stage after stage",
        f"The best mean of each stage: {told} (dots).{cut}",
    )


def _metric(title: str, points: Points, style: str, about: str) -> Chart:
    steps, values = points
    plot = Plot("step")
    plot.scale("x", steps, tight=True)
    plot.scale("y", values, style)
    shown = thinned(values, MOST_POINTS)
    if len(values) < SMOOTHED_FROM:
        plot.line(title, 0, steps, values)
    else:
        mean = smoothed(values, max(5, len(values) // 20))
        even = np.unique(np.linspace(0, len(mean) - 1, MOST_POINTS).astype(int))
        plot.line(title, 0, steps[shown], values[shown], faint=True)
        plot.line(f"{title}, smoothed", 0, steps[even], mean[even])
    return plot.chart(title, about)


def _verification(stage: StageFacts, tests: dict[str, Points]) -> Chart:
    every = list(tests.values())
    best = float(every[0].steps[_best_place(stage, every[0])])
    plot = Plot("step")
    plot.scale("x", np.concatenate([points.steps for points in every]), tight=True)
    plot.scale("y", np.concatenate([points.values for points in every]), "percent")
    for i, (name, points) in enumerate(tests.items()):
        plot.line(name, i, *points)
    plot.rule(best, f"best: {number(best)}")
    title = "Verification accuracy" + (f", {next(iter(tests))}" if len(tests) == 1 else "")
    return plot.chart(title, f"At the best step, {number(best)}: {_accuracies(tests, best)}.")


def _best_place(stage: StageFacts, mean: Points) -> int:
    """Return which test was the best, as the recipe says, or else the highest."""
    known = np.flatnonzero(mean.steps == stage.step)
    return int(known[0]) if len(known) else int(np.argmax(mean.values))


def _accuracies(tests: dict[str, Points], step: float) -> str:
    """Return the accuracies at one step, in words."""
    return ", ".join(
        f"{name} {percent(points.values[place])}"
        for name, points in tests.items()
        for place in np.flatnonzero(points.steps == step)
    )


def _short_name(name: str) -> str:
    """'1-softmax' -> '1', '3.2-unequal-5' -> '3.2 (5)'."""
    step, _, rest = name.partition("-")
    last = rest.partition("-")[2]
    return f"{step} ({last})" if last else step
