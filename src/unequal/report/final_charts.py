"""Charts of the final model on one verification set: its ROC and the distances of its pairs."""

from __future__ import annotations

import numpy as np

from unequal.report.charts import Chart, Plot
from unequal.report.number_text import percent, plural
from unequal.report.recipe_facts import Curves
from unequal.report.stage_names import SOFTMAX

LOWEST_FAR = 1e-5
OPERATING_POINTS = (0.1, 0.01, 0.001, 0.0001)


def roc_chart(target: str, final: Curves, first: Curves | None) -> Chart | None:
    """Draw TAR over FAR, beside that of the first stage if known; None without a ROC."""
    if not final.far:
        return None
    lowest = max(LOWEST_FAR, min(1 / sum(final.different), 0.1))
    plot = Plot("false acceptance rate")
    plot.scale("x", [lowest, 1.0], "percent", log=True)
    shown = {
        name: _from(curves, lowest)
        for name, curves in (("final model", final), (SOFTMAX, first))
        if curves and curves.far
    }
    plot.scale("y", np.concatenate([tar for _, tar in shown.values()]), "percent")
    for i, (name, (far, tar)) in enumerate(shown.items()):
        plot.line(name, i, far, tar)
    told = ", ".join(
        f"{percent(_tar_at(final, point))} at FAR {100 * point:g}\u00a0%"
        for point in OPERATING_POINTS
        if point >= lowest
    )
    return plot.chart(
        f"True acceptance rate on {target} (ROC)",
        f"True acceptance rate of the final model on {target}: {told}.",
    )


def distance_chart(target: str, final: Curves) -> Chart:
    """Draw histograms of the distances of both kinds of pairs."""
    same, different = (
        np.array(counts) / max(1, sum(counts)) for counts in (final.same, final.different)
    )
    edges = np.array(final.edges)
    plot = Plot("squared distance of the embeddings")
    plot.scale("x", edges, tight=True)
    plot.scale("y", np.concatenate([[0.0], same, different]), "percent")
    plot.bars("one person", 0, edges, same)
    plot.bars("two people", 1, edges, different)
    plot.rule(final.threshold, f"threshold {final.threshold:.2f}")
    return plot.chart(
        f"Distances on {target}",
        f"Distances of {plural(int(sum(final.same)), 'pair')} of one person and "
        f"{int(sum(final.different)):,} of two people, as a share of each kind; the two histograms "
        f"have {100 * float(np.minimum(same, different).sum()):.1f} % of their area in common. "
        f"The threshold that judges most pairs rightly is {final.threshold:.3f}.",
    )


def _from(curves: Curves, lowest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of the ROC from a FAR on, and one at this FAR."""
    far, tar = np.array(curves.far), np.array(curves.tar)
    after = far > lowest
    return np.append(lowest, far[after]), np.append(_tar_at(curves, lowest), tar[after])


def _tar_at(curves: Curves, far: float) -> float:
    place = int(np.searchsorted(curves.far, far * (1 + 1e-9), side="right"))
    return float(curves.tar[place - 1]) if place else 0.0
