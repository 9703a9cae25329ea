"""The noise-resistance loss: part of the target moves from the label to what the model says.

L = -[ beta log P_label + (1 - beta) log P_predicted ], predicted = the class of the largest logit
(the margin included). Equation 3 of the paper, with rho = beta.
"""

from __future__ import annotations

from typing import Sequence, Union

from mxnet.gluon import HybridBlock

from symbols.layers import as_written_2019, in_lineage_form
from unequal.method.class_scores import gather

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

    def hybrid_forward(self, F, logits, label):
        log_probability = F.log_softmax(logits, name="softmax")
        terms = self._one_hot if in_lineage_form() else self._gathered
        loss, predicted_loss = terms(F, log_probability, label)
        if self._beta is not None:
            other = 1 - self._beta
            if isinstance(other, float):
                other = as_written_2019(other)
            loss = loss * self._beta + predicted_loss * other
        for divisor in self._divisors:
            loss = loss / divisor
        return loss, log_probability

    def _gathered(self, F, log_probability, label):
        """The sums over the rows of -log P_label and of -log P_predicted (None without beta)."""
        if self._beta is None:
            return F.sum(F.pick(log_probability, label, axis=1)) * -1.0, None
        predicted = F.argmax(F.BlockGrad(log_probability), axis=1)
        both = F.sum(gather(F, log_probability, self._classes, label, predicted), axis=1) * -1.0
        return (F.slice_axis(both, axis=0, begin=row, end=row + 1) for row in (0, 1))

    def _one_hot(self, F, log_probability, label):
        """The same as the 2019 graph has it."""
        depth = dict(depth=self._classes, on_value=1.0, off_value=0.0)
        predicted_loss = None
        if self._beta is not None:
            predicted = F.one_hot(F.argmax(log_probability, axis=1), **depth)
        loss = self._cross_entropy(F, F.one_hot(label, **depth), log_probability)
        if self._beta is not None:
            predicted_loss = self._cross_entropy(F, predicted, log_probability)
        return loss, predicted_loss

    def _cross_entropy(self, F, target, log_probability):
        return F.sum(F.broadcast_mul(target, log_probability), axis=[0, 1]) * -1.0
