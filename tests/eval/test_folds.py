"""Accuracy, ROC and TAR at a FAR: the numbers of the 2019 code, and where that code failed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from eval.verification_parts.folds import evaluate
from unequal.support.errors import InputError

CASES = ["hard", "easy", "random_order", "p20", "p6000"]
EXACT = {"rtol": 0, "atol": 1e-12}


@pytest.fixture(scope="module")
def numbers(golden):
    folder = golden / "e_verification"
    stored = dict(np.load(folder / "verification.npz"))
    stored["p6000/embeddings"] = np.load(folder / "p6000.npz")["embeddings"]
    return stored


def pairs_at(distances, dtype=np.float64) -> np.ndarray:
    """Embeddings (one number each) of pairs with the given squared distances."""
    embeddings = np.zeros((2 * len(distances), 1), dtype)
    embeddings[::2, 0] = np.sqrt(np.asarray(distances, dtype))
    return embeddings


def slow_accuracy(embeddings, issame, folds):
    """Accuracy of each fold, threshold by threshold, in the order of the definition."""
    distances = ((embeddings[::2] - embeddings[1::2]) ** 2).sum(axis=1)
    thresholds = np.arange(0, 4, 0.01)
    accuracy = []
    for chosen in np.array_split(np.arange(len(issame)), folds):
        others = np.setdiff1d(np.arange(len(issame)), chosen)
        right = [np.mean((distances[others] < t) == issame[others]) for t in thresholds]
        threshold = thresholds[int(np.argmax(right))]
        accuracy.append(np.mean((distances[chosen] < threshold) == issame[chosen]))
    return np.array(accuracy)


@pytest.mark.parametrize("case", CASES)
def test_golden_accuracy_and_roc(numbers, case):
    figures = evaluate(numbers[f"{case}/embeddings"], numbers[f"{case}/issame"])
    prefix = case if case == "p6000" else f"{case}/f32"
    separator = "/" if case == "p6000" else "_"
    for name in ("accuracy", "tpr", "fpr"):
        expected = numbers[f"{prefix}{separator}{name}"]
        np.testing.assert_allclose(getattr(figures, name), expected, **EXACT)


@pytest.mark.parametrize("case", CASES)
def test_golden_tar_at_far_with_ties_in_order(numbers, case):
    embeddings = numbers[f"{case}/embeddings"].astype(np.float64)
    figures = evaluate(embeddings, numbers[f"{case}/issame"])
    for name in ("val", "val_std", "far"):
        expected = float(numbers[f"{case}/{name}_ties_in_order"])
        assert getattr(figures, name) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("folds", [2, 5])
def test_golden_other_numbers_of_folds(numbers, folds):
    figures = evaluate(numbers["hard/embeddings"], numbers["hard/issame"], folds)
    np.testing.assert_allclose(figures.accuracy, numbers[f"hard/folds{folds}_accuracy"], **EXACT)


@pytest.mark.parametrize("pairs, folds", [(23, 10), (20, 3), (11, 11), (8, 4), (2, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_accuracy_by_its_definition(pairs, folds, dtype):
    random = np.random.RandomState(pairs)
    embeddings = random.normal(0, 0.5, (2 * pairs, 3)).astype(dtype)
    issame = random.rand(pairs) < 0.5
    figures = evaluate(embeddings, issame, folds)
    np.testing.assert_allclose(figures.accuracy, slow_accuracy(embeddings, issame, folds), **EXACT)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_distance_on_a_threshold_is_not_below_it(dtype):
    embeddings = np.zeros((8, 2), dtype)
    embeddings[0, 0] = 0.5  # squared distance 0.25, exactly
    figures = evaluate(embeddings, np.array([True] * 4), 1)
    assert figures.tpr[25] == 0.75 and figures.tpr[26] == 1.0
    assert figures.tpr[0] == 0.0 and figures.tpr[1] == 0.75


def test_distances_are_compared_in_single_precision():
    thresholds = np.arange(0, 4, 0.01)
    rounded = thresholds.astype(np.float32)
    hits = np.square(np.sqrt(rounded)) == rounded
    # below the threshold in double precision, on it in single
    [*_, index] = np.flatnonzero(hits & (rounded.astype(np.float64) < thresholds))
    figures = evaluate(pairs_at([rounded[index]] * 2, np.float32), [True, True], 1)
    assert figures.tpr[index] == 0.0 and figures.tpr[index + 1] == 1.0


def test_rates_over_all_pairs_at_their_own_best_threshold():
    figures = evaluate(pairs_at([0.105, 0.205, 0.305, 0.405]), [True, True, False, False], 1)
    assert figures.accuracy.tolist() == [1.0]
    assert figures.tpr[[10, 11, 20, 21]].tolist() == [0, 0.5, 0.5, 1]
    assert figures.fpr[[30, 31, 40, 41]].tolist() == [0, 0.5, 0.5, 1]
    assert (figures.val, figures.val_std) == (1.0, 0.0)


def test_fewer_pairs_than_folds_make_each_pair_a_fold():
    issame = np.array([True, False] * 4)
    figures = evaluate(pairs_at(np.where(issame, 0.105, 2.105)), issame)
    assert figures.accuracy.tolist() == [1.0] * 8
    assert figures.val == 1.0
    # each fold holds half of the answer, and the other half counts as 0
    assert figures.tpr[-1] == 0.5 and figures.fpr[-1] == 0.5


@pytest.mark.parametrize("is_same", [True, False])
def test_a_set_of_one_kind_of_pairs(is_same):
    figures = evaluate(pairs_at(np.linspace(0.1, 1, 20)), np.full(20, is_same))
    assert figures.accuracy.shape == (10,)
    assert math.isnan(figures.val) and math.isnan(figures.val_std)
    assert math.isnan(figures.far) == is_same
    missing = figures.fpr if is_same else figures.tpr
    assert not missing.any()


def test_folds_without_a_different_pair_are_left_out_of_the_far():
    issame = np.array([True] * 10 + [False] * 10)
    distances = np.concatenate([np.full(10, 0.1055), np.full(10, 1.1055)])
    figures = evaluate(pairs_at(distances), issame, 10)
    assert figures.val == 1.0 and figures.val_std == 0.0
    assert figures.accuracy.mean() == 1.0
    # the rate jumps from 0 to 1 between 1.105 and 1.106, so a thousandth of it is below 1.1055
    assert figures.far == 0.0


@pytest.mark.parametrize("next_distance", [0.9005, 9.0], ids=["exceeded_later", "never_exceeded"])
def test_a_far_met_exactly_is_taken_at_its_last_threshold(next_distance):
    distances = [0.5005] + [next_distance] * 999 + [0.7005, 8.0]
    issame = [False] * 1000 + [True, True]
    figures = evaluate(pairs_at(distances), issame, 1)
    assert (figures.val, figures.far) == (0.5, 0.001)


def test_no_false_acceptance_below_the_highest_threshold_accepts_nothing():
    issame = np.array([True, False] * 10)
    figures = evaluate(pairs_at(np.where(issame, 0.1, 9.0)), issame)
    assert (figures.val, figures.far) == (0.0, 0.0)


def test_embeddings_that_are_not_numbers_are_never_accepted():
    embeddings = pairs_at([0.1] * 20)
    embeddings[::2] = np.nan
    figures = evaluate(embeddings, np.array([True, False] * 10))
    assert figures.tpr[-1] == 0.0 and figures.accuracy.mean() == 0.5


@pytest.mark.parametrize("rows, pairs, folds", [(2, 1, 10), (0, 0, 10), (9, 5, 10), (8, 5, 2)])
def test_too_few_pairs_or_embeddings_are_told(rows, pairs, folds):
    with pytest.raises(InputError, match="pairs"):
        evaluate(np.zeros((rows, 3)), np.ones(pairs, bool), folds)


def test_no_folds_are_told():
    with pytest.raises(InputError, match="0 folds"):
        evaluate(np.zeros((20, 3)), np.ones(10, bool), 0)
