"""The valley between noise and the rest, against mixtures whose valleys are known."""

from __future__ import annotations

import numpy as np
import pytest

from unequal.faces import noise_threshold as rule
from unequal.faces.noise_threshold import (
    LOG_ODDS,
    PLAIN,
    automatic_threshold,
    choose_threshold,
    distribution_of,
    find_valleys,
)


def probabilities(odds):
    return (1 / (1 + np.exp(-np.asarray(odds, float)))).astype(np.float32)


def draw(*groups, seed=0):
    """Probabilities of groups (images, mean, deviation), normal in log-odds; and who is whose."""
    rng = np.random.default_rng(seed)
    odds = np.concatenate([rng.normal(mean, deviation, n) for n, mean, deviation in groups])
    return probabilities(odds), np.repeat(np.arange(len(groups)), [n for n, _, _ in groups])


def lowest_point(*groups):
    """Between the two means, of the mixture smoothed by the kernel, as a probability."""
    (_, low, _), (_, high, _) = groups
    odds = np.linspace(low, high, 20001)
    density = sum(
        n
        * np.exp(-0.5 * (odds - mean) ** 2 / (deviation**2 + LOG_ODDS.smoothing**2))
        / np.sqrt(deviation**2 + LOG_ODDS.smoothing**2)
        for n, mean, deviation in groups
    )
    return odds[density.argmin()]


def test_log_odds_are_those_of_the_definition():
    assert rule.log_odds(0.5) == 0
    assert rule.log_odds(0.2) == pytest.approx(np.log(0.25), abs=1e-12)
    assert rule.probability_of(rule.log_odds(0.007)) == pytest.approx(0.007, rel=1e-12)
    assert rule.log_odds(np.float32([0, 1])).tolist() == [rule.LOWEST, rule.HIGHEST]


def test_density_is_that_of_a_normal_curve_on_every_image():
    largest, _ = draw((50, -2, 1), (80, 3, 2))
    for scale, places in ((LOG_ODDS, rule.log_odds(largest)), (PLAIN, largest)):
        found = distribution_of(largest, scale)
        apart = (found.places[:, None] - places[None]) / scale.smoothing
        exact = np.exp(-0.5 * apart**2).sum(axis=1) / (scale.smoothing * np.sqrt(2 * np.pi))
        np.testing.assert_allclose(found.density, exact, atol=0.02 * exact.max())
        assert found.images.sum() == 130
        assert found.density.sum() * scale.step == pytest.approx(130, rel=1e-3)


def test_images_beyond_the_scale_are_counted_at_its_end():
    found = distribution_of(np.float32([1.0, 1.0 - 6e-8, 0.3]))
    assert found.images[np.abs(found.places - rule.HIGHEST) <= LOG_ODDS.step].sum() == 2


