"""Charts of the final model on one verification set: its ROC and the distances of its pairs."""

from __future__ import annotations

import numpy as np

from unequal.report import chart
from unequal.report.chart import Chart, Mark
from unequal.report.number_text import percent, plural
from unequal.report.recipe_facts import Curves

LOWEST_FAR = 1e-5
FINAL, FIRST, SAME, DIFFERENT = 1, 2, 1, 2
OPERATING_POINTS = (0.1, 0.01, 0.001, 0.0001)


def roc_chart(target: str, final: Curves, first: Curves | None) -> Chart | None:
    """TAR over FAR, logarithmic, beside stage one's where that is known; None without a ROC."""
    drawn = [("final model", FINAL, final), ("stage one", FIRST, first)]
    known = [part for part in drawn if part[2] is not None and _has_roc(part[2])]
    if not known or known[0][2] is not final:
        return None
    different = sum(final.different)
    lowest = max(LOWEST_FAR, min(1 / different if different else 1e-3, 0.1))
    x = chart.log_axis("false acceptance rate", lowest, 1.0, "percent")
    shown = [_from(curves, lowest) for _, _, curves in known]
    y = chart.axis("", np.concatenate([tar for _, tar in shown]), "percent")
    lines = [
        chart.line(name, colour, x, y, far, tar)
        for (name, colour, _), (far, tar) in zip(known, shown)
    ]
    told = ", ".join(
        f"{percent(rate)} at FAR {100 * point:g}\u00a0%"
        for point in OPERATING_POINTS
        if point >= lowest
        for rate in [_tar_at(final, point)]
    )
    return Chart(
        f"True acceptance rate on {target} (ROC)",
        x,
        y,
        lines,
        [],
        f"True acceptance rate of the final model on {target}: {told}.",
    )


def distance_chart(target: str, final: Curves) -> Chart | None:
    """Histograms of the distances of both kinds of pairs; None where they are not known."""
    pairs = [np.array(final.same), np.array(final.different)]
    if len(final.edges) < 2 or any(len(counts) + 1 != len(final.edges) for counts in pairs):
        return None
    same, different = (counts / max(1.0, counts.sum()) for counts in pairs)
    x = chart.axis("squared distance of the embeddings", final.edges, tight=True)
    y = chart.axis("", np.concatenate([[0.0], same, different]), "percent")
    lines = [
        chart.bars("one person", SAME, x, y, final.edges, same),
        chart.bars("two people", DIFFERENT, x, y, final.edges, different),
    ]
    marks, cut = [], ""
    if final.threshold is not None:
        marks = [Mark(float(x.place(final.threshold)), f"threshold {final.threshold:.2f}")]
        cut = f" The threshold that tells most pairs right is {final.threshold:.3f}."
    shared = float(np.minimum(same, different).sum())
    about = (
        f"Distances of {plural(int(pairs[0].sum()), 'pair')} of one person and "
        f"{int(pairs[1].sum()):,} of two people, as a share of each kind; the two histograms have "
        f"{100 * shared:.1f} % of their area in common.{cut}"
    )
    return Chart(f"Distances on {target}", x, y, lines, marks, about)


def _has_roc(curves: Curves) -> bool:
    return len(curves.far) == len(curves.tar) > 1


def _from(curves: Curves, lowest: float) -> tuple[np.ndarray, np.ndarray]:
    """The points of the ROC from a FAR on, which the first one has."""
    far, tar = np.array(curves.far), np.array(curves.tar)
    after = far > lowest
    return np.append(lowest, far[after]), np.append(_tar_at(curves, lowest), tar[after])


def _tar_at(curves: Curves, far: float) -> float:
    place = int(np.searchsorted(curves.far, far * (1 + 1e-9), side="right"))
    return float(curves.tar[place - 1]) if place else 0.0
