"""Cross-validated accuracy, ROC and TAR at a FAR of face pairs: the fold and threshold search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unequal.support.errors import InputError

ACCURACY_THRESHOLDS = np.arange(0, 4, 0.01)
FAR_THRESHOLDS = np.arange(0, 4, 0.001)
FAR_TARGET = 1e-3
_PAIRS_AT_ONCE = 256  # whose differences stay in the cache


@dataclass(frozen=True, eq=False)
class FoldFigures:
    """What `evaluate` returns, in the order of the 2019 code."""

    tpr: np.ndarray  # float64 (400,), the mean over the folds at the thresholds 0, 0.01 .. 3.99
    fpr: np.ndarray  # likewise
    accuracy: np.ndarray  # float64 (folds,)
    # the true acceptance rate, mean over the folds, at the threshold where the false acceptance
    # rate of the other folds is 1e-3
    val: float
    val_std: float  # its deviation
    far: float  # the false acceptance rate at that threshold, mean over the folds


def evaluate(embeddings: np.ndarray, issame: np.ndarray, nrof_folds: int = 10) -> FoldFigures:
    """Judge pairs of embeddings by cross-validation, as the 2019 code.

    A pair is accepted if the squared distance of its rows is below a threshold (compared in the
    embeddings' precision). The pairs are cut in order into folds. Each fold is judged at the
    threshold that is best on the others, the lowest of several. One fold means that all pairs are
    judged at their own best threshold. With fewer pairs than folds every pair is a fold.

    A rate over no pairs counts as 0 in `tpr` and `fpr`, as in the 2019 code. In `val` and `far`,
    where that code divided by zero, such a fold is left out of the mean, which is nan if no fold
    remains. Thresholds of one false acceptance rate are taken in order.

    Args:
        embeddings: (2P, emb); rows 2p and 2p+1 are pair p.
        issame: bool (P,), whether a pair shows one person.
        nrof_folds: the number of folds.

    Raises:
        InputError: there are fewer than two pairs, or not two rows to a pair.
    """
    issame = np.asarray(issame, dtype=bool)
    pairs = len(issame)
    if pairs < 2:
        raise InputError(f"{pairs} pairs cannot be cross-validated: give a set of 2 pairs or more")
    if nrof_folds < 1:
        raise InputError(f"{nrof_folds} folds cannot be made: give 1 or more")
    if len(embeddings) != 2 * pairs:
        raise InputError(f"{len(embeddings)} embeddings for {pairs} pairs: give two to a pair")
    distances = _pair_distances(np.asarray(embeddings))
    folds = np.array_split(np.arange(pairs), min(nrof_folds, pairs))
    fold_of = np.repeat(np.arange(len(folds)), [len(fold) for fold in folds])
    return FoldFigures(
        *_roc(distances, issame, fold_of), *_rates_at_far(distances, issame, fold_of)
    )


def _pair_distances(embeddings: np.ndarray) -> np.ndarray:
    distances = []
    for start in range(0, len(embeddings), 2 * _PAIRS_AT_ONCE):
        rows = embeddings[start : start + 2 * _PAIRS_AT_ONCE]
        distances.append(np.sum(np.square(np.subtract(rows[0::2], rows[1::2])), 1))
    whole = np.concatenate(distances)
    return whole if whole.dtype.kind == "f" else whole.astype(np.float64)


def _accepted(
    distances: np.ndarray, fold_of: np.ndarray, thresholds: np.ndarray, folds: int
) -> np.ndarray:
    """Count the pairs of each fold nearer than each threshold: int64 (folds, thresholds)."""
    count = len(thresholds)
    # a numpy scalar is compared with an array in the array's precision, and so was each threshold
    first = np.searchsorted(thresholds.astype(distances.dtype), distances, side="right")
    cells = np.bincount(fold_of * (count + 1) + first, minlength=folds * (count + 1))
    return cells.reshape(folds, count + 1)[:, :count].cumsum(axis=1)


def _other_folds(counts: np.ndarray) -> np.ndarray:
    """Return sums over all folds but the one in each row; over all if there is only one."""
    return counts if len(counts) == 1 else counts.sum(axis=0) - counts


def _roc(
    distances: np.ndarray, issame: np.ndarray, fold_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    folds = fold_of[-1] + 1
    same_pairs = np.bincount(fold_of[issame], minlength=folds)[:, None]
    different_pairs = np.bincount(fold_of[~issame], minlength=folds)[:, None]
    same = _accepted(distances[issame], fold_of[issame], ACCURACY_THRESHOLDS, folds)
    different = _accepted(distances[~issame], fold_of[~issame], ACCURACY_THRESHOLDS, folds)
    right = same + different_pairs - different
    best = np.argmax(_other_folds(right), axis=1)
    accuracy = right[np.arange(folds), best] / np.bincount(fold_of)
    tpr = np.mean(same / np.maximum(same_pairs, 1), axis=0)
    fpr = np.mean(different / np.maximum(different_pairs, 1), axis=0)
    return tpr, fpr, accuracy


def _rates_at_far(
    distances: np.ndarray, issame: np.ndarray, fold_of: np.ndarray
) -> tuple[float, float, float]:
    folds = fold_of[-1] + 1
    different = _accepted(distances[~issame], fold_of[~issame], FAR_THRESHOLDS, folds)
    different_pairs = np.bincount(fold_of[~issame], minlength=folds)
    val, far = [], []
    for fold, (accepted, total) in enumerate(
        zip(_other_folds(different), _other_folds(different_pairs))
    ):
        if not total:
            continue
        near = distances[fold_of == fold] < _threshold_at_far(accepted / total)
        is_same = issame[fold_of == fold]
        if is_same.any():
            val.append(near[is_same].mean())
        if not is_same.all():
            far.append(near[~is_same].mean())
    return _mean(val), float(np.std(val)) if val else float("nan"), _mean(far)


def _threshold_at_far(rates: np.ndarray) -> float:
    """Return where `rates` (rising, one per FAR threshold) reaches 1e-3, linearly in between.

    It is what the 2019 code's interp1d(kind='slinear') gives if equal rates stay in order: it
    starts from the last threshold of the highest rate that is not above the target.
    """
    if rates[-1] < FAR_TARGET:
        return 0.0
    upper = int(np.searchsorted(rates, FAR_TARGET, side="right"))
    if upper == len(rates):
        return float(FAR_THRESHOLDS[-1])
    low, high = rates[upper - 1], rates[upper]
    weight = 1.0 / (high - low)
    below, above = FAR_THRESHOLDS[upper - 1 : upper + 1]
    return float(below * (weight * (high - FAR_TARGET)) + above * (weight * (FAR_TARGET - low)))


def _mean(values: list) -> float:
    return float(np.mean(values)) if values else float("nan")
