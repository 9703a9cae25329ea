"""Is the final model better than the first stage's? Differences, and how much chance explains."""

from __future__ import annotations

import math
from typing import NamedTuple, Sequence

import numpy as np
from scipy import stats

from unequal.report.number_text import initial, listed, percent, plural, points
from unequal.report.recipe_facts import FIRST_STAGE, Facts, Row

FOLDS = 10  # of the cross-validation, if a row does not say
CONFIDENCE = 0.95
SEARCHES = ("searches", "probes")  # as eval.identification calls them
NORMAL = float(stats.norm.ppf((1 + CONFIDENCE) / 2))


class Difference(NamedTuple):
    """Accuracy of the final model minus that of the first stage's model, on one target.

    Attributes:
        target: the verification set.
        first: accuracy of the first stage's model, 0 to 1.
        final: accuracy of the final model, 0 to 1.
        low, high: the interval of confidence, None if the deviations are not known.
        paired: whether the interval is that of the folds' differences, which is sharper.
        areas: under the ROC of both models, None if not known.
        pairs: of the target, 0 if not known.
        reading: better, worse, or '' if chance may explain it or the areas differ the other way.
    """

    target: str
    first: float
    final: float
    low: float | None
    high: float | None
    paired: bool
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
        if self.low is None or self.high is None:
            return False
        return (self.low > 0 or self.high < 0) and not self.reading


class Verdict(NamedTuple):
    """What the page says first: a sentence, its tone, and sentences that explain it.

    `tone`: better, worse, unclear or waiting. `caveat`: what the figures cannot show, or ''.
    """

    headline: str
    tone: str
    notes: Sequence[str] = ()
    differences: Sequence[Difference] = ()
    caveat: str = ""


def differences_of(facts: Facts) -> list[Difference]:
    """Compare on every target on which both models were evaluated."""
    rows = facts.evaluation.rows
    first = {row.target: row for row in rows if row.stage == FIRST_STAGE}
    found = []
    for row in (row for row in rows if row.stage == facts.final_stage and row.target in first):
        curves = facts.evaluation.final.get(row.target)
        pairs = 0 if curves is None else int(sum(curves.same) + sum(curves.different))
        found.append(_difference(first[row.target], row, pairs))
    return [difference for difference in found if difference is not None]


def judge(facts: Facts) -> Verdict:
    """Return what the page says first."""
    final = facts.stage(facts.final_stage)
    if facts.final_stage == FIRST_STAGE:
        return Verdict(
            f"The recipe kept the model of {FIRST_STAGE}: no later stage was better.",
            "unclear",
            [initial(final.verdict.strip().rstrip(".")) + "."] if final and final.verdict else [],
            caveat=_caveat(facts),
        )
    found = differences_of(facts)
    if not found:
        return _so_far(facts)
    better = [part.target for part in found if part.reading == "better"]
    worse = [part.target for part in found if part.reading == "worse"]
    unclear = [part.target for part in found if not part.reading and not part.contradicted]
    readings = [("better", better), ("worse", worse)]
    told = [f"{reading} on {listed(targets)}" for reading, targets in readings if targets]
    model = f"final model ({facts.final_stage})"
    tone = "unclear" if len(told) != 1 else "better" if better else "worse"
    headline = f"The {model} is {' and '.join(told)} than that of {FIRST_STAGE}."
    if not told:
        headline = f"Verification shows no clear difference between the {model} and {FIRST_STAGE}."
    notes = [
        f"On {part.target} the accuracy changed by {points(part.change)} points, but the area "
        f"under the ROC changed the other way, from {part.areas[0]:.5f} to {part.areas[1]:.5f}: "
        "that is no clear difference."
        for part in found
        if part.contradicted and part.areas is not None
    ]
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
    if facts.evaluation.rows:
        return Verdict(
            f"There is no verdict: the evaluation lacks {FIRST_STAGE} or the final model.",
            "waiting",
        )
    means = {stage.name: stage.mean for stage in facts.stages if stage.mean is not None}
    if not means:
        return Verdict("Nothing has been evaluated yet.", "waiting")
    best = max(means, key=lambda name: means[name])
    notes = [
        f"The best mean of the verification sets so far is {percent(means[best])}, in stage {best}."
    ]
    if best != FIRST_STAGE and FIRST_STAGE in means:
        first = means[FIRST_STAGE]
        notes.append(
            f"{FIRST_STAGE} reached {percent(first)}, which is a difference of "
            f"{points(means[best] - first)} points; how much of it is chance is not known yet."
        )
    return Verdict("There is no final evaluation yet, so no verdict.", "waiting", notes)


