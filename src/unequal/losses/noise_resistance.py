"""The noise-resistance loss: part of the target moves from the label to what the model says.

L = -[ beta log P_label + (1 - beta) log P_predicted ], predicted = the class of the largest logit
(the margin included). Equation 3 of the paper, with rho = beta.
"""

from __future__ import annotations

from typing import Sequence, Union

from mxnet.gluon import HybridBlock

from symbols.layers import as_written_2019

Number = Union[int, float]


class NoiseResistanceLoss(HybridBlock):
    """Logits (N, C), label (N,) -> (loss (1,), log-probabilities (N, C)).

    The loss is the *sum* over the N rows, divided by each of ``divisors`` in turn: stages 2a and
    2b use (total batch, 2), stage three uses (head rows // 2,). ``beta=None`` leaves the second
    term out (``--noise 0``): the plain cross entropy.
    """

    def __init__(self, classes: int, beta: Number | None, divisors: Sequence[int]):
        super().__init__(prefix="")
        self._classes, self._beta, self._divisors = classes, beta, tuple(divisors)

    def _cross_entropy(self, F, target, log_probability):
        return F.sum(F.broadcast_mul(target, log_probability), axis=[0, 1]) * -1.0

    def hybrid_forward(self, F, logits, label):
        log_probability = F.log_softmax(logits, name="softmax")
        depth = dict(depth=self._classes, on_value=1.0, off_value=0.0)
        if self._beta is None:
            loss = self._cross_entropy(F, F.one_hot(label, **depth), log_probability)
        else:
            predicted = F.one_hot(F.argmax(log_probability, axis=1), **depth)
            loss = self._cross_entropy(F, F.one_hot(label, **depth), log_probability)
            predicted_loss = self._cross_entropy(F, predicted, log_probability)
            other = 1 - self._beta
            if isinstance(other, float):
                other = as_written_2019(other)
            loss = loss * self._beta + predicted_loss * other
        for divisor in self._divisors:
            loss = loss / divisor
        return loss, log_probability
