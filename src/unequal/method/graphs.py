"""A backbone with its loss, as each script trains and saves it.

Each graph takes a batch of images (N, 3, H, W) and their labels (N,). In the lineage form it gives
the outputs of the 2019 symbol, in its order and under its names. In the computing form it gives
what ``OUTPUTS`` names: of the class scores (N, C) only what the metrics look at, for an output of
that size would be kept beside them, and once more as its gradient. Outputs under ``BlockGrad`` are
for metrics and mining; the others bring their own gradient, so training is ``autograd.backward``
on all of them.
"""

from __future__ import annotations

from mxnet.gluon import HybridBlock

from symbols.layers import in_lineage_form
from unequal.method.interclass import InterclassLoss
from unequal.method.margin import MarginClassifier
from unequal.method.noise_resistance import NoiseResistanceLoss


def _predicted(F, scores):
    """(N,): the class of the largest score of each row (N, C)."""
    return F.argmax(F.BlockGrad(scores), axis=1)


class SoftmaxGraph(HybridBlock):
    """Stage one: embedding (N, E), predicted class (N,), softmax of the label (N,).

    The gradient is that of the mean cross entropy. In 2019: embedding, softmax (N, C).
    """

    OUTPUTS = ("embedding", "predicted", "label_probability")

    def __init__(self, backbone: HybridBlock, classifier: MarginClassifier):
        super().__init__(prefix="")
        self.backbone, self.classifier = backbone, classifier

    def hybrid_forward(self, F, images, label):
        embedding = self.backbone(images)
        probability = F.SoftmaxOutput(
            self.classifier(embedding, label), label, name="softmax", normalization="valid"
        )
        if in_lineage_form():
            return F.BlockGrad(embedding), probability
        # SoftmaxOutput's gradient is its own, whatever comes back to it through the pick
        predicted = F.BlockGrad(_predicted(F, probability))
        return F.BlockGrad(embedding), predicted, F.pick(probability, label, axis=1)


class NoiseResistanceGraph(HybridBlock):
    """Stages 2a and 2b: embedding (N, E), predicted class (N,) margin included, loss (1,).

    In 2019: embedding, logits with margin (N, C), loss.
    """

    OUTPUTS = ("embedding", "predicted", "loss")

    def __init__(
        self, backbone: HybridBlock, classifier: MarginClassifier, loss: NoiseResistanceLoss
    ):
        super().__init__(prefix="")
        self.backbone, self.classifier, self.loss = backbone, classifier, loss

    def hybrid_forward(self, F, images, label):
        embedding = self.backbone(images)
        logits = self.classifier(embedding, label)
        loss, _ = self.loss(logits, label)
        scores = logits if in_lineage_form() else _predicted(F, logits)
        return F.BlockGrad(embedding), F.BlockGrad(scores), F.MakeLoss(loss)


class UnequalGraph(HybridBlock):
    """Stage three, one device's share: ``head_rows`` of the head, then ``tail_rows`` of the tail.

    Gives embedding (all rows, E), head label, predicted class (head rows,) margin included, tail
    label, log-probability of the label (head rows,), softmax loss (1,), inter-class loss (1,),
    norm of the centres (1,) and squared cosines (identities, identities). In 2019: logits and
    log-probabilities (head rows, C) in their places.
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

    def hybrid_forward(self, F, images, label):
        embedding = self.backbone(images)
        direction = F.L2Normalization(embedding, mode="instance")
        head_label = F.slice_axis(label, **self._head)
        head = F.slice_axis(direction, **self._head)
        tail_label = F.slice_axis(label, **self._tail)
        inter_loss, norm, squares = self.interclass(F.slice_axis(direction, **self._tail))
        logits = self.classifier(head, head_label)
        softmax_loss, log_probability = self.loss(logits, head_label)
        scores = logits, log_probability
        if not in_lineage_form():
            scores = _predicted(F, logits), F.pick(F.BlockGrad(log_probability), head_label, axis=1)
        gradless = [
            F.BlockGrad(x) for x in (embedding, head_label, scores[0], tail_label, scores[1])
        ]
        inter_loss = F.MakeLoss(inter_loss)
        return (
            *gradless,
            F.MakeLoss(softmax_loss),
            inter_loss,
            F.BlockGrad(norm),
            F.BlockGrad(squares),
        )
