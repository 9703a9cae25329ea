"""The noise-resistance loss: the label counts in part, the rest is what the model says.

    L_NR = - sum over the images of [ rho log P_label + (1 - rho) log P_predicted ]

Equation 3 of the paper. P is the softmax of the logits with the margin, ``predicted`` is the class
of the largest one, and rho is ``beta`` here, as in ``--noise-beta``.
"""

from __future__ import annotations

from typing import Sequence, Union

from mxnet.gluon import HybridBlock

from symbols.class_scores import column_sums, largest
from symbols.lineage_2019 import Ops, Tensor, as_written_2019

Number = Union[int, float]


class NoiseResistanceLoss(HybridBlock):
    """Logits (N, C), label (N,) -> loss (1,), log-probabilities (N, C).

    The loss is the *sum* over the N rows, divided by each of ``divisors`` in turn: by the total
    batch and 2 in steps 2.1 and 2.2, by half the head rows in step 3.2. ``beta=None`` is the cross
    entropy with the label alone (``--noise 0``).
    """

    def __init__(self, classes: int, beta: Number | None, divisors: Sequence[int]):
        super().__init__(prefix="")
        self._classes, self._beta, self._divisors = classes, beta, tuple(divisors)

    def hybrid_forward(self, F: Ops, logits: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the log-probabilities."""
        log_probability = F.log_softmax(logits, name="softmax")
        targets = [label]
        if self._beta is not None:
            targets.append(largest(F, log_probability))
        sums = column_sums(F, log_probability, self._classes, *targets)
        loss, *of_predicted = [total * -1.0 for total in sums]
        if self._beta is not None:
            rest = 1 - self._beta
            rest = as_written_2019(rest) if isinstance(rest, float) else rest
            loss = loss * self._beta + of_predicted[0] * rest
        for divisor in self._divisors:
            loss = loss / divisor
        return loss, log_probability