@pytest.mark.parametrize(
    "groups",
    [
        [(2000, -3, 1), (8000, 5, 1.5)],
        [(500, -6, 0.5), (9500, 2, 1)],
        [(3000, 0, 1), (4000, 6, 1)],
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_threshold_is_where_the_mixture_is_lowest(groups, seed):
    largest, _ = draw(*groups, seed=seed)
    exact = lowest_point(*groups)
    assert rule.log_odds(choose_threshold(largest).threshold) == pytest.approx(exact, abs=0.6)


def test_separate_groups_are_told_apart_whatever_their_shares():
    for noise in (100, 500, 2000, 4000):
        largest, group = draw((noise, -4, 0.8), (5000, 7, 1))
        np.testing.assert_array_equal(largest < choose_threshold(largest).threshold, group == 0)


def test_images_of_which_a_model_is_sure_count_as_one_mode():
    """float32 rounds what is above 1 - 3e-8 to 1, and leaves gaps before it."""
    largest, group = draw((300, -1, 1), (3000, 25, 4))
    assert np.mean(largest == 1) > 0.8
    found = choose_threshold(largest)
    assert len(find_valleys(distribution_of(largest))) == 1
    np.testing.assert_array_equal(largest < found.threshold, group == 0)


@pytest.mark.parametrize(
    "odds",
    [
        lambda rng, n: rng.normal(4, 2, n),
        lambda rng, n: rng.normal(20, 5, n),
        lambda rng, n: rng.normal(8, 4, n),
        lambda rng, n: 10 - rng.gamma(1.5, 2.5, n),
        lambda rng, n: rng.laplace(5, 1, n),
        lambda rng, n: rng.uniform(0, 9, n),
        lambda rng, n: np.where(rng.random(n) < 0.1, rng.uniform(0, 12, n), 12),
        lambda rng, n: np.full(n, -2.0),
    ],
    ids=["normal", "sure", "wide", "skewed", "pointed", "flat", "flat and a peak", "all the same"],
)
@pytest.mark.parametrize("images", [500, 20000])
def test_one_mode_leaves_nothing_out(odds, images):
    for seed in range(5):
        largest = probabilities(odds(np.random.default_rng(seed), images))
        found = choose_threshold(largest)
        assert found.threshold == 0 and found.reason.startswith("nothing is left out: ")


def test_much_noise_is_found_where_the_rest_is_spread_over_the_log_odds():
    rng = np.random.default_rng(6)
    odds = np.where(rng.random(5000) < 0.4, rng.normal(-2, 1, 5000), rng.uniform(-1, 12, 5000))
    largest = probabilities(odds)
    assert find_valleys(distribution_of(largest)) == []
    (valley,) = find_valleys(distribution_of(largest, PLAIN))
    found = choose_threshold(largest)
    assert found.threshold == valley.threshold and 0.3 < valley.threshold < 0.9
    assert "on the scale of probability" in found.reason


def test_a_handful_of_images_is_no_mode():
    largest, _ = draw((6, -4, 0.3), (2000, 6, 1))
    assert choose_threshold(largest).threshold == 0
    largest, _ = draw((60, -4, 0.3), (2000, 6, 1))
    assert choose_threshold(largest).threshold > 0


def test_a_shallow_valley_does_not_count_however_many_images():
    groups = (500_000, 0, 1), (500_000, 2.9, 1)
    (valley,) = [v for v in all_valleys(draw(*groups)[0]) if 0.05 < v.depth]
    assert valley.depth < rule.LEAST_DEPTH and not valley.clear
    assert choose_threshold(draw(*groups)[0]).threshold == 0


def all_valleys(largest):
    found = distribution_of(largest)
    modes = (
        np.flatnonzero(
            (found.density[1:-1] > found.density[:-2]) & (found.density[1:-1] >= found.density[2:])
        )
        + 1
    )
    return [rule._between(found, a, b) for a, b in zip(modes, modes[1:])]


def test_too_large_a_share_is_not_taken_for_noise():
    largest, _ = draw((7000, -5, 0.8), (3000, 5, 1))
    found = choose_threshold(largest)
    assert found.threshold == 0
    assert "nothing is left out: 70.0% of the images lie below the valley at 0." in found.reason
    largest, _ = draw((5900, -5, 0.8), (4100, 5, 1))
    assert choose_threshold(largest).threshold > 0


def test_of_several_valleys_the_highest_that_leaves_enough_is_taken():
    largest, group = draw((500, -6, 0.5), (500, 0, 0.5), (2000, 8, 0.5))
    assert len(find_valleys(distribution_of(largest))) == 2
    assert np.array_equal(largest < choose_threshold(largest).threshold, group < 2)
    largest, group = draw((500, -6, 0.5), (2000, 0, 0.5), (500, 8, 0.5))
    assert np.array_equal(largest < choose_threshold(largest).threshold, group < 1)


def test_the_order_of_the_images_has_no_say():
    largest, _ = draw((300, -3, 1), (900, 4, 1))
    mixed = np.random.default_rng(1).permutation(largest)
    assert choose_threshold(mixed).threshold == choose_threshold(largest).threshold > 0


def test_no_image_gives_no_threshold():
    assert choose_threshold(np.empty(0, np.float32)).threshold == 0


def test_the_line_tells_a_threshold_that_can_be_typed_in():
    largest, _ = draw((300, -4, 1), (900, 7, 1))
    lines = []
    threshold = automatic_threshold(largest, lines.append)
    (line,) = lines
    typed = float(line.split(":")[0].rpartition(" ")[2])
    assert line.startswith("noise threshold ") and typed == threshold > 0
    assert "25.0% of 1200 images lie below it" in line
    assert np.count_nonzero(largest < typed) == 300


def test_a_wide_gap_below_certainty_is_not_rounded_to_one():
    largest, group = draw((1000, 3, 0.7), (5000, 30, 2))
    threshold = choose_threshold(largest).threshold
    assert 0.99 < threshold < 1
    np.testing.assert_array_equal(largest < threshold, group == 0)


def test_faces_around_class_centres_are_told_from_faces_of_nobody():
    """1000 classes, softmax of 64 cosines without a margin."""
    rng = np.random.default_rng(5)
    classes, faces, width = 1000, 2000, 256

    def unit(x):
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    centres = unit(rng.normal(size=(classes, width)))
    nobody = np.arange(faces) < 200
    angle = np.where(nobody, np.pi / 2, rng.normal(0.9, 0.1, faces))[:, None]
    own = centres[rng.integers(classes, size=faces)]
    aside = rng.normal(size=(faces, width))
    aside = unit(aside - (aside * own).sum(axis=1, keepdims=True) * own)
    logits = 64 * (np.cos(angle) * own + np.sin(angle) * aside) @ centres.T
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    largest = (1 / odds.sum(axis=1)).astype(np.float32)
    flagged = largest < choose_threshold(largest).threshold
    assert np.mean(nobody[flagged]) > 0.95 and np.mean(flagged[nobody]) > 0.95
