"""The numbers of the log lines, against their definition in NumPy."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from unequal.training.metrics import Accuracy, CrossEntropy, Output, composite


@pytest.fixture
def batches():
    rng = np.random.RandomState(0)
    made = []
    for _ in range(2):  # two devices
        scores = rng.normal(size=(5, 4))
        probability = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        made.append((probability, rng.randint(0, 4, 5), rng.uniform()))
    return made


def feed(metric, batches):
    outputs = []
    for probability, label, loss in batches:
        of_label = probability[np.arange(len(label)), label]
        outputs.append(
            dict(
                predicted=mx.nd.array(probability.argmax(1)),
                probability=mx.nd.array(of_label),
                log=mx.nd.array(np.log(of_label)),
                loss=mx.nd.array([loss]),
            )
        )
    metric.update([mx.nd.array(label) for _, label, _ in batches], outputs)


def test_values_cover_all_devices_and_batches(batches):
    metric = composite(
        Accuracy("predicted"),
        CrossEntropy("softmaxloss", probability="probability"),
        CrossEntropy("again", log_probability="log"),
        Output("loss", "loss"),
    )
    for _ in range(3):
        feed(metric, batches)
    probability = np.concatenate([b[0] for b in batches])
    label = np.concatenate([b[1] for b in batches])
    loss = -np.log(probability[np.arange(10), label]).mean()
    values = dict(metric.get_name_value())
    assert values["acc"] == pytest.approx((probability.argmax(1) == label).mean())
    assert values["softmaxloss"] == pytest.approx(loss, rel=1e-5)
    assert values["again"] == pytest.approx(loss, rel=1e-5)
    assert values["loss"] == pytest.approx(np.mean([b[2] for b in batches]), rel=1e-5)


def test_reset_starts_anew(batches):
    metric = Accuracy("predicted")
    feed(metric, batches)
    metric.reset()
    assert np.isnan(metric.get()[1])
