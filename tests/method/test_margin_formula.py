"""The margin on a grid of angles, against its formula in float64; and refusals."""

from __future__ import annotations

import math

import mxnet as mx
import numpy as np
import pytest

from unequal.method.margin import MarginClassifier
from unequal.support.errors import InputError

ANGLES = np.linspace(0.01, math.pi - 0.01, 60)


def label_logit(loss_type, **flags):
    """Logit of the label when the embedding stands at each angle to the label's weight."""
    block = MarginClassifier(loss_type, 3, 2, **flags)
    block.initialize()
    block.fc7_weight.set_data(mx.nd.array([[2.0, 0.0], [0.0, -0.5], [-1.0, 1.0]]))
    rows = np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1) * 3.0
    return block(mx.nd.array(rows), mx.nd.zeros(len(ANGLES))).asnumpy()


def test_arcface_with_its_tail():
    logits = label_logit(4, scale=64.0, margin=0.5)
    expected = (
        np.where(ANGLES < math.pi - 0.5, np.cos(ANGLES + 0.5), np.cos(ANGLES) - 0.5 * math.sin(0.5))
        * 64
    )
    np.testing.assert_allclose(logits[:, 0], expected, atol=5e-4)
    np.testing.assert_allclose(logits[:, 1], -np.sin(ANGLES) * 64, atol=2e-4)


def test_arcface_easy():
    logits = label_logit(4, scale=32.0, margin=0.3, easy=True)
    expected = np.where(np.cos(ANGLES) > 0, np.cos(ANGLES + 0.3), np.cos(ANGLES)) * 32
    np.testing.assert_allclose(logits[:, 0], expected, atol=5e-4)


def test_cosface():
    logits = label_logit(2, scale=30.0, margin=0.35)
    np.testing.assert_allclose(logits[:, 0], (np.cos(ANGLES) - 0.35) * 30, atol=1e-4)


def test_combined():
    logits = label_logit(5, scale=64.0, margin=0.2, a=1.1, b=0.1)
    np.testing.assert_allclose(logits[:, 0], (np.cos(1.1 * ANGLES + 0.2) - 0.1) * 64, atol=5e-4)


@pytest.mark.parametrize("loss_type", [1, 3, 6, 10, -1])
def test_unknown_loss_type(loss_type):
    with pytest.raises(InputError, match="`loss_type`"):
        MarginClassifier(loss_type, 3, 2)


@pytest.mark.parametrize("flags", [dict(margin=1.6), dict(margin=-0.1), dict(scale=0.0)])
def test_impossible_margins(flags):
    with pytest.raises(InputError, match="`margin_"):
        MarginClassifier(4, 3, 2, **flags)
