"""Softmax with a margin: the logit of the label is made smaller, so that training needs more of it.

With theta_j = angle between the embedding x and the weight W_j of class j, all logits are
s cos theta_j, except that of the label y:

=====  ==========================  ==========================================================
type   name                        logit of the label
=====  ==========================  ==========================================================
0      softmax                     W_y x + bias, like all others; no margin
2      CosFace (arXiv 1801.09414)  s (cos theta_y - m)
4      ArcFace (arXiv 1801.07698)  s cos(theta_y + m); beyond pi - m: s (cos theta_y - m sin m)
5      combined margin             s (cos(a theta_y + m) - b)
=====  ==========================  ==========================================================
"""

from __future__ import annotations

import math

from mxnet.gluon import HybridBlock

from symbols.class_scores import one_hot, replace_labelled
from symbols.classifier import Classifier
from symbols.lineage_2019 import Ops, Tensor, as_written_2019, inside_unit
from unequal.support.errors import InputError

LOSS_TYPES = {0: "softmax", 2: "CosFace", 4: "ArcFace", 5: "combined margin"}


class Margin(HybridBlock):
    """A change of the label's logit, given by :meth:`moved`: ``classes`` is C, ``scale`` s."""

    def __init__(
        self,
        classes: int,
        scale: float,
        m: float,
        a: float = 1.0,
        b: float = 0.0,
        easy: bool = False,
    ):
        super().__init__(prefix="")
        self._classes, self._scale = classes, scale
        self._m, self._a, self._b, self._easy = m, a, b, easy

    def moved(self, F: Ops, logit: Tensor, cosine: Tensor) -> Tensor:
        """Return the new logit (N,) of the label, given the old one and its cosine (N,)."""
        raise NotImplementedError

    def hybrid_forward(self, F: Ops, logits: Tensor, label: Tensor) -> Tensor:
        """Return logits (N, C) with the margin on those of the label (N,)."""
        logit = F.pick(logits, label, axis=1)
        moved = self.moved(F, logit, logit / self._scale)
        return replace_labelled(F, logits, label, logit, moved, self._classes)


class CosFaceMargin(Margin):
    """s (cos theta - m)."""

    def hybrid_forward(self, F: Ops, logits: Tensor, label: Tensor) -> Tensor:
        """Return logits (N, C) with the margin on those of the label (N,)."""
        return logits - one_hot(F, label, self._classes, self._scale * self._m)


class ArcFaceMargin(Margin):
    """s cos(theta + m) where that falls with theta, otherwise s (cos theta - m sin m).

    ``easy``: the margin applies where cos theta > 0, and the logit stays as it is elsewhere.
    """

    def moved(self, F: Ops, logit: Tensor, cosine: Tensor) -> Tensor:
        """Return s (cos theta cos m - sin theta sin m), or the logit beyond the threshold."""
        m, from_pi = self._m, math.pi - self._m
        threshold = as_written_2019(math.cos(from_pi))
        inside = F.Activation(cosine if self._easy else cosine - threshold, act_type="relu")
        cosine = inside_unit(F, cosine)
        cos_part = cosine * as_written_2019(math.cos(m))
        sine = F.sqrt(1.0 - cosine * cosine)
        new = (cos_part - sine * as_written_2019(math.sin(m))) * self._scale
        lowered = as_written_2019(self._scale * math.sin(from_pi) * m)
        return F.where(inside, new, logit if self._easy else logit - lowered)


class CombinedMargin(Margin):
    """s (cos(a theta + m) - b); as in the 2019 code a negative m or b counts as 0."""

    def moved(self, F: Ops, logit: Tensor, cosine: Tensor) -> Tensor:
        """Return s (cos(a theta + m) - b)."""
        angle = F.arccos(inside_unit(F, cosine))
        if self._a != 1.0:
            angle = angle * self._a
        if self._m > 0.0:
            angle = angle + self._m
        cosine = F.cos(angle)
        if self._b > 0.0:
            cosine = cosine - self._b
        return cosine * self._scale


class MarginClassifier(Classifier):
    """Embedding (N, E), label (N,) -> logits (N, C), those of the label with the margin.

    Raises:
        InputError: the type is unknown, or cannot take that margin or scale.
    """

    def __init__(
        self,
        loss_type: int,
        classes: int,
        embedding: int,
        *,
        scale: float = 64.0,
        margin: float = 0.5,
        easy: bool = False,
        a: float = 1.0,
        b: float = 0.0,
        normalised_input: bool = False,
        weight_decay_mult: float = 1.0,
    ):
        _check(loss_type, scale, margin)
        s = scale if loss_type else None
        super().__init__(classes, embedding, s, normalised_input, weight_decay_mult)
        self.margin: Margin | None = None
        if loss_type == 2:
            self.margin = CosFaceMargin(classes, scale, margin)
        elif loss_type == 4:
            self.margin = ArcFaceMargin(classes, scale, margin, easy=easy)
        elif loss_type == 5 and (a != 1.0 or margin != 0.0):
            self.margin = CombinedMargin(classes, scale, margin, a, b)
        elif loss_type == 5 and b != 0.0:  # as the 2019 code, where this b may be negative
            self.margin = CosFaceMargin(classes, scale, b)

    def hybrid_forward(self, F: Ops, embedding: Tensor, label: Tensor, **weights: Tensor) -> Tensor:
        """Return the logits, the margin included."""
        logits = self.logits(F, embedding, **weights)
        return logits if self.margin is None else self.margin(logits, label)


def _check(loss_type: int, scale: float, margin: float) -> None:
    known = ", ".join(f"{number} ({name})" for number, name in LOSS_TYPES.items())
    if loss_type not in LOSS_TYPES:
        raise InputError(f"`loss_type` {loss_type}: known are {known}")
    if loss_type != 0 and scale <= 0:
        raise InputError(f"`margin_s` {scale}: the scale must be above 0")
    if loss_type == 4 and not 0 <= margin < math.pi / 2:
        raise InputError(f"`margin_m` {margin}: ArcFace takes an angle from 0 to below pi/2")
    if loss_type == 2 and margin <= 0:
        raise InputError(f"`margin_m` {margin}: CosFace takes a margin above 0")
