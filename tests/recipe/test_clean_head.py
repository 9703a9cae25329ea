"""What the recipe leaves out of the head."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from unequal.faces.noise_scores import Scores
from unequal.recipe.clean_head import _limits


def scores_of(labels, largest=None):
    labels = np.asarray(labels, np.float32)
    largest = np.maximum(labels, 0.5) if largest is None else np.asarray(largest, np.float32)
    count = np.arange(len(labels))
    return Scores(count, count + 1, largest.astype(np.float32), labels, count)


@pytest.mark.parametrize(
    "unbelieved,limit,words",
    [(5, 0.1, ""), (30, 0.1, "that is much"), (60, 0.0, "too many to believe")],
)
def test_labels_decide_unless_most_of_them_are_not_believed(unbelieved, limit, words):
    scores = scores_of([0.05] * unbelieved + [0.9] * (100 - unbelieved))
    threshold, label_below, remark = _limits(scores, SimpleNamespace(label_below=0.1))
    assert (threshold, label_below) == (0.0, limit) and words in remark
    assert bool(remark) == bool(words)


def test_without_labels_the_noise_list_of_the_stage_decides():
    scores = scores_of([0.05] * 10)
    args = SimpleNamespace(label_below=0.0, noise_threshold=0.25)
    assert _limits(scores, args) == (0.25, 0.0, "")


def test_without_labels_auto_takes_the_valley_of_the_largest_probabilities():
    rng = np.random.default_rng(4)
    odds = np.concatenate([rng.normal(-4, 0.7, 300), rng.normal(5, 0.7, 700)])
    largest = 1 / (1 + np.exp(-odds))
    args = SimpleNamespace(label_below=0.0, noise_threshold="auto")
    threshold, label_below, remark = _limits(scores_of([0.5] * 1000, largest), args)
    assert 0.1 < threshold < 0.9 and label_below == 0.0 and remark == ""