def _identification(facts: Facts) -> list[str]:
    """Return the sentence on rank-1, if both models were tried."""
    rates = {part.stage: part.rates for part in facts.evaluation.identification}
    models = [rates.get(stage, {}) for stage in (FIRST_STAGE, facts.final_stage)]
    if any("rank1" not in model for model in models):
        return []
    before, after = (model["rank1"] for model in models)
    told = f"{points(after - before)} points"
    searches = [next((model[name] for name in SEARCHES if name in model), 0.0) for model in models]
    if min(searches) >= 1:
        low, high = _interval((before, after), searches)
        told += (
            f", 95\u00a0% interval {points(low)} to {points(high)} if every search counts by "
            "itself and the two models made different ones"
        )
    return [f"Rank-1 identification changed from {percent(before)} to {percent(after)} ({told})."]


def _interval(rates: Sequence[float], counts: Sequence[float]) -> tuple[float, float]:
    """Return where the second rate minus the first lies with 95 % confidence.

    It is Newcombe's interval from those of Wilson, which has a width at rates of 0 and 1 as well.
    """
    limits = []
    for rate, count in zip(rates, counts):
        square = NORMAL**2 / count
        middle = (rate + square / 2) / (1 + square)
        half = NORMAL / (1 + square) * math.sqrt(rate * (1 - rate) / count + square / count / 4)
        limits.append((middle - half, middle + half))
    (before, after), ((low1, high1), (low2, high2)) = rates, limits
    change = after - before
    return (
        change - math.hypot(after - low2, high1 - before),
        change + math.hypot(high2 - after, before - low1),
    )


def _caveat(facts: Facts) -> str:
    if facts.evaluation.identification or not facts.evaluation.rows:
        return ""
    return (
        "No identification test was run. Verification sets hardly show what steps 2.2 and 3.2 "
        "change; rank-1 among many faces, which python -m eval.identification measures, shows it "
        "better."
    )


def _difference(before: Row, after: Row, pairs: int) -> Difference | None:
    if before.accuracy is None or after.accuracy is None:
        return None
    change = after.accuracy - before.accuracy
    paired = len(before.folds) == len(after.folds) > 1
    half: float | None = None
    if paired:
        apart = np.subtract(after.folds, before.folds)
        half = _half_width(float(np.var(apart)), len(apart), len(apart) - 1)
    elif before.std is not None and after.std is not None:
        half = _half_width(before.std**2 + after.std**2, FOLDS, 2 * (FOLDS - 1))
    low, high = (None, None) if half is None else (change - half, change + half)
    areas = None if before.auc is None or after.auc is None else (before.auc, after.auc)
    rise = 0.0 if areas is None else areas[1] - areas[0]
    reading = ""
    if low is not None and high is not None:
        reading = "better" if low > 0 and rise >= 0 else "worse" if high < 0 and rise <= 0 else ""
    return Difference(
        after.target, before.accuracy, after.accuracy, low, high, paired, areas, pairs, reading
    )


def _half_width(variance: float, folds: int, freedom: int) -> float:
    """Return half the interval of a mean over folds of this variance (divisor: the folds)."""
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
    return quantile * math.sqrt(variance / (folds - 1))
