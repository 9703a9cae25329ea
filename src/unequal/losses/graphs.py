"""A backbone with its loss, as each script trains and saves it.

Each graph takes a batch of images (N, 3, H, W) and their labels (N,) and gives the outputs of the
2019 symbol, in its order and under its names. Outputs under ``BlockGrad`` are for metrics and
mining; the others bring their own gradient, so training is ``autograd.backward`` on all of them.
"""

from __future__ import annotations

from mxnet.gluon import HybridBlock

from unequal.losses.interclass import InterclassLoss
from unequal.losses.margin import MarginClassifier
from unequal.losses.noise_resistance import NoiseResistanceLoss


class SoftmaxGraph(HybridBlock):
    """Stage one: embedding (N, E), softmax (N, C) whose gradient is the mean cross entropy's."""

    OUTPUTS = ("embedding", "probability")

    def __init__(self, backbone: HybridBlock, classifier: MarginClassifier):
        super().__init__(prefix="")
        self.backbone, self.classifier = backbone, classifier

    def hybrid_forward(self, F, images, label):
        embedding = self.backbone(images)
        probability = F.SoftmaxOutput(self.classifier(embedding, label), label, name="softmax",
                                      normalization="valid")
        return F.BlockGrad(embedding), probability


class NoiseResistanceGraph(HybridBlock):
    """Stages 2a and 2b: embedding (N, E), logits with margin (N, C), loss (1,)."""

    OUTPUTS = ("embedding", "logits", "loss")

    def __init__(self, backbone: HybridBlock, classifier: MarginClassifier,
                 loss: NoiseResistanceLoss):
        super().__init__(prefix="")
        self.backbone, self.classifier, self.loss = backbone, classifier, loss

    def hybrid_forward(self, F, images, label):
        embedding = self.backbone(images)
        logits = self.classifier(embedding, label)
        loss, _ = self.loss(logits, label)
        return F.BlockGrad(embedding), F.BlockGrad(logits), F.MakeLoss(loss)


class UnequalGraph(HybridBlock):
    """Stage three, one device's share: ``head_rows`` of the head, then ``tail_rows`` of the tail.

    Gives embedding (all rows, E), head label, logits (head rows, C), tail label,
    log-probabilities (head rows, C), softmax loss (1,), inter-class loss (1,), norm of the
    centres (1,) and squared cosines (identities, identities).
    """

    OUTPUTS = ("embedding", "head_label", "logits", "tail_label", "log_probability",
               "softmax_loss", "inter_loss", "emb_norm", "cosine_matrix")

    def __init__(self, backbone: HybridBlock, classifier: MarginClassifier,
                 loss: NoiseResistanceLoss, interclass: InterclassLoss, head_rows: int,
                 tail_rows: int):
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
        gradless = [F.BlockGrad(x) for x in (embedding, head_label, logits, tail_label,
                                             log_probability)]
        inter_loss = F.MakeLoss(inter_loss)
        return (*gradless, F.MakeLoss(softmax_loss), inter_loss, F.BlockGrad(norm),
                F.BlockGrad(squares))
