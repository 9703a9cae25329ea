"""A few scores of each row are read and replaced where the label says, whatever their number."""

from __future__ import annotations

import json

import mxnet as mx
import numpy as np
import pytest
from mxnet.gluon import HybridBlock

from symbols.class_scores import gather, replace_labelled
from unequal.method.graphs import NoiseResistanceGraph
from unequal.method.margin import MarginClassifier
from unequal.method.noise_resistance import NoiseResistanceLoss

ROWS, CLASSES, BETA = 6, 5, 0.7


class Identity(HybridBlock):
    """A network whose embedding is its input."""

    def hybrid_forward(self, F, x):
        return F.identity(x)


def test_places_beyond_what_float32_can_number():
    classes = 6_000_001  # the last score of three rows is number 18,000,002; float32 ends at 2^24
    scores = mx.nd.zeros((3, classes))
    label = mx.nd.array([classes - 1, 0, classes - 1])
    changed = replace_labelled(mx.nd, scores, label, label * 0, mx.nd.array([1, 2, 3]), classes)
    found = changed.asnumpy()
    assert [found[0, -1], found[1, 0], found[2, -1]] == [1, 2, 3]
    assert np.count_nonzero(found) == 3
    assert gather(mx.nd, changed, classes, label, label - 1).asnumpy().tolist() == [
        [1, 2, 3],
        [0, 2, 0],
    ]  # a column below 0 is taken as 0


def test_replaced_score_passes_its_gradient_to_the_value_alone():
    scores, values = mx.nd.ones((2, 3)), mx.nd.array([5, 6])
    scores.attach_grad()
    values.attach_grad()
    weights = np.arange(6.0).reshape(2, 3) + 1
    with mx.autograd.record():
        changed = replace_labelled(mx.nd, scores, mx.nd.array([2, 0]), values, values, 3)
        total = (changed * mx.nd.array(weights)).sum()
    total.backward()
    assert changed.asnumpy().tolist() == [[1, 1, 5], [6, 1, 1]]
    assert scores.grad.asnumpy().tolist() == [[1, 2, 0], [0, 5, 6]]
    assert values.grad.asnumpy().tolist() == [3, 4]


@pytest.mark.parametrize("label", [-1, 3])
def test_label_that_is_no_class_gets_no_margin(label):
    classifier = MarginClassifier(4, 3, 2)
    classifier.initialize()
    classifier.fc7_weight.set_data(mx.nd.array([[1, 0], [0, 1], [-1, 0]]))
    logits = classifier(mx.nd.array([[0.6, 0.8]]), mx.nd.array([label])).asnumpy()
    np.testing.assert_allclose(logits, 64 * np.array([[0.6, 0.8, -0.6]]), rtol=1e-6)


@pytest.mark.parametrize("beta", [BETA, None])
def test_gradient_where_the_prediction_is_the_label_and_where_it_is_not(beta):
    """Softmax minus the targets; rows 0 to 2 are predicted as labelled: both targets in one."""
    logits = np.random.RandomState(0).normal(size=(ROWS, CLASSES))
    predicted = logits.argmax(1)
    label = np.where(np.arange(ROWS) < 3, predicted, (predicted + 2) % CLASSES)
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    share = 1.0 if beta is None else beta
    for row in range(ROWS):
        expected[row, label[row]] -= share
        expected[row, predicted[row]] -= 1 - share
    block = NoiseResistanceLoss(CLASSES, beta, (ROWS, 2))
    block.hybridize()
    x = mx.nd.array(logits)
    x.attach_grad()
    with mx.autograd.record():
        loss, _ = block(x, mx.nd.array(label))
    loss.backward()
    np.testing.assert_allclose(x.grad.asnumpy(), expected / ROWS / 2, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("loss_type", [0, 4, 5])
def test_no_one_hot_rows_are_computed(loss_type):
    graph = NoiseResistanceGraph(
        Identity(),
        MarginClassifier(loss_type, CLASSES, 4),
        NoiseResistanceLoss(CLASSES, BETA, (ROWS, 2)),
    )
    traced = mx.sym.Group(list(graph(mx.sym.var("data"), mx.sym.var("label"))))
    operators = {node["op"] for node in json.loads(traced.tojson())["nodes"]}
    assert "one_hot" not in operators
    assert "FullyConnected" in operators
