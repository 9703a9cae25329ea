"""Is the final model better than the first stage's? Differences, and how much chance explains."""

from __future__ import annotations

import math
from typing import NamedTuple, Sequence

import numpy as np
from scipy import stats

from unequal.report.number_text import initial, listed, percent, plural, points
from unequal.report.recipe_facts import Facts, Row
from unequal.report.stage_names import SOFTMAX

CONFIDENCE = 0.95


class Difference(NamedTuple):
    """Accuracy of the final model minus that of the first stage's model, on one target.

    Attributes:
        target: the verification set.
        first: accuracy of the first stage's model, 0 to 1.
        final: accuracy of the final model, 0 to 1.
        low, high: the interval of confidence, that of the paired t-test over the folds.
        areas: under the ROC of both models, None if a model has no ROC.
        pairs: of the target, 0 if not known.
        reading: better, worse, or unclear if chance may explain it or the areas differ the other
            way.
    """

    target: str
    first: float
    final: float
    low: float
    high: float
    areas: tuple[float, float] | None
    pairs: int
    reading: str

    @property
    def change(self) -> float:
        """The difference itself."""
        return self.final - self.first

    @property
    def contradicted(self) -> bool:
        """Whether accuracy went beyond chance one way, and the area under the ROC the other."""
        return self.reading == "unclear" and (self.low > 0 or self.high < 0)


class Verdict(NamedTuple):
    """What the page says first: a sentence, its tone, and sentences that explain it.

    `tone`: better, worse, unclear or waiting. `caveat`: what the figures cannot show, or ''.
    """

    headline: str
    tone: str
    notes: Sequence[str] = ()
    differences: Sequence[Difference] = ()
    caveat: str = ""


def judge(facts: Facts) -> Verdict:
    """Return what the page says first."""
    final = facts.stage(facts.final_stage)
    if facts.final_stage == SOFTMAX:
        return Verdict(
            f"The recipe kept the model of {SOFTMAX}: no later stage was better.",
            "unclear",
            [initial(final.verdict.strip().rstrip(".")) + "."] if final and final.verdict else [],
            caveat=_caveat(facts),
        )
    found = _differences(facts)
    if not found:
        return _so_far(facts)
    by_reading = {
        reading: [part.target for part in found if part.reading == reading]
        for reading in ("better", "worse")
    }
    told = [f"{reading} on {listed(names)}" for reading, names in by_reading.items() if names]
    model = f"final model ({facts.final_stage})"
    tone = told[0].split()[0] if len(told) == 1 else "unclear"
    headline = f"The {model} is {' and '.join(told)} than that of {SOFTMAX}."
    if not told:
        headline = f"Verification shows no clear difference between the {model} and {SOFTMAX}."
    notes = [
        f"On {part.target} the accuracy changed by {points(part.change)} points, but the area "
        f"under the ROC changed the other way, from {part.areas[0]:.5f} to {part.areas[1]:.5f}: "
        "that is no clear difference."
        for part in found
        if part.contradicted and part.areas
    ]
    unclear = [p.target for p in found if p.reading == "unclear" and not p.contradicted]
    if unclear and told:
        notes.append(f"On {listed(unclear)} chance can explain the difference.")
    if len(found) > 1:
        before = float(np.mean([part.first for part in found]))
        after = float(np.mean([part.final for part in found]))
        notes.append(
            f"The mean over {plural(len(found), 'target')} changed from {percent(before)} to "
            f"{percent(after)} ({points(after - before)} points)."
        )
    return Verdict(headline, tone, notes + _identification(facts), found, _caveat(facts))


def _so_far(facts: Facts) -> Verdict:
    """Return the verdict while the evaluation of both models is not there yet."""
    means = {stage.name: stage.mean for stage in facts.stages if stage.mean is not None}
    if not means:
        return Verdict("Nothing has been evaluated yet.", "waiting")
    best = max(means, key=lambda name: means[name])
    notes = [
        f"The best mean of the verification sets so far is {percent(means[best])}, in stage {best}."
    ]
    if best != SOFTMAX and SOFTMAX in means:
        first = means[SOFTMAX]
        notes.append(
            f"{SOFTMAX} reached {percent(first)}, which is a difference of "
            f"{points(means[best] - first)} points; how much of it is chance is not known yet."
        )
    return Verdict("There is no final evaluation yet, so no verdict.", "waiting", notes)


def _differences(facts: Facts) -> list[Difference]:
    """Compare on every target on which both models were evaluated."""
    rows = facts.evaluation.rows
    first = {row.target: row for row in rows if row.stage == SOFTMAX}
    found = []
    for row in (row for row in rows if row.stage == facts.final_stage and row.target in first):
        curves = facts.evaluation.final.get(row.target)
        pairs = int(sum(curves.same) + sum(curves.different)) if curves else 0
        found.append(_difference(first[row.target], row, pairs))
    return found


def _difference(before: Row, after: Row, pairs: int) -> Difference:
    apart = np.subtract(after.folds, before.folds)
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(apart) - 1))
    half = quantile * float(stats.sem(apart))
    change = after.accuracy - before.accuracy
    low, high = change - half, change + half
    areas = None if before.auc is None or after.auc is None else (before.auc, after.auc)
    rise = areas[1] - areas[0] if areas else 0.0
    reading = (
        "better" if low > 0 and rise >= 0 else "worse" if high < 0 and rise <= 0 else "unclear"
    )
    return Difference(
        after.target, before.accuracy, after.accuracy, low, high, areas, pairs, reading
    )


def _identification(facts: Facts) -> list[str]:
    """Return the sentence on rank-1, if both models were tried."""
    models = {part["stage"]: part for part in facts.evaluation.identification}
    if SOFTMAX not in models or facts.final_stage not in models:
        return []
    both = models[SOFTMAX], models[facts.final_stage]
    before, after = (model["rank1"] for model in both)
    (low1, high1), (low2, high2) = (_wilson(model["rank1"], model["searches"]) for model in both)
    # Newcombe's interval from those of Wilson, which has a width at rates of 0 and 1 as well
    low = after - before - math.hypot(after - low2, high1 - before)
    high = after - before + math.hypot(high2 - after, before - low1)
    return [
        f"Rank-1 identification changed from {percent(before)} to {percent(after)} "
        f"({points(after - before)} points, 95\u00a0% interval {points(low)} to {points(high)} if "
        "every search counts by itself and the two models made different ones)."
    ]


def _wilson(rate: float, searches: int) -> tuple[float, float]:
    """Return Wilson's interval of a rate of searches that found the person."""
    found = stats.binomtest(round(rate * searches), searches)
    interval = found.proportion_ci(CONFIDENCE, "wilson")
    return interval.low, interval.high


def _caveat(facts: Facts) -> str:
    if facts.evaluation.identification or not facts.evaluation.rows:
        return ""
    return (
        "No identification test was run. Verification sets hardly show what steps 2.2 and 3.2 "
        "change; rank-1 among many faces, which python -m eval.identification measures, shows it "
        "better."
    )
