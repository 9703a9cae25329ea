"""The classifier ``fc7``: an embedding -> a logit for each class."""

from __future__ import annotations

from mxnet.gluon import HybridBlock

from symbols.lineage_2019 import Ops, Tensor, variable


class Classifier(HybridBlock):
    """Base of classifiers; parameters ``fc7_weight`` (C, E) and ``fc7_bias`` (C,).

    Subclasses call :meth:`logits` in their ``hybrid_forward``. With a ``scale`` s the logits are
    s cos theta, where theta is the angle between an embedding and the weight of a class; without
    one (None) they are W x + bias. ``normalised_input`` says that embeddings have length 1 already.
    ``weight_decay_mult`` is an attribute of the lineage graph.
    """

    def __init__(
        self,
        classes: int,
        embedding: int,
        scale: float | None,
        normalised_input: bool,
        weight_decay_mult: float,
    ):
        super().__init__(prefix="")
        self._classes, self._scale, self._normalised_input = classes, scale, normalised_input
        shape = (classes, embedding)
        self._declared: dict = dict(shape=shape, lr_mult=1.0, wd_mult=weight_decay_mult)
        if scale is None and normalised_input:
            self._declared = {}
        self.fc7_weight = self.params.get("fc7_weight", shape=shape)
        self.fc7_bias = None
        if scale is None:
            self.fc7_bias = self.params.get("fc7_bias", shape=(classes,), init="zeros")

    def logits(
        self, F: Ops, embedding: Tensor, fc7_weight: Tensor, fc7_bias: Tensor = None
    ) -> Tensor:
        """Return the logits (N, C) of embeddings (N, E)."""
        node = dict(num_hidden=self._classes, name="fc7")
        weight = variable(fc7_weight, "fc7_weight", **self._declared)
        if self._scale is None:
            bias = variable(fc7_bias, "fc7_bias", lr_mult=2.0, wd_mult=0.0)
            return F.FullyConnected(embedding, weight, bias, **node)
        weight = F.L2Normalization(weight, mode="instance")
        if not self._normalised_input:
            embedding = F.L2Normalization(embedding, mode="instance", name="fc1n")
        return F.FullyConnected(embedding * self._scale, weight, no_bias=True, **node)
