"""ROC, TAR at a FAR, histograms and the best threshold, counted pair by pair."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from eval.verification_parts.curves import (
    Roc,
    best_threshold,
    curves,
    figures,
    histograms,
    pair_distances,
    roc,
    tar_at_far,
    thinned,
)
from unequal.support.errors import InputError


def pairs(count: int = 400, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(3)
    issame = random.rand(count) < 0.5
    distances = np.abs(random.normal(np.where(issame, 0.9, 1.7), 0.35))
    return (np.round(distances, 1) if ties else distances), issame


def rates_at(threshold: float, distances: np.ndarray, issame: np.ndarray) -> tuple[float, float]:
    accepted = distances <= threshold
    return accepted[~issame].mean(), accepted[issame].mean()


@pytest.mark.parametrize("ties", [False, True])
def test_every_threshold_lies_on_the_roc(ties):
    distances, issame = pairs(ties=ties)
    curve = roc(distances, issame)
    for threshold in np.unique(distances):
        far, tar = rates_at(threshold, distances, issame)
        steps = np.flatnonzero(np.isclose(curve.far, far))
        inside = np.interp(far, curve.far, curve.tar) if not len(steps) else None
        if inside is None:
            assert curve.tar[steps].min() - 1e-12 <= tar <= curve.tar[steps].max() + 1e-12
        else:
            assert tar == pytest.approx(inside)
    assert (curve.far[0], curve.tar[0], curve.far[-1], curve.tar[-1]) == (0, 0, 1, 1)


@pytest.mark.parametrize("ties", [False, True])
def test_the_area_is_the_chance_that_a_same_pair_is_nearer(ties):
    distances, issame = pairs(ties=ties)
    near, far = distances[issame][:, None], distances[~issame]
    chance = np.mean((near < far) + 0.5 * (near == far))
    assert figures(distances, issame)["auc"] == pytest.approx(chance, abs=1e-12)
    assert chance == pytest.approx(roc_auc_score(issame, -distances), abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("far", [0.3, 0.1, 0.02, 0.01])
def test_tar_at_far_is_that_of_the_best_threshold_allowed(ties, far):
    distances, issame = pairs(ties=ties)
    found = tar_at_far(roc(distances, issame), int((~issame).sum()), [far])
    every = [rates_at(threshold, distances, issame) for threshold in [-1, *distances]]
    assert found == [max(tar for rate, tar in every if rate <= far)]


def test_a_far_that_falls_on_a_whole_number_of_pairs_counts():
    issame = np.repeat([True, False], 10)
    distances = np.concatenate([np.linspace(0.1, 1.0, 10), np.linspace(0.55, 1.45, 10)])
    assert tar_at_far(roc(distances, issame), 10, [0.1, 0.3, 0.09]) == [0.6, 0.8, None]


def test_pairs_of_one_kind_have_no_rates():
    distances, issame = pairs()
    alike = np.ones_like(issame)
    assert roc(distances, alike) is None and roc(distances, ~alike) is None
    assert figures(distances, alike) == {
        "tar": {"0.1": None, "0.01": None, "0.001": None},
        "auc": None,
    }
    assert curves(distances, alike)["far"] == []


def test_a_thinned_roc_misses_the_whole_one_by_little_on_both_axes():
    distances, issame = pairs(20_000)
    whole = roc(distances, issame)
    few = thinned(whole, 300)
    assert thinned(few, 300) is few
    assert len(few.far) == 300 < len(whole.far) / 5
    assert {*zip(*few)} <= {*zip(*whole)}
    assert np.all(np.diff(few.far) >= 0) and np.all(np.diff(few.tar) >= 0)
    for far in np.geomspace(1e-3, 1, 200):
        exact = np.interp(far, whole.far, whole.tar)
        assert np.interp(far, few.far, few.tar) == pytest.approx(exact, abs=2e-3)


def test_thinning_keeps_the_corners_of_a_perfect_model():
    far = np.concatenate([np.zeros(1000), np.linspace(0, 1, 1000)])
    tar = np.concatenate([np.linspace(0, 1, 1000), np.ones(1000)])
    few = thinned(Roc(far, tar), 3)
    assert few.far.tolist() == [0, 0, 1] and few.tar.tolist() == [0, 1, 1]


@pytest.mark.parametrize("ties", [False, True])
def test_no_threshold_tells_more_pairs_right_than_the_best(ties):
    distances, issame = pairs(ties=ties)
    best = best_threshold(distances, issame)
    right = [np.mean((distances <= t) == issame) for t in [-1, *distances]]
    assert np.mean((distances <= best) == issame) == max(right)


def test_the_best_threshold_lies_midway_between_the_pairs():
    issame = np.array([True, True, False, False])
    assert best_threshold(np.array([0.5, 1.0, 2.0, 3.0]), issame) == 1.5
    assert best_threshold(np.array([0.5, 1.0, 2.0, 3.0]), ~issame) == 0.25
    assert best_threshold(np.array([0.5, 1.0, 2.0, 3.0]), np.ones(4, bool)) == 3.0


def test_histograms_count_every_pair_in_its_bin():
    distances, issame = pairs()
    edges, same, different = histograms(distances, issame, bins=7)
    assert edges[0] == 0 and edges[-1] == distances.max() and len(edges) == 8
    for kind, counts in ((issame, same), (~issame, different)):
        for i in range(7):
            inside = (distances >= edges[i]) & (distances < edges[i + 1])
            inside |= (i == 6) & (distances == edges[-1])
            assert counts[i] == np.count_nonzero(inside & kind)
    edges, same, _ = histograms(np.zeros(3), np.ones(3, bool))
    assert same.sum() == 3 and np.all(np.diff(edges) > 0)


def test_distances_are_squared_and_of_neighbouring_rows():
    rows = np.random.RandomState(0).rand(10, 4).astype(np.float32)
    expected = [np.sum((rows[2 * i].astype(float) - rows[2 * i + 1]) ** 2) for i in range(5)]
    assert pair_distances(rows) == pytest.approx(expected, abs=1e-15)
    assert pair_distances(rows).dtype == np.float64


def test_what_is_kept_goes_into_json_and_back():
    distances, issame = pairs()
    kept = {"final": curves(distances, issame), **figures(distances, issame)}
    assert json.loads(json.dumps(kept)) == kept
    assert set(kept["final"]) == {"far", "tar", "edges", "same", "different", "threshold"}
    assert set(kept["tar"]) == {"0.1", "0.01", "0.001"}


def test_distances_that_are_not_numbers_are_refused():
    with pytest.raises(InputError, match="take an earlier checkpoint"):
        histograms(np.array([0.1, np.nan]), np.array([True, False]))
