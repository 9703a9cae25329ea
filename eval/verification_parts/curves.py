"""The ROC of face pairs, its area, TAR at a FAR, and histograms of distances.

All of it is computed of squared distances over all pairs at once, in float64, without folds. A
pair is accepted if its distance is not above a threshold. `folds` has the cross-validated figures.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np
from sklearn import metrics

from unequal.support.errors import InputError

FARS = (0.1, 0.01, 0.001)
BINS = 50
MOST_POINTS = 300


class Roc(NamedTuple):
    """Rates from no pair accepted to all: `far` and `tar` (points,), both rising, 0 to 1."""

    far: np.ndarray
    tar: np.ndarray


def pair_distances(embeddings: np.ndarray) -> np.ndarray:
    """Return the squared distances (pairs,) of rows 2p and 2p+1 of `embeddings` (2 pairs, emb).

    Rows of length 1 give 0 to 4.
    """
    rows = np.asarray(embeddings, np.float64)
    apart = rows[0::2] - rows[1::2]
    return np.einsum("ij,ij->i", apart, apart)


def roc(distances: np.ndarray, issame: np.ndarray) -> Roc | None:
    """Return the corners of the ROC; None if all pairs show one person each, or none does."""
    distances, issame = _checked(distances, issame)
    if issame.all() or not issame.any():
        return None
    far, tar, _ = metrics.roc_curve(issame, -distances)
    return Roc(far, tar)


def tar_at_far(
    curve: Roc | None, different_pairs: int, fars: Sequence[float] = FARS
) -> list[float | None]:
    """Return the highest TAR whose FAR is not above each of `fars`.

    It is None if so few pairs show different people that not one of them may be accepted.
    """
    rates: list[float | None] = []
    for far in fars:
        if curve is None or different_pairs * far < 1 - 1e-9:
            rates.append(None)
            continue
        place = np.searchsorted(curve.far, far * (1 + 1e-9), side="right") - 1
        rates.append(float(curve.tar[place]))
    return rates


def thinned(curve: Roc, most: int = MOST_POINTS) -> Roc:
    """Choose at most `most` (2 or more) points that straight lines join to nearly the same ROC.

    Points are added one by one, each where the lines between the earlier ones miss the curve by
    most, on a logarithmic axis of FAR as well as on a plain one.
    """
    count = len(curve.far)
    if count <= most:
        return curve
    above_zero = curve.far[curve.far > 0]
    logarithm = np.log10(np.maximum(curve.far, above_zero.min() / 2))
    scaled = (logarithm - logarithm[0]) / (logarithm[-1] - logarithm[0])
    axes = [np.stack([axis, curve.tar], axis=1) for axis in (curve.far, scaled)]
    kept = [0, count - 1]
    waiting = [_farthest(axes, 0, count - 1)]
    while len(kept) < most and waiting:
        _, first, middle, last = waiting.pop(int(np.argmax([part[0] for part in waiting])))
        kept.append(middle)
        halves = [(first, middle), (middle, last)]
        waiting += [_farthest(axes, *half) for half in halves if half[1] - half[0] > 1]
    places = np.sort(kept)
    return Roc(curve.far[places], curve.tar[places])


def best_threshold(distances: np.ndarray, issame: np.ndarray) -> float:
    """Return the distance that tells most pairs right, midway to the next pair.

    Of several it is the lowest.
    """
    distances, issame = _checked(distances, issame)
    order = np.argsort(distances, kind="stable")
    ordered = distances[order]
    signs = np.where(issame[order], 1, -1)
    gain = np.concatenate([[0], np.cumsum(signs)])
    # pairs of one distance are accepted together
    possible = np.concatenate([[True], ordered[1:] > ordered[:-1], [True]])
    accepted = int(np.argmax(np.where(possible, gain, gain.min() - 1)))
    below = ordered[accepted - 1] if accepted else 0.0
    above = ordered[accepted] if accepted < len(ordered) else ordered[-1]
    return float((below + above) / 2)


def histograms(
    distances: np.ndarray, issame: np.ndarray, bins: int = BINS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count pairs per bin, from 0 to the largest distance, for both kinds of pairs.

    Returns:
        The edges (bins + 1,), and the counts (bins,) of same and of different people.
    """
    distances, issame = _checked(distances, issame)
    edges = np.linspace(0.0, float(distances.max()) or 1.0, bins + 1)
    same, different = (np.histogram(distances[kind], edges)[0] for kind in (issame, ~issame))
    return edges, same, different


def figures(distances: np.ndarray, issame: np.ndarray) -> dict:
    """Return `tar` at each of FARS, by its text, and `auc`, as JSON can hold them.

    The area under the ROC is how probably a pair of one person is nearer than one of two.
    """
    curve = roc(distances, issame)
    rates = tar_at_far(curve, int(np.count_nonzero(~np.asarray(issame, bool))))
    area = None if curve is None else float(metrics.auc(curve.far, curve.tar))
    return {"tar": {f"{far:g}": rate for far, rate in zip(FARS, rates)}, "auc": area}


def curves(distances: np.ndarray, issame: np.ndarray) -> dict:
    """Return ROC (`far`, `tar`), histograms (`edges`, `same`, `different`) and `threshold`.

    They are lists. The ROC has at most MOST_POINTS points; its lists are empty if there is none.
    """
    curve = roc(distances, issame)
    far, tar = (np.empty(0), np.empty(0)) if curve is None else thinned(curve)
    names = ("far", "tar", "edges", "same", "different")
    lists = (far, tar, *histograms(distances, issame))
    drawn = {name: values.tolist() for name, values in zip(names, lists)}
    return {**drawn, "threshold": best_threshold(distances, issame)}


def _checked(distances: np.ndarray, issame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distances, issame = np.asarray(distances, np.float64), np.asarray(issame, bool)
    if not np.isfinite(distances).all():
        raise InputError("some distances are not numbers: take an earlier checkpoint")
    return distances, issame


def _farthest(axes: Sequence[np.ndarray], first: int, last: int) -> tuple[float, int, int, int]:
    """Return how far the farthest point between two is from their line, and its place."""
    apart = np.zeros(last - first - 1)
    for points in axes:
        along = points[last] - points[first]
        offset = points[first + 1 : last] - points[first]
        across = np.abs(along[0] * offset[:, 1] - along[1] * offset[:, 0])
        apart = np.maximum(apart, across / max(float(np.hypot(*along)), 1e-12))
    farthest = int(np.argmax(apart))
    return float(apart[farthest]), first, first + 1 + farthest, last
