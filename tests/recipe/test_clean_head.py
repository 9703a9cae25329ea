"""What the recipe leaves out of the head."""

from __future__ import annotations

import numpy as np
import pytest

from unequal.faces.noise_scores import Scores
from unequal.recipe.clean_head import Limits, limits_of


def scores_of(labels, largest=0.5):
    labels = np.asarray(labels, np.float32)
    count = np.arange(len(labels))
    largest = np.maximum(labels, largest).astype(np.float32)
    return Scores(count, count + 1, largest, labels, count)


@pytest.mark.parametrize(
    "unbelieved,limit,words",
    [(5, 0.1, ""), (30, 0.1, "that is much"), (60, 0.0, "too many to believe")],
)
def test_labels_decide_unless_most_of_them_are_not_believed(unbelieved, limit, words):
    scores = scores_of([0.05] * unbelieved + [0.9] * (100 - unbelieved))
    found = limits_of(scores, "auto", 0.1)
    assert (found.threshold, found.label_below) == (0.0, limit) and words in found.remark
    assert bool(found.remark) == bool(words)


def test_without_labels_the_threshold_of_the_noise_list_decides():
    assert limits_of(scores_of([0.05] * 10), 0.25, 0.0) == Limits(threshold=0.25)


def test_without_labels_auto_takes_the_valley_of_the_largest_probabilities():
    rng = np.random.default_rng(4)
    odds = np.concatenate([rng.normal(-4, 0.7, 300), rng.normal(5, 0.7, 700)])
    found = limits_of(scores_of([0] * 1000, 1 / (1 + np.exp(-odds))), "auto", 0.0)
    assert 0.1 < found.threshold < 0.9 and found == Limits(found.threshold)
