"""Is the final model better than stage one? Differences with the range that chance leaves them."""

from __future__ import annotations

import math
from typing import NamedTuple, Sequence

import numpy as np
from scipy import stats

from unequal.report.number_text import initial, listed, percent, plural, points
from unequal.report.recipe_facts import FIRST_STAGE, Facts, Row

FOLDS = 10  # of the cross-validation, where a row does not say
CONFIDENCE = 0.95
SEARCHES = ("searches", "probes")  # as eval.identification calls them
NORMAL = float(stats.norm.ppf((1 + CONFIDENCE) / 2))


class Difference(NamedTuple):
    """Accuracy of the final model minus that of stage one, on one target.

    `low`, `high`: the interval of confidence, None where the deviations are not known; `paired`:
    whether it is of the differences of the folds, which is the sharper way; `areas`: under the ROC
    of both, None where not known; `pairs`: of the target, 0 where not known; `reading`: better,
    worse, or '' where chance may explain the difference or the areas differ the other way.
    """

    target: str
    first: float
    final: float
    change: float
    low: float | None
    high: float | None
    paired: bool
    areas: tuple[float, float] | None
    pairs: int
    reading: str

    @property
    def contradicted(self) -> bool:
        """Whether accuracy went beyond chance one way, and the area under the ROC the other."""
        beyond = self.low is not None and (self.low > 0 or self.high < 0)
        return beyond and not self.reading


class Verdict(NamedTuple):
    """`headline`: one sentence; `tone`: better, worse, unclear or waiting; `notes`: sentences.

    `caveat`: what the figures cannot show, '' for nothing.
    """

    headline: str
    tone: str
    notes: list[str]
    differences: list[Difference]
    caveat: str = ""


def differences_of(facts: Facts) -> list[Difference]:
    """On every target on which both stage one and the final model were evaluated."""
    first = {row.target: row for row in facts.rows if row.stage == FIRST_STAGE}
    final = {row.target: row for row in facts.rows if row.stage == facts.final_stage}
    pairs = [(first[target], row) for target, row in final.items() if target in first]
    return [
        _difference(before, after, _pairs(facts, after.target))
        for before, after in pairs
        if before.accuracy is not None and after.accuracy is not None
    ]


def judge(facts: Facts) -> Verdict:
    """What the page says first."""
    found = differences_of(facts)
    final = facts.stage(facts.final_stage)
    title = f"The final model ({facts.final_stage})"
    if facts.final_stage == FIRST_STAGE:
        notes = [_sentence(final.verdict)] if final and final.verdict else []
        return Verdict(
            "The recipe kept the model of stage one: no later stage was better.",
            "unclear",
            notes,
            [],
            _caveat(facts),
        )
    if not found:
        return _so_far(facts)
    better, worse = (
        [difference.target for difference in found if difference.reading == reading]
        for reading in ("better", "worse")
    )
    notes = []
    unclear = [part.target for part in found if not part.reading and not part.contradicted]
    if better and worse:
        headline, tone = (
            (f"{title} is better than stage one on {listed(better)}, worse on {listed(worse)}."),
            "unclear",
        )
    elif better:
        headline, tone = f"{title} is better than stage one on {listed(better)}.", "better"
    elif worse:
        headline, tone = f"{title} is worse than stage one on {listed(worse)}.", "worse"
    else:
        headline = f"Verification shows no clear difference between {title[0].lower()}{title[1:]} "
        headline, tone = headline + "and stage one.", "unclear"
    for part in found:
        if part.contradicted and part.areas is not None:
            notes.append(
                f"On {part.target} the accuracy changed by {points(part.change)} points, but the "
                f"area under the ROC went the other way, from {part.areas[0]:.5f} to "
                f"{part.areas[1]:.5f}: that is no clear difference."
            )
    if unclear and (better or worse):
        notes.append(f"On {listed(unclear)} the difference is within what chance explains.")
    if len(found) > 1:
        before, after = (float(np.mean([part[i] for part in found])) for i in (1, 2))
        notes.append(
            f"The mean over {plural(len(found), 'target')} went from {percent(before)} to "
            f"{percent(after)} ({points(after - before)} points)."
        )
    return Verdict(headline, tone, notes + _identification(facts), found, _caveat(facts))


def _so_far(facts: Facts) -> Verdict:
    """The verdict while the evaluation of both models is not there yet."""
    if facts.rows:
        return Verdict(
            "The evaluation does not hold both stage one and the final model, so there "
            "is no verdict.",
            "waiting",
            [],
            [],
        )
    first = facts.stage(FIRST_STAGE)
    reached = [stage for stage in facts.stages if stage.mean is not None]
    if not reached:
        return Verdict("Nothing has been evaluated yet.", "waiting", [], [])
    best = max(reached, key=lambda stage: stage.mean or 0.0)
    notes = [
        f"The best mean of the verification sets so far is {percent(best.mean)}, in stage "
        f"{best.name}."
    ]
    if first is not None and first.mean is not None and best.name != FIRST_STAGE:
        gain = (best.mean or 0.0) - first.mean
        notes.append(
            f"Stage one reached {percent(first.mean)}, which is a difference of "
            f"{points(gain)} points; how much of it is chance is not known yet."
        )
    return Verdict("There is no final evaluation yet, so no verdict.", "waiting", notes, [])


def _identification(facts: Facts) -> list[str]:
    """The sentence on rank-1, where both models were tried."""
    rates = {part.stage: part.rates for part in facts.identification}
    first, final = rates.get(FIRST_STAGE, {}), rates.get(facts.final_stage, {})
    before, after = first.get("rank1"), final.get("rank1")
    if before is None or after is None or facts.final_stage == FIRST_STAGE:
        return []
    told = f"{points(after - before)} points"
    searches = [_searches(part) for part in (first, final)]
    if min(searches) >= 1:
        low, high = _interval((before, after), searches)
        told += (
            f", 95\u00a0% interval {points(low)} to {points(high)} as if every search were by "
            "itself and both models had made different ones"
        )
    return [f"Rank-1 identification went from {percent(before)} to {percent(after)} ({told})."]


def _interval(rates: Sequence[float], counts: Sequence[float]) -> tuple[float, float]:
    """Where the second rate minus the first lies with 95 % confidence.

    Newcombe's interval from those of Wilson, which has a width at rates of 0 and 1 as well.
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
    if facts.identification or not facts.rows:
        return ""
    return (
        "No identification test was run. Verification sets hardly show what stages two and "
        "three change; rank-1 among many faces, which python -m eval.identification measures, "
        "shows it better."
    )


def _pairs(facts: Facts, target: str) -> int:
    curves = facts.final.get(target)
    return 0 if curves is None else int(sum(curves.same) + sum(curves.different))


def _searches(rates: dict[str, float]) -> float:
    """Of how many searches rank-1 is a share; 0 where that is not known."""
    return next((rates[name] for name in SEARCHES if name in rates), 0.0)


def _difference(before: Row, after: Row, pairs: int) -> Difference:
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
        after.target,
        before.accuracy,
        after.accuracy,
        change,
        low,
        high,
        paired,
        areas,
        pairs,
        reading,
    )


def _half_width(variance: float, folds: int, freedom: int) -> float:
    """Half the interval of a mean over folds of this variance (divisor: the folds)."""
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
    return quantile * math.sqrt(variance / (folds - 1))


def _sentence(text: str) -> str:
    return initial(text.strip().rstrip(".")) + "."
