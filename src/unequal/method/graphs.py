"""A backbone with its loss, as each step trains and saves it.

    step 1          cross entropy of the softmax with a margin
    steps 2.1, 2.2  L_NR
    step 3.2        L_NR of the head rows + the inter-class loss of the tail rows

A graph takes images (N, 3, H, W) and labels (N,) and gives what ``OUTPUTS`` names. Of the class
scores (N, C) it gives only what the metrics read, because an output takes memory twice: for itself
and for its gradient. In the lineage form it gives the scores themselves, as the 2019 symbol.
Outputs under ``BlockGrad`` are for metrics and mining. The others have their own gradient, so that
training is ``autograd.backward`` on all of them.
"""

from __future__ import annotations

from typing import Tuple

from mxnet.gluon import HybridBlock

from symbols.class_scores import largest
from symbols.lineage_2019 import Ops, Tensor, in_lineage_form
from unequal.method.interclass import InterclassLoss
from unequal.method.margin import MarginClassifier
from unequal.method.noise_resistance import NoiseResistanceLoss

Outputs = Tuple[Tensor, ...]


class SoftmaxGraph(HybridBlock):
    """Step 1: embedding (N, E), predicted class (N,), probability of the label (N,)."""

    OUTPUTS = ("embedding", "predicted", "label_probability")

    def __init__(self, backbone: HybridBlock, classifier: MarginClassifier):
        super().__init__(prefix="")
        self.backbone, self.classifier = backbone, classifier

    def hybrid_forward(self, F: Ops, images: Tensor, label: Tensor) -> Outputs:
        """Return ``OUTPUTS``; in 2019 embedding and probabilities (N, C)."""
        embedding = self.backbone(images)
        logits = self.classifier(embedding, label)
        probability = F.SoftmaxOutput(logits, label, name="softmax", normalization="valid")
        if in_lineage_form():
            return F.BlockGrad(embedding), probability
        # SoftmaxOutput ignores the gradient of the pick: it has that of the mean cross entropy
        predicted = F.BlockGrad(largest(F, probability))
        return F.BlockGrad(embedding), predicted, F.pick(probability, label, axis=1)


class NoiseResistanceGraph(HybridBlock):
    """Steps 2.1 and 2.2: embedding (N, E), predicted class (N,) with the margin, loss (1,)."""

    OUTPUTS = ("embedding", "predicted", "loss")

    def __init__(
        self, backbone: HybridBlock, classifier: MarginClassifier, loss: NoiseResistanceLoss
    ):
        super().__init__(prefix="")
        self.backbone, self.classifier, self.loss = backbone, classifier, loss

    def hybrid_forward(self, F: Ops, images: Tensor, label: Tensor) -> Outputs:
        """Return ``OUTPUTS``; in 2019 the logits (N, C) in place of the predicted class."""
        embedding = self.backbone(images)
        logits = self.classifier(embedding, label)
        loss, _ = self.loss(logits, label)
        predicted = logits if in_lineage_form() else largest(F, logits)
        return F.BlockGrad(embedding), F.BlockGrad(predicted), F.MakeLoss(loss)


class UnequalGraph(HybridBlock):
    """Step 3.2, one device's share: ``head_rows`` of the head, then ``tail_rows`` of the tail.

    ``embedding`` is of all rows, ``predicted`` (with the margin) and ``label_log_probability`` of
    the head rows. ``emb_norm`` (1,) and ``cosine_matrix`` are those of the inter-class loss.
    """

    OUTPUTS = (
        "embedding",
        "head_label",
        "predicted",
        "tail_label",
        "label_log_probability",
        "softmax_loss",
        "inter_loss",
        "emb_norm",
        "cosine_matrix",
    )

    def __init__(
        self,
        backbone: HybridBlock,
        classifier: MarginClassifier,
        loss: NoiseResistanceLoss,
        interclass: InterclassLoss,
        head_rows: int,
        tail_rows: int,
    ):
        super().__init__(prefix="")
        self.backbone, self.classifier = backbone, classifier
        self.loss, self.interclass = loss, interclass
        self._head = dict(axis=0, begin=0, end=head_rows)
        self._tail = dict(axis=0, begin=head_rows, end=head_rows + tail_rows)

    def hybrid_forward(self, F: Ops, images: Tensor, label: Tensor) -> Outputs:
        """Return ``OUTPUTS``; in 2019 logits and log-probabilities of all classes."""
        embedding = self.backbone(images)
        direction = F.L2Normalization(embedding, mode="instance")
        head_label = F.slice_axis(label, **self._head)
        head = F.slice_axis(direction, **self._head)
        tail_label = F.slice_axis(label, **self._tail)
        inter_loss, norm, squares = self.interclass(F.slice_axis(direction, **self._tail))
        logits = self.classifier(head, head_label)
        loss, of_label = self.loss(logits, head_label)
        predicted = logits
        if not in_lineage_form():
            predicted = largest(F, logits)
            of_label = F.pick(F.BlockGrad(of_label), head_label, axis=1)
        for_metrics = (embedding, head_label, predicted, tail_label, of_label)
        gradless = [F.BlockGrad(output) for output in for_metrics]
        inter_loss, loss = F.MakeLoss(inter_loss), F.MakeLoss(loss)
        return (*gradless, loss, inter_loss, F.BlockGrad(norm), F.BlockGrad(squares))
