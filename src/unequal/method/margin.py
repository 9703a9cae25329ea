"""The classifier ``fc7``: embeddings -> logits, with a margin on the logit of the labelled class.

=====  ========================  ==================================================
type   name                      logit of the label, theta = angle to its weight
=====  ========================  ==================================================
0      softmax                   w.x + bias, no margin
2      CosFace (arXiv 1801.09414)  s (cos theta - m)
4      ArcFace (arXiv 1801.07698)  s cos(theta + m); beyond theta = pi - m: s (cos theta - m sin m)
5      combined margin           s (cos(a theta + m) - b)
=====  ========================  ==================================================

All others are s cos theta. Numbers, node names and quirks are those of the 2019 code. In the
computing form (``symbols/layers.py``) one logit of each row is replaced, where the 2019 graph
multiplies one-hot rows (N, C) and keeps them for the gradient.
"""

from __future__ import annotations

import math

from mxnet.gluon import HybridBlock

from symbols.layers import as_written_2019, in_lineage_form, inside_unit, variable
from unequal.method.class_scores import replace_labelled
from unequal.support.errors import InputError

LOSS_TYPES = {0: "softmax", 2: "CosFace", 4: "ArcFace", 5: "combined margin"}


class Margin(HybridBlock):
    """A change of the logit of the labelled class: base of the losses below.

    ``hybrid_forward(logits (N, C), label (N,)) -> logits (N, C)``; ``classes`` is C, ``scale`` s.
    Subclasses override :meth:`moved`.
    """

    def __init__(self, classes: int, scale: float):
        super().__init__(prefix="")
        self._classes, self._scale = classes, scale

    def moved(self, F, logit, cosine):
        """The new logit (N,) of the label, given the old one and its cosine (N,)."""
        raise NotImplementedError

    def hybrid_forward(self, F, logits, label):
        logit = F.pick(logits, label, axis=1)
        moved = self.moved(F, logit, logit / self._scale)
        if not in_lineage_form():
            known = F.broadcast_logical_and(label >= 0, label < self._classes)
            moved = F.where(known, moved, logit)
            return replace_labelled(F, logits, label, moved, self._classes)
        change = F.expand_dims(moved - logit, 1)
        where = F.one_hot(label, depth=self._classes, on_value=1.0, off_value=0.0)
        return logits + F.broadcast_mul(where, change)


class SubtractedMargin(Margin):
    """logit - ``margin`` (already scaled): CosFace, and the combined margin with b alone."""

    def __init__(self, classes: int, margin: float):
        super().__init__(classes, 1.0)
        self._margin = margin

    def hybrid_forward(self, F, logits, label):
        return logits - F.one_hot(label, depth=self._classes, on_value=self._margin, off_value=0.0)


class ArcFaceMargin(Margin):
    """s cos(theta + m) where that falls with theta, else the linear tail s (cos theta - m sin m).

    ``easy``: the margin applies where cos theta > 0, and the logit stays as it is elsewhere.
    """

    def __init__(self, classes: int, scale: float, margin: float, easy: bool):
        super().__init__(classes, scale)
        self._cos, self._sin = (as_written_2019(f(margin)) for f in (math.cos, math.sin))
        self._threshold = as_written_2019(math.cos(math.pi - margin))
        self._tail = as_written_2019(scale * math.sin(math.pi - margin) * margin)
        self._easy = easy

    def moved(self, F, logit, cosine):
        inside = F.Activation(cosine if self._easy else cosine - self._threshold, act_type="relu")
        cosine = inside_unit(F, cosine)
        cos_part = cosine * self._cos
        sine = F.sqrt(1.0 - cosine * cosine)
        new = (cos_part - sine * self._sin) * self._scale
        return F.where(inside, new, logit if self._easy else logit - self._tail)


class CombinedMargin(Margin):
    """s (cos(a theta + m) - b); as in the 2019 code a negative m or b counts as 0."""

    def __init__(self, classes: int, scale: float, a: float, m: float, b: float):
        super().__init__(classes, scale)
        self._a, self._m, self._b = a, m, b

    def moved(self, F, logit, cosine):
        angle = F.arccos(inside_unit(F, cosine))
        if self._a != 1.0:
            angle = angle * self._a
        if self._m > 0.0:
            angle = angle + self._m
        cosine = F.cos(angle)
        if self._b > 0.0:
            cosine = cosine - self._b
        return cosine * self._scale


def _margin(loss_type: int, classes: int, s: float, m: float, easy: bool, a: float, b: float):
    if loss_type == 2:
        return SubtractedMargin(classes, s * m)
    if loss_type == 4:
        return ArcFaceMargin(classes, s, m, easy)
    if a == 1.0 and m == 0.0:
        return SubtractedMargin(classes, s * b) if b != 0.0 else None
    return CombinedMargin(classes, s, a, m, b)


class MarginClassifier(HybridBlock):
    """Embedding (N, E), label (N,) -> logits (N, C), parameter ``fc7_weight`` (C, E).

    Types 2, 4 and 5 compare directions: the weight and, where ``normalised_input`` is False, the
    embedding are normalised first, and the embedding is multiplied by ``scale``. Type 0 takes the
    embedding as it comes and adds ``fc7_bias`` (C,).

    Raises :class:`InputError` for a type that is none of 0, 2, 4, 5 and for margins that the
    type cannot take.
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
        super().__init__(prefix="")
        if loss_type not in LOSS_TYPES:
            known = ", ".join(f"{number} ({name})" for number, name in LOSS_TYPES.items())
            raise InputError(f"--loss-type {loss_type}: known are {known}")
        if loss_type != 0 and scale <= 0:
            raise InputError(f"--margin-s {scale}: the scale must be above 0")
        if loss_type == 4 and not 0 <= margin < math.pi / 2:
            raise InputError(f"--margin-m {margin}: ArcFace takes an angle from 0 to below pi/2")
        if loss_type == 2 and margin <= 0:
            raise InputError(f"--margin-m {margin}: CosFace takes a margin above 0")
        self._angular, self._normalised_input = loss_type != 0, normalised_input
        self._classes, self._scale = classes, scale
        self._attributes = dict(shape=(classes, embedding), lr_mult=1.0, wd_mult=weight_decay_mult)
        if loss_type == 0 and normalised_input:
            self._attributes = {}
        self.fc7_weight = self.params.get("fc7_weight", shape=(classes, embedding))
        self.fc7_bias, self.margin = None, None
        if self._angular:
            self.margin = _margin(loss_type, classes, scale, margin, easy, a, b)
        else:
            self.fc7_bias = self.params.get("fc7_bias", shape=(classes,), init="zeros")

    def hybrid_forward(self, F, embedding, label, fc7_weight, fc7_bias=None):
        weight = variable(F, fc7_weight, "fc7_weight", **self._attributes)
        if not self._angular:
            bias = variable(F, fc7_bias, "fc7_bias", lr_mult=2.0, wd_mult=0.0)
            return F.FullyConnected(embedding, weight, bias, num_hidden=self._classes, name="fc7")
        weight = F.L2Normalization(weight, mode="instance")
        if not self._normalised_input:
            embedding = F.L2Normalization(embedding, mode="instance", name="fc1n")
        logits = F.FullyConnected(
            embedding * self._scale, weight, no_bias=True, num_hidden=self._classes, name="fc7"
        )
        return logits if self.margin is None else self.margin(logits, label)
